# SPDX-License-Identifier: Apache-2.0
"""Tests of the tables and of the clock of the database."""

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite

from ironic_passthru.db import models
from ironic_passthru.tests import base


class TestClock(base.TestCase):
    """UTC clock with fractions of a second."""

    def test_expression_of_each_dialect(self) -> None:
        for dialect, expected in (
            (postgresql.dialect(), 'clock_timestamp() AT TIME ZONE'),
            (mysql.dialect(), 'UTC_TIMESTAMP(6)'),
            (sqlite.dialect(), 'strftime('),
        ):
            with self.subTest(dialect.name):
                query = sa.select(models.utc_now()).compile(dialect=dialect)
                self.assertIn(expected, str(query))


class TestTables(base.TestCase):
    """Options for MariaDB."""

    def test_names_are_compared_byte_by_byte(self) -> None:
        for table in models.metadata.tables.values():
            options = table.dialect_options['mysql']
            self.assertEqual('utf8mb4_bin', options['collate'], table.name)

    def test_types_of_times_and_documents(self) -> None:
        dialect = mysql.dialect()
        for table in models.metadata.tables.values():
            for column in table.columns:
                found = column.type.compile(dialect=dialect)
                self.assertNotIn(found, ('DATETIME', 'TEXT'), str(column))
