# SPDX-License-Identifier: Apache-2.0
"""A deployment: broker, registry, API and conductors as processes."""

import collections.abc
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
from typing import Any

import fixtures
import oslo_messaging
from testtools import content

from ironic_passthru.conf import database
from ironic_passthru.rpc import protocol
from ironic_passthru.rpc import transport as rpc_transport
from ironic_passthru.tests import base
from ironic_passthru.tests.functional import marks
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import web

CONFIG_FILES = 'OS_IRONIC_PASSTHRU_CONFIG_FILES'

# Shorter than in production, to shorten the tests.
TIMINGS: dict[str, object] = {
    'api__catalog_max_age': 0.3,
    'api__call_timeout': 20,
    'api__call_monitor_timeout': 5,
    'api__bus_connect_timeout': 5.0,
    'conductor__heartbeat_interval': 0.5,
    'conductor__heartbeat_timeout': 5.0,
    'conductor__drain_seconds': 1.0,
    'conductor__graceful_shutdown_timeout': 20.0,
}

#: Tolerance of time limits for a busy machine.
SLACK_SECONDS = 10.0

# Returns the command line of a WSGI server for an address, host:port.
Server = collections.abc.Callable[[str], collections.abc.Sequence[str]]


def gunicorn(address: str) -> list[str]:
    """Return the command line of gunicorn with the API."""
    return [
        processes.command('gunicorn'),
        *('--bind', address),
        *('--worker-class', 'gthread', '--threads', '16'),
        *('--graceful-timeout', '5'),
        'ironic_passthru.wsgi:application',
    ]


