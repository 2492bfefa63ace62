# SPDX-License-Identifier: Apache-2.0
"""The registry on private PostgreSQL and MariaDB servers."""

import fixtures
import sqlalchemy as sa
from sqlalchemy import orm

from ironic_passthru import errors
from ironic_passthru.db import conductors
from ironic_passthru.db import migration
from ironic_passthru.db import models
from ironic_passthru.tests.functional import registry
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.unit.db import cases
from ironic_passthru.tests.unit.db import operation_cases
from ironic_passthru.tests.unit.db import split_cases


class TestPostgreSQL(
    registry.ServerCases,
    *cases.ALL_CASES,
    *operation_cases.ALL_CASES,
    *split_cases.ALL_CASES,
):
    """The registry on PostgreSQL."""

    narrow = {
        name: f"ENCODING '{name}' LOCALE 'C' TEMPLATE template0"
        for name in ('SQL_ASCII', 'LATIN1')
    }

    @classmethod
    def make_server(cls) -> servers.PostgreSQL:
        return servers.PostgreSQL()

    def refusing_url(self) -> str:
        return 'postgresql://somebody:hunter2@127.0.0.1:1/registry'

    def test_a_lock_timeout_is_repeated(self) -> None:
        """As with ``lock_timeout`` in the configuration of the server."""
        self.register()
        change = sa.update(models.conductors).values(conductor_group='new')
        holder = sa.create_engine(self.url, poolclass=sa.pool.NullPool)
        attempts: list[str] = []
        with holder.connect() as connection:
            connection.execute(change)

            def work(writer: orm.Session) -> None:
                if attempts:
                    connection.rollback()
                attempts.append('one')
                writer.execute(sa.text("SET LOCAL lock_timeout = '10ms'"))
                writer.execute(change)

            self.database.write(work)
        self.assertEqual(2, len(attempts))

    def test_isolation_of_transactions(self) -> None:
        """It does not depend on ``default_transaction_isolation``."""
        name = self.database.url.database
        servers.execute(
            self.url,
            f'ALTER DATABASE {name} SET default_transaction_isolation = '
            'serializable',
        )
        database = self.open(self.url)
        query = sa.text('SHOW transaction_isolation')
        dedicated = database.dedicated_connection()
        self.addCleanup(dedicated.close)
        for write in (database.write, dedicated.write):
            level = write(lambda writer: writer.scalar(query))
            self.assertEqual('read committed', level)
        with database.reader() as reader:
            self.assertEqual('repeatable read', reader.scalar(query))

    def test_encoding_of_the_connection(self) -> None:
        """It does not depend on ``PGCLIENTENCODING``."""
        self.useFixture(
            fixtures.EnvironmentVariable('PGCLIENTENCODING', 'LATIN1')
        )
        database = self.open(self.url)
        migration.ensure(database)
        store = conductors.ConductorStore(database)
        store.register('host\N{CHECK MARK}', 'run1', group='', drivers={})
        self.assertIn('host\N{CHECK MARK}', self.read())


class TestMariaDB(
    registry.ServerCases,
    *cases.ALL_CASES,
    *operation_cases.ALL_CASES,
    *split_cases.ALL_CASES,
):
    """The registry on MariaDB."""

    narrow = {name: f'CHARACTER SET {name}' for name in ('latin1', 'utf8mb3')}
    strict = 'SET SESSION innodb_snapshot_isolation = ON'

    @classmethod
    def make_server(cls) -> servers.MariaDB:
        return servers.MariaDB()

    def refusing_url(self) -> str:
        return 'mysql://somebody:hunter2@127.0.0.1:1/registry'

    def test_a_connection_with_a_narrow_encoding_is_refused(self) -> None:
        database = self.open(f'{self.url}&charset=latin1')
        error = self.assertRaises(
            errors.ConfigError, migration.ensure, database
        )
        self.assertIn('encoding latin1', str(error))
        self.assertIn('remove it from the URL', str(error))
