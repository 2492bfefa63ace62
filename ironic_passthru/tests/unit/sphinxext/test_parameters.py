# SPDX-License-Identifier: Apache-2.0
"""Parameters and their fields, and what is said of each."""

from docutils import nodes

from ironic_passthru.sphinxext import inline
from ironic_passthru.sphinxext import parameters
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.sphinxext import kinds


class TestFields(base.TestCase):
    """Parameters that are objects, and theirs."""

    def takes(self, method: str) -> list[tuple[str, str]]:
        return [
            (name, kinds.shown(row.takes))
            for name, row in kinds.rows_of(method)
        ]

    def test_models(self) -> None:
        self.assertEqual(
            [
                ('curve', 'object (no other fields)'),
                ('curve.points', 'array (each: object)'),
                ('curve.points[].x', 'whole number'),
                ('curve.points[].y', 'whole number of at least 0'),
                ('curve.login', 'text or `null`'),
                ('maybe', 'the same as `curve.points[]` or `null`'),
            ],
            self.takes('models'),
        )
        rows = kinds.of_method('models')
        self.assertTrue(rows['curve.points[].x'].required)
        self.assertFalse(rows['curve.points[].y'].required)
        self.assertEqual(
            ['How far up.'], kinds.words(rows['curve.points[].y'])
        )
        self.assertIn('Secret', kinds.words(rows['curve.login'])[0])

    def test_a_second_time(self) -> None:
        self.assertEqual(
            [
                ('first', 'object'),
                ('first.x', 'whole number'),
                ('first.y', 'whole number of at least 0'),
                ('second', 'the same as `first`'),
            ],
            self.takes('again'),
        )

    def test_recursion(self) -> None:
        self.assertEqual(
            [
                ('tree', 'object'),
                ('tree.children', 'array (each: the same as `tree`)'),
            ],
            self.takes('recursion'),
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
            {'p': 'array (each: object)', 'p[].trees': 'the same as `p`'},
            {name: kinds.shown(row.takes) for name, row in rows.items()},
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
            'text or array (each: the same as `p`)',
            kinds.shown(rows['p'].takes),
        )

    def test_several_objects_in_one_place(self) -> None:
        self.assertEqual(
            [
                ('disk', 'object `Ssd` or object `Hdd`'),
                ('disk.kind', '`"ssd"`'),
                ('disk.wear', 'whole number'),
                ('disk.kind', '`"hdd"`'),
                ('disk.rpm', 'whole number'),
                (
                    'disks',
                    'array (each: the same as `disk`)',
                ),
            ],
            self.takes('union'),
        )
        rows = kinds.of_method('union')
        self.assertEqual(['Of Ssd only.'], kinds.words(rows['disk.wear']))
        self.assertEqual(['Of Hdd only.'], kinds.words(rows['disk.rpm']))

    def test_objects_by_name(self) -> None:
        self.assertEqual(
            [
                ('points', 'object (each value: object)'),
                ('points.*.x', 'whole number'),
                ('points.*.y', 'whole number of at least 0'),
            ],
            self.takes('by_name'),
        )

    def test_any_other_parameter(self) -> None:
        self.assertEqual(
            [('name', 'text'), ('*', 'whole number')], self.takes('others')
        )
        row = kinds.of_method('others')['*']
        self.assertEqual(['Any other parameter.'], kinds.words(row))
        self.assertFalse(row.required)


class TestAbout(base.TestCase):
    """What is said of each."""

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
                # What is secret is not told.
                'seed': ('', False),
            },
            found,
        )
        self.assertTrue(kinds.of_method('plain')['text'].required)

    def test_secrets(self) -> None:
        rows = kinds.of_method('secrets')
        for name in ('password', 'seed'):
            self.assertEqual(
                ['Secret: records and logs show ***.'],
                kinds.words(rows[name]),
            )
        self.assertEqual([], kinds.of_method('plain')['text'].about)

    def test_secret_values_are_not_told(self) -> None:
        for schema, below in (
            ({'properties': {'password': {}}}, 'p.password'),
            ({'properties': {'k': {'writeOnly': True}}}, 'p.k'),
            ({'additionalProperties': {'format': 'password'}}, 'p'),
        ):
            field = next(iter(schema.get('properties', {'k': {}})))
            told = {'default': {field: 'hunter2'}}
            told['examples'] = [{field: 'hunter2'}]
            for each in schema.get('properties', {}).values():
                each |= {'default': 'hunter2', 'examples': ['hunter2']}
            rows = kinds.of_schema({'type': 'object', **schema, **told})
            whole = f'{{"{field}": "***"}}'
            self.assertEqual(f'`{whole}`', kinds.shown(rows['p'].default))
            self.assertIn(f'For example {whole}.', kinds.words(rows['p']))
            text = ' '.join(
                ' '.join([row.takes, row.default, *kinds.words(row)])
                for row in rows.values()
            )
            self.assertNotIn('hunter2', text)
            self.assertIn(below, rows)

    def test_secret_parts_of_texts_are_not_told(self) -> None:
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

    def test_that_there_is_no_secret_may_be_told(self) -> None:
        row = kinds.of_schema({'format': 'password', 'default': None})['p']
        self.assertEqual('`null`', kinds.shown(row.default))

    def test_what_a_reference_leads_to(self) -> None:
        definitions = {
            'Outer': {'$ref': '#/$defs/Inner', 'description': 'Outer.'},
            'Inner': {'description': 'Inner.', 'default': 3},
        }
        rows = kinds.of_schema(
            {'$ref': '#/$defs/Outer'}, **{'$defs': definitions}
        )
        self.assertEqual(['Outer.'], kinds.words(rows['p']))
        self.assertEqual('`3`', kinds.shown(rows['p'].default))

    def test_descriptions(self) -> None:
        rows = kinds.of_method('told')
        self.assertEqual(['First a.', 'Then *more*.'], kinds.words(rows['a']))
        (literal,) = rows['a'].about[0].findall(nodes.literal)
        self.assertEqual('a', literal.astext())
        self.assertEqual(['For example "x" or "y".'], kinds.words(rows['b']))
        self.assertEqual(['Deprecated.'], kinds.words(rows['c']))
        self.assertEqual(['A tree of trees.'], kinds.words(rows['tree']))

    def test_what_the_docstring_tells(self) -> None:
        told = {name: [inline.paragraph(f'{name}, as told')] for name in 'abz'}
        method = kinds.DRIVER.methods['told'].spec
        a, b, *_ = parameters.Parameters(method, told).rows()
        # The schema knows better.
        self.assertEqual(['First a.', 'Then *more*.'], kinds.words(a))
        self.assertEqual('b, as told', kinds.words(b)[0])
