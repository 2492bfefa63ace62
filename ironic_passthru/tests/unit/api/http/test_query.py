# SPDX-License-Identifier: Apache-2.0
"""Tests of reading query strings."""

from ironic_passthru import errors
from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.http import query
from ironic_passthru.tests import base


class TestParameters(base.TestCase):
    """Strict parsing of all parameters."""

    def test_what_is_read(self) -> None:
        for text, expected in (
            ('', {}),
            ('a=1&b=2', {'a': '1', 'b': '2'}),
            ('a', {'a': ''}),
            ('a=', {'a': ''}),
            ('a=b=c', {'a': 'b=c'}),
            ('a=1+2', {'a': '1 2'}),
            ('a=%C3%A4', {'a': 'ä'}),
            ('&&a=1&', {'a': '1'}),
            ('a;b=1', {'a;b': '1'}),
            # Bytes that were not escaped, as WSGI hands them out.
            ('a=\xc3\xa4', {'a': 'ä'}),
        ):
            self.assertEqual(
                expected, query.parameters({environ_keys.QUERY: text})
            )

    def test_what_is_refused(self) -> None:
        for text, error in (
            ('a=1&a=1', errors.InvalidArgument),
            ('a=1&%61=2', errors.InvalidArgument),
            ('a=%ff', errors.RequestError),
            ('%ff=a', errors.RequestError),
            ('a=\xff', errors.RequestError),
            ('a=%ED%A0%80', errors.RequestError),
            ('&'.join(map(str, range(101))), errors.RequestError),
        ):
            self.assertRaises(
                error, query.parameters, {environ_keys.QUERY: text}
            )


class TestFirst(base.TestCase):
    """Parsing of one parameter, whatever errors the others have."""

    def test_the_first_value_counts(self) -> None:
        for text, expected in (
            ('', ''),
            ('b=1', ''),
            ('a=', ''),
            ('a=1&a=2', '1'),
            ('b=%ff&a=1', '1'),
            ('b=\xff&a=1', '1'),
        ):
            self.assertEqual(expected, query.first(text, 'a'))

    def test_what_is_not_utf_8_names_nothing(self) -> None:
        self.assertEqual('\ufffd', query.first('a=%ff', 'a'))

    def test_too_many_are_refused(self) -> None:
        text = '&'.join(map(str, range(101)))
        self.assertRaises(errors.RequestError, query.first, text, 'a')
