# SPDX-License-Identifier: Apache-2.0
"""Tests of the tables and of the database's clock."""

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite

from ironic_passthru.db import models
from ironic_passthru.tests import base


class TestClock(base.TestCase):
    """Each database is asked for its own clock, in UTC, with fractions."""

    def test_each_dialect_has_its_words(self) -> None:
        for dialect, words in (
            (postgresql.dialect(), 'clock_timestamp() AT TIME ZONE'),
            (mysql.dialect(), 'UTC_TIMESTAMP(6)'),
            (sqlite.dialect(), 'strftime('),
        ):
            with self.subTest(dialect.name):
                query = sa.select(models.utc_now()).compile(dialect=dialect)
                self.assertIn(words, str(query))


class TestTables(base.TestCase):
    """What MariaDB needs to be told to behave as the others do."""

    def test_names_are_compared_byte_by_byte(self) -> None:
        for table in models.metadata.tables.values():
            options = table.dialect_options['mysql']
            self.assertEqual('utf8mb4_bin', options['collate'], table.name)

    def test_times_have_fractions_and_documents_room(self) -> None:
        dialect = mysql.dialect()
        for table in models.metadata.tables.values():
            for column in table.columns:
                found = column.type.compile(dialect=dialect)
                self.assertNotIn(found, ('DATETIME', 'TEXT'), str(column))
