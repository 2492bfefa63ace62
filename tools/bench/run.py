# SPDX-License-Identifier: Apache-2.0
"""Measure the service relative to a bare RPC no-op in the same run.

Requires RabbitMQ, PostgreSQL and wrk (Debian packages rabbitmq-server,
postgresql and wrk). Absolute values depend on the machine; ratios do not.
"""

import argparse
import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import fleet
import ironic_site
import parts

from ironic_passthru.db import session
from ironic_passthru.tests.functional import servers

_BIN = pathlib.Path(sys.executable).parent
_API_PORT = 16399
_EMBEDDED_PORT = 16398
_IRONIC_PORT = 16397
_API = f'http://127.0.0.1:{_API_PORT}'
_SITE = 1000
_IDLE_SECONDS = 20


def paths(driver: str, name: str) -> dict[str, tuple[str, str]]:
    """Return path and HTTP method of each kind of request.

    :param name: what precedes the name of a method.
    """
    base = f'/v1/drivers/{driver}/vendor_passthru'
    return {
        'list': (f'{base}/methods', 'GET'),
        'sync': (f'{base}{name}no_op', 'GET'),
        'async': (f'{base}{name}no_op_async', 'POST'),
    }


_PATHS = paths('fake-hardware', '?method=')
# Ironic 39 fails without a positional argument.
_IRONIC_PATHS = paths(ironic_site.DRIVER, '/')


@contextlib.contextmanager
def running(part: parts.Part) -> Iterator[parts.Part]:
    """Stop a part at the end."""
    try:
        yield part
    finally:
        part.stop()


def configuration(directory: pathlib.Path, bus: str, registry: str) -> str:
    """Write a configuration file and return its path."""
    path = directory / 'ironic_passthru.conf'
    # The service refuses a file with passwords that others can read.
    path.touch(mode=0o600)
    path.write_text(
        '[DEFAULT]\n'
        'host = bench\n'
        'auth_strategy = noauth\n'
        f'transport_url = {bus}\n'
        f'state_path = {directory}/state\n'
        '[conductor]\n'
        'enabled_drivers = fake-hardware\n'
        'drain_seconds = 0\n'
        '[database]\n'
        f'connection = {registry}\n'
    )
    return str(path)


def uwsgi(directory: pathlib.Path, config: str) -> parts.Part:
    """Start the API under uWSGI."""
    return _uwsgi(
        directory / 'api.log',
        _API_PORT,
        'ironic_passthru.wsgi:application',
        home=sys.prefix,
        OS_IRONIC_PASSTHRU_CONFIG_FILES=config,
    )


def _uwsgi(
    log: pathlib.Path,
    port: int,
    module: str,
    *arguments: str,
    home: str,
    **environment: str,
) -> parts.Part:
    """Start a WSGI application as 2 processes with 8 threads each."""
    command = [
        str(_BIN / 'uwsgi'),
        f'--http-socket=127.0.0.1:{port}',
        f'--module={module}',
        '--processes=2',
        '--threads=8',
        '--master',
        '--need-app',
        '--die-on-term',
        '--disable-logging',
        # uWSGI closes each connection; wrk requires the header.
        '--add-header=Connection: close',
        '--enable-threads',
        # Switching interpreters takes a sixth of the time of a call.
        '--single-interpreter',
        f'--virtualenv={home}',
        *arguments,
    ]
    return parts.Part(command, log, **environment)


@contextlib.contextmanager
def ironic(
    directory: pathlib.Path, home: str, *, bus: str, database: str
) -> Iterator[str]:
    """Run Ironic and return the base URL of its API."""
    directory.mkdir()
    site = ironic_site.Site(
        directory, pathlib.Path(home), bus=bus, database=database
    )
    site.create_schema()
    base = f'http://127.0.0.1:{_IRONIC_PORT}'
    api = _uwsgi(
        directory / 'ironic-api.log',
        _IRONIC_PORT,
        ironic_site.MODULE,
        f'--pyargv=--config-file {site.config}',
        home=home,
        **site.environment,
    )
    with running(site.conductor()), running(api):
        parts.first_answer(base + _IRONIC_PATHS['sync'][0], 60)
        yield base


