# SPDX-License-Identifier: Apache-2.0
"""What a value may be, in words that a caller understands."""

from typing import Any

from docutils import nodes

from ironic_passthru.sphinxext import inline
from ironic_passthru.sphinxext import wording
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.sphinxext import kinds
from ironic_passthru.validation import formats


class TestTypes(base.TestCase):
    """What a value may be."""

    def assert_takes(self, method: str, **wanted: str) -> None:
        found = {
            name: kinds.shown(row.takes)
            for name, row in kinds.of_method(method).items()
        }
        self.assertEqual(wanted, found)

    def test_plain_types(self) -> None:
        self.assert_takes(
            'plain',
            anything='any JSON value',
            number='whole number',
            fraction='number',
            text='text',
            flag='`true` or `false`',
            nothing='`null`',
        )

    def test_bounds(self) -> None:
        self.assert_takes(
            'bounds',
            speed='whole number from 0 to 100',
            least='whole number of at least 1',
            most='whole number of at most 9',
            open='number above 0 and below 1',
            even='whole number of at least 0 and that is a multiple of 2',
            tag='text of at most 32 characters',
            name='text of 1 to 9 characters that matches `^[a-z]+$`',
            pin='text of exactly 4 characters',
            few='array (at least 1 item; each: whole number)',
            one='array (at most 1 item; each: whole number)',
        )

    def test_choices(self) -> None:
        self.assert_takes(
            'choices',
            mode='`"auto"`, `"full"` or `3`',
            only='`"this"`',
            colour='`"red"` or `"blue"`',
            maybe='whole number or `null`',
            either='whole number or text',
            mode_or_none='`"on"`, `"off"` or `null`',
            three='array (each: whole number), text, `true`, `false` or '
            '`null`',
        )

    def test_formats(self) -> None:
        self.assert_takes(
            'formats',
            day='date such as `2026-01-31`',
            id='UUID',
            json='text that holds JSON (array (each: whole number))',
            raw='text',
        )

    def test_every_format_that_is_checked_has_words(self) -> None:
        for name in formats.CHECKER.checkers:
            self.assertIn(name, wording.FORMATS)

    def test_examples_of_formats_fit_them(self) -> None:
        for name, text in wording.FORMATS.items():
            _, such_as, example = text.partition(' such as ')
            if such_as:
                self.assertIsNone(
                    formats.CHECKER.check(example.strip(inline.LITERAL), name)
                )

    def test_containers(self) -> None:
        self.assert_takes(
            'containers',
            items='array',
            numbers='array (each: whole number)',
            nested='array (each: array (each: text))',
            pair='array (exactly 2 items; item 1: whole number; item 2: text)',
            unique='array (each: text; none twice)',
            object='object',
            counts='object (each value: whole number)',
            optional='array (each: text) or `null`',
        )


