# SPDX-License-Identifier: Apache-2.0
"""Measure the time that signing adds to a synchronous call over RabbitMQ.

Three conductors run at the same time, one with a key and two without, of
which one shows random differences. They are called in turns of a fraction of
a second. The result is the median of the ratios within one round, since the
speed of the machine drifts. Requires RabbitMQ (Debian package
rabbitmq-server).
"""

import argparse
import contextlib
import dataclasses
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from ironic_passthru import threads

threads.init()

import parts  # noqa: E402
from oslo_config import cfg  # noqa: E402
from oslo_utils import uuidutils  # noqa: E402

from ironic_passthru import context  # noqa: E402
from ironic_passthru.rpc import client  # noqa: E402
from ironic_passthru.rpc import protocol  # noqa: E402
from ironic_passthru.rpc import signing  # noqa: E402
from ironic_passthru.rpc import transport  # noqa: E402
from ironic_passthru.tests.functional import servers  # noqa: E402

_BIN = pathlib.Path(sys.executable).parent
_KEY = 'k' * 64
_TURN_SECONDS = 0.4
_WARM = 3
_METRICS = ('p50_ms', 'client_cpu_ms', 'conductor_cpu_ms')


def configuration(directory: pathlib.Path, bus: str, name: str) -> str:
    """Write the configuration of one conductor and return its path."""
    path = directory / f'{name}.conf'
    keys = f'signing_keys = {_KEY}\n' if name == 'signed' else ''
    path.write_text(
        '[DEFAULT]\n'
        f'host = {name}\n'
        f'transport_url = {bus}\n'
        '[conductor]\n'
        'enabled_drivers = fake-hardware\n'
        'drain_seconds = 0\n'
        '[database]\n'
        f'connection = sqlite:///{directory}/{name}.sqlite\n'
        f'[rpc]\n{keys}'
    )
    path.chmod(0o600)
    return str(path)


@dataclasses.dataclass(frozen=True)
class Turn:
    """Times of a call in one turn."""

    p50_ms: float
    client_cpu_ms: float
    conductor_cpu_ms: float


class Side:
    """A conductor and its client, with or without a key."""

    def __init__(self, directory: pathlib.Path, bus: str, name: str) -> None:
        config = configuration(directory, bus, name)
        subprocess.run(
            [_BIN / 'ironic-passthru-dbsync', '--config-file', config]
            + ['upgrade'],
            check=True,
            capture_output=True,
        )
        self.part = parts.Part(
            [
                str(_BIN / 'ironic-passthru-conductor'),
                *('--config-file', config),
            ],
            directory / f'{name}.log',
        )
        self.part.wait_for(f'Conductor {name} (')
        log = self.part.log.read_text()
        incarnation = log.partition(f'Conductor {name} (')[2].partition(')')[0]
        self._address = protocol.ConductorAddress(name, incarnation)
        self._client = client.ConductorAPI(
            transport.make(cfg.CONF, bus),
            signing_keys=[_KEY] if name == 'signed' else [],
        )
        self._context = a_context()
        self.turns: list[Turn] = []

    def turn(self) -> None:
        """Call for one turn and save the times of a call."""
        end = time.perf_counter() + _TURN_SECONDS
        conductor = parts.cpu_seconds(self.part.pid)
        cpu = time.process_time()
        times = []
        while (now := time.perf_counter()) < end:
            self._client.driver_vendor_passthru(
                self._context,
                'fake-hardware',
                'no_op',
                http_method='GET',
                info={},
                servers=[self._address],
            )
            times.append(time.perf_counter() - now)
        self.turns.append(
            Turn(
                p50_ms=1000 * statistics.median(times),
                client_cpu_ms=1000 * (time.process_time() - cpu) / len(times),
                conductor_cpu_ms=1000
                * (parts.cpu_seconds(self.part.pid) - conductor)
                / len(times),
            )
        )


def a_context() -> context.RequestContext:
    """Return the context of an administrator."""
    return context.RequestContext(
        request_id=context.oslo_context.generate_request_id(),
        user_id=uuidutils.generate_uuid(dashed=False),
        user_name='admin',
        project_id=uuidutils.generate_uuid(dashed=False),
        roles=['admin', 'manager', 'member', 'reader'],
        system_scope='all',
    )


def arithmetic(info_bytes: int) -> dict[str, float]:
    """Return microseconds of CPU to sign one message and to check it."""
    keys = signing.Signatures([_KEY])
    values = context.to_bus(a_context())
    message: dict[str, Any] = {
        'method': 'driver_vendor_passthru',
        'arguments': {
            'driver_name': 'fake-hardware',
            'driver_method': 'no_op',
            'http_method': 'GET',
            'info': {'text': 'x' * info_bytes} if info_bytes else {},
            'call_id': uuidutils.generate_uuid(),
            'incarnation': uuidutils.generate_uuid(),
            'deadline': time.time(),
        },
    }
    signed = keys.sign(values, server='host.run', **message)
    return {
        'sign_us': _microseconds(
            lambda: keys.sign(values, server='host.run', **message)
        ),
        'check_us': _microseconds(
            lambda: keys.check(signed, servers=['host.run'], **message)
        ),
    }


def _microseconds(act: Callable[[], object]) -> float:
    runs = []
    for _ in range(50):
        start = time.process_time()
        for _ in range(100):
            act()
        runs.append((time.process_time() - start) / 100)
    return 1e6 * statistics.median(runs)


def measure(rounds: int) -> dict[str, Any]:
    """Return what calls cost, and how that compares within a round."""
    with contextlib.ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory())
        broker = stack.enter_context(servers.RabbitMQ())
        sides = {}
        for kind in ('plain', 'signed', 'control'):
            sides[kind] = Side(pathlib.Path(name), broker.url, kind)
            stack.callback(sides[kind].part.stop)
        order = list(sides.values())
        for number in range(_WARM + rounds):
            # None is always the one that comes after a certain other.
            for side in order if number % 2 else reversed(order):
                side.turn()
        turns = {kind: side.turns[_WARM:] for kind, side in sides.items()}
    return {
        'ms': {
            kind: {
                what: statistics.median([getattr(turn, what) for turn in made])
                for what in _METRICS
            }
            for kind, made in turns.items()
        },
        'ratio': {
            kind: {
                what: statistics.median(
                    [
                        getattr(mine, what) / getattr(plain, what)
                        for mine, plain in zip(
                            turns[kind], turns['plain'], strict=True
                        )
                    ]
                )
                for what in _METRICS
            }
            for kind in ('signed', 'control')
        },
    }


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=100)
    options = parser.parse_args()
    cfg.CONF([], project='bench')
    result = {
        'arithmetic': {size: arithmetic(size) for size in (0, 1000, 100_000)},
        'calls': measure(options.rounds),
    }
    print(json.dumps(result, indent=1))


if __name__ == '__main__':
    main()
