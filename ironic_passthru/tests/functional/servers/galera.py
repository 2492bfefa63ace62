# SPDX-License-Identifier: Apache-2.0
"""A private Galera cluster of MariaDB servers."""

import collections.abc
import contextlib
import getpass
import itertools
import os
import pathlib
import re
import shutil
import subprocess
from concurrent import futures

import fixtures
import sqlalchemy as sa

from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional.servers import ports
from ironic_passthru.tests.functional.servers import programs
from ironic_passthru.tests.functional.servers import shipped
from ironic_passthru.tests.functional.servers import sql

_PATHS = ('/usr/sbin', '/usr/libexec')

# The copy of data refuses to run as root.
_USER = 'mysql' if os.geteuid() == 0 else getpass.getuser()

# Shorter timeouts and less disk space than in the sample.
_IN_TESTS = (
    'gcache.size=32M',
    'evs.keepalive_period=PT0.3S',
    'evs.join_retrans_period=PT0.3S',
    'evs.inactive_check_period=PT0.2S',
    'evs.suspect_timeout=PT2S',
    'evs.inactive_timeout=PT5S',
    'evs.install_timeout=PT2S',
)

#: Options that are different for each node.
PRIVATE = (
    'wsrep_cluster_address',
    'wsrep_node_address',
    'wsrep_provider_options',
)

_ATTEMPTS = 3


class _Ended(processes.Failed):
    """A node has ended instead of joining."""


class Galera(fixtures.Fixture):
    """Three servers with the sample of options for Galera.

    :ivar ports: client port of each node.
    """

    START_SECONDS = 90.0

    def _setUp(self) -> None:
        programs.require('mariadbd', 'mariadb-server', _PATHS)
        programs.require('rsync', 'rsync')
        self._names = (f'test{number}' for number in itertools.count())
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        if os.geteuid() == 0:
            shutil.chown(self.directory, _USER)
        reserved = [
            [self.useFixture(ports.ReservedPort()).port for _ in range(4)]
            for _ in range(3)
        ]
        self.ports = [own[0] for own in reserved]
        group = ','.join(f'127.0.0.1:{own[1]}' for own in reserved)
        self._nodes = [
            self.useFixture(_Node(self.directory / f'node{n}', own, group))
            for n, own in enumerate(reserved)
        ]
        self._nodes[0].create()
        self._start(0, '--wsrep-new-cluster')
        self.start_all(1, 2)
        self._execute(f"CREATE USER {sql.LOGIN} IDENTIFIED BY '{sql.SECRET}'")

    def new_database(self) -> str:
        """Create an empty database and return its URL, on the first node."""
        name = next(self._names)
        self._execute(f'CREATE DATABASE {name}')
        self._execute(f'GRANT ALL ON {name}.* TO {sql.LOGIN}')
        for node in self._nodes:
            # Before the first login to this node.
            node.catch_up()
        return (
            f'mysql+pymysql://{sql.LOGIN}:{sql.SECRET}'
            f'@127.0.0.1:{self.ports[0]}/{name}'
        )

    def on(self, node: int, url: str) -> str:
        """Return the URL of the same database on another node."""
        moved = sa.make_url(url).set(port=self.ports[node])
        return moved.render_as_string(hide_password=False)

    def log(self, node: int) -> str:
        """Return the log of a node since its start."""
        return self._nodes[node].process.log()

    def status(self, name: str, node: int = 0) -> str:
        """Return a status variable of a node."""
        ((_, value),) = sql.execute(
            self._nodes[node].url, f"SHOW GLOBAL STATUS LIKE '{name}'"
        )
        return value

    def variables(self, node: int = 0) -> dict[str, str]:
        """Return the values of all options of a node."""
        return dict(
            sql.execute(self._nodes[node].url, 'SHOW GLOBAL VARIABLES')
        )

    def end_connections(self, database: str) -> None:
        """Close all connections to one database, as a fail-over would."""
        for node in self._nodes:
            for (number,) in sql.execute(
                node.url,
                'SELECT id FROM information_schema.processlist '
                f"WHERE db = '{database}'",
            ):
                sql.execute(node.url, f'KILL {number}')

    @contextlib.contextmanager
    def behind(self, node: int) -> collections.abc.Iterator[None]:
        """Stop a node from applying the commits of others."""
        engine = sa.create_engine(self._nodes[node].url)
        with contextlib.closing(engine.raw_connection()) as connection:
            cursor = connection.cursor()
            cursor.execute('FLUSH TABLES WITH READ LOCK')
            try:
                yield
            finally:
                cursor.execute('UNLOCK TABLES')
        engine.dispose()

    def kill(self, node: int) -> None:
        """Kill a node."""
        self._nodes[node].process.kill()

    def start(self, node: int) -> None:
        """Start a node again; wait until it has caught up.

        One that cannot join ends. Then it is started again, as systemd does
        it: that happens when members come and go at that moment.
        """
        for _ in range(_ATTEMPTS - 1):
            with contextlib.suppress(_Ended):
                self._start(node, *self._nodes[node].recovered())
                return
        self._start(node, *self._nodes[node].recovered())

    def start_all(self, *nodes: int) -> None:
        """Start several nodes at once: one may wait for the others."""
        with futures.ThreadPoolExecutor(3) as pool:
            list(pool.map(self.start, nodes or range(3)))

    def _start(self, number: int, *arguments: str) -> None:
        node = self._nodes[number]
        node.run(*arguments)
        processes.wait_until(
            lambda: self._is_synced(number),
            f'node {number} has joined',
            seconds=self.START_SECONDS,
            pause=0.1,
        )

    def _is_synced(self, number: int) -> bool:
        process = self._nodes[number].process
        if not process.running:
            raise _Ended(f'a node has ended:\n{process.log()}')
        try:
            return (
                self.status('wsrep_local_state_comment', number) == 'Synced'
                and self.status('wsrep_ready', number) == 'ON'
            )
        except sa.exc.DBAPIError:
            return False

    def _execute(self, statement: str) -> None:
        sql.execute(self._nodes[0].url, statement)


