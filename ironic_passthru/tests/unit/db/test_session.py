# SPDX-License-Identifier: Apache-2.0
"""Tests of transactions and connections."""

import collections.abc
import concurrent.futures
import contextlib
import logging
import os
import pathlib
import sqlite3
import subprocess
import sys
import threading
from typing import Any
from unittest import mock

import fixtures
import sqlalchemy as sa
from oslo_db import exception as db_exc
from sqlalchemy import orm

from ironic_passthru import errors
from ironic_passthru.conf import database as database_conf
from ironic_passthru.db import models
from ironic_passthru.db import session
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.db import sqlite


class TestUnavailable(base.TestCase):
    """Unavailable servers, and the log records of an outage."""

    def test_nothing_connects_before_the_first_query(self) -> None:
        for url in ('postgresql://127.0.0.1:1/d', 'mysql://127.0.0.1:1/d'):
            conf = self.make_conf(database__connection=url)
            database = session.Database(conf)
            self.addCleanup(database.close)
            error = self.assertRaises(
                errors.RegistryUnavailable, self.query, database
            )
            self.assertIn('refused', session.cause(error.__cause__))
            self.assertNotIn('127.0.0.1', str(error))

    def query(self, database: session.Database) -> None:
        with database.reader() as reader:
            reader.execute(sa.text('SELECT 1'))

    def test_log_records_of_an_outage(self) -> None:
        log = self.useFixture(fixtures.FakeLogger(level=0))
        url = 'postgresql://user:hunter2@127.0.0.1:1/d'
        database = session.Database(self.make_conf(database__connection=url))
        for _ in range(3):
            self.assertRaises(errors.RegistryUnavailable, self.query, database)
            self.assertRaises(
                errors.RegistryUnavailable,
                database.write,
                lambda writer: writer.execute(sa.text('SELECT 1')),
            )
        self.assertEqual(1, log.output.count('cannot be used'), log.output)
        self.assertIn('Connection refused', log.output)
        self.assertNotIn('Traceback', log.output)
        self.assertNotIn('hunter2', log.output)

    def test_interval_of_log_records(self) -> None:
        log = self.useFixture(
            fixtures.FakeLogger(level=logging.INFO, format='%(levelname)s')
        )
        now = 1000.0
        outage_log = session.OutageLog(lambda: now)
        outage_log.succeeded()
        for seconds, expected in (
            (0, 1),
            (59, 1),
            (60, 2),
            (119, 2),
            (121, 3),
            (1000, 4),
        ):
            now = 1000.0 + seconds
            outage_log.failed(KeyError())
            self.assertEqual(['ERROR'] * expected, log.output.split())
        for _ in range(2):
            outage_log.succeeded()
        outage_log.failed(KeyError())
        self.assertEqual(['ERROR'] * 4 + ['INFO', 'ERROR'], log.output.split())


