# SPDX-License-Identifier: Apache-2.0
"""Types of parameters as text."""

from typing import Any

from docutils import nodes

from ironic_passthru.sphinxext import inline
from ironic_passthru.sphinxext import markup
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.sphinxext import kinds


class TestTypes(base.TestCase):
    """Types of Python, by their JSON Schema."""

    def assert_types(self, method: str, **wanted: str) -> None:
        found = {
            name: kinds.shown(row.type)
            for name, row in kinds.of_method(method).items()
        }
        self.assertEqual(wanted, found)

    def test_plain_types(self) -> None:
        self.assert_types(
            'plain',
            anything='any',
            number='integer',
            fraction='number',
            text='string',
            flag='boolean',
            nothing='null',
        )

    def test_bounds(self) -> None:
        self.assert_types(
            'bounds',
            speed='integer (maximum `100`, minimum `0`)',
            least='integer (minimum `1`)',
            most='integer (maximum `9`)',
            open='number (exclusiveMaximum `1`, exclusiveMinimum `0`)',
            even='integer (minimum `0`, multipleOf `2`)',
            tag='string (maxLength `32`)',
            name='string (maxLength `9`, minLength `1`, pattern `^[a-z]+$`)',
            pin='string (maxLength `4`, minLength `4`)',
            few='array (minItems `1`) of integer',
            one='array (maxItems `1`) of integer',
        )

    def test_choices(self) -> None:
        self.assert_types(
            'choices',
            mode='`"auto"` or `"full"` or `3`',
            only='`"this"`',
            colour='`"red"` or `"blue"`',
            maybe='integer or null',
            either='integer or string',
            mode_or_none='`"on"` or `"off"` or null',
            three='array of integer or string or boolean or null',
        )

    def test_formats(self) -> None:
        self.assert_types(
            'formats',
            day='string (format `date`)',
            id='string (format `uuid`)',
            json='string (contentSchema: array of integer, '
            'format `json-string`)',
            raw='string (format `binary`)',
        )

    def test_containers(self) -> None:
        self.assert_types(
            'containers',
            items='array',
            numbers='array of integer',
            nested='array of array of string',
            pair='array (maxItems `2`, minItems `2`) of [integer, string]',
            unique='array (uniqueItems `true`) of string',
            object='object',
            counts='object (additionalProperties: integer)',
            optional='array of string or null',
        )


STRING = {'type': 'string'}