class TestSchemas(base.TestCase):
    """Schemas that no annotation makes."""

    def assert_takes(self, wanted: str, schema: Any, **root: Any) -> None:
        row = kinds.of_schema(schema, **root)['p']
        self.assertEqual(wanted, kinds.shown(row.takes))

    def test_booleans(self) -> None:
        self.assert_takes('any JSON value', True)
        self.assert_takes('nothing', False)

    def test_several_types(self) -> None:
        self.assert_takes(
            'text of at most 3 characters or `null`',
            {'type': ['string', 'null'], 'maxLength': 3},
        )
        self.assert_takes(
            '`"a"` or `null`',
            {'type': ['string', 'null'], 'enum': ['a', None]},
        )
        self.assert_takes(
            'any JSON value, with `{"type": ["string", "oddity"]}`',
            {'type': ['string', 'oddity']},
        )

    def test_all_of(self) -> None:
        self.assert_takes(
            'whole number of at least 1, and whole number of at most 3',
            {
                'allOf': [
                    {'type': 'integer', 'minimum': 1},
                    {'type': 'integer', 'maximum': 3},
                ]
            },
        )

    def test_a_reference_with_more(self) -> None:
        self.assert_takes(
            'text of at most 3 characters',
            {'$ref': '#/$defs/T', 'maxLength': 3},
            **{'$defs': {'T': {'type': 'string'}}},
        )

    def test_a_reference_to_a_reference(self) -> None:
        definitions = {
            'Outer': {'$ref': '#/$defs/Inner', 'maxLength': 3},
            'Inner': {'type': 'string', 'minLength': 1},
            'Object': {'$ref': '#/$defs/Other'},
            'Other': {'properties': {'a': {'type': 'null'}}},
        }
        self.assert_takes(
            'text of 1 to 3 characters',
            {'$ref': '#/$defs/Outer'},
            **{'$defs': definitions},
        )
        self.assert_takes(
            'object `kind 1` or object `kind 2`',
            {
                'anyOf': [
                    {'$ref': '#/$defs/Object'},
                    {'properties': {'b': {'type': 'null'}}},
                ]
            },
            **{'$defs': definitions},
        )

    def test_a_reference_that_says_otherwise(self) -> None:
        self.assert_takes(
            'text of at least 5 characters, and text of 3 to 9 characters',
            {
                '$ref': '#/$defs/T',
                'type': 'string',
                'minLength': 3,
                'maxLength': 9,
            },
            **{'$defs': {'T': {'type': 'string', 'minLength': 5}}},
        )

    def test_a_reference_that_leads_nowhere(self) -> None:
        definitions = {
            'Loop': {'$ref': '#/$defs/Back'},
            'Back': {'$ref': '#/$defs/Loop'},
        }
        for reference in (
            *('#/$defs/Loop', '#/$defs/Lost', '#anchor'),
            'https://example.org/acme.json#/x',
        ):
            self.assert_takes(
                f'any JSON value, with `{{"$ref": "{reference}"}}`',
                {'$ref': reference},
                **{'$defs': definitions},
            )

    def test_a_reference_to_a_boolean(self) -> None:
        definitions = {'Any': True, 'None': False}
        for name, wanted in (('Any', 'any JSON value'), ('None', 'nothing')):
            self.assert_takes(
                wanted, {'$ref': f'#/$defs/{name}'}, **{'$defs': definitions}
            )

    def test_values_of_which_none_fits(self) -> None:
        self.assert_takes('nothing', {'enum': []})
        self.assert_takes('nothing', {'anyOf': [{'enum': []}]})
        self.assert_takes('`"a"`', {'enum': [1, 'a'], 'type': 'string'})
        self.assert_takes('`2`', {'enum': [1, 2], 'const': 2})
        self.assert_takes('`null`', {'const': None})

    def test_types_of_few_values_among_others(self) -> None:
        self.assert_takes(
            'text, `true`, `false` or `null`',
            {'anyOf': [{'type': 'string'}, {'type': ['boolean', 'null']}]},
        )

    def test_names_of_fields(self) -> None:
        for names, wanted in (
            (True, 'object'),
            (False, 'object (each name: nothing)'),
            ({'enum': ['a']}, 'object (each name: `"a"`)'),
            ({}, 'object (each name: text)'),
        ):
            self.assert_takes(
                wanted, {'type': 'object', 'propertyNames': names}
            )

    def test_arrays(self) -> None:
        self.assert_takes(
            'array (item 1: text; no others)',
            {
                'type': 'array',
                'prefixItems': [{'type': 'string'}],
                'items': False,
            },
        )
        self.assert_takes(
            'array (item 1: text; others: `null`)',
            {
                'type': 'array',
                'prefixItems': [{'type': 'string'}],
                'items': {'type': 'null'},
            },
        )

    def test_objects(self) -> None:
        self.assert_takes(
            'object (1 to 2 fields; each name: text of at most 3 characters)',
            {
                'type': 'object',
                'minProperties': 1,
                'maxProperties': 2,
                'propertyNames': {'maxLength': 3},
            },
        )
        self.assert_takes(
            'object (without fields)',
            {'type': 'object', 'additionalProperties': False},
        )
        self.assert_takes(
            'object (others: text)',
            {
                'properties': {'a': {'type': 'integer'}},
                'additionalProperties': {'type': 'string'},
            },
        )

    def test_an_unknown_format(self) -> None:
        self.assert_takes(
            'text of the format `x-acme`',
            {'type': 'string', 'format': 'x-acme'},
        )

    def test_what_has_no_words_is_shown_as_it_is(self) -> None:
        self.assert_takes(
            'text, with `{"not": {"const": "x"}}`',
            {'type': 'string', 'not': {'const': 'x'}, 'title': 'T'},
        )
        self.assert_takes(
            'any JSON value, with `{"minimum": 3}`', {'minimum': 3}
        )

    def test_no_examples_are_in_what_is_shown_as_it_is(self) -> None:
        """They may be secret, and say nothing of what fits."""
        self.assert_takes(
            'object, with `{"patternProperties": {"^k": {"type": "string"}}, '
            '"if": {"properties": {"default": {"const": {"title": 1}}}}}`',
            {
                'type': 'object',
                'patternProperties': {
                    '^k': {
                        'type': 'string',
                        'writeOnly': True,
                        'default': 'hunter2',
                        'examples': ['hunter2'],
                    }
                },
                'if': {
                    'properties': {
                        'default': {'const': {'title': 1}, 'default': 2}
                    }
                },
            },
        )

    def test_every_keyword_is_told_of(self) -> None:
        """Nothing in the schemas above is left out, nor kinds.shown raw."""
        for name in kinds.DRIVER.methods:
            for row in kinds.of_method(name).values():
                self.assertNotIn('{', row.takes, (name, row.name))


class TestInline(base.TestCase):
    """Texts with marks."""

    def test_a_mark_in_a_literal_ends_nothing(self) -> None:
        text = f'x{inline.LITERAL}y'
        made = inline.to_nodes(f'a {inline.literal(text)} b')
        self.assertEqual(['a ', 'xy', ' b'], [one.astext() for one in made])
        self.assertIsInstance(made[1], nodes.literal)
