# SPDX-License-Identifier: Apache-2.0
"""Tests of the migrations on SQLite."""

import configparser
import pathlib

import sqlalchemy as sa
from alembic import script

from ironic_passthru.db import migration
from ironic_passthru.db import schema
from ironic_passthru.tests.unit.db import cases
from ironic_passthru.tests.unit.db import sqlite


class TestSQLite(sqlite.SQLiteCase, cases.SchemaCases):
    """Cases for all databases."""

    def test_revisions_without_alembic(self) -> None:
        directory = pathlib.Path(migration.__file__).parent / 'alembic'
        walk = script.ScriptDirectory(str(directory)).walk_revisions()
        newest_first = [entry.revision for entry in walk]
        self.assertEqual(tuple(reversed(newest_first)), schema.REVISIONS)

    def test_an_upgrade_accepts_rows_of_older_releases(self) -> None:
        """Older releases run with the schema of the next release."""
        database = self.open(self.new_url())
        before: dict[str, dict[str, sa.engine.interfaces.ReflectedColumn]] = {}
        for revision in schema.REVISIONS:
            migration.upgrade(database, revision)
            with database.connection() as connection:
                inspector = sa.inspect(connection)
                after = {
                    table: {
                        column['name']: column
                        for column in inspector.get_columns(table)
                    }
                    for table in inspector.get_table_names()
                }
            for table, columns in before.items():
                self.assertEqual(set(), columns.keys() - after[table].keys())
                for name, column in after[table].items():
                    if name not in columns:
                        known = column['nullable'] or column['default']
                        self.assertTrue(known, (revision, table, name))
                    elif columns[name]['nullable']:
                        self.assertTrue(column['nullable'], (table, name))
            before = after

    def test_alembic_ini_contains_the_same_directory(self) -> None:
        path = pathlib.Path(migration.__file__).with_name('alembic.ini')
        parser = configparser.ConfigParser({'here': str(path.parent)})
        parser.read(path)
        self.assertEqual(
            str(path.with_name('alembic')),
            parser['alembic']['script_location'],
        )
