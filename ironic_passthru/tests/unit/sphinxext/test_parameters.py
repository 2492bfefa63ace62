# SPDX-License-Identifier: Apache-2.0
"""Rows of parameters and their fields."""

from ironic_passthru.sphinxext import inline
from ironic_passthru.sphinxext import markup
from ironic_passthru.sphinxext import parameters
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.sphinxext import kinds


class TestFields(base.TestCase):
    """Parameters that are objects, and their fields."""

    def types(self, method: str) -> list[tuple[str, str]]:
        return [
            (name, kinds.shown(row.type))
            for name, row in kinds.rows_of(method)
        ]

    def test_models(self) -> None:
        self.assertEqual(
            [
                ('curve', 'object (additionalProperties `false`)'),
                ('curve.points', 'array of object'),
                ('curve.points[].x', 'integer'),
                ('curve.points[].y', 'integer (minimum `0`)'),
                ('curve.login', 'string (format `password`) or null'),
                ('maybe', 'same as `curve.points[]` or null'),
            ],
            self.types('models'),
        )
        rows = kinds.of_method('models')
        self.assertTrue(rows['curve.points[].x'].required)
        self.assertFalse(rows['curve.points[].y'].required)
        self.assertEqual(
            ['How far up.'], kinds.paragraphs(rows['curve.points[].y'])
        )
        self.assertIn('Secret', kinds.paragraphs(rows['curve.login'])[0])

    def test_a_second_time(self) -> None:
        self.assertEqual(
            [
                ('first', 'object'),
                ('first.x', 'integer'),
                ('first.y', 'integer (minimum `0`)'),
                ('second', 'same as `first`'),
            ],
            self.types('again'),
        )

    def test_recursion(self) -> None:
        self.assertEqual(
            [
                ('tree', 'object'),
                ('tree.children', 'array of same as `tree`'),
            ],
            self.types('recursion'),
        )

    def test_recursion_below_what_has_no_fields(self) -> None:
        rows = kinds.of_schema(
            {'$ref': '#/$defs/Trees'},
            **{
                '$defs': {
                    'Trees': {
                        'type': 'array',
                        'items': {
                            'properties': {'trees': {'$ref': '#/$defs/Trees'}}
                        },
                    }
                }
            },
        )
        self.assertEqual(
            {'p': 'array of object', 'p[].trees': 'same as `p`'},
            {name: kinds.shown(row.type) for name, row in rows.items()},
        )

    def test_recursion_without_fields(self) -> None:
        rows = kinds.of_schema(
            {'$ref': '#/$defs/Json'},
            **{
                '$defs': {
                    'Json': {
                        'anyOf': [
                            {'type': 'string'},
                            {
                                'type': 'array',
                                'items': {'$ref': '#/$defs/Json'},
                            },
                        ]
                    }
                }
            },
        )
        self.assertEqual(
            'string or array of same as `p`',
            kinds.shown(rows['p'].type),
        )

    def test_several_objects_in_one_place(self) -> None:
        self.assertEqual(
            [
                ('disk', 'object `Ssd` or object `Hdd`'),
                ('disk.kind', '`"ssd"`'),
                ('disk.wear', 'integer'),
                ('disk.kind', '`"hdd"`'),
                ('disk.rpm', 'integer'),
                (
                    'disks',
                    'array of same as `disk`',
                ),
            ],
            self.types('union'),
        )
        rows = kinds.of_method('union')
        self.assertEqual(
            ['Only for Ssd.'], kinds.paragraphs(rows['disk.wear'])
        )
        self.assertEqual(['Only for Hdd.'], kinds.paragraphs(rows['disk.rpm']))

    def test_objects_by_name(self) -> None:
        self.assertEqual(
            [
                ('points', 'object (additionalProperties: object)'),
                ('points.*.x', 'integer'),
                ('points.*.y', 'integer (minimum `0`)'),
            ],
            self.types('by_name'),
        )

    def test_any_other_parameter(self) -> None:
        self.assertEqual(
            [('name', 'string'), ('*', 'integer')], self.types('others')
        )
        row = kinds.of_method('others')['*']
        self.assertEqual(['Any other parameter.'], kinds.paragraphs(row))
        self.assertFalse(row.required)


