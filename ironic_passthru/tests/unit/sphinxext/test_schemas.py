# SPDX-License-Identifier: Apache-2.0
"""Every valid JSON Schema can be shown."""

from collections.abc import Mapping
from typing import Any

import hypothesis
import jsonschema
from hypothesis import strategies as st

from ironic_passthru.sphinxext import inline
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.sphinxext import kinds

# Keywords of 2020-12 by the kind of their values.
_ONE = (
    *('additionalProperties', 'contains', 'contentSchema', 'else', 'if'),
    *('items', 'not', 'propertyNames', 'then', 'unevaluatedItems'),
    'unevaluatedProperties',
)
_LISTS = ('allOf', 'anyOf', 'oneOf', 'prefixItems')
_COUNTS = tuple(
    f'{end}{what}'
    for end in ('min', 'max')
    for what in ('Contains', 'Items', 'Length', 'Properties')
)
_BOUNDS = ('minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum')
_KINDS = (
    *('array', 'boolean', 'integer', 'null', 'number', 'object', 'string'),
)
_BY_NAME = ('$defs', 'dependentSchemas', 'patternProperties', 'properties')

# Recursive and other definitions.
DEFINITIONS = {
    'Alias': {'$ref': '#/$defs/Text', 'maxLength': 5},
    'AliasOfAlias': {'$ref': '#/$defs/Alias', 'description': 'Outer.'},
    'Choice': {'enum': ['a', None, 3, {'b': []}]},
    'Json': {
        'anyOf': [
            {'type': 'string'},
            {'type': 'array', 'items': {'$ref': '#/$defs/Json'}},
        ]
    },
    'Loop': {'$ref': '#/$defs/LoopBack'},
    'LoopBack': {'$ref': '#/$defs/Loop'},
    'Nothing': False,
    'OrItself': {'anyOf': [{'$ref': '#/$defs/OrItself'}, {'type': 'null'}]},
    'Text': {'type': 'string', 'description': 'Inner.'},
    'Tree': {'properties': {'children': {'$ref': '#/$defs/Tree'}}},
    'Trees': {
        'type': 'array',
        'items': {'properties': {'trees': {'$ref': '#/$defs/Trees'}}},
    },
    'Whatever': True,
}

REFERENCES = [
    *(f'#/$defs/{name}' for name in DEFINITIONS),
    *('#', '#/properties/p', '#/$defs/Nowhere', '#/$defs/Json/anyOf/1'),
    *('#/$defs/Json/anyOf/7', '#/$defs/Json/anyOf/first', '#anchor'),
    *('#/$defs/Text/type/x', '#/$defs/Json/anyOf'),
    'https://example.org/acme.json',
]

ODDITIES: list[Any] = [
    True,
    False,
    {},
    *({'$ref': reference} for reference in REFERENCES),
    {'$ref': 'acme.json#/$defs/Tree', 'description': 'Elsewhere.'},
    {'$ref': '#/$defs/Text', 'type': 'string', 'minLength': 2},
    {'$dynamicRef': '#anchor'},
    {'$anchor': 'anchor', 'type': 'string'},
    {'const': None},
    {'const': {'a': [1, None]}},
    {'enum': []},
    {'enum': [1, 'a', None, True, [], {}], 'type': 'string'},
    {'enum': [1, 2], 'const': 2},
    {'type': ['boolean', 'null']},
    {'type': ['string', 'array', 'object'], 'items': False},
    {'anyOf': [{'type': ['string', 'null']}, True, False]},
    {'oneOf': [{'type': ['boolean', 'null']}, {'$ref': '#/$defs/Loop'}]},
    {'allOf': [True, {'$ref': 'acme.json'}, {'type': ['null']}]},
    {'prefixItems': [True, False, {}], 'type': 'array', 'items': True},
    {'contains': True, 'minContains': 2, 'type': 'array'},
    {'unevaluatedItems': False, 'type': 'array', 'minItems': 1.0},
    {'not': True},
    {'if': True, 'then': {'type': 'string'}, 'else': False},
    {'properties': {'a': True, 'b': False}, 'required': ['a', 'z']},
    {'type': 'object', 'propertyNames': True},
    {'type': 'object', 'propertyNames': False},
    {'type': 'object', 'propertyNames': {'$ref': '#/$defs/AliasOfAlias'}},
    {'type': 'object', 'propertyNames': {'$ref': 'acme.json'}},
    {'type': 'object', 'propertyNames': {'enum': ['a', 'b']}},
    {'type': 'object', 'patternProperties': {'^a': True, 'b$': {}}},
    {'type': 'object', 'unevaluatedProperties': {'type': 'null'}},
    {'type': 'object', 'dependentRequired': {'a': ['b'], 'c': []}},
    {'type': 'object', 'dependentSchemas': {'a': True, 'c': {'not': {}}}},
    {'type': 'string', 'contentSchema': True},
    {'type': 'string', 'format': '', 'pattern': ''},
    {'default': None, 'examples': [], 'title': '', 'description': ''},
    {'x-acme': {'$ref': 3}, 'examples': [None, {}, '\0']},
]


