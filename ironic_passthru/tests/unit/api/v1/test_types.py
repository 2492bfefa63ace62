# SPDX-License-Identifier: Apache-2.0
"""Tests of the types of queries and responses."""

from ironic_passthru import errors
from ironic_passthru.api.v1 import types
from ironic_passthru.tests import base


class TestQueryTypes(base.TestCase):
    """Values of texts."""

    def test_truth_values(self) -> None:
        for text, expected in (
            ('True', True),
            ('true', True),
            ('1', True),
            ('yes', True),
            ('False', False),
            ('0', False),
            ('off', False),
        ):
            self.assertIs(expected, types.boolean.frombasetype(text))

    def test_what_is_no_truth_value(self) -> None:
        for text in ('', 'perhaps', '2', 'None'):
            self.assertRaises(ValueError, types.boolean.frombasetype, text)

    def test_text_that_a_database_can_look_for(self) -> None:
        for text in ('', 'a b', 'ä\n'):
            self.assertEqual(text, types.text.frombasetype(text))
        self.assertRaises(ValueError, types.text.frombasetype, 'a\x00')

    def test_names(self) -> None:
        for text, expected in (
            ('a', ['a']),
            ('a,b', ['a', 'b']),
            (' a , b ', ['a', 'b']),
            ('b,a,b', ['b', 'a']),
        ):
            self.assertEqual(expected, types.name_list.frombasetype(text))

    def test_what_are_no_names(self) -> None:
        for text in ('', ',', 'a,', 'a,,b', ' '):
            self.assertRaises(ValueError, types.name_list.frombasetype, text)


class TestFields(base.TestCase):
    """Choosing fields of a resource."""

    def test_only_those_asked_for_stay(self) -> None:
        driver = types.DriverResource(name='d', hosts=['h'], links=[])
        types.select(driver, ['hosts'])
        self.assertFalse(driver.name)
        self.assertEqual(['h'], driver.hosts)
        self.assertEqual([], driver.links)

    def test_unknown_fields(self) -> None:
        error = self.assertRaises(
            errors.InvalidArgument,
            types.check_fields,
            types.LinkResource,
            ['rel', 'x', 'y'],
            without=('rel',),
        )
        self.assertEqual(
            "Invalid value for argument 'fields': unknown: rel, x, y; "
            'known: href',
            error.message,
        )

    def test_fields_and_detail(self) -> None:
        error = self.assertRaises(
            errors.InvalidArgument,
            types.check_fields,
            types.LinkResource,
            ['rel'],
            detail=True,
        )
        self.assertIn('combined with detail', error.message)