class TestSchemas(base.TestCase):
    """Schemas that no annotation generates."""

    def assert_type(self, wanted: str, schema: Any, **defs: Any) -> None:
        row = kinds.of_schema(schema, **{'$defs': defs})['p']
        self.assertEqual(wanted, kinds.shown(row.type))

    def test_schemas(self) -> None:
        """Every keyword is shown."""
        for wanted, schema in (
            ('any', True),
            ('no value', False),
            # Several types.
            (
                'string or null (maxLength `3`)',
                {'type': ['string', 'null'], 'maxLength': 3},
            ),
            (
                'array of (string or null) or null',
                {
                    'anyOf': [
                        {
                            'type': 'array',
                            'items': {'type': ['string', 'null']},
                        },
                        {'type': 'null'},
                    ]
                },
            ),
            (
                'array or null (items: string)',
                {'type': ['array', 'null'], 'items': STRING},
            ),
            (
                'integer (minimum `1`) and integer (maximum `3`)',
                {
                    'allOf': [
                        {'type': 'integer', 'minimum': 1},
                        {'type': 'integer', 'maximum': 3},
                    ]
                },
            ),
            # Enumerations.
            (
                '`"a"` or `null`',
                {'type': ['string', 'null'], 'enum': ['a', None]},
            ),
            ('`"a"`', {'enum': [1, 'a'], 'type': 'string'}),
            ('`2`', {'enum': [1, 2], 'const': 2}),
            ('`null`', {'const': None}),
            ('no value', {'enum': []}),
            ('no value', {'anyOf': [{'enum': []}]}),
            # Names of fields.
            (
                'object',
                {'type': 'object', 'propertyNames': True},
            ),
            (
                'object (propertyNames `false`)',
                {'type': 'object', 'propertyNames': False},
            ),
            (
                'object (maxProperties `2`, propertyNames: any '
                '(maxLength `3`))',
                {
                    'type': 'object',
                    'maxProperties': 2,
                    'propertyNames': {'maxLength': 3},
                },
            ),
            (
                'object (additionalProperties: string)',
                {
                    'properties': {'a': {'type': 'integer'}},
                    'additionalProperties': STRING,
                },
            ),
            # Arrays.
            (
                'array (items `false`) of [string]',
                {'type': 'array', 'prefixItems': [STRING], 'items': False},
            ),
            (
                'array (items: null) of [string]',
                {
                    'type': 'array',
                    'prefixItems': [STRING],
                    'items': {'type': 'null'},
                },
            ),
            # Other keywords.
            (
                'string (format `x-acme`)',
                {'type': 'string', 'format': 'x-acme'},
            ),
            (
                'string (not `{"const": "x"}`)',
                {'type': 'string', 'not': {'const': 'x'}, 'title': 'T'},
            ),
            ('any (minimum `3`)', {'minimum': 3}),
        ):
            with self.subTest(schema=schema):
                self.assert_type(wanted, schema)

    def test_keywords_beside_a_reference(self) -> None:
        self.assert_type(
            'string (maxLength `3`)',
            {'$ref': '#/$defs/T', 'maxLength': 3},
            T=STRING,
        )
        self.assert_type(
            'string (minLength `5`) and string (minLength `3`)',
            {'$ref': '#/$defs/T', 'type': 'string', 'minLength': 3},
            T={'type': 'string', 'minLength': 5},
        )

    def test_a_reference_to_a_reference(self) -> None:
        self.assert_type(
            'string (minLength `1`, maxLength `3`)',
            {'$ref': '#/$defs/Outer'},
            Outer={'$ref': '#/$defs/Inner', 'maxLength': 3},
            Inner={'type': 'string', 'minLength': 1},
        )
        self.assert_type(
            'object `kind 1` or object `kind 2`',
            {
                'anyOf': [
                    {'$ref': '#/$defs/Object'},
                    {'properties': {'b': {'type': 'null'}}},
                ]
            },
            Object={'$ref': '#/$defs/Other'},
            Other={'properties': {'a': {'type': 'null'}}},
        )

    def test_a_reference_that_cannot_be_resolved(self) -> None:
        for reference in (
            *('#/$defs/Loop', '#/$defs/Lost', '#anchor'),
            'https://example.org/acme.json#/x',
        ):
            self.assert_type(
                f'any ($ref `{reference}`)',
                {'$ref': reference},
                Loop={'$ref': '#/$defs/Back'},
                Back={'$ref': '#/$defs/Loop'},
            )

    def test_a_reference_to_a_boolean(self) -> None:
        for name, wanted in (('Any', 'any'), ('None', 'no value')):
            self.assert_type(
                wanted,
                {'$ref': f'#/$defs/{name}'},
                Any=True,
                **{'None': False},
            )

    def test_schemas_as_json_have_no_annotations(self) -> None:
        """Examples and defaults may be secret."""
        secret = {'default': 'hunter2', 'examples': ['hunter2']}
        self.assert_type(
            'object (patternProperties `{"title": {"type": "string"}}`, '
            'if `{"properties": {"default": {"const": {"title": 1}}}}`)',
            {
                'type': 'object',
                'patternProperties': {'title': {**STRING, **secret}},
                'if': {
                    'properties': {
                        'default': {'const': {'title': 1}, **secret}
                    }
                },
            },
        )


class TestInline(base.TestCase):
    """Texts with marks."""

    def test_a_mark_within_a_literal_is_removed(self) -> None:
        text = f'x{markup.LITERAL}y'
        made = inline.paragraph(f'a {markup.literal(text)} b').children
        self.assertEqual(['a ', 'xy', ' b'], [node.astext() for node in made])
        self.assertIsInstance(made[1], nodes.literal)