class TestDescriptions(base.TestCase):
    """Defaults and descriptions of parameters."""

    def test_defaults(self) -> None:
        found = {
            name: (kinds.shown(row.default), row.required)
            for name, row in kinds.of_method('defaults').items()
        }
        self.assertEqual(
            {
                'text': ('`"x"`', False),
                'number': ('`0.5`', False),
                'none': ('`null`', False),
                'items': ('`["a", "ü"]`', False),
                # Secret defaults are omitted.
                'seed': ('', False),
            },
            found,
        )
        self.assertTrue(kinds.of_method('plain')['text'].required)

    def test_secrets(self) -> None:
        rows = kinds.of_method('secrets')
        for name in ('password', 'seed'):
            self.assertEqual(
                ['Secret: shown as *** in records and logs.'],
                kinds.paragraphs(rows[name]),
            )
        self.assertEqual([], kinds.of_method('plain')['text'].description)

    def test_secret_values_are_omitted(self) -> None:
        for schema, below in (
            ({'properties': {'password': {}}}, 'p.password'),
            ({'properties': {'k': {'writeOnly': True}}}, 'p.k'),
            ({'additionalProperties': {'format': 'password'}}, 'p'),
        ):
            field = next(iter(schema.get('properties', {'k': {}})))
            annotations = {'default': {field: 'hunter2'}}
            annotations['examples'] = [{field: 'hunter2'}]
            for each in schema.get('properties', {}).values():
                each |= {'default': 'hunter2', 'examples': ['hunter2']}
            rows = kinds.of_schema({'type': 'object', **schema, **annotations})
            whole = f'{{"{field}": "***"}}'
            self.assertEqual(f'`{whole}`', kinds.shown(rows['p'].default))
            self.assertIn(f'Examples: {whole}.', kinds.paragraphs(rows['p']))
            text = ' '.join(
                ' '.join([row.type, row.default, *kinds.paragraphs(row)])
                for row in rows.values()
            )
            self.assertNotIn('hunter2', text)
            self.assertIn(below, rows)

    def test_secret_parts_of_texts_are_masked(self) -> None:
        row = kinds.of_schema({'default': 'http://me:hunter2@localhost/'})
        self.assertNotIn('hunter2', row['p'].default)
        self.assertIn('localhost', row['p'].default)
        rows = kinds.of_schema(
            {
                'type': 'string',
                'contentSchema': {
                    'properties': {
                        'k': {'writeOnly': True, 'default': 'hunter2'}
                    }
                },
                'default': '{"k": "hunter2"}',
            }
        )
        self.assertEqual(['', ''], [row.default for row in rows.values()])

    def test_null_is_shown_in_place_of_a_secret(self) -> None:
        row = kinds.of_schema({'format': 'password', 'default': None})['p']
        self.assertEqual('`null`', kinds.shown(row.default))

    def test_annotations_of_a_reference(self) -> None:
        definitions = {
            'Outer': {'$ref': '#/$defs/Inner', 'description': 'Outer.'},
            'Inner': {'description': 'Inner.', 'default': 3},
        }
        rows = kinds.of_schema(
            {'$ref': '#/$defs/Outer'}, **{'$defs': definitions}
        )
        self.assertEqual(['Outer.'], kinds.paragraphs(rows['p']))
        self.assertEqual('`3`', kinds.shown(rows['p'].default))

    def test_descriptions(self) -> None:
        rows = kinds.of_method('described')
        self.assertEqual(
            ['First a.', 'Then *more*.'], kinds.paragraphs(rows['a'])
        )
        self.assertIn(markup.literal('a'), rows['a'].description[0])
        self.assertEqual(['Examples: "x", "y".'], kinds.paragraphs(rows['b']))
        self.assertEqual(['Deprecated.'], kinds.paragraphs(rows['c']))
        self.assertEqual(['A tree of trees.'], kinds.paragraphs(rows['tree']))

    def test_descriptions_of_the_docstring(self) -> None:
        documented = {
            name: [inline.paragraph(f'{name}, documented')] for name in 'abz'
        }
        method = kinds.DRIVER.methods['described'].spec
        a, b, *_ = parameters.Parameters(method, documented).rows()
        # The schema takes precedence.
        self.assertEqual(['First a.', 'Then *more*.'], kinds.paragraphs(a))
        self.assertEqual('b, documented', kinds.paragraphs(b)[0])
