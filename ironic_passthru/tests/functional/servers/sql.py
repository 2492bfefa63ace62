# SPDX-License-Identifier: Apache-2.0
"""Base class of private database servers."""

import abc
import itertools
from typing import Any

import fixtures
import sqlalchemy as sa

# Login of database users over TCP.
LOGIN = 'passthru'
SECRET = 'hunter2-over-the-wire'


class Server(fixtures.Fixture, metaclass=abc.ABCMeta):
    """A server with a new database for each test.

    :cvar dialect: scheme of URLs for a TCP connection.
    :cvar gift: the statement that grants a database to ``LOGIN``.
    :cvar new_login: the statement that creates a user with a password.
    :cvar quote: the quotation mark of identifiers.
    :ivar address: host and port for TCP connections.
    """

    dialect: str
    gift: str
    new_login: str
    quote: str
    address: str

    def __init__(self) -> None:
        super().__init__()
        self._names = (f'test{number}' for number in itertools.count())

    @abc.abstractmethod
    def url(self, database: str = '') -> str:
        """Return the SQLAlchemy URL of one database."""

    def new_database(self, options: str = '') -> str:
        """Create an empty database and return its URL.

        :param options: options of ``CREATE DATABASE``.
        """
        return self.url(self._create(options))

    def new_remote_database(self, host: str = '') -> str:
        """Create an empty database; return its URL for a TCP connection.

        :param host: host name; by default the name in the certificate.
        """
        name = self._create()
        execute(self.url(), self.gift.format(name, LOGIN))
        own, port = self.address.split(':')
        login = f'{LOGIN}:{SECRET}@{host or own}:{port}'
        return f'{self.dialect}://{login}/{name}'

    def create_login(self, user: str, password: str, database: str) -> None:
        """Create a user with all rights to a database."""
        name = _quoted(user, self.quote)
        for statement in (
            self.new_login.format(name, _quoted(password, "'")),
            self.gift.format(database, name),
        ):
            execute(self.url(), statement)

    def _create(self, options: str = '') -> str:
        name = next(self._names)
        execute(self.url(), f'CREATE DATABASE {name} {options}')
        return name


def _quoted(text: str, mark: str) -> str:
    return f'{mark}{text.replace(mark, mark * 2)}{mark}'


def execute(url: str, statement: str) -> list[Any]:
    engine = sa.create_engine(
        url, isolation_level='AUTOCOMMIT', poolclass=sa.pool.NullPool
    )
    with engine.connect() as connection:
        result = connection.exec_driver_sql(
            statement,
            # A literal percent sign.
            execution_options={'no_parameters': True},
        )
        return list(result) if result.returns_rows else []
