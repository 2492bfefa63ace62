# SPDX-License-Identifier: Apache-2.0
"""Private database and message servers for functional tests, as fixtures."""

import collections.abc
import contextlib
import getpass
import itertools
import logging
import os
import pathlib
import random
import shutil
import signal
import socket
import tempfile
import time
from concurrent import futures
from typing import Any

import fasteners
import fixtures
import sqlalchemy as sa
from pifpaf.drivers import mysql
from pifpaf.drivers import postgresql
from pifpaf.drivers import rabbitmq

from ironic_passthru.tests.functional import certificates

# pifpaf warns about every process that has ended by itself.
logging.getLogger('pifpaf').addHandler(logging.NullHandler())

# Below those that the system gives to clients; RabbitMQ listens for its own
# kind at a distance from its AMQP port.
_PORTS = range(10000, 20000)
_DISTRIBUTION_OFFSET = 10000

# Of the databases' users that come over TCP.
LOGIN = 'passthru'
SECRET = 'hunter2-over-the-wire'

_RABBITMQ_PATHS = ('/usr/lib/rabbitmq/bin', '/usr/local/sbin', '/usr/sbin')


class MissingProgram(Exception):
    """A program that a functional test needs is not installed."""


def require(program: str, package: str, paths: tuple[str, ...] = ()) -> str:
    """Return the path of ``program``, or say which package has it."""
    search = os.pathsep.join((os.environ.get('PATH', os.defpath), *paths))
    found = shutil.which(program, path=search)
    if found is None:
        raise MissingProgram(
            f'this test runs a private server and needs the program '
            f'{program}: install the Debian package {package} (bindep.txt '
            'lists all that the tests need)'
        )
    return found


class ReservedPort(fixtures.Fixture):
    """A TCP port of the loopback that no other test worker will choose.

    That a port is free when it is asked for says nothing about a moment
    later, so each choice is held by a lock on a file, for as long as the
    fixture lives.

    :ivar port: its number.
    """

    def __init__(self, offsets: tuple[int, ...] = (0,)) -> None:
        """Reserve the port for which ``port + offset`` are all free."""
        super().__init__()
        self._offsets = offsets

    def _setUp(self) -> None:
        directory = pathlib.Path(
            tempfile.gettempdir(), f'ironic-passthru-ports-{os.getuid()}'
        )
        directory.mkdir(mode=0o700, exist_ok=True)
        for port in random.sample(_PORTS, len(_PORTS)):
            lock = fasteners.InterProcessLock(directory / str(port))
            if not lock.acquire(blocking=False):
                continue
            if all(_is_free(port + offset) for offset in self._offsets):
                self.addCleanup(lock.release)
                self.port = port
                return
            lock.release()
        raise RuntimeError('there is no free TCP port')


class PostgreSQL(fixtures.Fixture):
    """A private PostgreSQL server, reached by a socket in its directory.

    :param tls: its certificate, if it is to be reached over TCP too; there
        with TLS, a certificate of the client and a password.
    :ivar address: host and port of that.
    """

    def __init__(self, tls: certificates.Certificates | None = None) -> None:
        super().__init__()
        self._tls = tls

    def _setUp(self) -> None:
        require('pg_config', 'libpq-dev')
        require('postgres', 'postgresql', _postgresql_paths())
        if os.geteuid() == 0:
            require('runuser', 'util-linux')
        self._names = (f'test{number}' for number in itertools.count())
        if self._tls is None:
            self._server = self.useFixture(_PostgreSQLDriver())
            return
        port = self.useFixture(ReservedPort()).port
        self.address = f'{certificates.SERVER}:{port}'
        self._server = self.useFixture(
            _PostgreSQLDriver(host='127.0.0.1', port=port)
        )
        self._server.require_tls(self._tls)
        _execute(self.url(), f"CREATE ROLE {LOGIN} LOGIN PASSWORD '{SECRET}'")

    def url(self, database: str = 'postgres') -> str:
        """Return the SQLAlchemy URL of one database."""
        return (
            f'postgresql+psycopg2://{self._server.user}@/{database}'
            f'?host={self._server.tempdir}&port={self._server.port}'
        )

    def new_database(self) -> str:
        """Create an empty database and return its URL."""
        name = next(self._names)
        _execute(self.url(), f'CREATE DATABASE {name}')
        return self.url(name)

    def new_remote_database(self, host: str = '') -> str:
        """Create an empty database; return its URL for a TCP connection.

        :param host: name of the host; by default that in the certificate.
        """
        name = next(self._names)
        _execute(self.url(), f'CREATE DATABASE {name} OWNER {LOGIN}')
        return f'postgresql://{_remote(self.address, host)}/{name}'

    def stop(self) -> None:
        """Stop the server; what its clients were doing is cut off."""
        self._server.control('-m', 'fast', 'stop')

    def start(self) -> None:
        """Start the server again."""
        self._server.start()

    def end_connections(self, database: str) -> None:
        """End all connections to one database, as a fail-over would."""
        _execute(
            self.url(),
            'SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity '
            f"WHERE datname = '{database}'",
        )


