# SPDX-License-Identifier: Apache-2.0
"""Formats are checked as pydantic reads them, and cheaply."""

import subprocess
import sys

import pydantic

from ironic_passthru.tests import base
from ironic_passthru.validation import formats

# For each format a text that has it and one that has not.
TEXTS = {
    'base64': ('YQ==', 'Y'),
    'base64url': ('_w==', 'Y'),
    'date': ('2026-11-23', '2026-02-30'),
    'date-time': ('2026-11-23T10:00:00Z', 'tomorrow'),
    'duration': ('PT3S', 'soon'),
    'ipv4': ('192.0.2.1', '192.0.2.256'),
    'ipv4interface': ('192.0.2.1/24', '192.0.2.1/33'),
    'ipv4network': ('192.0.2.0/24', '192.0.2.1/24'),
    'ipv6': ('2001:db8::', '2001:db8'),
    'ipv6interface': ('::1/128', '::1/129'),
    'ipv6network': ('2001:db8::/32', '2001:db8::1/32'),
    'ipvanyaddress': ('::1', 'localhost'),
    'ipvanyinterface': ('192.0.2.1/24', 'x'),
    'ipvanynetwork': ('2001:db8::/32', 'x'),
    'json-string': ('{"a": 1}', '{a}'),
    'regex': ('^a+$', '('),
    'time': ('10:00:00', '25:00'),
    'uri': ('https://example.com/a', 'example'),
    'uuid': ('6ba7b810-9dad-11d1-80b4-00c04fd430c8', '6ba7b810'),
    'uuid1': (
        '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
        '6ba7b810-9dad-41d1-80b4-00c04fd430c8',
    ),
    'uuid3': (
        '6ba7b810-9dad-31d1-80b4-00c04fd430c8',
        '6ba7b810-9dad-41d1-80b4-00c04fd430c8',
    ),
    'uuid4': (
        '6ba7b810-9dad-41d1-80b4-00c04fd430c8',
        '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
    ),
    'uuid5': (
        '6ba7b810-9dad-51d1-80b4-00c04fd430c8',
        '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
    ),
}


class CheckerTest(base.TestCase):
    """Each format takes what it should and refuses the rest."""

    def test_every_format_has_an_example(self) -> None:
        self.assertEqual(set(formats.CHECKER.checkers), set(TEXTS))

    def test_verdicts(self) -> None:
        for name, (good, bad) in TEXTS.items():
            self.assertTrue(formats.CHECKER.conforms(good, name), name)
            self.assertFalse(formats.CHECKER.conforms(bad, name), name)

    def test_patterns_that_cost_or_exceed_too_much(self) -> None:
        longest = 'a' * formats.MAX_PATTERN_LENGTH
        self.assertTrue(formats.CHECKER.conforms(longest, 'regex'))
        for pattern in (longest + 'a', '[', 'a{1,99999999999}', '(' * 900):
            self.assertFalse(formats.CHECKER.conforms(pattern, 'regex'))

    def test_only_text_has_a_format(self) -> None:
        for name in TEXTS:
            for value in (None, 3, [], {}):
                self.assertTrue(formats.CHECKER.conforms(value, name))

    def test_unknown_format_is_no_constraint(self) -> None:
        self.assertTrue(formats.CHECKER.conforms('x', 'hostname'))

    def test_pydantic_emits_these_names(self) -> None:
        for kind in (
            pydantic.Base64Bytes,
            pydantic.IPvAnyAddress,
            pydantic.IPvAnyInterface,
            pydantic.IPvAnyNetwork,
            pydantic.UUID1,
            pydantic.UUID3,
            pydantic.UUID4,
            pydantic.UUID5,
        ):
            schema = pydantic.TypeAdapter(kind).json_schema()
            self.assertIn(schema['format'], TEXTS)


class ImportTest(base.TestCase):
    """An API process does not load pydantic before it needs it."""

    def test_specs_do_not_import_pydantic(self) -> None:
        code = (
            'import sys\n'
            'from ironic_passthru import spec\n'
            "m = spec.MethodSpec('m', ('GET',), False, False, '',"
            " {'properties': {'a': {'type': 'string', 'format': 'date'}}})\n"
            "print('pydantic' in sys.modules)\n"
            "m.parameters.check({'a': '2026-11-23'})\n"
            "print('pydantic' in sys.modules)\n"
        )
        result = subprocess.run(
            [sys.executable, '-c', code],
            capture_output=True,
            check=True,
            text=True,
        )
        self.assertEqual(['False', 'True'], result.stdout.split())
