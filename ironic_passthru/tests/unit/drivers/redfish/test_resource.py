# SPDX-License-Identifier: Apache-2.0
"""Tolerance of odd documents."""

import json
from typing import Any

import urllib3

from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import resource
from ironic_passthru.tests import base


def made(document: dict[str, Any], *etags: str) -> resource.Resource:
    headers = urllib3.HTTPHeaderDict()
    for etag in etags:
        headers.add('ETag', etag)
    return resource.Resource('/redfish/v1/Systems/1/', document, 200, headers)


class JsonObjectTest(base.TestCase):
    """Accessors return a default for everything that is not usable."""

    ACCESSORS = (
        ('text', None),
        ('number', None),
        ('flag', None),
        ('link', None),
        ('links', []),
        ('array', []),
        ('texts', []),
        ('mappings', []),
    )

    def test_unusable(self) -> None:
        for document in (
            {},
            {'A': None},
            {'A': {}},
            {'A': {'@odata.id': 7}},
            {'A': {'target': 'x'}},
        ):
            found = made(document)
            for name, default in self.ACCESSORS:
                accessor = getattr(found, name)
                self.assertEqual(default, accessor('A'), (name, document))
                self.assertEqual(default, accessor('A', 'B', 'C'), name)
            self.assertEqual({}, found.mapping('A', 'B').document)
            self.assertIsNone(found.action('#A.B'))

    def test_mistyped(self) -> None:
        found = made({'A': [1, None, 'x', {'@odata.id': '/x'}, []], 'B': 'b'})
        self.assertIsNone(found.text('A'))
        self.assertIsNone(found.text('B', 'C'))
        self.assertIsNone(found.number('B'))
        self.assertIsNone(found.flag('B'))
        self.assertEqual([], found.array('B'))
        self.assertEqual(['1', 'x'], found.texts('A'))
        self.assertEqual(['/x'], found.links('A'))
        self.assertEqual(['/x'], [m.link() for m in found.mappings('A')])

    def test_values(self) -> None:
        for value, text, number, flag in (
            ('On', 'On', None, None),
            ('', '', None, None),
            (7, '7', 7, None),
            (7.5, '7.5', 7.5, None),
            ('7.5', '7.5', 7.5, None),
            ('1_0', '1_0', None, None),
            ('nan', 'nan', None, None),
            (True, 'true', None, True),
            ('False', 'False', None, False),
            ('a\x1b\u202e\ud800b', 'ab', None, None),
            ('x' * 300, 'x' * 255, None, None),
        ):
            found = made({'A': {'B': value}})
            self.assertEqual(text, found.text('A', 'B'))
            self.assertEqual(number, found.number('A', 'B'), value)
            self.assertIs(flag, found.flag('A', 'B'), value)

    def test_actions(self) -> None:
        action = {'target': '/go', 'X@Redfish.AllowableValues': ['a', None, 1]}
        for actions in ({'#A.B': action}, {'Oem': {'#A.B': action}}):
            found = made({'Actions': actions}).action('#A.B')
            self.assertEqual('/go', found.target)
            self.assertEqual(['a', '1'], found.allowable('X'))
            self.assertEqual([], found.allowable('Y'))

    def test_identity(self) -> None:
        self.assertEqual('7', made({'Id': 7}).identity)
        self.assertEqual('1', made({'Id': None}).identity)
        odd = resource.Resource(f'/a/\x1b{"b" * 999}', {})
        self.assertEqual('b' * 254, odd.identity)

    def test_huge_number(self) -> None:
        self.assertIsNone(made({'A': 10**400}).number('A'))


class EtagTest(base.TestCase):
    """Odd ETags are sent back in the form that HTTP requires."""

    def test_forms(self) -> None:
        for fields, inside, expected in (
            (['"a"'], None, '"a"'),
            (['W/"a"'], None, 'W/"a"'),
            (['a'], None, '"a"'),
            (['W/a'], None, 'W/"a"'),
            (['""a""'], None, '"a"'),
            (['"a"; gzip'], None, '"a"'),
            (['a b'], None, '"a"'),
            (['"a"', '"b"'], None, '"a"'),
            (['', '"b"'], None, '"b"'),
            (['"a"'], '"b"', '"a"'),
            ([], 'W/"b"', 'W/"b"'),
            (['""'], 'b', '"b"'),
            ([], 7, None),
            ([], '\u00fc', None),
            ([], None, None),
        ):
            found = made({'@odata.etag': inside}, *fields)
            self.assertEqual(expected, found.etag, (fields, inside))


class DecodeTest(base.TestCase):
    def test_tolerated(self) -> None:
        for content, expected in (
            (b'{"A": "x"}', 'x'),
            (b'\xef\xbb\xbf{"A": "x"}', 'x'),
            (b'{"A": "x"}\x00\r\n\x00', 'x'),
            (b'{"A": "\xff\xfex"}', '\ufffd\ufffdx'),
            (b'{"A": "a\tb\nc"}', 'a\tb\nc'),
        ):
            self.assertEqual({'A': expected}, resource.decode(content))

    def test_bad(self) -> None:
        for content in (b'', b'{', b'[]', b'1', b'\x00', b'[' * 100_000):
            self.assertRaises(failures.BadAnswer, resource.decode, content)

    def test_whole_documents(self) -> None:
        document = {'A': [1, 'ä', None, {'B': True}]}
        content = json.dumps(document).encode()
        self.assertEqual(document, resource.decode(content))