class MariaDB(fixtures.Fixture):
    """A private MariaDB server, reached by a socket in its directory.

    :param tls: its certificate, if it is to be reached over TCP too; there
        with TLS, a certificate of the client and a password.
    :ivar address: host and port of that.
    """

    def __init__(self, tls: certificates.Certificates | None = None) -> None:
        super().__init__()
        self._tls = tls

    def _setUp(self) -> None:
        require('mysqld', 'mariadb-server', ('/usr/libexec', '/usr/sbin'))
        require('mysql', 'mariadb-client')
        self._names = (f'test{number}' for number in itertools.count())
        if self._tls is None:
            self._server = self.useFixture(mysql.MySQLDriver())
            return
        port = self.useFixture(ReservedPort()).port
        self.address = f'{certificates.SERVER}:{port}'
        self._server = self.useFixture(_MariaDBWithTls(port, self._tls))
        _execute(
            self.url(),
            f"CREATE USER {LOGIN} IDENTIFIED BY '{SECRET}' REQUIRE X509",
        )

    def url(self, database: str = 'pifpaf') -> str:
        """Return the SQLAlchemy URL of one database."""
        return (
            f'mysql+pymysql://root@localhost/{database}'
            f'?unix_socket={self._server.socket}'
        )

    def new_database(self) -> str:
        """Create an empty database and return its URL."""
        name = next(self._names)
        _execute(self.url(), f'CREATE DATABASE {name}')
        return self.url(name)

    def new_remote_database(self, host: str = '') -> str:
        """Create an empty database; return its URL for a TCP connection.

        :param host: name of the host; by default that in the certificate.
        """
        name = next(self._names)
        _execute(self.url(), f'CREATE DATABASE {name}')
        _execute(self.url(), f'GRANT ALL ON {name}.* TO {LOGIN}')
        return f'mysql://{_remote(self.address, host)}/{name}'

    def end_connections(self, database: str) -> None:
        """End all connections to one database, as a fail-over would."""
        found = _execute(
            self.url(),
            'SELECT id FROM information_schema.processlist '
            f"WHERE db = '{database}'",
        )
        for (number,) in found:
            _execute(self.url(), f'KILL {number}')


