# SPDX-License-Identifier: Apache-2.0
"""Commands of the page about databases: accounts, backup, restore."""

import os
import pathlib
import shutil
import subprocess

import fixtures
import sqlalchemy as sa

from ironic_passthru import operation
from ironic_passthru.db import migration
from ironic_passthru.tests import pages
from ironic_passthru.tests.functional import certificates
from ironic_passthru.tests.functional import registry
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional.servers import postgresql
from ironic_passthru.tests.functional.servers import sql
from ironic_passthru.tests.unit.db import cases
from ironic_passthru.tests.unit.db import operation_cases

_PAGE = 'doc/source/admin/databases.rst'
_OWNER = ('passthru_owner', 'hunter2-owner')
_DAILY = ('passthru', 'hunter2-daily')

State = operation.State


def typed(word: str) -> list[str]:
    """Return the commands of the page that contain a word."""
    found = (
        block.commands
        for block in pages.blocks(_PAGE)
        if block.run_by.endswith(pathlib.Path(__file__).name)
    )
    return [text for text in found if word in text]


class AccountCases:
    """An account for the schema, and an account for the data."""

    #: The client program in each block about this server.
    program: str

    def way(self) -> dict[str, str]:
        """Return the environment variables of a client."""
        raise NotImplementedError

    def remove(self) -> None:
        """Revert the commands of the page."""
        raise NotImplementedError

    def url_of(self, account: tuple[str, str]) -> str:
        """Return the URL of the database for an account."""
        raise NotImplementedError

    def new_url(self) -> str:
        self._directory = self.useFixture(fixtures.TempDir()).path
        self._environment = {
            **os.environ,
            **self.way(),
            'OWNER_PASSWORD': _OWNER[1],
            'DATABASE_PASSWORD': _DAILY[1],
        }
        create, self.save, self.restore = typed(self.program)
        # The server of the tests already has accounts.
        self.remove()
        self.addCleanup(self.remove)
        self.run_typed(create)
        owner = self.open(self.url_of(_OWNER))
        migration.upgrade(owner)
        return self.url_of(_DAILY)

    def run_typed(self, text: str) -> None:
        """Run commands in one directory."""
        if os.geteuid() != 0:
            text = text.replace('runuser -u postgres -- ', '')
        done = subprocess.run(
            ['bash', '-e', '-o', 'pipefail', '-c', text],
            cwd=self._directory,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        self.assertEqual((0, ''), (done.returncode, done.stdout))

    def test_the_daily_one_can_do_all_that_is_done_daily(self) -> None:
        migration.ensure(self.database)
        self.use_each_table()

    def test_the_daily_one_cannot_change_tables(self) -> None:
        url = self.database.url.render_as_string(hide_password=False)
        for statement in (
            'CREATE TABLE mine (id INTEGER)',
            'ALTER TABLE operations ADD mine INTEGER',
            'CREATE INDEX mine ON operations (started_at)',
            'DROP TABLE operation_keys',
        ):
            error = self.assertRaises(
                sa.exc.DBAPIError, sql.execute, url, statement
            )
            self.assertRegex(str(error), 'denied|must be owner')

    def test_restored_operations_have_an_unknown_outcome(self) -> None:
        begun = self.running(key=self.key('1'))
        waits = self.record(key=self.key('2'))
        done = self.finished('1')
        self.run_typed(self.save)
        self.assertTrue(self.step(waits, State.QUEUED, State.RUNNING))
        late = self.record(key=self.key('3'))
        self.writer.close()
        self.database.close()
        self.run_typed(self.restore)
        for name, one in (('1', begun), ('2', waits)):
            self.assertEqual(State.UNKNOWN, self.state(one))
            self.assertIsNotNone(self.get(one).finished_at)
            # It is not considered as certainly not run.
            found = self.operations.find_key(self.key(name).digest)
            self.assertEqual(one, found and found[0])
        self.assertEqual(State.SUCCEEDED, self.state(done))
        self.assertEqual('1', self.operations.result(done))
        # Lost by the restore.
        self.assertIsNone(self.operations.get(late))
        self.use_each_table()

    def key(self, name: str) -> operation.Key:
        return operation.Key(digest=name * 64, fingerprint='f' * 64)

    def use_each_table(self) -> None:
        """Insert, update and delete rows in each table."""
        self.register(acme=cases.ONE)
        self.register(incarnation='run2', acme=cases.TWO)
        self.assertTrue(self.store.withdraw('host1', 'run2'))
        self.assertEqual(cases.TWO.digest, self.store.newest_digests()['acme'])
        one = self.finished('2', key=self.key('9'))
        for purge in (self.operations.purge_results, self.operations.purge):
            # Expires in a moment.
            self.assertGreaterEqual(purge(older_than_seconds=-9, limit=9), 1)
        self.assertIsNone(self.operations.get(one))


class TestPostgreSQL(
    AccountCases, registry.ServerCase, operation_cases.OperationCase
):
    """``psql`` of the administrator, by socket."""

    program = 'postgres'
    server: servers.PostgreSQL

    @classmethod
    def make_server(cls) -> servers.PostgreSQL:
        return servers.PostgreSQL()

    def way(self) -> dict[str, str]:
        if os.geteuid() == 0:
            # Its programs warn if they cannot read the working directory.
            shutil.chown(self._directory, postgresql.USER)
        query = sa.make_url(self.server.url()).query
        return {'PGHOST': str(query['host']), 'PGPORT': str(query['port'])}

    def remove(self) -> None:
        sql.execute(
            self.server.url(),
            'DROP DATABASE IF EXISTS passthru WITH (FORCE)',
        )
        for name, _ in (_OWNER, _DAILY):
            sql.execute(self.server.url(), f'DROP ROLE IF EXISTS {name}')

    def url_of(self, account: tuple[str, str]) -> str:
        url = sa.make_url(self.server.url('passthru'))
        return url.set(
            username=account[0], password=account[1]
        ).render_as_string(hide_password=False)


class TestMariaDB(
    AccountCases, registry.ServerCase, operation_cases.OperationCase
):
    """``mariadb`` of the administrator, by socket."""

    program = 'mariadb'
    server: servers.MariaDB
    tls: certificates.Certificates

    @classmethod
    def make_server(cls) -> servers.MariaDB:
        cls.tls = certificates.Certificates()
        cls.tls.setUp()
        cls.addClassCleanup(cls.tls.cleanUp)
        # Without certificates it requires no login.
        return servers.MariaDB(cls.tls)

    def way(self) -> dict[str, str]:
        query = sa.make_url(self.server.url()).query
        # Read after the system's files, which contain another socket.
        pathlib.Path(self._directory, '.my.cnf').write_text(
            f'[client]\nuser = root\nsocket = {query["unix_socket"]}\n'
        )
        return {'HOME': self._directory}

    def remove(self) -> None:
        sql.execute(self.server.url(), 'DROP DATABASE IF EXISTS passthru')
        for name, _ in (_OWNER, _DAILY):
            sql.execute(self.server.url(), f'DROP USER IF EXISTS {name}')

    def url_of(self, account: tuple[str, str]) -> str:
        login = ':'.join(account)
        return (
            f'mysql://{login}@{self.server.address}/passthru'
            f'?ssl_ca={self.tls.ca}'
        )