class TestDatabase(sqlite.SQLiteCase):
    """Transactions."""

    def groups(self) -> list[str]:
        with self.database.reader() as reader:
            column = models.conductors.c.conductor_group
            return list(reader.scalars(sa.select(column)))

    def set_group(self, writer: orm.Session, group: str = 'new') -> None:
        writer.execute(
            sa.update(models.conductors).values(conductor_group=group)
        )

    def test_a_writer_that_fails_changes_nothing(self) -> None:
        self.register()

        def fail() -> None:
            with self.database.writer() as writer:
                self.set_group(writer)
                raise KeyError('mine')

        self.assertRaises(KeyError, fail)
        self.assertEqual([''], self.groups())

    def test_a_conflict_is_repeated(self) -> None:
        self.register()
        for conflict in (
            db_exc.DBDeadlock(),
            db_exc.DBDuplicateEntry(),
            db_exc.DBConnectionError(),
        ):
            attempts = []

            def work(writer: orm.Session, attempts=attempts, e=conflict):
                self.set_group(writer, f'group{len(attempts)}')
                attempts.append(writer)
                if len(attempts) == 1:
                    raise e
                return 'result'

            self.assertEqual('result', self.database.write(work))
            self.assertEqual(['group1'], self.groups())

    def test_it_gives_up_after_the_configured_retries(self) -> None:
        conf = self.make_conf(
            database__connection=self.url, database__db_max_retries=2
        )
        database = session.Database(conf)
        attempts = []

        def work(writer: orm.Session) -> None:
            attempts.append(writer)
            raise db_exc.DBDeadlock()

        self.assertRaises(errors.RegistryUnavailable, database.write, work)
        self.assertEqual(3, len(attempts))

    def test_it_gives_up_after_the_timeout(self) -> None:
        """Attempts that wait for locks may be slow."""
        impatient = session.Database(
            self.make_conf(database__connection=self.url),
            answer_timeout_seconds=0,
        )
        self.addCleanup(impatient.close)
        for conflict in (db_exc.DBDeadlock(), db_exc.DBConnectionError()):
            attempts = []

            def work(writer: orm.Session, attempts=attempts, e=conflict):
                attempts.append(writer)
                raise e

            self.assertRaises(
                errors.RegistryUnavailable, impatient.write, work
            )
            self.assertEqual(1, len(attempts))

    def refuse_isolation(self, times: float) -> None:
        """Let the first attempts to set the isolation level fail."""
        levels: list[str] = []

        def set_level(_dialect: Any, _connection: Any, level: str) -> None:
            levels.append(level)
            if len(levels) <= times:
                raise sqlite3.OperationalError('not prepared')

        self.useFixture(
            fixtures.MonkeyPatch(
                'sqlalchemy.dialects.sqlite.pysqlite.SQLiteDialect_pysqlite'
                '.set_isolation_level',
                set_level,
            )
        )
        for options in (session._READER_OPTIONS, session._WRITER_OPTIONS):
            self.enterContext(
                mock.patch.dict(
                    options, sqlite={'isolation_level': 'SERIALIZABLE'}
                )
            )

    def test_a_server_that_cannot_isolate_is_unavailable(self) -> None:
        self.refuse_isolation(float('inf'))
        dedicated = self.database.dedicated_connection()
        self.addCleanup(dedicated.close)
        for use in (
            lambda: self.database.write(lambda writer: None),
            lambda: dedicated.write(lambda writer: None),
            lambda: self.enterContext(self.database.reader()),
            lambda: self.enterContext(self.database.writer()),
        ):
            self.assertRaises(errors.RegistryUnavailable, use)

    def test_setting_the_isolation_level_is_repeated(self) -> None:
        dedicated = self.database.dedicated_connection()
        self.addCleanup(dedicated.close)
        for write in (self.database.write, dedicated.write):
            self.refuse_isolation(1)
            self.assertEqual(7, write(lambda writer: 7))

    def test_constraint_errors_are_not_translated(self) -> None:
        statement = sa.insert(models.conductor_drivers).values(
            conductor_id=99, driver='none', digest='none'
        )
        self.assertRaises(db_exc.DBReferenceError, self.execute, statement)

    def test_a_file_that_is_locked_is_unavailable(self) -> None:
        self.register()
        with self.database.writer() as first:
            self.set_group(first)
            self.assertRaises(
                errors.RegistryUnavailable, self.write_impatiently
            )

    def write_impatiently(self) -> None:
        with self.database.connection() as connection:
            connection.exec_driver_sql('PRAGMA busy_timeout = 10')
            connection.exec_driver_sql('DELETE FROM conductors')

    def test_a_reader_does_not_wait_for_a_writer(self) -> None:
        self.register()
        with (
            concurrent.futures.ThreadPoolExecutor(1) as pool,
            self.database.writer() as writer,
        ):
            self.set_group(writer)
            self.assertEqual([''], pool.submit(self.groups).result(5))

    def test_writers_wait_for_each_other(self) -> None:
        """In SQLite, two transactions that start as readers cannot write."""
        self.register()
        start = threading.Barrier(4)

        def count(_number: int) -> None:
            start.wait(10)
            for _ in range(5):
                with self.database.writer() as writer:
                    column = models.conductors.c.conductor_group
                    found = writer.scalar(sa.select(column)) or '0'
                    self.set_group(writer, str(int(found) + 1))

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(count, range(4)))
        self.assertEqual(['20'], self.groups())

    def test_a_rejected_value_is_not_an_outage(self) -> None:
        """The caller gets the error of the driver."""
        self.register()
        table = models.conductors
        refusals = (db_exc.DBError, db_exc.DBInvalidUnicodeParameter)
        for values in (
            {'conductor_group': '\ud800'},
            {'id': 2**70},
            {'conductor_group': None},
        ):
            with self.subTest(values):
                statement = sa.update(table).values(values)
                attempts: list[str] = []

                def work(writer: orm.Session, s=statement, a=attempts) -> None:
                    a.append('one')
                    writer.execute(s)

                self.assertRaises(refusals, self.database.write, work)
                self.assertEqual(1, len(attempts))
        self.assertEqual([''], self.groups())

    def test_an_outdated_snapshot_is_repeated(self) -> None:
        """SQLite rejects it without waiting (SQLITE_BUSY_SNAPSHOT)."""
        self.register()
        self.useFixture(
            fixtures.MonkeyPatch(
                'ironic_passthru.db.session._WRITER_OPTIONS', {'sqlite': {}}
            )
        )
        other = sqlite3.connect(self.database.url.database or '')
        self.addCleanup(other.close)
        attempts: list[str] = []

        def work(writer: orm.Session) -> None:
            writer.execute(sa.select(models.conductors)).all()
            if not attempts:
                other.execute("UPDATE conductors SET conductor_group = 'x'")
                other.commit()
            attempts.append('one')
            self.set_group(writer)

        self.database.write(work)
        self.assertEqual(2, len(attempts))
        self.assertEqual(['new'], self.groups())

    def test_it_works_again_after_close(self) -> None:
        self.database.close()
        self.register()
        self.assertEqual([''], self.groups())

    def test_a_child_process_gets_connections_of_its_own(self) -> None:
        self.register()
        child = os.fork()
        if not child:
            # The test runner must not continue in the child.
            os._exit(0 if self.groups() == [''] else 1)
        self.assertEqual(0, os.waitpid(child, 0)[1])
        self.assertEqual([''], self.groups())


