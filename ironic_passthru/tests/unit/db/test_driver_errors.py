# SPDX-License-Identifier: Apache-2.0
"""Tests of the classification of errors by their codes."""

import sqlite3
from typing import Any

import pymysql
import sqlalchemy as sa
from oslo_db import exception as db_exc
from sqlalchemy import exc as sa_exc

from ironic_passthru.db import driver_errors
from ironic_passthru.tests import base

Failure = driver_errors.DatabaseFailure


class FakePostgreSQLError(Exception):
    """Error of psycopg2, whose ``pgcode`` is read-only."""

    def __init__(self, pgcode: str | None) -> None:
        super().__init__('Fehler: in der Sprache des Servers')
        self.pgcode = pgcode


def wrapped(error: Exception) -> Exception:
    """Return an error wrapped by SQLAlchemy and oslo.db."""
    return db_exc.DBError(sa_exc.DBAPIError('SELECT', {}, error))


class TestClassify(base.TestCase):
    """Consequence of each error."""

    def check(self, expected: dict[Any, Failure], make: Any) -> None:
        for code, failure in expected.items():
            with self.subTest(code):
                error = make(code)
                self.assertIs(failure, driver_errors.classify(error))
                self.assertIs(failure, driver_errors.classify(wrapped(error)))

    def test_postgresql(self) -> None:
        self.check(
            {
                '40001': Failure.CONFLICT,
                '40P01': Failure.CONFLICT,
                '55P03': Failure.CONFLICT,
                # The transaction may have been committed.
                '40003': Failure.UNAVAILABLE,
                '22021': Failure.REFUSED,
                '22P05': Failure.REFUSED,
                '23502': Failure.REFUSED,
                '23503': Failure.REFUSED,
                '54000': Failure.REFUSED,
                '23505': Failure.DUPLICATE,
                # Timeout, disk full, read only, no table.
                '57014': Failure.UNAVAILABLE,
                '53100': Failure.UNAVAILABLE,
                '25006': Failure.UNAVAILABLE,
                '42P01': Failure.UNAVAILABLE,
                None: Failure.UNAVAILABLE,
            },
            FakePostgreSQLError,
        )

    def test_mysql(self) -> None:
        self.check(
            {
                1020: Failure.CONFLICT,
                1205: Failure.CONFLICT,
                1213: Failure.CONFLICT,
                1366: Failure.REFUSED,
                1406: Failure.REFUSED,
                1264: Failure.REFUSED,
                1153: Failure.REFUSED,
                1062: Failure.DUPLICATE,
                # Full, read only, no majority, no table.
                1114: Failure.UNAVAILABLE,
                1290: Failure.UNAVAILABLE,
                1047: Failure.UNAVAILABLE,
                1146: Failure.UNAVAILABLE,
            },
            lambda code: pymysql.err.OperationalError(code, 'any message'),
        )

    def test_sqlite(self) -> None:
        def make(code: int) -> sqlite3.Error:
            error = sqlite3.OperationalError('any message')
            error.sqlite_errorcode = code
            return error

        self.check(
            {
                sqlite3.SQLITE_BUSY: Failure.CONFLICT,
                sqlite3.SQLITE_BUSY_SNAPSHOT: Failure.CONFLICT,
                sqlite3.SQLITE_LOCKED: Failure.CONFLICT,
                sqlite3.SQLITE_TOOBIG: Failure.REFUSED,
                sqlite3.SQLITE_CONSTRAINT_NOTNULL: Failure.REFUSED,
                sqlite3.SQLITE_CONSTRAINT_UNIQUE: Failure.DUPLICATE,
                sqlite3.SQLITE_FULL: Failure.UNAVAILABLE,
                sqlite3.SQLITE_READONLY: Failure.UNAVAILABLE,
                sqlite3.SQLITE_CANTOPEN: Failure.UNAVAILABLE,
                sqlite3.SQLITE_ERROR: Failure.UNAVAILABLE,
            },
            make,
        )

    def test_values_that_a_driver_cannot_convert(self) -> None:
        self.check(
            {
                UnicodeEncodeError: Failure.REFUSED,
                ValueError: Failure.REFUSED,
                OverflowError: Failure.REFUSED,
                OSError: Failure.UNAVAILABLE,
            },
            lambda kind: (
                UnicodeEncodeError('latin-1', '\u2713', 0, 1, 'no')
                if kind is UnicodeEncodeError
                else kind('no')
            ),
        )

    def test_a_real_error_of_a_driver(self) -> None:
        engine = sa.create_engine('sqlite://')
        with engine.connect() as connection:
            connection.exec_driver_sql('CREATE TABLE one (id INTEGER UNIQUE)')
            insert = 'INSERT INTO one VALUES (1)'
            connection.exec_driver_sql(insert)
            error = self.assertRaises(
                sa_exc.IntegrityError, connection.exec_driver_sql, insert
            )
        self.assertIs(Failure.DUPLICATE, driver_errors.classify(error))

    def test_a_cycle_of_causes_ends(self) -> None:
        one = Exception()
        one.__cause__ = one
        self.assertIs(Failure.UNAVAILABLE, driver_errors.classify(one))