def measure_split(
    directory: pathlib.Path,
    seconds: int,
    levels: list[int],
    *,
    sqlite: bool,
    ironic_home: str | None,
) -> dict[str, object]:
    """Measure API and conductor over RabbitMQ, the bare no-op and Ironic.

    :param ironic_home: a virtual environment with Ironic, if it is measured.
    """
    result: dict[str, object] = {}
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(servers.RabbitMQ())
        if sqlite:
            registry = f'sqlite:///{directory}/registry.sqlite'
        else:
            database = stack.enter_context(servers.PostgreSQL())
            registry = database.new_database()
        config = configuration(directory, broker.url, registry)
        subprocess.run(
            [_BIN / 'ironic-passthru-dbsync', '--config-file', config]
            + ['upgrade'],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        stack.enter_context(running(bare_server(directory, broker.url)))
        start = time.monotonic()
        conductor = stack.enter_context(
            running(
                parts.Part(
                    [
                        str(_BIN / 'ironic-passthru-conductor'),
                        '--config-file',
                        config,
                    ],
                    directory / 'conductor.log',
                )
            )
        )
        api = stack.enter_context(running(uwsgi(directory, config)))
        parts.first_answer(_API + _PATHS['sync'][0])
        result['first good call after start, s'] = time.monotonic() - start
        for path, http_method in _PATHS.values():
            parts.wrk(_API + path, 16, 2, http_method)
        beside = None
        if ironic_home:
            beside = stack.enter_context(
                ironic(
                    directory / 'ironic',
                    ironic_home,
                    bus=broker.url,
                    database=database.new_database(),
                )
            )
        pids = {'api': api.pid, 'conductor': conductor.pid}
        result['idle CPU of conductor, %'] = idle_cpu_percent(conductor.pid)
        for level in levels:
            result[f'{level} connections'] = measure_level(
                level, seconds, bus=broker.url, beside=beside, pids=pids
            )
        result['site'] = measure_site(
            _API + _PATHS['sync'][0], seconds, registry, pid=api.pid
        )
        result['api, MiB'] = parts.resident_mib(api.pid)
        result['conductor, MiB'] = parts.resident_mib(conductor.pid)
    return result


def bare_server(directory: pathlib.Path, bus: str) -> parts.Part:
    """Start the server of the bare no-op."""
    program = pathlib.Path(__file__).parent / 'bare.py'
    server = parts.Part(
        [sys.executable, str(program), 'server', bus], directory / 'bare.log'
    )
    server.wait_for('ready')
    return server


def idle_cpu_percent(pid: int) -> float:
    """Return the CPU time of a process without calls, in percent of a CPU."""
    before = parts.cpu_seconds(pid)
    time.sleep(_IDLE_SECONDS)
    return 100 * (parts.cpu_seconds(pid) - before) / _IDLE_SECONDS


def measure_level(
    level: int,
    seconds: int,
    *,
    bus: str,
    beside: str | None,
    pids: dict[str, int],
) -> dict[str, dict[str, float]]:
    """Measure every kind of request, and what it is compared with.

    :param level: number of connections.
    :param beside: base URL of the API of Ironic.
    :param pids: the processes whose CPU time is measured, by name.
    """
    row = {}
    before = parts.bare_client(bus, level, seconds)
    for name, (path, http_method) in _PATHS.items():
        row[name] = loaded(
            _API + path, level, seconds, http_method=http_method, pids=pids
        )
    # Measured before and after: the speed of the machine drifts.
    after = parts.bare_client(bus, level, seconds)
    row['bare'] = {name: (before[name] + after[name]) / 2 for name in before}
    if beside:
        row['ironic'] = {
            name: loaded(
                beside + path, level, seconds, http_method=http_method, pids={}
            )
            for name, (path, http_method) in _IRONIC_PATHS.items()
        }
    return row


def measure_site(
    url: str, seconds: int, registry: str, *, pid: int
) -> dict[str, object]:
    """Measure a call with many conductors in the registry.

    They exist on paper only and have drivers of their own, so no call goes
    to them.
    """
    few = loaded(url, 8, seconds, http_method='GET', pids={'api': pid})
    database = session.Database(fleet.configuration(registry))
    fleet.register(database, _SITE)
    database.close()
    # Until every process has read the registry.
    parts.wrk(url, 8, 3)
    many = loaded(url, 8, seconds, http_method='GET', pids={'api': pid})
    return {'1 conductor': few, f'{_SITE:,} more conductors': many}


def loaded(
    url: str,
    level: int,
    seconds: int,
    *,
    http_method: str,
    pids: dict[str, int],
) -> dict[str, float]:
    """Load one URL; add the CPU time of a request in each part.

    The first second is not measured, as in the client of the bare no-op: idle
    processes have to read pages that the kernel has reclaimed.
    """
    parts.wrk(url, level, 1, http_method)
    before = {name: parts.cpu_seconds(pid) for name, pid in pids.items()}
    row = parts.wrk(url, level, seconds, http_method)
    for name, pid in pids.items():
        used = parts.cpu_seconds(pid) - before[name]
        row[f'{name}_cpu_ms'] = 1000 * used / (row['rate'] * seconds)
    return row


def measure_embedded(
    directory: pathlib.Path, seconds: int
) -> dict[str, object]:
    """Measure the all-in-one service."""
    config = directory / 'embedded.conf'
    config.write_text(
        '[DEFAULT]\n'
        f'state_path = {directory}/embedded\n'
        '[api]\n'
        f'port = {_EMBEDDED_PORT}\n'
    )
    command = [str(_BIN / 'ironic-passthru'), '--config-file', str(config)]
    result: dict[str, object] = {}
    for run in ('first start', 'second start'):
        with running(
            parts.Part(command, directory / 'embedded.log')
        ) as service:
            url = f'http://127.0.0.1:{_EMBEDDED_PORT}{_PATHS["sync"][0]}'
            result[f'{run}: first good call, s'] = parts.first_answer(url)
            if run == 'second start':
                result['sync'] = parts.wrk(url, 1, seconds)
                result['MiB'] = parts.resident_mib(service.pid)
    return result


def ratios(split: dict, embedded: dict) -> dict[str, str]:
    """Return the values with targets."""
    rows = ratios_to_ironic(split)
    for level in (8, 32):
        row = split.get(f'{level} connections')
        if row:
            share = row['sync']['rate'] / row['bare']['rate']
            rows[f'sync / bare, {level} connections'] = (
                f'{share:.2f} (>= 0.85)'
            )
            times = row['list']['rate'] / row['sync']['rate']
            rows[f'list / sync, {level} connections'] = f'{times:.2f} (>= 4)'
            share = row['async']['rate'] / row['sync']['rate']
            rows[f'async / sync, {level} connections'] = (
                f'{share:.2f} (>= 0.7)'
            )
    row = split.get('1 connections')
    if row:
        slower = row['sync']['p50_ms'] / row['bare']['p50_ms']
        rows['sync p50 / bare p50, 1 connection'] = f'{slower:.2f} (<= 1.3)'
    few, many = split['site'].values()
    # Not the rate, which the machine varies by more than this.
    times = many['api_cpu_ms'] / few['api_cpu_ms']
    rows[f'CPU of API with {_SITE:,} more conductors / without'] = (
        f'{times:.2f} (<= 1.05)'
    )
    rows['embedded sync p50'] = f'{embedded["sync"]["p50_ms"]:.2f} ms (<= 3)'
    rows['api process'] = f'{max(split["api, MiB"]):.0f} MiB (<= 80)'
    rows['conductor'] = f'{max(split["conductor, MiB"]):.0f} MiB (<= 85)'
    idle = split['idle CPU of conductor, %']
    rows['idle CPU of conductor'] = f'{idle:.2f} % (<= 0.3)'
    first = split['first good call after start, s']
    rows['first good call'] = f'{first:.2f} s (<= 2.5)'
    return rows


def ratios_to_ironic(split: dict) -> dict[str, str]:
    """Return the rates relative to those of Ironic, if it was measured."""
    return {
        f'{name} / {name} of Ironic, {connections}': (
            f'{row[name]["rate"] / row["ironic"][name]["rate"]:.1f} '
            f'(>= {least})'
        )
        for connections, row in split.items()
        if isinstance(row, dict) and 'ironic' in row
        for name, least in (('sync', 4), ('async', 3), ('list', 12))
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--seconds', type=int, default=8, help='length of each measurement'
    )
    parser.add_argument(
        '--connections', type=int, nargs='+', default=[1, 8, 32]
    )
    parser.add_argument(
        '--sqlite',
        action='store_true',
        help='keep the registry in SQLite instead of PostgreSQL',
    )
    parser.add_argument(
        '--ironic',
        metavar='DIRECTORY',
        help='a virtual environment with Ironic and psycopg2, to measure it '
        'beside; not with --sqlite',
    )
    options = parser.parse_args()
    if options.ironic and options.sqlite:
        parser.error('--ironic needs PostgreSQL')
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        split = measure_split(
            directory,
            options.seconds,
            options.connections,
            sqlite=options.sqlite,
            ironic_home=options.ironic,
        )
        embedded = measure_embedded(directory, options.seconds)
    print(json.dumps({'split': split, 'embedded': embedded}, indent=2))
    for what, figure in ratios(split, embedded).items():
        print(f'{what}: {figure}')


if __name__ == '__main__':
    main()
