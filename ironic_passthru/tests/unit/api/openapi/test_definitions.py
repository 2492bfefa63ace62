# SPDX-License-Identifier: Apache-2.0
"""Definitions of methods in one document."""

from typing import Any

from ironic_passthru.api.openapi import definitions
from ironic_passthru.tests import base

_INTEGER = {'type': 'integer'}


def _using(name: str, **defined: Any) -> dict[str, Any]:
    return {
        '$schema': 'https://json-schema.org/draft/2020-12/schema',
        'type': 'object',
        'properties': {'x': {'$ref': f'#/$defs/{name}'}},
        '$defs': defined,
    }


class TestDefinitions(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.shared = definitions.Definitions()

    def target(self, schema: dict[str, Any]) -> str:
        """Return the name of the schema that a moved one refers to."""
        moved = self.shared.move('d', schema)
        self.assertEqual({'type', 'properties'}, moved.keys())
        return moved['properties']['x']['$ref'].rpartition('/')[2]

    def test_equal_ones_are_shared(self) -> None:
        first = self.target(_using('A', A=_INTEGER))
        self.assertEqual('d_A', first)
        self.assertEqual(first, self.target(_using('A', A=_INTEGER)))
        self.assertEqual({'d_A': _INTEGER}, self.shared.schemas)

    def test_others_of_the_same_name_are_not(self) -> None:
        inner = {'$ref': '#/$defs/B'}
        names = {
            self.target(_using('A', A=inner, B={'type': kind}))
            for kind in ('integer', 'string', 'integer')
        }
        self.assertEqual({'d_A', 'd_A_2'}, names)
        found = self.shared.schemas
        self.assertEqual('#/components/schemas/d_B_2', found['d_A_2']['$ref'])
        self.assertEqual('string', found['d_B_2']['type'])

    def test_recursion(self) -> None:
        tree = {'type': 'array', 'items': {'$ref': '#/$defs/T~1x'}}
        self.assertEqual('d_T_x', self.target(_using('T~1x', **{'T/x': tree})))
        items = self.shared.schemas['d_T_x']['items']
        self.assertEqual({'$ref': '#/components/schemas/d_T_x'}, items)

    def test_data_is_not_a_schema(self) -> None:
        data = {'$ref': '#/$defs/A'}
        schema = {'default': data, 'enum': [data], 'properties': {'$ref': {}}}
        self.assertEqual(schema, self.shared.move('d', schema))

    def test_discriminators(self) -> None:
        schema = {
            'oneOf': [{'$ref': '#/$defs/A'}],
            'discriminator': {
                'propertyName': 'kind',
                'mapping': {'a': '#/$defs/A'},
            },
            '$defs': {'A': _INTEGER},
        }
        moved = self.shared.move('d', schema)
        self.assertEqual(
            {'a': '#/components/schemas/d_A'},
            moved['discriminator']['mapping'],
        )

    def test_references_to_other_places(self) -> None:
        for schema in (
            {'properties': {'a': {'$ref': '#'}}},
            {'properties': {'a': {'$ref': '#/properties/b'}, 'b': {}}},
            {'$defs': {'a': {'$anchor': 'here'}}, '$ref': '#here'},
            {'$defs': {'a': {'$dynamicAnchor': 'here'}}},
        ):
            self.assertIsNone(self.shared.move('d', schema), schema)
        self.assertEqual({}, self.shared.schemas)
