# SPDX-License-Identifier: Apache-2.0
"""A private PostgreSQL server."""

import getpass
import os
import pathlib
import shutil
from typing import Any

from pifpaf.drivers import postgresql

from ironic_passthru.tests.functional import certificates
from ironic_passthru.tests.functional.servers import ports
from ironic_passthru.tests.functional.servers import programs
from ironic_passthru.tests.functional.servers import shipped
from ironic_passthru.tests.functional.servers import sql

#: Account of the server, which refuses to run as root.
USER = 'postgres' if os.geteuid() == 0 else getpass.getuser()

# The server has another time zone: times are stored in UTC.
_ELSEWHERE = "\ntimezone = 'Asia/Kathmandu'\n"


class PostgreSQL(sql.Server):
    """A private PostgreSQL server, with a socket in its directory.

    It uses the shipped sample of options.

    :param tls: certificates for a TCP port, which requires TLS, a client
        certificate and a password; by default there is no such port.
    :param durable: whether commits are written to disk, as in the sample;
        most tests are faster without.
    :param tcp: whether it listens on a loopback port, without TLS.
    :ivar port: the loopback port.
    """

    dialect = 'postgresql'
    gift = 'ALTER DATABASE {} OWNER TO {}'
    new_login = 'CREATE ROLE {} LOGIN PASSWORD {}'
    quote = '"'

    def __init__(
        self,
        tls: certificates.Certificates | None = None,
        *,
        durable: bool = False,
        tcp: bool = False,
    ) -> None:
        super().__init__()
        self._tls = tls
        self._durable = durable
        self._tcp = tcp

    def _setUp(self) -> None:
        programs.require('pg_config', 'libpq-dev')
        programs.require('postgres', 'postgresql', _postgresql_paths())
        if os.geteuid() == 0:
            programs.require('runuser', 'util-linux')
        if self._tcp:
            self.port = self.useFixture(ports.ReservedPort()).port
            self._server = self.useFixture(
                _PostgreSQLDriver(host='127.0.0.1', port=self.port)
            )
            return
        if self._tls is None:
            self._server = self.useFixture(
                _PostgreSQLDriver(sync=self._durable)
            )
            return
        port = self.useFixture(ports.ReservedPort()).port
        self.address = f'{certificates.SERVER}:{port}'
        self._server = self.useFixture(
            _PostgreSQLDriver(host='127.0.0.1', port=port)
        )
        self._server.require_tls(self._tls)
        sql.execute(
            self.url(),
            f"CREATE ROLE {sql.LOGIN} LOGIN PASSWORD '{sql.SECRET}'",
        )

    def url(self, database: str = 'postgres') -> str:
        """Return the SQLAlchemy URL of one database."""
        return (
            f'postgresql+psycopg2://{self._server.user}@/{database}'
            f'?host={self._server.tempdir}&port={self._server.port}'
        )

    def stop(self) -> None:
        """Stop the server and its sessions."""
        self._server.control('-m', 'fast', 'stop')

    def start(self) -> None:
        """Start the server again."""
        self._server.start()

    def end_connections(self, database: str) -> None:
        """Close all connections to one database, as a fail-over would."""
        sql.execute(
            self.url(),
            'SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity '
            f"WHERE datname = '{database}'",
        )


class _PostgreSQLDriver(postgresql.PostgreSQLDriver):
    """pifpaf's server, with the account postgres if the test is root.

    PostgreSQL refuses to run as root.
    """

    user = USER

    def require_tls(self, tls: certificates.Certificates) -> None:
        """Accept TCP connections with TLS only."""
        directory = pathlib.Path(self.tempdir)
        for source, name in (
            (tls.server_cert, 'server.crt'),
            (tls.server_key, 'server.key'),
            (tls.ca, 'ca.crt'),
        ):
            copy = directory / name
            copy.write_bytes(source.read_bytes())
            # PostgreSQL rejects a key that other users can read.
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
        ended = not pathlib.Path(self.tempdir, 'postmaster.pid').exists()
        if command[-1] == 'stop' and '-D' not in command and ended:
            # Stopped by a test; pifpaf would stop it again.
            return None
        if os.geteuid() == 0:
            shutil.chown(self.tempdir, self.user)
            command = ['runuser', '-u', self.user, '--', *command]
        done = super()._exec(command, **kwargs)
        if command[-1] == 'initdb':
            # The lines of pifpaf follow and take precedence.
            config = pathlib.Path(self.tempdir, 'postgresql.conf')
            with config.open('a') as lines:
                lines.write(shipped.postgresql() + _ELSEWHERE)
        return done

    def control(self, *arguments: str) -> None:
        """Run ``pg_ctl`` and wait until it is done."""
        self.run('pg_ctl', '-w', *arguments)

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's own programs."""
        postgres = programs.require(
            'postgres', 'postgresql', _postgresql_paths()
        )
        path = pathlib.Path(postgres).resolve().with_name(program)
        self._exec([str(path), *arguments], env=self.env, allow_debug=False)

    def start_at(self, directory: pathlib.Path) -> None:
        """Start another server with the data in ``directory``."""
        options = f'-k {directory} -p {self.port} -h ""'
        self.control('-D', f'{directory}/data', '-o', options, 'start')

    def start(self) -> None:
        options = f'-k {self.tempdir} -p {self.port} -h "{self.host}"'
        self.control('-o', options, 'start')


def _postgresql_paths() -> tuple[str, ...]:
    found = pathlib.Path('/usr/lib/postgresql').glob('*/bin')
    return tuple(str(path) for path in found)