def _either(
    keywords: Mapping[str, st.SearchStrategy[Any]],
) -> st.SearchStrategy[Any]:
    pairs = [st.tuples(st.just(key), keywords[key]) for key in keywords]
    return st.lists(st.one_of(pairs), max_size=4).map(dict)


def _below(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return schemas with any keywords, and any schemas below them."""
    number = st.integers(-9, 9) | st.just(0.5)
    values = st.sampled_from([None, True, 0, 'x', [], ['y'], {'a': None}])
    names = st.sampled_from(['a', 'b', 'password', 'properties', '$ref', ''])
    kind = st.sampled_from([*_KINDS])
    return _either(
        {
            **dict.fromkeys(_ONE, inner),
            **dict.fromkeys(_LISTS, st.lists(inner, min_size=1, max_size=3)),
            **dict.fromkeys(
                _BY_NAME, st.dictionaries(names, inner, max_size=3)
            ),
            **dict.fromkeys(_COUNTS, st.integers(0, 3)),
            **dict.fromkeys(_BOUNDS, number),
            '$ref': st.sampled_from(REFERENCES),
            'const': values,
            'default': values,
            'dependentRequired': st.dictionaries(
                names, st.lists(names, unique=True, max_size=2), max_size=2
            ),
            'enum': st.lists(values, max_size=3),
            'examples': st.lists(values, max_size=3),
            'format': st.sampled_from(['password', 'uuid', 'x-acme']),
            'pattern': st.sampled_from(['', '^a']),
            'required': st.lists(names, unique=True, max_size=3),
            'title': names,
            'type': kind | st.lists(kind, min_size=1, max_size=3, unique=True),
            'uniqueItems': st.booleans(),
            'writeOnly': st.booleans(),
        }
    )


SCHEMAS = st.recursive(
    st.booleans() | st.sampled_from(ODDITIES), _below, max_leaves=6
)


def rows(schema: Any, others: Any = False) -> None:
    """Make the rows and nodes of a parameter ``p``."""
    made = kinds.of_schema(
        schema, **{'$defs': DEFINITIONS, 'additionalProperties': others}
    )
    for row in made.values():
        for text in (row.name, row.type, row.default):
            inline.paragraph(text).astext()


class TestValidSchemas(base.TestCase):
    """Every valid schema, including those that a conductor rejects."""

    def test_the_odd_ones_are_valid(self) -> None:
        for schema in ODDITIES:
            jsonschema.Draft202012Validator.check_schema(schema)

    def test_odd_ones(self) -> None:
        for schema in ODDITIES:
            with self.subTest(schema=schema):
                rows(schema)
                rows({'type': 'array', 'items': schema})
                rows({'anyOf': [schema, {'type': 'null'}]})
                rows(True, schema)

    @hypothesis.given(schema=SCHEMAS, others=SCHEMAS)
    @hypothesis.settings(max_examples=300, deadline=None)
    def test_any(self, schema: Any, others: Any) -> None:
        jsonschema.Draft202012Validator.check_schema(
            {'items': schema, 'not': others}
        )
        rows(schema, others)
