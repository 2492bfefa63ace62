# SPDX-License-Identifier: Apache-2.0
"""Tests of reading the Prefer header."""

import time

from ironic_passthru.api.http import prefer
from ironic_passthru.tests import base


class TestParse(base.TestCase):
    """Parsing of headers."""

    def test_what_is_understood(self) -> None:
        for header, respond_async, wait in (
            ('respond-async', True, None),
            ('wait=10', False, 10),
            ('respond-async, wait=10', True, 10),
            ('respond-async,wait=10', True, 10),
            ('Respond-Async , WAIT = 10', True, 10),
            ('wait="10"', False, 10),
            ('wait="1\\0"', False, 10),
            ('wait=0', False, 0),
            ('wait=007', False, 7),
            ('respond-async=', True, None),
            ('respond-async=""', True, None),
            ('respond-async; foo="a, b; c"; wait=3', True, None),
            ('foo="respond-async, wait=3", wait=4', False, 4),
            ('foo="a\\", wait=3, \\"", wait=4', False, 4),
            ('foo; wait=3, respond-async', True, None),
            (', ,respond-async,,', True, None),
            ('wait=1, wait=2', False, 1),
            ('bogus("x"), respond-async', True, None),
            ('return=minimal; wait=5', False, None),
        ):
            self.assertEqual(
                prefer.Preferences(respond_async, wait),
                prefer.parse(header),
                header,
            )

    def test_ignored_preferences(self) -> None:
        for header in (
            None,
            '',
            ' ',
            ',',
            ';',
            '=',
            '"',
            '\\',
            'wait',
            'wait=',
            'wait=x',
            'wait=-1',
            'wait=+1',
            'wait=1.5',
            'wait=1 2',
            'wait=\u0661',
            'wait=\xb2',
            'wait=' + '9' * 10,
            'wait="3',
            'wait=x, wait=3',
            'respond-async=yes',
            'respond-async wait=3',
            '"respond-async"',
            'respond-asynchronously',
            'foo="respond-async, wait=3',
        ):
            self.assertEqual(
                prefer.Preferences(), prefer.parse(header), header
            )

    def test_a_long_header_takes_no_time(self) -> None:
        start = time.monotonic()
        for part in ('"', '\\', ',', ' ', ';', '="', 'a=', '"\\', '",', ' ='):
            prefer.parse(part * 30_000)
        self.assertLess(time.monotonic() - start, 2.0)


class TestApplied(base.TestCase):
    """The header of a response."""

    def test_headers(self) -> None:
        self.assertEqual({}, prefer.applied([]))
        self.assertEqual(
            {'Preference-Applied': 'respond-async, wait=3'},
            prefer.applied(['respond-async', 'wait=3']),
        )
