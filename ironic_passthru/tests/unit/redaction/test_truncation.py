# SPDX-License-Identifier: Apache-2.0
"""Truncation of long values, with a note."""

import json
from typing import Any

from ironic_passthru.redaction import truncation
from ironic_passthru.tests import base


class TestValues(base.TestCase):
    """One JSON value."""

    def test_what_fits_stays_what_it_is(self) -> None:
        for value in (None, 7, 'x' * 62, [1, {'a': None}]):
            self.assertIs(value, truncation.of_value(value, 64))

    def test_text_is_cut(self) -> None:
        cut = truncation.of_value('x' * 1000, 64)
        self.assertRegex(cut, r'^x+\.\.\. \(1000 characters\)$')
        self.assertLessEqual(len(json.dumps(cut)), 64)

    def test_what_counts_is_the_json(self) -> None:
        for value in ('\x00' * 63, '"' * 63, '\U0001f600' * 63, ['"' * 63]):
            cut = truncation.of_value(value, 64)
            self.assertLessEqual(len(json.dumps(cut)), 64)
            self.assertIn(' characters)', cut)


class TestReadable(base.TestCase):
    """What is left out before it is masked."""

    def test_what_fits_is_kept(self) -> None:
        values = {'a': 'x' * 10_000, 'b': [{'c': None}], 'd': 1.5}
        self.assertEqual((values, 0), truncation.readable(values))

    def test_a_note_stands_for_what_is_long(self) -> None:
        values = {
            'text': 'x' * 20_000,
            'list': [1] * 20_000,
            'object': {'deep': ['x' * 20_000]},
            'names': {'x' * 20_000: 1},
            'last': 1,
        }
        more_than = '... (more than 16384 characters)'
        self.assertEqual(
            (
                {
                    'text': '... (20000 characters)',
                    'list': more_than,
                    'object': more_than,
                    'names': more_than,
                    'last': 1,
                },
                0,
            ),
            truncation.readable(values),
        )

    def test_there_is_a_bound_for_all(self) -> None:
        values = {f'n{number}': 'x' * 1000 for number in range(1000)}
        values |= {'slot': 7, 'x' * 20_000: 8}
        kept, more = truncation.readable(values, needed=('slot', 'unused'))
        self.assertEqual(7, kept['slot'])
        self.assertLess(len(kept), 40)
        self.assertEqual(1002 - len(kept), more)

    def test_nesting_has_no_bound(self) -> None:
        value: list[Any] = []
        for _ in range(5000):
            value = [value]
        kept, _ = truncation.readable({'deep': value})
        self.assertIs(value, kept['deep'])


class TestObjects(base.TestCase):
    """A JSON object."""

    def test_what_fits_stays_what_it_is(self) -> None:
        values = {'a': 'x' * 80}
        self.assertEqual(values, truncation.of_object(values, 100, each=64))

    def test_long_values_are_cut(self) -> None:
        values = {'a': 'x' * 1000, 'b': 1}
        cut = truncation.of_object(values, 200, each=64)
        self.assertEqual(['a', 'b'], list(cut))
        self.assertIn('(1000 characters)', cut['a'])
        self.assertEqual(1, cut['b'])

    def test_many_are_counted(self) -> None:
        values = {f'name-{number:03}': number for number in range(1000)}
        cut = truncation.of_object(values, 200, each=64)
        shown = len(cut) - 1
        self.assertGreater(shown, 5)
        self.assertEqual(f'{1000 - shown} more', cut['...'])

    def test_those_that_were_left_out_count(self) -> None:
        cut = truncation.of_object({'a': 1}, 200, each=64, more=2)
        self.assertEqual({'a': 1, '...': '2 more'}, cut)
        values = {f'name-{number:03}': number for number in range(1000)}
        cut = truncation.of_object(values, 200, each=64, more=2)
        self.assertEqual(f'{1003 - len(cut)} more', cut['...'])


class TestLists(base.TestCase):
    """A list of texts."""

    def test_what_fits_stays_what_it_is(self) -> None:
        self.assertEqual(['a'], truncation.of_list(['a'], 64, each=64))

    def test_many_are_counted(self) -> None:
        cut = truncation.of_list(['x' * 100] * 100, 200, each=64)
        self.assertIn('(100 characters)', cut[0])
        self.assertEqual(f'... {101 - len(cut)} more', cut[-1])
