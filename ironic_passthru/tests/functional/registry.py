# SPDX-License-Identifier: Apache-2.0
"""Test cases of the registry for database servers."""

import collections.abc
import os
import pathlib
import re
import tempfile
import threading
from typing import Any

import fixtures
import sqlalchemy as sa
from oslo_config import cfg
from oslo_db import exception as db_exc
from sqlalchemy import orm

from ironic_passthru import errors
from ironic_passthru.cmd import dbsync
from ironic_passthru.db import conductors
from ironic_passthru.db import migration
from ironic_passthru.db import models
from ironic_passthru.db import session
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.unit.db import cases

Server = servers.PostgreSQL | servers.MariaDB

# Locking clauses and statements of both servers, except the named locks of
# dbsync, which one operator runs on one node.
LOCKING = re.compile(
    r'\bFOR\s+(NO\s+KEY\s+)?(UPDATE|(KEY\s+)?SHARE)\b'
    r'|\bLOCK\s+(IN\s+SHARE|TABLES?)\b|^\s*LOCK\b',
    re.IGNORECASE,
)


class Statements(fixtures.Fixture):
    """Fail a test that locks rows or tables explicitly.

    Galera locks rows on one node only and reports conflicts at commit.
    """

    def _setUp(self) -> None:
        self._locking: list[str] = []
        event = (sa.engine.Engine, 'before_cursor_execute', self._save)
        sa.event.listen(*event)
        # Cleanups run in reverse order: the listener is removed first.
        self.addCleanup(self._check)
        self.addCleanup(sa.event.remove, *event)

    def _save(self, *arguments: Any) -> None:
        statement = arguments[2]
        if LOCKING.search(statement):
            self._locking.append(statement)

    def _check(self) -> None:
        if self._locking:
            raise AssertionError(f'locking statements: {self._locking}')


class ServerCase(cases.RegistryCase):
    """A test on a server that is started once for the class."""

    server: Server

    @classmethod
    def make_server(cls) -> Server:
        raise NotImplementedError

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.server = cls.make_server()
        cls.server.setUp()
        cls.addClassCleanup(cls.server.cleanUp)

    def setUp(self) -> None:
        # Before the migrations run.
        self.useFixture(Statements())
        super().setUp()

    def new_url(self) -> str:
        return self.server.new_database()


