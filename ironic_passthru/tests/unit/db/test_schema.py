# SPDX-License-Identifier: Apache-2.0
"""Tests of the schema revision and of its check at start."""

import subprocess
import sys

import sqlalchemy as sa

from ironic_passthru import errors
from ironic_passthru.conf import database as database_conf
from ironic_passthru.db import migration
from ironic_passthru.db import schema
from ironic_passthru.tests.unit.db import sqlite

# Start of an embedded service in another process.
_START = """
import sys
from oslo_config import cfg
from ironic_passthru import conf as project_conf
from ironic_passthru.conf import database as database_conf
from ironic_passthru.db import conductors, migration, session
conf = cfg.ConfigOpts()
project_conf.register_opts(conf, [database_conf])
conf([], project='ironic_passthru', default_config_files=[])
conf.set_override('connection', sys.argv[1], group='database')
database = session.Database(conf)
migration.ensure(database)
conductors.ConductorStore(database).register(
    sys.argv[2], 'run1', group='', drivers={}
)
print('alembic' in sys.modules)
"""


class TestEnsure(sqlite.SQLiteCase):
    """A start creates the schema in an SQLite file."""

    def start(self, url: str, hostname: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, '-c', _START, url, hostname],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, process: subprocess.Popen) -> str:
        output, error = process.communicate(timeout=60)
        self.assertEqual(0, process.returncode, error)
        return output.strip()

    def test_it_creates_a_private_file_in_wal_mode(self) -> None:
        path = self.new_path()
        database = self.open(database_conf.sqlite_url(path))
        migration.ensure(database)
        self.assertEqual(schema.HEAD, schema.revision(database))
        self.assertEqual(0o600, path.stat().st_mode & 0o777)
        with database.reader() as reader:
            mode = reader.scalar(sa.text('PRAGMA journal_mode'))
        self.assertEqual('wal', mode)

    def test_it_upgrades_an_empty_file(self) -> None:
        path = self.new_path()
        path.touch()
        database = self.open(database_conf.sqlite_url(path))
        migration.ensure(database)
        self.assertEqual(schema.HEAD, schema.revision(database))

    def test_a_current_schema_does_not_load_alembic(self) -> None:
        url = self.new_url()
        self.assertEqual('True', self.finish(self.start(url, 'host1')))
        self.assertEqual('False', self.finish(self.start(url, 'host2')))

    def test_processes_that_start_together_all_succeed(self) -> None:
        url = self.new_url()
        processes = [self.start(url, f'host{n}') for n in range(3)]
        for process in processes:
            self.finish(process)
        self.store._database = self.open(url)
        self.assertEqual(3, len(self.read()))

    def test_a_directory_that_is_missing_is_named(self) -> None:
        path = self.new_path().parent / 'missing' / 'registry.sqlite'
        database = self.open(database_conf.sqlite_url(path))
        error = self.assertRaises(
            errors.ConfigError, migration.ensure, database
        )
        self.assertIn(str(path), str(error))


class TestState(sqlite.SQLiteCase):
    """States of a schema."""

    def test_each_state(self) -> None:
        self.assertIs(schema.SchemaState.MISSING, schema.state(None))
        self.assertIs(schema.SchemaState.CURRENT, schema.state(schema.HEAD))
        self.assertIs(schema.SchemaState.UNKNOWN, schema.state('z9'))

    def test_an_earlier_revision_is_old(self) -> None:
        self.addCleanup(setattr, schema, 'REVISIONS', schema.REVISIONS)
        schema.REVISIONS = ('0000', *schema.REVISIONS)
        self.assertIs(schema.SchemaState.OLD, schema.state('0000'))