class RabbitMQ(fixtures.Fixture):
    """A private RabbitMQ broker on loopback, with an epmd of its own.

    :param nodes: how many servers it consists of; 1 or 3.
    :param tls: its certificate, if it is to accept nothing but TLS, from
        clients that have a certificate themselves.
    :ivar ports: the AMQP ports of the nodes.
    :ivar port: the AMQP port of the first one.
    :ivar url: transport URL for oslo.messaging, with all nodes.
    """

    START_SECONDS = 60.0
    STOP_SECONDS = 30.0

    def __init__(
        self,
        nodes: int = 1,
        *,
        tls: certificates.Certificates | None = None,
    ) -> None:
        super().__init__()
        self._count = nodes
        self._tls = tls

    def _setUp(self) -> None:
        require('rabbitmq-server', 'rabbitmq-server', _RABBITMQ_PATHS)
        require('rabbitmqctl', 'rabbitmq-server', _RABBITMQ_PATHS)
        require('epmd', 'erlang-base')
        offsets = (0, _DISTRIBUTION_OFFSET)
        self.ports = [
            self.useFixture(ReservedPort(offsets)).port
            for _ in range(self._count)
        ]
        self.port = self.ports[0]
        epmd_port = self.useFixture(ReservedPort()).port
        self._server = self.useFixture(
            _RabbitMQDriver(
                ports=self.ports, epmd_port=epmd_port, tls=self._tls
            )
        )
        self.url = self.make_url(self.ports)
        for node in range(self._count):
            self._wait(True, self.START_SECONDS, node)

    def make_url(
        self, ports: collections.abc.Iterable[int], host: str = ''
    ) -> str:
        """Return the transport URL that names these ports.

        :param host: by default the name in the certificate, if there is one.
        """
        host = host or (certificates.SERVER if self._tls else '127.0.0.1')
        login = f'{self._server.username}:{self._server.password}'
        hosts = ','.join(f'{login}@{host}:{port}' for port in ports)
        return f'rabbit://{hosts}//'

    def stop(self, node: int = 0) -> None:
        """Stop a node in order: clients are told that it goes."""
        self._server.stop_node(self._server.names[node])
        self._wait(False, self.STOP_SECONDS, node)

    def kill(self, node: int = 0) -> None:
        """End a node as a crash of its host would."""
        self._server.kill_node(self._server.names[node], signal.SIGKILL)
        self._wait(False, self.STOP_SECONDS, node)

    def suspend(self) -> None:
        """Let the first node say nothing while its connections stay up."""
        pid = int(self.rabbitmqctl('eval', 'os:getpid().').strip(' "\n'))
        os.kill(pid, signal.SIGSTOP)
        self._suspended = pid

    def resume(self) -> None:
        """Let a suspended node go on."""
        os.kill(self._suspended, signal.SIGCONT)

    def start(self, node: int = 0) -> None:
        """Start a node again; it has kept what is durable."""
        self._server.start_node(self._server.names[node])
        self._wait(True, self.START_SECONDS, node)

    def start_all(self) -> None:
        """Start all nodes at once, since the first may wait for the last."""
        with futures.ThreadPoolExecutor(self._count) as pool:
            list(pool.map(self.start, range(self._count)))

    def rabbitmqctl(self, *command: str, node: int = 0) -> str:
        """Run ``rabbitmqctl`` on a node and return its output."""
        return self._server.output(self._server.names[node], command)

    def _wait(self, listening: bool, seconds: float, node: int) -> None:
        deadline = time.monotonic() + seconds
        while _answers_amqp(self.ports[node], self._tls) is not listening:
            if time.monotonic() > deadline:
                state = 'accepts no' if listening else 'still accepts'
                raise RuntimeError(
                    f'RabbitMQ {state} connections after {seconds} seconds'
                )
            time.sleep(0.05)


class _PostgreSQLDriver(postgresql.PostgreSQLDriver):
    """pifpaf's server, run as the user postgres where the test is root.

    PostgreSQL refuses to run as root.
    """

    user = 'postgres' if os.geteuid() == 0 else getpass.getuser()

    def require_tls(self, tls: certificates.Certificates) -> None:
        """Accept TCP connections with TLS alone."""
        directory = pathlib.Path(self.tempdir)
        for source, name in (
            (tls.server_cert, 'server.crt'),
            (tls.server_key, 'server.key'),
            (tls.ca, 'ca.crt'),
        ):
            copy = directory / name
            copy.write_bytes(source.read_bytes())
            # PostgreSQL refuses a key that others can read.
            copy.chmod(0o600)
            if os.geteuid() == 0:
                shutil.chown(copy, self.user)
        with (directory / 'postgresql.conf').open('a') as config:
            config.write("ssl = on\nssl_ca_file = 'ca.crt'\n")
        (directory / 'pg_hba.conf').write_text(
            'local all all trust\n'
            'hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca\n'
        )
        self.control('reload')

    def _exec(self, command: list[str], **kwargs: Any) -> Any:
        if os.geteuid() == 0:
            shutil.chown(self.tempdir, self.user)
            command = ['runuser', '-u', self.user, '--', *command]
        return super()._exec(command, **kwargs)

    def control(self, *arguments: str) -> None:
        """Run ``pg_ctl`` and wait for what it does."""
        postgres = require('postgres', 'postgresql', _postgresql_paths())
        program = pathlib.Path(postgres).with_name('pg_ctl')
        self._exec(
            [str(program), '-w', *arguments], env=self.env, allow_debug=False
        )

    def start(self) -> None:
        options = f'-k {self.tempdir} -p {self.port} -h "{self.host}"'
        self.control('-o', options, 'start')


