# SPDX-License-Identifier: Apache-2.0
"""Tests of the migrations on SQLite."""

import configparser
import pathlib

from ironic_passthru.db import migration
from ironic_passthru.db import schema
from ironic_passthru.tests.unit.db import cases
from ironic_passthru.tests.unit.db import sqlite


class TestSQLite(sqlite.SQLiteCase, cases.SchemaCases):
    """All that holds on every database."""

    def test_the_revisions_known_without_alembic_are_all(self) -> None:
        self.assertEqual(migration.revisions(), schema.REVISIONS)
        self.assertEqual(migration.revisions()[-1], schema.HEAD)

    def test_the_file_for_authors_names_the_same_directory(self) -> None:
        path = pathlib.Path(migration.__file__).with_name('alembic.ini')
        parser = configparser.ConfigParser({'here': str(path.parent)})
        parser.read(path)
        self.assertEqual(
            str(path.with_name('alembic')),
            parser['alembic']['script_location'],
        )
