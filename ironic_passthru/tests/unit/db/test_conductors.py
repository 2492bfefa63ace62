# SPDX-License-Identifier: Apache-2.0
"""Tests of the conductor store on SQLite."""

import json

import fixtures
import sqlalchemy as sa

from ironic_passthru import errors
from ironic_passthru.db import conductors
from ironic_passthru.db import models
from ironic_passthru.tests.unit.db import cases
from ironic_passthru.tests.unit.db import sqlite


class TestSQLite(
    sqlite.SQLiteCase,
    cases.ConductorCases,
    cases.CatalogCases,
    cases.ConcurrencyCases,
    cases.ScaleCases,
):
    """Cases for all databases, and values that only SQLite stores."""

    def test_invalid_times(self) -> None:
        """One row must not hide the others."""
        self.register('host1')
        for column in ('heartbeat_at', 'started_at', 'created_at'):
            for value in ('nonsense', '', '0000-00-00 00:00:00', 7, b'\xff'):
                self.register('host2')
                self.execute(
                    sa.text(
                        f'UPDATE conductors SET {column} = :value '
                        "WHERE hostname = 'host2'"
                    ).bindparams(value=value)
                )
                found = self.read()
                self.assertTrue(found['host1'].alive)
                is_alive = column != 'heartbeat_at'
                self.assertEqual(is_alive, found['host2'].alive, value)

    def test_binary_values_in_text_columns(self) -> None:
        log = self.useFixture(fixtures.FakeLogger(level=0))
        self.register('host1')
        self.execute(sa.text("UPDATE conductors SET conductor_group = x'ff'"))
        self.assertEqual('\ufffd', self.read()['host1'].group)
        self.assertEqual(1, log.output.count('contains a binary value'))


class TestRefusals(sqlite.SQLiteCase):
    """Values that databases treat differently are rejected."""

    def refused(self, **values: object) -> str:
        arguments: dict = {
            'hostname': 'host1',
            'incarnation': 'run1',
            'group': '',
            'drivers': {},
        }
        arguments.update(values)
        error = self.assertRaises(
            errors.ConfigError, self.store.register, **arguments
        )
        self.assertEqual({}, self.read())
        self.assertNotIn('\n', str(error))
        return str(error)

    def test_names(self) -> None:
        for name in ('', 'a ', ' a', 'a\x00b', 'a\nb', '\ud800', 'a' * 256):
            with self.subTest(name):
                self.assertIn('host name', self.refused(hostname=name))
                drivers = {name: cases.ONE}
                self.assertIn('driver name', self.refused(drivers=drivers))
                if name:
                    self.assertIn('group', self.refused(group=name))

    def test_incarnations(self) -> None:
        longest = models.MAX_INCARNATION_LENGTH
        for incarnation in ('', 'i' * (longest + 1)):
            with self.subTest(incarnation):
                text = self.refused(incarnation=incarnation)
                self.assertIn(f'1 to {longest}', text)

    def test_digests_of_another_length(self) -> None:
        entry = conductors.CatalogEntry(digest='abc', document={})
        text = self.refused(drivers={'acme': entry})
        self.assertIn("driver 'acme'", text)

    def test_documents_that_are_too_large(self) -> None:
        size = conductors.MAX_DOCUMENT_SIZE - len(json.dumps({'a': ''})) + 2
        entry = cases.entry({'a': 'x' * size})
        text = self.refused(drivers={'acme': entry})
        self.assertIn(str(conductors.MAX_DOCUMENT_SIZE), text)