class _RabbitMQDriver(rabbitmq.RabbitMQDriver):
    """pifpaf's broker, apart from every other on this host.

    :ivar names: of its nodes.
    """

    def __init__(
        self,
        *,
        ports: list[int],
        epmd_port: int,
        tls: certificates.Certificates | None = None,
    ) -> None:
        self._tls = tls
        name = f'passthru{ports[0]}'
        super().__init__(port=ports[0], nodename=name, cluster=len(ports) > 1)
        self.names = [f'{name}@localhost']
        if self.cluster:
            self.names = [
                f'{name}-{number}@localhost'
                for number in range(1, len(ports) + 1)
            ]
        self._ports = dict(zip(self.names, ports, strict=True))
        self._apart = {
            'ERL_EPMD_PORT': str(epmd_port),
            'ERL_EPMD_ADDRESS': '127.0.0.1',
        }

    def _setUp(self) -> None:
        # Called last: epmd outlives the nodes that it was started for.
        self.addCleanup(self._end_epmd)
        super()._setUp()

    def _exec(
        self,
        command: list[str],
        env: collections.abc.Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        apart = dict(self._apart)
        if env and 'RABBITMQ_NODE_PORT' in env:
            port = int(env['RABBITMQ_NODE_PORT'])
            apart['RABBITMQ_DIST_PORT'] = str(port + _DISTRIBUTION_OFFSET)
            if self._tls is not None:
                # What names a port is a listener without TLS.
                env = {k: v for k, v in env.items() if '_NODE_' not in k}
                apart['RABBITMQ_NODENAME'] = self.names[0]
                apart['RABBITMQ_CONFIG_FILE'] = self._write_config(port)
        return super()._exec(command, env={**(env or {}), **apart}, **kwargs)

    def _write_config(self, port: int) -> str:
        assert self._tls is not None
        path = pathlib.Path(self.tempdir, 'rabbitmq.conf')
        text = self._tls.in_example('rabbitmq-tls.conf', '/etc/rabbitmq/tls')
        path.write_text(text.replace('= 5671', f'= 127.0.0.1:{port}'))
        return str(path)

    def output(self, node: str, command: collections.abc.Iterable[str]) -> str:
        _, text = self._exec(
            ['rabbitmqctl', '-q', '-n', node, *command],
            stdout=True,
            path=self._path,
            env=self.env,
        )
        return text.decode()

    def _end_epmd(self) -> None:
        # This one alone: it listens on a port of its own.
        self._exec(['epmd', '-kill'], ignore_failure=True)


class _MariaDBWithTls(mysql.MySQLDriver):
    """pifpaf's server, with a port that speaks TLS and nothing else.

    pifpaf lets it run without logins, where it asks for no TLS either.
    """

    def __init__(self, port: int, tls: certificates.Certificates) -> None:
        super().__init__()
        self._network = [
            f'--port={port}',
            '--bind-address=127.0.0.1',
            '--skip-name-resolve',
            f'--ssl-ca={tls.ca}',
            f'--ssl-cert={tls.server_cert}',
            f'--ssl-key={tls.server_key}',
            '--require-secure-transport=ON',
        ]

    def _exec(self, command: list[str], **kwargs: Any) -> Any:
        if '--skip-networking' in command:
            apart = ('--skip-networking', '--skip-grant-tables')
            command = [word for word in command if word not in apart]
            command += self._network
        elif command[0] == 'mysql_install_db':
            command = [*command, '--auth-root-authentication-method=normal']
        elif command[0] == 'mysql':
            command = [*command, '--user=root']
        return super()._exec(command, **kwargs)


def _remote(address: str, host: str) -> str:
    """Return login and address for the URL of a database."""
    name, port = address.split(':')
    return f'{LOGIN}:{SECRET}@{host or name}:{port}'


def _postgresql_paths() -> tuple[str, ...]:
    found = pathlib.Path('/usr/lib/postgresql').glob('*/bin')
    return tuple(str(path) for path in found)


def _execute(url: str, statement: str) -> list[Any]:
    engine = sa.create_engine(
        url, isolation_level='AUTOCOMMIT', poolclass=sa.pool.NullPool
    )
    with engine.connect() as connection:
        result = connection.exec_driver_sql(statement)
        return list(result) if result.returns_rows else []


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('127.0.0.1', port))
        except OSError:
            return False
    return True


def _answers_amqp(
    port: int, tls: certificates.Certificates | None = None
) -> bool:
    """Return whether a broker greets; a mere listener may not serve yet."""
    try:
        with contextlib.ExitStack() as links:
            link = links.enter_context(
                socket.create_connection(('127.0.0.1', port), timeout=2)
            )
            if tls is not None:
                link = links.enter_context(
                    tls.client_context().wrap_socket(
                        link, server_hostname=certificates.SERVER
                    )
                )
            link.sendall(b'AMQP\x00\x00\x09\x01')
            return bool(link.recv(1))
    except OSError:
        return False
