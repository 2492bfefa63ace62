# SPDX-License-Identifier: Apache-2.0
"""What private database servers have in common."""

import abc
import itertools
from typing import Any

import fixtures
import sqlalchemy as sa

# Of the databases' users that come over TCP.
LOGIN = 'passthru'
SECRET = 'hunter2-over-the-wire'


class Server(fixtures.Fixture, metaclass=abc.ABCMeta):
    """A server on which each test gets a database of its own.

    :cvar dialect: how URLs for a TCP connection begin.
    :cvar gift: the statement that gives a database to ``LOGIN``.
    :cvar new_login: the statement that creates a user with a password.
    :cvar quote: the mark around names.
    :ivar address: host and port for such connections.
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

        :param options: what follows the name in ``CREATE DATABASE``.
        """
        return self.url(self._create(options))

    def new_remote_database(self, host: str = '') -> str:
        """Create an empty database; return its URL for a TCP connection.

        :param host: name of the host; by default that in the certificate.
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
            # A percent sign stands for itself.
            execution_options={'no_parameters': True},
        )
        return list(result) if result.returns_rows else []
