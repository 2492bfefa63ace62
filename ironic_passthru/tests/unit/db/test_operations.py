# SPDX-License-Identifier: Apache-2.0
"""Tests of the operation store on SQLite."""

import datetime
import itertools
import sqlite3
import typing
from typing import Any

import sqlalchemy as sa

from ironic_passthru import operation
from ironic_passthru.db import models
from ironic_passthru.db import operation_queries
from ironic_passthru.tests.unit.db import operation_cases
from ironic_passthru.tests.unit.db import split_cases
from ironic_passthru.tests.unit.db import sqlite


class TestSQLite(
    sqlite.SQLiteCase, *operation_cases.ALL_CASES, *split_cases.ALL_CASES
):
    """Cases for all databases, and values that only SQLite stores."""

    def plan(self, **filters: Any) -> str:
        """Return the query plan of a page."""
        sent: list[tuple[str, Any]] = []

        def save(
            _: Any, __: Any, statement: str, values: Any, *___: Any
        ) -> None:
            sent.append((statement, values))

        with self.database.connection() as connection:
            engine = connection.engine
            sa.event.listen(engine, 'before_cursor_execute', save)
            self.operations.page(limit=5, **filters)
            sa.event.remove(engine, 'before_cursor_execute', save)
            statement, values = sent[-1]
            rows = connection.exec_driver_sql(
                f'EXPLAIN QUERY PLAN {statement}', values
            )
            return '; '.join(row.detail for row in rows)

    def test_statements_have_a_limited_number_of_parameters(self) -> None:
        limit = 1000
        with self.database.connection() as connection:
            sa.event.listen(
                connection.engine,
                'begin',
                lambda begun: begun.connection.dbapi_connection.setlimit(
                    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, limit
                ),
            )
        self.writer.apply([self.new() for _ in range(limit + 100)])
        self.assertEqual(limit + 100, self.operations.reap_own('run1'))

    def test_lists_of_an_owner_use_an_index(self) -> None:
        marker = self.get(self.record())
        for owner, index in (
            (operation.Owner(project_id='p'), 'project_id_created_at_id'),
            (operation.Owner(user_id='u'), 'user_id_project_id_created_at_id'),
        ):
            for filters in ({}, {'marker': marker}, {'method': 'm'}):
                plan = self.plan(owner=owner, **filters)
                self.assertIn(f'INDEX ix_operations_{index} ', plan)
                self.assertNotIn('TEMP', plan)

    def test_filters_and_orders_use_indexes(self) -> None:
        for filters in (
            {'target': 't'},
            {'method': 'm'},
            {'user_id': 'u'},
            {'project_id': 'p'},
            {'created_after': datetime.datetime.now(datetime.UTC)},
        ):
            plan = self.plan(**filters)
            self.assertIn('SEARCH operations USING ', plan, filters)
            self.assertNotIn('SCAN', plan, filters)
        for key in operation_queries.SORT_KEYS:
            order = operation_queries.Order(key)
            self.assertNotIn('TEMP', self.plan(order=order), key)

    def test_values_of_other_types(self) -> None:
        """One row must not hide the others."""
        ids = {self.record()}
        values = ('nonsense', '', '0000-00-00 00:00:00', 7, b'\xff')
        for column, value in itertools.product(models.operations.c, values):
            if column.primary_key:
                continue
            one = self.finished('1')
            self.execute(
                sa.text(
                    f'UPDATE operations SET {column.name} = :v WHERE id = :id'
                ).bindparams(v=value, id=one)
            )
            with self.subTest(f'{column} {value!r}'):
                self.assert_types(self.get(one))
            ids.add(one)
        found = self.operations.page(limit=500)
        self.assertEqual(ids, {each.id for each in found})
        for each in found:
            self.assert_types(each)

    def assert_types(self, record: operation.Operation) -> None:
        hints = typing.get_type_hints(operation.Operation)
        for name, hint in hints.items():
            origin = typing.get_origin(hint)
            expected = typing.get_args(hint) if origin else (hint,)
            types = tuple(typing.get_origin(t) or t for t in expected)
            self.assertIsInstance(getattr(record, name), types, name)
