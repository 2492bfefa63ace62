# SPDX-License-Identifier: Apache-2.0
"""Measure the CPU time that metrics add to a synchronous call over RabbitMQ.

Three pairs of API and conductor run at the same time, one with metrics and
two without, of which one shows random differences. They are called in turns
of a fraction of a second. The result is the ratio of the CPU time over all
turns, since the speed of the machine drifts; and the time of the record alone
as a share of that of a call without metrics. Requires RabbitMQ (Debian package
rabbitmq-server).
"""

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Callable
from typing import Any
from unittest import mock

from ironic_passthru import threads

threads.init()

import parts  # noqa: E402
from oslo_config import cfg  # noqa: E402

from ironic_passthru import conf as project_conf  # noqa: E402
from ironic_passthru.api import audit_data  # noqa: E402
from ironic_passthru.api.http import routes  # noqa: E402
from ironic_passthru.metrics import factory  # noqa: E402
from ironic_passthru.metrics import listener  # noqa: E402
from ironic_passthru.tests.functional import servers  # noqa: E402

_BIN = pathlib.Path(sys.executable).parent
_PATH = '/v1/drivers/fake-hardware/vendor_passthru/no_op'
_TURN_SECONDS = 0.4
_WARM = 3


class Side:
    """An API and a conductor; that named "measured" has metrics.

    :ivar calls: number of calls.
    :ivar cpu_seconds: CPU time of both processes during these calls.
    """

    def __init__(
        self,
        directory: pathlib.Path,
        bus: str,
        name: str,
        ports: list[int],
        environment: dict[str, str],
    ) -> None:
        config = directory / f'{name}.conf'
        config.write_text(
            '[DEFAULT]\n'
            f'host = {name}\n'
            'auth_strategy = noauth\n'
            f'state_path = {directory}/{name}\n'
            f'transport_url = {bus}\n'
            '[api]\n'
            f'port = {ports[0]}\n'
            '[conductor]\n'
            'enabled_drivers = fake-hardware\n'
            'drain_seconds = 0\n'
            '[database]\n'
            f'connection = sqlite:///{directory}/{name}.sqlite\n'
            '[metrics]\n'
            f'enabled = {name == "measured"}\n'
            f'api_port = {ports[1]}\n'
            f'conductor_port = {ports[2]}\n'
        )
        config.chmod(0o600)
        self._arguments = ['--config-file', str(config)]
        subprocess.run(
            [_BIN / 'ironic-passthru-dbsync', *self._arguments, 'upgrade'],
            check=True,
            capture_output=True,
        )
        self.parts = []
        for kind, ready in (
            ('conductor', f'Conductor {name} ('),
            ('api', 'Listening'),
        ):
            program = str(_BIN / f'ironic-passthru-{kind}')
            log = directory / f'{name}-{kind}.log'
            part = parts.Part([program, *self._arguments], log, **environment)
            self.parts.append(part)
            part.wait_for(ready)
        self._client = http.client.HTTPConnection('127.0.0.1', ports[0])
        self.calls = 0
        self.cpu_seconds = 0.0

    def turn(self) -> None:
        """Call for one turn."""
        end = time.perf_counter() + _TURN_SECONDS
        before = sum(_cpu_seconds(part.pid) for part in self.parts)
        while time.perf_counter() < end:
            self._client.request('GET', _PATH)
            response = self._client.getresponse()
            response.read()
            if response.status != 200:
                sys.exit(f'a call got {response.status}')
            self.calls += 1
        after = sum(_cpu_seconds(part.pid) for part in self.parts)
        self.cpu_seconds += after - before

    def reset(self) -> None:
        """Forget the turns until now."""
        self.calls, self.cpu_seconds = 0, 0.0


def _cpu_seconds(pid: int) -> float:
    """Return the CPU time of all threads, more precisely than in ticks."""
    total = 0
    for thread in os.listdir(f'/proc/{pid}/task'):
        with contextlib.suppress(OSError):
            path = pathlib.Path(f'/proc/{pid}/task/{thread}/schedstat')
            total += int(path.read_text().split()[0])
    return total / 1e9


class _Job:
    """What metrics read of a job."""

    call = types.SimpleNamespace(driver_name='d', driver_method='m')


def arithmetic(directory: str) -> dict[str, float]:
    """Return microseconds of CPU for the record of one call."""
    conf = cfg.ConfigOpts()
    project_conf.register_opts(conf)
    conf([], default_config_files=[])
    conf.set_override('enabled', True, 'metrics')
    conf.set_override('directory', f'{directory}/values', 'metrics')
    conductor = factory.of_conductor(conf)

    def plain(
        environ: dict[str, Any], start: Callable[..., object]
    ) -> list[bytes]:
        start('200 OK', [])
        method = types.SimpleNamespace(name='no_op')
        audit_data.of(environ).method = method  # type: ignore[assignment]
        return [b'']

    # The layer starts a listener with the first request.
    with mock.patch.object(listener.Listener, 'start'):
        measured = factory.of_api(conf).wrap(plain)
        layer = _microseconds(lambda: _request(measured)) - _microseconds(
            lambda: _request(plain)
        )
    method = _microseconds(
        lambda: conductor.method_ended(_Job(), 0.001, failed=False)
    )
    return {'api': layer, 'conductor': method}


def _request(application: Callable[..., object]) -> None:
    environ = {'REQUEST_METHOD': 'GET', 'PATH_INFO': _PATH}
    # Audited requests have both already.
    routes.match(environ)
    audit_data.of(environ)
    application(environ, lambda *_: None)


def _microseconds(act: Callable[[], object]) -> float:
    runs = []
    for _ in range(50):
        start = time.process_time()
        for _ in range(500):
            act()
        runs.append((time.process_time() - start) / 500)
    return 1e6 * statistics.median(runs)


def compare(
    directory: str, rounds: int, environments: dict[str, dict[str, str]]
) -> dict[str, float]:
    """Return milliseconds of CPU per call of each side.

    :param environments: environment variables of each side by its name.
    """
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(servers.RabbitMQ())
        sides = {}
        for name, environment in environments.items():
            ports = [
                stack.enter_context(servers.ReservedPort()).port
                for _ in range(3)
            ]
            side = Side(
                *(pathlib.Path(directory), broker.url, name, ports),
                environment,
            )
            sides[name] = side
            for part in side.parts:
                stack.callback(part.stop)
        order = list(sides.values())
        for number in range(_WARM + rounds):
            if number == _WARM:
                for side in order:
                    side.reset()
            # None is always the one that comes after a certain other.
            for side in order if number % 2 else reversed(order):
                side.turn()
    return {
        name: 1000 * side.cpu_seconds / side.calls
        for name, side in sides.items()
    }


def ratios(per_call: dict[str, float]) -> dict[str, float]:
    """Return the CPU of each side as a multiple of that of "plain"."""
    return {
        name: value / per_call['plain']
        for name, value in per_call.items()
        if name != 'plain'
    }


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        added = arithmetic(directory)
        per_call = compare(
            directory,
            options.rounds,
            {'plain': {}, 'measured': {}, 'control': {}},
        )
    print(
        json.dumps(
            {
                'added_us': added,
                'cpu_ms': per_call,
                'share': sum(added.values()) / 1000 / per_call['plain'],
                'ratio': ratios(per_call),
            },
            indent=1,
        )
    )


if __name__ == '__main__':
    main()
