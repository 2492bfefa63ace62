# SPDX-License-Identifier: Apache-2.0
"""Measure the CPU time that metrics add to a synchronous call over RabbitMQ.

Three pairs of API and conductor run at the same time, one with metrics and
two without, of which one shows random differences. They are called in turns
of a fraction of a second. The result is the ratio of the CPU time over all
turns, since the speed of the machine drifts. Requires RabbitMQ (Debian package
rabbitmq-server).
"""

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from ironic_passthru import threads

threads.init()

import parts  # noqa: E402

from ironic_passthru.tests.functional import servers  # noqa: E402

_BIN = pathlib.Path(sys.executable).parent
_PATH = '/v1/drivers/fake-hardware/vendor_passthru/no_op'
_TURN_SECONDS = 0.4
_WARM = 3


class Side:
    """An API and a conductor, with or without metrics.

    :ivar calls: number of calls.
    :ivar cpu_seconds: CPU time of both processes during these calls.
    """

    def __init__(
        self, directory: pathlib.Path, bus: str, name: str, ports: list[int]
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
            part = parts.Part([program, *self._arguments], log)
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
    """Return the CPU time of all threads, in nanoseconds of resolution."""
    total = 0
    for thread in os.listdir(f'/proc/{pid}/task'):
        with contextlib.suppress(OSError):
            path = pathlib.Path(f'/proc/{pid}/task/{thread}/schedstat')
            total += int(path.read_text().split()[0])
    return total / 1e9


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=60)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        broker = stack.enter_context(servers.RabbitMQ())
        sides = {}
        for kind in ('plain', 'measured', 'control'):
            ports = [
                stack.enter_context(servers.ReservedPort()).port
                for _ in range(3)
            ]
            side = Side(pathlib.Path(directory), broker.url, kind, ports)
            sides[kind] = side
            for part in side.parts:
                stack.callback(part.stop)
        order = list(sides.values())
        for number in range(_WARM + options.rounds):
            if number == _WARM:
                for side in order:
                    side.reset()
            # None is always the one that comes after a certain other.
            for side in order if number % 2 else reversed(order):
                side.turn()
    per_call = {
        kind: 1000 * side.cpu_seconds / side.calls
        for kind, side in sides.items()
    }
    print(
        json.dumps(
            {
                'cpu_ms': per_call,
                'ratio': {
                    kind: per_call[kind] / per_call['plain']
                    for kind in ('measured', 'control')
                },
            },
            indent=1,
        )
    )


if __name__ == '__main__':
    main()