class _Node(fixtures.Fixture):
    """One server.

    :param own: ports for clients, for the group, and for full and incremental
        state transfers to a restarted node.
    :ivar url: URL of the administrator.
    """

    def __init__(
        self, directory: pathlib.Path, own: list[int], group: str
    ) -> None:
        super().__init__()
        self._directory = directory
        self._own = own
        self._group = group

    def _setUp(self) -> None:
        self._directory.mkdir()
        self._data = self._directory / 'data'
        self._data.mkdir()
        if os.geteuid() == 0:
            for path in (self._directory, self._data):
                shutil.chown(path, _USER)
        socket = self._directory / 'socket'
        self.url = f'mysql+pymysql://root@localhost/?unix_socket={socket}'
        config = self._directory / 'my.cnf'
        config.write_text(shipped.mariadb(galera=True) + self._private(socket))
        self._command = [
            programs.require('mariadbd', 'mariadb-server', _PATHS),
            f'--defaults-file={config}',
        ]
        self.process = self.useFixture(
            processes.Process(
                self._command,
                # Search path of the server's scripts.
                environment=dict(os.environ),
                log=self._directory / 'log',
            )
        )

    def _private(self, socket: pathlib.Path) -> str:
        clients, group, copy, missed = self._own
        sample = shipped.options(shipped.mariadb(galera=True))
        provider = '; '.join(
            (
                sample['wsrep_provider_options'],
                *_IN_TESTS,
                f'gmcast.listen_addr=tcp://127.0.0.1:{group}',
                f'ist.recv_addr=127.0.0.1:{missed}',
            )
        )
        lines = (
            f'user = {_USER}',
            f'datadir = {self._data}',
            f'tmpdir = {self._directory}',
            f'socket = {socket}',
            f'pid_file = {self._directory / "pid"}',
            'bind_address = 127.0.0.1',
            f'port = {clients}',
            f'wsrep_cluster_address = gcomm://{self._group}',
            f'wsrep_node_address = 127.0.0.1:{group}',
            f'wsrep_sst_receive_address = 127.0.0.1:{copy}',
            f'wsrep_provider_options = "{provider}"',
        )
        return '\n'.join(('', '[mariadb]', *lines, ''))

    def create(self) -> None:
        """Create its data, which the other nodes copy."""
        subprocess.run(
            [
                programs.require('mariadb-install-db', 'mariadb-server'),
                '--no-defaults',
                f'--datadir={self._data}',
                f'--user={_USER}',
                '--auth-root-authentication-method=normal',
                '--skip-test-db',
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )

    def run(self, *arguments: str) -> None:
        """Start it."""
        self.process.arguments = [*self._command, *arguments]
        self.process.start()

    def catch_up(self) -> None:
        """Wait until it has applied all previous commits."""
        first = '&init_command=SET+SESSION+wsrep_sync_wait=15'
        sql.execute(self.url + first, 'SHOW DATABASES')

    def recovered(self) -> list[str]:
        """Return the position of its last applied change.

        The units that come with MariaDB ask a server that was not ended in
        order in the same way.
        """
        if not (self._data / 'grastate.dat').exists():
            return []
        done = subprocess.run(
            [*self._command, '--wsrep-recover'],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        found = re.search(r'Recovered position: (\S+)', done.stderr)
        return [f'--wsrep-start-position={found[1]}'] if found else []