class TestCause(base.TestCase):
    """Messages of errors for the log."""

    def test_statements_and_parameters_are_left_out(self) -> None:
        inner = sa.exc.OperationalError(
            'SELECT secret', {'a': 'hunter2'}, Exception('no\n route')
        )
        wrapped = db_exc.DBConnectionError(inner)
        self.assertEqual('no route', session.cause(inner))
        self.assertEqual('no route', session.cause(wrapped))

    def test_an_error_without_text_gives_its_name(self) -> None:
        self.assertEqual('KeyError', session.cause(KeyError()))

    def test_rows_are_not_quoted(self) -> None:
        for quoted in (
            'DETAIL:  Failing row contains (1, hunter2).',
            'LINE 1: INSERT INTO operations VALUES (hunter2)\n  ^',
            'CONTEXT:  JSON data, line 1: {"key": "hunter2...',
        ):
            error = ValueError(f'no such\nvalue\n{quoted}\n')
            self.assertEqual('no such value', session.cause(error))


class TestImport(base.TestCase):
    """Imports, and URLs of SQLite."""

    def test_the_store_does_not_import_alembic(self) -> None:
        program = (
            'import sys; '
            'from ironic_passthru.db import conductors, migration; '
            "sys.exit('alembic' in sys.modules)"
        )
        subprocess.run([sys.executable, '-c', program], check=True, timeout=60)

    def test_sqlite_url_survives_odd_paths(self) -> None:
        for path in ('/tmp/a b/c', '/tmp/50%/x', '/tmp/ü', 'relative.db'):
            url = sa.make_url(database_conf.sqlite_url(path))
            self.assertEqual(path, url.database)


class TestLostFile(sqlite.SQLiteCase):
    """An SQLite file that is removed or replaced while it is open."""

    def setUp(self) -> None:
        super().setUp()
        self.register()
        self.dedicated = self.database.dedicated_connection()
        self.addCleanup(self.dedicated.close)
        self.path = pathlib.Path(self.database.url.database or '')
        self.dedicated.write(self.change)
        self.read()

    def change(self, writer: Any) -> None:
        statement = sa.update(models.conductors)
        writer.execute(statement.values(conductor_group='new'))

    def uses(self) -> dict[str, collections.abc.Callable[[], object]]:
        return {
            'dedicated': lambda: self.dedicated.write(self.change),
            'pool': lambda: self.database.write(self.change),
            'reader': self.read,
        }

    def check_unavailable(self, cause: str) -> None:
        for name, use in self.uses().items():
            with self.subTest(name):
                error = self.assertRaises(errors.RegistryUnavailable, use)
                assert error.__cause__ is not None
                self.assertIn(cause, session.cause(error.__cause__))

    def test_nothing_is_committed_to_a_removed_file(self) -> None:
        self.path.rename(self.path.with_suffix('.old'))
        self.check_unavailable('is missing')
        self.assertFalse(self.path.exists())

    def test_it_continues_when_the_file_is_back(self) -> None:
        log = self.useFixture(
            fixtures.FakeLogger(
                level=logging.INFO, format='%(levelname)s %(message)s'
            )
        )
        old = self.path.with_suffix('.old')
        self.path.rename(old)
        self.check_unavailable('is missing')
        old.rename(self.path)
        for name, use in self.uses().items():
            with self.subTest(name):
                use()
        self.assertEqual('new', self.read()['host1'].group)
        self.assertEqual(
            [
                'ERROR The registry database cannot be used: the file '
                f'{self.path} is missing',
                'INFO The registry database is available again',
            ],
            log.output.splitlines(),
        )

    def test_a_file_without_tables_is_unavailable(self) -> None:
        self.path.unlink()
        self.path.touch()
        self.check_unavailable('no such table')

    def test_a_replacement_is_used(self) -> None:
        copy = self.path.with_suffix('.copy')
        with (
            contextlib.closing(sqlite3.connect(self.path)) as source,
            contextlib.closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
        copy.rename(self.path)
        self.dedicated.write(self.change)
        with contextlib.closing(sqlite3.connect(self.path)) as found:
            rows = found.execute('SELECT conductor_group FROM conductors')
            self.assertEqual([('new',)], rows.fetchall())

    def test_a_file_removed_before_the_commit(self) -> None:
        def work(writer: Any) -> None:
            self.change(writer)
            self.path.unlink(missing_ok=True)

        for write in (self.database.write, self.dedicated.write):
            self.assertRaises(errors.RegistryUnavailable, write, work)

    def test_a_removed_write_ahead_log(self) -> None:
        """A commit is in that file until it is moved to the other one."""
        lost: list[str] = []

        def work(writer: Any) -> None:
            self.change(writer)
            wal = self.path.with_name(f'{self.path.name}-wal')
            if not lost:
                wal.unlink()
            lost.append('once')

        self.dedicated.write(work)
        self.assertEqual(2, len(lost), 'the transaction was repeated')
