# SPDX-License-Identifier: Apache-2.0
"""Tests of the store of operations on SQLite."""

from typing import Any

import sqlalchemy as sa

from ironic_passthru import operation
from ironic_passthru.tests.unit.db import operation_cases
from ironic_passthru.tests.unit.db import sqlite

State = operation.State


class TestSQLite(sqlite.SQLiteCase, *operation_cases.ALL_CASES):
    """All that holds on every database."""

    def plan(self, **filters: Any) -> str:
        """Return how the database finds a page."""
        sent: list[tuple[str, Any]] = []

        def note(
            _: Any, __: Any, statement: str, values: Any, *___: Any
        ) -> None:
            sent.append((statement, values))

        with self.database.connection() as connection:
            engine = connection.engine
            sa.event.listen(engine, 'before_cursor_execute', note)
            self.operations.page(limit=5, **filters)
            sa.event.remove(engine, 'before_cursor_execute', note)
            statement, values = sent[-1]
            rows = connection.exec_driver_sql(
                f'EXPLAIN QUERY PLAN {statement}', values
            )
            return '; '.join(row.detail for row in rows)

    def test_the_own_are_read_in_the_order_of_an_index(self) -> None:
        marker = self.get(self.record())
        for owner, index in (
            (operation.Owner(project_id='p'), 'project_id_created_at_id'),
            (operation.Owner(user_id='u'), 'user_id_project_id_created_at_id'),
        ):
            for filters in ({}, {'marker': marker}, {'method': 'm'}):
                plan = self.plan(owner=owner, **filters)
                self.assertIn(f'INDEX ix_operations_{index} ', plan)
                self.assertNotIn('TEMP', plan)

    def test_values_of_other_types(self) -> None:
        """SQLite stores any value; one row must not hide the others."""
        good = self.record()
        for column in ('created_at', 'started_at', 'progress_percent'):
            for value in ('nonsense', '', '0000-00-00 00:00:00', 7, b'\xff'):
                one = self.record()
                self.execute(
                    sa.text(
                        f'UPDATE operations SET {column} = :v WHERE id = :id'
                    ).bindparams(v=value, id=one)
                )
                self.assertEqual(State.QUEUED, self.get(one).state)
                found = self.operations.page(limit=500)
                self.assertIn(good, [each.id for each in found])
