# SPDX-License-Identifier: Apache-2.0
"""Tests of strict JSON."""

import json
import sys
from typing import Any

import hypothesis
from hypothesis import strategies as st

from ironic_passthru.rpc import envelope as rpc_envelope
from ironic_passthru.tests import base
from ironic_passthru.validation import strict_json


class LoadsTest(base.TestCase):
    """JSON is read as RFC 8259 has it."""

    def _refuse(self, text: str, words: str) -> None:
        error = self.assertRaises(
            strict_json.InvalidJSON, strict_json.loads, text
        )
        self.assertIn(words, str(error), text)

    def test_values(self) -> None:
        for text, value in (
            ('null', None),
            (
                ' {"a": [1, 2.5, "x", true, {}]}\n',
                {'a': [1, 2.5, 'x', True, {}]},
            ),
            ('-0', 0),
            ('1e3', 1000.0),
            ('"\\u00e9\\ud83d\\ude00"', 'é😀'),
            ('""', ''),
            ('1e-999', 0.0),
            ('9' * 4300, int('9' * 4300)),
        ):
            self.assertEqual(value, strict_json.loads(text))

    def test_integers_stay_integers(self) -> None:
        self.assertIsInstance(strict_json.loads('3'), int)
        self.assertIsInstance(strict_json.loads('3.0'), float)

    def test_constants_of_python(self) -> None:
        for name in ('NaN', 'Infinity', '-Infinity'):
            self._refuse(name, f'{name} is not a JSON value')
            self._refuse(f'{{"a": [{name}]}}', 'not a JSON value')

    def test_numbers_out_of_range(self) -> None:
        self._refuse('1e999', 'out of range')
        self._refuse('[-1.5e400]', 'out of range')

    def test_integer_too_long(self) -> None:
        limit = sys.get_int_max_str_digits()
        self._refuse('9' * (limit + 1), 'too many digits')
        self._refuse('[-' + '9' * (limit + 1) + ']', 'too many digits')

    def test_lone_surrogates(self) -> None:
        for text in (
            '"\\ud800"',
            '["\\udc00x"]',
            '{"\\ud800": 1}',
            '"\\ude00\\ud83d"',
            '"\ud800"',
        ):
            self._refuse(text, 'lone surrogate')

    def test_key_twice(self) -> None:
        for text in (
            '{"a": 1, "a": 1}',
            '[{"b": {"c": 1, "d": 2, "c": 3}}]',
            '{"a": 1, "\\u0061": 2}',
        ):
            self._refuse(text, 'an object has the same key twice')

    def test_key_twice_is_not_quoted(self) -> None:
        error = self.assertRaises(
            strict_json.InvalidJSON,
            strict_json.loads,
            '{"users": {"hunter2": 1, "hunter2": 2}}',
        )
        self.assertNotIn('hunter2', str(error))

    def test_malformed(self) -> None:
        for text in (
            '',
            ' ',
            '{',
            '{"a": 1,}',
            "{'a': 1}",
            '[1 2]',
            '01',
            '+1',
            '.5',
            '1.',
            '"a\nb"',
            'nul',
            '{} {}',
            '{a: 1}',
            '\ufeff{}',
            '// x\n1',
            '\x0b1',
        ):
            self._refuse(text, 'at line 1 column' if text else 'line 1')

    def test_reason_tells_the_place_and_not_the_text(self) -> None:
        error = self.assertRaises(
            strict_json.InvalidJSON,
            strict_json.loads,
            '{"password":\n hunter2}',
        )
        self.assertIn('line 2 column 2', str(error))
        self.assertNotIn('hunter2', str(error))


class DepthTest(base.TestCase):
    """Nesting is bounded, and never ends in a crash."""

    def test_limit(self) -> None:
        for limit, text, fits in (
            (0, '1', True),
            (0, '[]', False),
            (1, '[]', True),
            (1, '{"a": 1}', True),
            (1, '[[]]', False),
            (2, '{"a": [1]}', True),
            (2, '[1, {"a": {}}]', False),
            (3, '[1, {"a": {}}, [[]]]', True),
        ):
            if fits:
                strict_json.loads(text, max_depth=limit)
            else:
                self.assertRaises(
                    strict_json.TooDeep,
                    strict_json.loads,
                    text,
                    max_depth=limit,
                )

    def test_no_limit(self) -> None:
        strict_json.loads('[' * 100 + ']' * 100)

    def test_very_deep(self) -> None:
        for opening, closing in (('[', ']'), ('{"a":', '}')):
            text = opening * 100_000 + '1' + closing * 100_000
            self.assertRaises(
                strict_json.TooDeep, strict_json.loads, text, max_depth=25
            )

    def test_deep_with_surrogates(self) -> None:
        depth = sys.getrecursionlimit() - 150
        text = '[' * depth + '"\\ud800"' + ']' * depth
        self.assertRaises(
            strict_json.InvalidJSON, strict_json.loads, text, max_depth=25
        )


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None, categories=None))
    | st.sampled_from(['\ud800', b'x', '\x00', 1e308, 5e-324]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(
            st.text(max_size=2) | st.integers() | st.none(), inner, max_size=3
        )
    ),
    max_leaves=6,
)


class DumpsTest(base.TestCase):
    """Serialized text can be parsed."""

    @hypothesis.settings(max_examples=300, deadline=None, derandomize=True)
    @hypothesis.given(_JSON)
    def test_text_can_be_read(self, value: Any) -> None:
        try:
            text = strict_json.dumps(value)
        except strict_json.InvalidJSON:
            return
        self.assertEqual(
            json.dumps(value), json.dumps(strict_json.loads(text))
        )
        # As the bus encodes and reads it.
        envelope = {
            'oslo.version': '2.0',
            'oslo.message': json.dumps({'a': value}),
        }
        self.assertEqual(json.loads(text), rpc_envelope.unpack(envelope)['a'])

    @hypothesis.settings(max_examples=300, deadline=None, derandomize=True)
    @hypothesis.given(_JSON)
    def test_what_is_read_can_be_sent(self, value: Any) -> None:
        try:
            read = strict_json.loads(json.dumps(value))
        except (TypeError, ValueError):
            return
        self.assertEqual(read, json.loads(strict_json.dumps(read)))

    def test_long_integers(self) -> None:
        self.assertRaises(
            strict_json.InvalidJSON, strict_json.dumps, [10**5000]
        )

    def test_depth(self) -> None:
        for value in ([[1]], {'a': (1,)}):
            strict_json.dumps(value, max_depth=2)
            self.assertRaises(
                strict_json.TooDeep, strict_json.dumps, value, max_depth=1
            )