class ServerCases(ServerCase):
    """Cases for database servers only."""

    def refusing_url(self) -> str:
        """Return a URL with a wrong password."""
        raise NotImplementedError

    def test_a_start_without_tables_names_the_command(self) -> None:
        database = self.open(self.new_url())
        error = self.assertRaises(
            errors.ConfigError, migration.ensure, database
        )
        self.assertIn('ironic-passthru-dbsync upgrade', str(error))
        self.assertIn('missing', str(error))

    def test_a_start_with_current_tables_is_accepted(self) -> None:
        self.assertIsNone(migration.ensure(self.database))

    def test_connections_that_the_server_ended_are_replaced(self) -> None:
        self.register()
        self.server.end_connections(self.database.url.database)
        self.assertTrue(self.store.heartbeat('host1', 'run1'))
        self.server.end_connections(self.database.url.database)
        self.assertEqual(['host1'], list(self.read()))

    def test_a_dedicated_connection_that_the_server_ended(self) -> None:
        self.register()
        dedicated = self.database.dedicated_connection()
        self.addCleanup(dedicated.close)
        for name in ('one', 'two', 'three'):
            change = sa.update(models.conductors).values(conductor_group=name)
            dedicated.write(
                lambda writer, change=change: writer.execute(change)
            )
            self.assertEqual(name, self.read()['host1'].group)
            self.server.end_connections(self.database.url.database)

    def test_a_writer_that_loses_its_connection_is_repeated(self) -> None:
        self.register()
        change = sa.update(models.conductors).values(conductor_group='new')
        attempts = []

        def work(writer: orm.Session) -> None:
            attempts.append(writer)
            if len(attempts) == 1:
                self.server.end_connections(self.database.url.database)
            writer.execute(change)

        self.database.write(work)
        self.assertEqual(2, len(attempts))
        self.assertEqual('new', self.read()['host1'].group)

    def test_a_lock_has_a_timeout(self) -> None:
        self.register()
        impatient = session.Database(
            self.make_conf(database__connection=self.url),
            answer_timeout_seconds=1,
        )
        self.addCleanup(impatient.close)
        store = conductors.ConductorStore(impatient)
        change = sa.update(models.conductors).values(conductor_group='x')
        with self.database.writer() as writer:
            writer.execute(change)
            self.assertRaises(
                errors.RegistryUnavailable, store.heartbeat, 'host1', 'run1'
            )
        self.assertTrue(store.heartbeat('host1', 'run1'))

    def test_two_writers_in_a_deadlock_both_succeed(self) -> None:
        hosts = ('host0', 'host1')
        for host in hosts:
            self.register(host)
        barrier = threading.Barrier(2)
        attempts: list[str] = []

        def cross(own: str, other: str) -> None:
            self.database.write(self._crossing(own, other, barrier, attempts))

        threads = [
            threading.Thread(target=cross, args=pair)
            for pair in (hosts, hosts[::-1])
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(cases.TIMEOUT)
        self.assertEqual(3, len(attempts), 'one of them was repeated')
        self.assertEqual(1, len({r.group for r in self.read().values()}))

    def _crossing(
        self,
        own: str,
        other: str,
        barrier: threading.Barrier,
        attempts: list[str],
    ) -> collections.abc.Callable[[orm.Session], None]:
        table = models.conductors

        def work(writer: orm.Session) -> None:
            attempts.append(own)
            change = sa.update(table).values(conductor_group=own)
            writer.execute(change.where(table.c.hostname == own))
            if attempts.count(own) == 1:
                barrier.wait(cases.TIMEOUT)
            writer.execute(change.where(table.c.hostname == other))

        return work

    #: Options of ``CREATE DATABASE`` by encodings that cannot store all
    #: characters.
    narrow: collections.abc.Mapping[str, str]
    #: Statement that makes a server reject an outdated snapshot.
    strict: str | None = None

    def test_an_outdated_snapshot_is_repeated(self) -> None:
        """As with ``default_transaction_isolation = serializable``."""
        self.register()
        options = {self.database.dialect: {'isolation_level': 'SERIALIZABLE'}}
        if self.strict:
            options = {
                self.database.dialect: {'isolation_level': 'REPEATABLE READ'}
            }
        other = self.open(self.url)
        self.useFixture(
            fixtures.MonkeyPatch(
                'ironic_passthru.db.session._WRITER_OPTIONS', options
            )
        )
        dedicated = self.database.dedicated_connection()
        self.addCleanup(dedicated.close)
        change = sa.update(models.conductors)
        for write in (self.database.write, dedicated.write):
            attempts: list[str] = []

            def work(writer: Any, attempts: list[str] = attempts) -> None:
                if self.strict:
                    writer.execute(sa.text(self.strict))
                writer.execute(sa.select(models.conductors)).all()
                if not attempts:
                    with other.writer() as first:
                        first.execute(change.values(conductor_group='first'))
                attempts.append('one')
                writer.execute(change.values(conductor_group='second'))

            write(work)
            self.assertEqual(2, len(attempts))
            self.assertEqual('second', self.read()['host1'].group)

    def test_a_rejected_value_is_not_an_outage(self) -> None:
        self.register()
        table = models.conductors
        refusals = (db_exc.DBError, db_exc.DBInvalidUnicodeParameter)
        for values in (
            {'conductor_group': '\ud800'},
            {'conductor_group': 'x' * 300},
            {'conductor_group': None},
            {'id': 2**70},
        ):
            with self.subTest(values):
                statement = sa.update(table).values(values)
                self.assertRaises(
                    refusals,
                    self.database.write,
                    lambda writer, s=statement: writer.execute(s),
                )
        self.assertEqual('', self.read()['host1'].group)

    def test_a_database_with_a_narrow_encoding_is_refused(self) -> None:
        for encoding, options in self.narrow.items():
            database = self.open(self.server.new_database(options))
            for refuses in (
                migration.ensure,
                migration.upgrade,
                dbsync.check,
                dbsync.upgrade,
            ):
                with self.subTest(f'{encoding} {refuses}'):
                    error = self.assertRaises(
                        errors.ConfigError, refuses, database
                    )
                    self.assertIn(f'encoding {encoding}', str(error))
                    self.assertIn('CREATE DATABASE', str(error))

    def test_no_password_reaches_log_or_error(self) -> None:
        log = self.useFixture(fixtures.FakeLogger(level=0))
        store = conductors.ConductorStore(self.open(self.refusing_url()))
        error = self.assertRaises(errors.RegistryUnavailable, store.check)
        self.assertIn('The registry database cannot be used', log.output)
        self.assertNotIn('hunter2', log.output + str(error))

    def test_dbsync_creates_and_checks_the_tables(self) -> None:
        handle, name = tempfile.mkstemp(suffix='.conf')
        os.close(handle)
        path = pathlib.Path(name)
        self.addCleanup(path.unlink)
        path.write_text(f'[database]\nconnection = {self.new_url()}\n')
        for command, status in (
            ('check', dbsync.EXIT_UPGRADE_NEEDED),
            ('upgrade', dbsync.EXIT_OK),
            ('check', dbsync.EXIT_OK),
            ('version', dbsync.EXIT_OK),
        ):
            arguments = ['--config-file', name, command]
            found = dbsync.main(arguments, cfg.ConfigOpts())
            self.assertEqual(status, found, command)