class Site(fixtures.Fixture):
    """One deployment of the service, without running processes at first.

    :param registry: URL of a database, or a private server to create one
        on; by default an SQLite file.
    :param broker: a RabbitMQ; by default a private one of a single node. The
        service uses the recommended options for this broker.
    :param options: values to set for every process, as
        ``group__name=value`` or ``name=value`` for the group DEFAULT.
    :ivar directory: directory of all files.
    :ivar broker: the RabbitMQ.
    :ivar registry: URL of the database.
    :ivar config: the configuration file.
    :ivar marks: the output file of the driver ``marks``.
    """

    def __init__(
        self,
        registry: str | servers.PostgreSQL = '',
        *,
        broker: servers.RabbitMQ | servers.VirtualHost | None = None,
        **options: object,
    ) -> None:
        super().__init__()
        self._registry = registry
        self._options = options
        self.broker = broker or servers.RabbitMQ()

    def _setUp(self) -> None:
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.marks = self.directory / 'marks'
        self.packages = self.directory / 'packages'
        self.packages.mkdir()
        self._processes: dict[str, processes.Process] = {}
        self.useFixture(self.broker)
        self.registry = self._make_registry()
        self.config = self.write_config(
            'site',
            **TIMINGS
            | {
                'auth_strategy': 'noauth',
                'transport_url': self.broker.url,
                'database__connection': self.registry,
                'state_path': self.directory / 'state',
                'conductor__enabled_drivers': 'fake-hardware,marks',
            }
            | self._options,
        )
        # The last one of two values applies.
        text = self.broker.service_options() + self.config.read_text()
        self.config.write_text(text)
        self.install('marks', f'{marks.__name__}:{marks.MarksVendor.__name__}')
        self.run('ironic-passthru-dbsync', 'upgrade')

    def _make_registry(self) -> str:
        if isinstance(self._registry, servers.PostgreSQL):
            return self.useFixture(self._registry).new_database()
        return self._registry or database.sqlite_url(
            self.directory / 'registry.sqlite'
        )

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the site's processes."""
        path = (str(self.packages), os.environ.get('PYTHONPATH', ''))
        return {
            **os.environ,
            'PYTHONPATH': os.pathsep.join(filter(None, path)),
            # The list of installed drivers is cached there.
            'XDG_CACHE_HOME': str(self.directory / 'cache'),
            'HOME': str(self.directory),
            CONFIG_FILES: str(self.config),
            marks.FILE: str(self.marks),
        }

    def write_config(self, name: str, **options: object) -> pathlib.Path:
        """Write a configuration file and return its path."""
        path = self.directory / f'{name}.conf'
        path.write_text(config_text(**options))
        # It may contain passwords.
        path.chmod(0o600)
        return path

    def install(
        self,
        driver: str,
        entry_point: str,
        *,
        version: str = '1.0',
        source: str = '',
    ) -> None:
        """Install a package with one driver.

        :param source: source of the module of the entry point; by default
            the module exists.
        """
        name = driver.replace('-', '_')
        for old in self.packages.glob(f'{name}-*.dist-info'):
            for file in old.iterdir():
                file.unlink()
            old.rmdir()
        metadata = self.packages / f'{name}-{version}.dist-info'
        metadata.mkdir()
        (metadata / 'METADATA').write_text(
            f'Metadata-Version: 2.1\nName: {driver}\nVersion: {version}\n'
        )
        (metadata / 'entry_points.txt').write_text(
            f'[ironic_passthru.drivers]\n{driver} = {entry_point}\n'
        )
        if source:
            module = entry_point.partition(':')[0]
            (self.packages / f'{module}.py').write_text(source)

    def process(
        self, name: str, arguments: collections.abc.Sequence[str]
    ) -> processes.Process:
        """Return the process ``name``, whose log has this name, too."""
        if name not in self._processes:
            self._processes[name] = self.useFixture(
                processes.Process(
                    arguments,
                    environment=self.environment,
                    log=self.directory / f'{name}.log',
                )
            )
        return self._processes[name]

    def run(
        self, program: str, *arguments: str, seconds: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command with the site's configuration until it ends."""
        return subprocess.run(
            [
                processes.command(program),
                '--config-file',
                str(self.config),
                *arguments,
            ],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=True,
        )

    def conductor(
        self, host: str, *, name: str = '', **options: object
    ) -> processes.Process:
        """Return the conductor ``host``.

        :param name: name of the process, if two have the same host.
        :param options: values for this conductor alone.
        """
        name = name or host
        own = self.directory / f'{name}.conf'
        if options or not own.exists():
            self.write_config(name, **options)
        return self.process(
            name,
            [
                processes.command('ironic-passthru-conductor'),
                *('--config-file', str(self.config)),
                *('--config-file', str(own)),
                *('--host', host),
            ],
        )

    def start_conductor(
        self, host: str, *, name: str = '', **options: object
    ) -> processes.Process:
        """Start a conductor, unless it runs; wait until it has published."""
        conductor = self.conductor(host, name=name, **options)
        if conductor.running:
            # It may have been suspended.
            conductor.signal(signal.SIGCONT)
        conductor.start()
        conductor.wait_for_log(f'Conductor {host} (')
        return conductor

    def start_api(
        self,
        name: str = 'api',
        server: Server = gunicorn,
        **options: object,
    ) -> web.Client:
        """Start an API, unless it runs; return a client of it.

        :param server: returns the command line for an address.
        """
        port_file = self.directory / f'{name}.port'
        if not port_file.exists():
            reserved = self.useFixture(servers.ReservedPort())
            port_file.write_text(str(reserved.port))
        address = f'127.0.0.1:{port_file.read_text()}'
        api = self.process(name, server(address))
        if options:
            own = self.write_config(name, **options)
            api.environment[CONFIG_FILES] = f'{self.config};{own}'
        api.start()
        client = web.Client(f'http://{address}')
        processes.wait_until(
            lambda: self._answers(api, client), f'{name} answers'
        )
        return client

    def _answers(self, api: processes.Process, client: web.Client) -> bool:
        if not api.running:
            raise processes.Failed(f'the API has ended:\n{api.log()}')
        try:
            return client.get('/').status == 200
        except OSError:
            return False

    def bus(self, test: base.TestCase) -> oslo_messaging.Transport:
        """Return a connection to the bus for the process of the test."""
        transport = rpc_transport.make(test.make_conf(), self.broker.url)
        test.addCleanup(transport.cleanup)
        return transport

    def address(self, host: str, name: str = '') -> protocol.ConductorAddress:
        """Return the address of the current incarnation of a conductor."""
        log = self.conductor(host, name=name).log()
        found = re.search(rf'Conductor {host} \(([-0-9a-f]+)\)', log)
        assert found, log
        return protocol.ConductorAddress(host, found[1])

    def marked(self, key: str) -> list[str]:
        """Return the records of methods of ``marks`` with ``key``."""
        return marks.read(self.marks, key)

    def queues(self) -> list[dict[str, Any]]:
        """Return names and arguments of the queues."""
        listed = self.broker.rabbitmqctl(
            'list_queues',
            '--vhost',
            self.broker.virtual_host,
            'name',
            'arguments',
            '--formatter',
            'json',
        )
        return json.loads(listed)

    def logs(self) -> dict[str, bytes]:
        """Return the logs of all processes by name."""
        return {n: p.everything() for n, p in self._processes.items()}


def config_text(**options: object) -> str:
    """Return the text of a configuration file."""
    groups: dict[str, list[str]] = {'DEFAULT': []}
    for key, value in options.items():
        group, _, name = key.rpartition('__')
        lines = groups.setdefault(group or 'DEFAULT', [])
        lines.append(f'{name} = {value}')
    return '\n'.join(
        '\n'.join((f'[{group}]', *lines, ''))
        for group, lines in groups.items()
    )


class Burst:
    """Threads that repeat one action while the context is open.

    :param act: the action; its exceptions are results.
    :ivar results: results of the action, in the order of completion.
    """

    def __init__(
        self, act: collections.abc.Callable[[], Any], threads: int = 8
    ) -> None:
        self._act = act
        self._stopped = threading.Event()
        self.results: list[Any] = []
        self._threads = [
            threading.Thread(target=self._run, daemon=True)
            for _ in range(threads)
        ]

    def __enter__(self) -> 'Burst':
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(60.0)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self.results.append(self._act())
            except Exception as error:
                self.results.append(error)

    def wait_for_more(self, count: int, seconds: float = 90.0) -> None:
        """Wait for ``count`` more results."""
        wanted = len(self.results) + count
        processes.wait_until(
            lambda: len(self.results) >= wanted,
            f'{count} more calls',
            seconds=seconds,
        )


class SiteTestCase(base.TestCase):
    """A test with the site of its module."""

    site: Site

    def setUp(self) -> None:
        super().setUp()
        before = {name: len(text) for name, text in self.site.logs().items()}

        def attach(_: object) -> None:
            for name, text in self.site.logs().items():
                new = text[before.get(name, 0) :]
                self.addDetail(f'{name}.log', _text(new))

        self.addOnException(attach)


def _text(data: bytes) -> content.Content:
    # Logs of hostile requests may not be valid UTF-8.
    return content.text_content(data.decode(errors='backslashreplace'))
