# SPDX-License-Identifier: Apache-2.0
"""A private MariaDB server."""

import pathlib
from typing import Any

from pifpaf.drivers import mysql

from ironic_passthru.tests.functional import certificates
from ironic_passthru.tests.functional.servers import ports
from ironic_passthru.tests.functional.servers import programs
from ironic_passthru.tests.functional.servers import shipped
from ironic_passthru.tests.functional.servers import sql

# The server has another time zone: times are stored in UTC.
_ELSEWHERE = "\n[mariadb]\ndefault_time_zone = '+05:45'\n"


class MariaDB(sql.Server):
    """A private MariaDB server, with a socket in its directory.

    It uses the shipped sample of options.

    :param tls: certificates for a TCP port, which requires TLS, a client
        certificate and a password; by default there is no such port.
    """

    dialect = 'mysql'
    gift = 'GRANT ALL ON {}.* TO {}'
    new_login = 'CREATE USER {} IDENTIFIED BY {} REQUIRE X509'
    quote = '`'

    def __init__(self, tls: certificates.Certificates | None = None) -> None:
        super().__init__()
        self._tls = tls

    def _setUp(self) -> None:
        programs.require(
            'mysqld', 'mariadb-server', ('/usr/libexec', '/usr/sbin')
        )
        programs.require('mysql', 'mariadb-client')
        if self._tls is None:
            self._server = self.useFixture(_MariaDBDriver())
            return
        port = self.useFixture(ports.ReservedPort()).port
        self.address = f'{certificates.SERVER}:{port}'
        self._server = self.useFixture(_MariaDBWithTls(port, self._tls))
        sql.execute(
            self.url(),
            f"CREATE USER {sql.LOGIN} IDENTIFIED BY '{sql.SECRET}' "
            'REQUIRE X509',
        )

    def url(self, database: str = 'pifpaf') -> str:
        """Return the SQLAlchemy URL of one database."""
        return (
            f'mysql+pymysql://root@localhost/{database}'
            f'?unix_socket={self._server.socket}'
        )

    def variables(self) -> dict[str, str]:
        """Return the values of all options."""
        return dict(sql.execute(self.url(), 'SHOW GLOBAL VARIABLES'))

    def end_connections(self, database: str) -> None:
        """Close all connections to one database, as a fail-over would."""
        found = sql.execute(
            self.url(),
            'SELECT id FROM information_schema.processlist '
            f"WHERE db = '{database}'",
        )
        for (number,) in found:
            sql.execute(self.url(), f'KILL {number}')


class _MariaDBDriver(mysql.MySQLDriver):
    """pifpaf's server with our options."""

    def _exec(self, command: list[str], **kwargs: Any) -> Any:
        if command[0] == 'mysqld' and '--initialize-insecure' not in command:
            config = pathlib.Path(self.tempdir, 'my.cnf')
            config.write_text(shipped.mariadb() + _ELSEWHERE)
            apart = command.index('--no-defaults')
            command = [*command]
            command[apart] = f'--defaults-file={config}'
        return super()._exec(command, **kwargs)


class _MariaDBWithTls(_MariaDBDriver):
    """pifpaf's server with a port that requires TLS.

    pifpaf disables logins, and with them the requirement of TLS.
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
