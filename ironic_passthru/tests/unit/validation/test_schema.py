# SPDX-License-Identifier: Apache-2.0
"""Tests of the validation of parameters and schemas."""

import http.server
import pathlib
import threading
import time
from typing import Any

import fixtures
from referencing import exceptions as reference_errors

from ironic_passthru import errors
from ironic_passthru import spec
from ironic_passthru.tests import base
from ironic_passthru.validation import schema

DEFS = {
    'Fan': {
        'type': 'object',
        'properties': {
            'speed': {'type': 'integer', 'minimum': 0, 'maximum': 100},
            'name': {'type': 'string'},
        },
        'required': ['speed', 'name'],
        'additionalProperties': False,
    },
    'Mode': {'enum': ['auto', 'full'], 'type': 'string'},
    'Level': {'enum': [1, 2], 'type': 'integer'},
    'Levels': {'type': 'array', 'items': {'$ref': '#/$defs/Level'}},
    'Circle': {'anyOf': [{'$ref': '#/$defs/Circle'}]},
    'Tree': {
        'type': 'object',
        'properties': {
            'children': {'type': 'array', 'items': {'$ref': '#/$defs/Tree'}}
        },
        'additionalProperties': False,
    },
}


def parameters(
    properties: dict[str, Any], required: tuple[str, ...] = (), **more: Any
) -> schema.ParameterValidator:
    """Return the parameters of a method called m."""
    document = {
        '$defs': DEFS,
        'type': 'object',
        'properties': properties,
        'additionalProperties': False,
        **more,
    }
    if required:
        document['required'] = list(required)
    return schema.ParameterValidator('m', document, spec.RESERVED_NAMES)


class Case(base.TestCase):
    """Helpers that return the errors."""

    def found(
        self, checked: schema.ParameterValidator, values: dict[str, Any]
    ) -> dict[str, str]:
        """Return the details by pointer."""
        try:
            checked.check(values)
        except errors.InvalidParameters as error:
            return {f.pointer: f.detail for f in error.field_errors()}
        return {}

    def detail(self, declared: dict[str, Any], value: Any) -> str | None:
        """Return the error of ``value`` as the parameter x."""
        found = self.found(parameters({'x': declared}), {'x': value})
        self.assertLessEqual(set(found), {'/x'})
        return found.get('/x')


class CheckTest(Case):
    """All errors are reported with their pointers."""

    def test_multiples_of_fractions(self) -> None:
        declared = {'type': 'number', 'multipleOf': 0.7}
        for value in (0.7, 2.1, 13.3, 472780, 7448):
            self.assertIsNone(self.detail(declared, value), value)
        for value in (1, 2.2, 10.0**15, 10**30):
            self.assertIsNotNone(self.detail(declared, value), value)

    def test_bounds_hold_for_integers_of_any_size(self) -> None:
        huge = 10**399
        for keyword, value in (
            ('minimum', -huge),
            ('maximum', huge),
            ('exclusiveMinimum', -huge),
            ('exclusiveMaximum', huge),
        ):
            declared = {'type': 'integer', keyword: 0}
            self.assertIsNotNone(self.detail(declared, value), keyword)
            self.assertIsNone(self.detail(declared, -value), keyword)

    def test_all_errors_at_once(self) -> None:
        checked = parameters(
            {
                'slot': {'type': 'integer'},
                'tag': {'type': 'string', 'maxLength': 3},
                'fan': {'$ref': '#/$defs/Fan'},
                'list': {'type': 'array', 'items': {'type': 'integer'}},
                'gone': {},
                'also': {},
            },
            ('gone', 'also', 'slot'),
        )
        found = self.found(
            checked,
            {
                'slot': '3',
                'tag': 'long',
                'fan': {'speed': 101, 'colour': 'red'},
                'list': [1, 'x', 2, None],
                'extra': 1,
                'more': 2,
            },
        )
        self.assertEqual(
            {
                '/slot': "parameter 'slot' must be of type integer",
                '/tag': "parameter 'tag' must have at most 3 characters",
                '/fan/speed': "parameter 'fan.speed' must be at most 100",
                '/fan/name': "missing parameter 'fan.name'",
                '/fan/colour': "unexpected parameter 'fan.colour' "
                '(allowed: speed, name)',
                '/list/1': "parameter 'list.1' must be of type integer",
                '/list/3': "parameter 'list.3' must be of type integer",
                '/gone': "missing parameter 'gone'",
                '/also': "missing parameter 'also'",
                '/extra': "unexpected parameter 'extra' "
                '(allowed: slot, tag, fan, list, gone, also)',
                '/more': "unexpected parameter 'more'",
            },
            found,
        )

    def test_hints_for_unexpected_names(self) -> None:
        checked = parameters({f'p{n:02}': {} for n in range(31)})
        allowed = ', '.join(f'p{n:02}' for n in range(30))
        self.assertEqual(
            {
                '/p1': "unexpected parameter 'p1' (did you mean 'p21'? "
                f'allowed: {allowed}, ...)',
                '/xyz': "unexpected parameter 'xyz'",
            },
            self.found(checked, {'p1': 1, 'xyz': 1}),
        )

    def test_error_names_method(self) -> None:
        error = self.assertRaises(
            errors.InvalidParameters,
            parameters({}, ('a',)).check,
            {'b': 1},
        )
        self.assertEqual('m', error.kwargs['method'])
        self.assertIn("missing parameter 'a'", error.message)

    def test_pointers_are_escaped(self) -> None:
        checked = parameters({'a/b~c': {'type': 'integer'}})
        self.assertEqual(
            {'/a~1b~0c', '/~01'},
            set(self.found(checked, {'a/b~c': 'x', '~1': 2})),
        )

    def test_values_are_not_reported(self) -> None:
        checked = parameters(
            {'a': {'type': 'integer'}, 'b': {'enum': ['x']}, 'c': {'not': {}}}
        )
        values = dict.fromkeys(('a', 'b', 'c'), 'hunter2')
        self.assertNotIn('hunter2', str(self.found(checked, values)))

    def test_reserved_names_are_always_excess(self) -> None:
        anything = parameters({}, additionalProperties=True)
        for name in ('self', 'context', 'method', 'http_method'):
            self.assertEqual(
                {f'/{name}': f"unexpected parameter '{name}'"},
                self.found(anything, {name: 1, 'task': 2}),
            )
            self.assertEqual(
                {f'/{name}': f"unexpected parameter '{name}'"},
                self.found(parameters({}), {name: 1}),
            )

    def test_other_names_are_ordinary(self) -> None:
        anything = parameters({}, additionalProperties=True)
        values = dict.fromkeys(('task', 'func', 'data', '', 'a b', 'é'), 1)
        self.assertEqual({}, self.found(anything, values))

    def test_nothing_given(self) -> None:
        self.assertEqual({}, self.found(parameters({'a': {}}), {}))
        self.assertEqual(
            {'/a': "missing parameter 'a'"},
            self.found(parameters({'a': {}}, ('a',)), {}),
        )

    def test_names(self) -> None:
        self.assertEqual({'a', 'b'}, set(parameters({'a': {}, 'b': {}}).names))

    def test_check_needs_no_dict_of_the_same_order(self) -> None:
        checked = parameters({'a': {'type': 'null'}, 'b': {'type': 'null'}})
        errors_ = [
            self.assertRaises(errors.InvalidParameters, checked.check, values)
            for values in ({'a': 1, 'b': 2}, {'b': 2, 'a': 1})
        ]
        self.assertEqual(errors_[0].kwargs, errors_[1].kwargs)


class PhraseTest(Case):
    """Each keyword has its words."""

    def test_phrases(self) -> None:
        for declared, value, words in (
            ({'type': 'integer'}, 'x', 'must be of type integer'),
            ({'type': ['integer', 'null']}, 'x', 'of type integer or null'),
            ({'enum': ['a', 2]}, 'x', 'must be one of a, 2'),
            ({'const': 'a'}, 'x', 'must be a'),
            ({'minimum': 2}, 1, 'must be at least 2'),
            ({'maximum': 2}, 3, 'must be at most 2'),
            ({'exclusiveMinimum': 2}, 2, 'must be greater than 2'),
            ({'exclusiveMaximum': 2}, 2, 'must be less than 2'),
            ({'multipleOf': 2}, 3, 'must be a multiple of 2'),
            ({'minLength': 2}, 'a', 'must have at least 2 characters'),
            ({'maxLength': 2}, 'abc', 'must have at most 2 characters'),
            ({'pattern': '^a{2}$'}, 'b', 'must match the pattern ^a{2}$'),
            ({'format': 'date'}, 'b', 'must have the format date'),
            ({'minItems': 2}, [1], 'must have at least 2 items'),
            ({'maxItems': 2}, [1, 2, 3], 'must have at most 2 items'),
            ({'minProperties': 1}, {}, 'must have at least 1 properties'),
            ({'maxProperties': 0}, {'a': 1}, 'must have at most 0 properties'),
            ({'uniqueItems': True}, [1, 1], 'must not contain the same item'),
            ({'not': {}}, 1, 'does not fit its declaration'),
        ):
            detail = self.detail(declared, value)
            self.assertIsNotNone(detail, declared)
            self.assertTrue(detail.startswith("parameter 'x' "), detail)
            self.assertIn(words, detail)

    def test_alternatives(self) -> None:
        declared = {'anyOf': [{'$ref': '#/$defs/Fan'}, {'type': 'null'}]}
        found = self.found(
            parameters({'fan': declared}), {'fan': {'speed': 1}}
        )
        self.assertEqual({'/fan/name': "missing parameter 'fan.name'"}, found)
        found = self.found(
            parameters({'fan': declared}), {'fan': {'speed': -1, 'x': 1}}
        )
        self.assertEqual({'/fan/name', '/fan/speed', '/fan/x'}, set(found))

    def test_several_likely_alternatives(self) -> None:
        declared = {
            'anyOf': [
                {'type': 'string', 'maxLength': 1},
                {'type': 'string', 'format': 'date'},
                {'type': 'null'},
            ]
        }
        self.assertEqual(
            "parameter 'x' does not fit its declaration",
            self.detail(declared, 'abc'),
        )
        nested = {'anyOf': [{'$ref': '#/$defs/Fan'}, {'$ref': '#/$defs/Tree'}]}
        found = self.found(parameters({'x': nested}), {'x': {'speed': 'a'}})
        self.assertEqual(1, len(found))

    def test_optional_of_wrong_type(self) -> None:
        declared = {'anyOf': [{'type': 'integer'}, {'type': 'null'}]}
        self.assertEqual(
            "parameter 'x' must be of type integer or null",
            self.detail(declared, 'three'),
        )

    def test_wrong_keys(self) -> None:
        declared = {'propertyNames': {'pattern': '^[0-9]+$'}}
        self.assertIn('pattern', self.detail(declared, {'a': 1}))


class NumberTest(Case):
    """Numbers are what pydantic can make of them."""

    def test_integers(self) -> None:
        integer = {'type': 'integer'}
        for value in (0, -1, 3.0, 2**64, 10**400, -(10**400)):
            self.assertIsNone(self.detail(integer, value))
        for value in (True, False, 3.5, '3', None, 2.0**63, 1e300):
            self.assertIsNotNone(self.detail(integer, value), value)

    def test_numbers(self) -> None:
        number = {'type': 'number'}
        for value in (0, -1.5, 2**64, 1e308):
            self.assertIsNone(self.detail(number, value))
        for value in (True, '3', None, 10**400, float('nan'), float('inf')):
            self.assertIsNotNone(self.detail(number, value), value)

    def test_multiples(self) -> None:
        for divisor, value, fits in (
            (3, 9, True),
            (3, 9.0, True),
            (3, 10, False),
            (3, 3 * 10**18, True),
            (3, 3 * 10**18 + 1, False),
            (3, 1e17, False),
            (0.1, 0.3, True),
            (0.1, -0.7, True),
            (0.1, 0.25, False),
            (1e-300, 1e300, False),
        ):
            detail = self.detail(
                {'type': 'number', 'multipleOf': divisor}, value
            )
            self.assertEqual(fits, detail is None, (divisor, value))

    def test_truth_is_no_number(self) -> None:
        self.assertIsNotNone(self.detail({'$ref': '#/$defs/Level'}, True))
        self.assertIsNone(self.detail({'$ref': '#/$defs/Level'}, 1.0))


class UniqueTest(Case):
    """Sets hold an item once, and long ones are checked in good time."""

    UNIQUE = {'uniqueItems': True}

    def test_same(self) -> None:
        for items in (
            ['a', 'a'],
            [1, 1.0],
            [[1, 2], [1, 2]],
            [{'a': 1, 'b': 2}, {'b': 2, 'a': 1}],
            [None, None],
            [True, True],
        ):
            self.assertIsNotNone(self.detail(self.UNIQUE, items), items)

    def test_different(self) -> None:
        for items in (
            [1, '1', True, None, 1.5],
            [0, False],
            [[1, 2], [2, 1]],
            ['[1]', [1]],
            [],
        ):
            self.assertIsNone(self.detail(self.UNIQUE, items), items)

    def test_hashes_of_integers_cannot_be_made_to_collide(self) -> None:
        colliding = [n * (2**61 - 1) for n in range(1, 50)]
        self.assertEqual(1, len({hash(one) for one in colliding}))
        hashes = {hash(schema._identity(one)) for one in colliding}
        self.assertEqual(len(colliding), len(hashes))

    def test_long_and_mixed(self) -> None:
        items = [i if i % 2 else str(i) for i in range(50_000)]
        start = time.monotonic()
        self.assertIsNone(self.detail(self.UNIQUE, items))
        # Comparing each with each takes minutes.
        self.assertLess(time.monotonic() - start, 10)


class HostileTest(Case):
    """Bad input costs little and never more than a 400."""

    def test_many_errors(self) -> None:
        checked = parameters(
            {'x': {'type': 'array', 'items': {'type': 'null'}}}
        )
        self.assertEqual(100, len(self.found(checked, {'x': [0] * 200_000})))
        self.assertEqual(
            100,
            len(self.found(checked, {str(i): 0 for i in range(10_000)})),
        )

    def test_deep_nesting(self) -> None:
        checked = parameters({'tree': {'$ref': '#/$defs/Tree'}})
        tree: dict[str, Any] = {}
        for _ in range(5000):
            tree = {'children': [tree]}
        self.assertEqual(
            {'': 'the parameters are nested too deeply'},
            self.found(checked, {'tree': tree}),
        )


class ReadTextTest(Case):
    """Text of a query string is read by the declared type."""

    def _read(self, declared: dict[str, Any], text: str) -> Any:
        return parameters({'x': declared}).query.read('x', [text])

    def test_by_type(self) -> None:
        for declared, text, value in (
            ({'type': 'integer'}, '3', 3),
            ({'type': 'integer'}, '-3', -3),
            ({'type': 'number'}, '3.5', 3.5),
            ({'type': 'string'}, '3', '3'),
            ({'type': 'string'}, '007', '007'),
            ({'type': 'string'}, 'true', 'true'),
            ({'type': 'string'}, '', ''),
            ({}, '3', '3'),
            ({'type': 'boolean'}, 'true', True),
            ({'type': 'boolean'}, 'False', False),
            ({'type': 'null'}, 'null', None),
            ({'type': 'array', 'items': {'type': 'integer'}}, '[1]', [1]),
            ({'type': 'object'}, '{"a": 1}', {'a': 1}),
            ({'type': 'string', 'format': 'date'}, '2026-11-23', '2026-11-23'),
            ({'$ref': '#/$defs/Mode'}, 'auto', 'auto'),
            ({'$ref': '#/$defs/Level'}, '2', 2),
            (
                {'anyOf': [{'type': 'integer'}, {'type': 'null'}]},
                'null',
                None,
            ),
            ({'anyOf': [{'type': 'integer'}, {'type': 'string'}]}, '3', '3'),
            # Not valid, but for another reason than the type.
            ({'type': 'integer', 'minimum': 1}, '0', 0),
            (
                {
                    'anyOf': [
                        {'type': 'integer', 'minimum': 1},
                        {'type': 'null'},
                    ]
                },
                '0',
                0,
            ),
            ({'type': 'string', 'pattern': '[a-z]+'}, '3', '3'),
            ({'type': 'integer'}, '"3"', '"3"'),
        ):
            read = self._read(declared, text)
            self.assertEqual(value, read, (declared, text))
            self.assertIs(type(value), type(read))

    def test_arrays(self) -> None:
        texts = {'type': 'array', 'items': {'type': 'string'}}
        numbers = {'type': 'array', 'items': {'type': 'integer'}}
        optional = {'anyOf': [numbers, {'type': 'null'}]}
        for declared, given, value in (
            (texts, ['a,b', 'c'], ['a', 'b', 'c']),
            (texts, ['a'], ['a']),
            (texts, ['7'], ['7']),
            (texts, ['["a,b"]'], ['a,b']),
            (numbers, ['1,2', '3'], [1, 2, 3]),
            (numbers, ['[1]'], [1]),
            (numbers, ['1,x'], [1, 'x']),
            (optional, ['1', '2'], [1, 2]),
            (optional, ['null'], None),
            ({'$ref': '#/$defs/Levels'}, ['1,2'], [1, 2]),
        ):
            checked = parameters({'x': declared})
            self.assertEqual({'x'}, checked.query.arrays)
            self.assertEqual(value, checked.query.read('x', given), given)

    def test_others_are_not_arrays(self) -> None:
        for declared in (
            {},
            {'type': 'string'},
            {'type': ['array', 'string']},
            {'anyOf': [{'type': 'array'}, {'type': 'string'}]},
            {'$ref': '#/$defs/Circle'},
        ):
            checked = parameters({'x': declared})
            self.assertEqual(frozenset(), checked.query.arrays)
            self.assertIsInstance(checked.query.read('x', ['']), str)

    def test_misfits_stay_for_check_to_refuse(self) -> None:
        for declared, text in (
            ({'type': 'integer'}, '007'),
            ({'type': 'integer'}, 'x'),
            ({'type': 'integer'}, ''),
            ({'type': 'integer'}, '3.5'),
            ({'type': 'integer'}, 'true'),
            ({'type': 'integer'}, '9' * 5000),
            ({'type': 'number'}, 'NaN'),
            ({'type': 'number'}, '1e999'),
            ({'type': 'boolean'}, '1'),
            ({'type': 'boolean'}, 'yes'),
            ({'type': 'string', 'maxLength': 2}, 'abc'),
            ({'$ref': '#/$defs/Mode'}, 'none'),
            ({'type': 'object'}, '{"a": 1, "a": 1}'),
            ({'$ref': '#/$defs/Tree'}, '[' * 5000),
            ({'$ref': '#/$defs/Tree'}, '{"children":[' * 600 + ']}' * 600),
        ):
            self.assertEqual(text, self._read(declared, text))
            self.assertIsNotNone(
                self.found(parameters({'x': declared}), {'x': text})
            )


class SchemaTest(base.TestCase):
    """A schema is valid, of one dialect, and complete in itself."""

    def refuse(self, document: Any, words: str) -> None:
        error = self.assertRaises(
            schema.InvalidSchema, schema.check_schema, document
        )
        self.assertIn(words, str(error))
        self.assertLess(len(str(error)), 600)

    def test_references_within(self) -> None:
        for reference in ('#', '#/$defs/Tree', '#/$defs/Any', '#here'):
            for keyword in ('$ref', '$dynamicRef', '$recursiveRef'):
                schema.check_schema(
                    {
                        '$id': 'https://acme.example/schema',
                        '$schema': 'https://json-schema.org/draft/2020-12/schema',
                        '$defs': DEFS
                        | {'Any': True, 'A': {'$anchor': 'here'}},
                        'properties': {'p': {keyword: reference}},
                    }
                )

    def test_references_elsewhere(self) -> None:
        for reference in (
            'http://127.0.0.1:9/acme.json',
            'file:///etc/hostname',
            '//127.0.0.1/acme.json',
            'http://[',
            *('acme.json', 'acme.json#/$defs/Tree', '', '/', '?', ' #'),
            'https://json-schema.org/draft/2020-12/schema',
            *('#/$defs/Nowhere', '#/', '#nowhere', '#/$defs', '#/title/0'),
            *('#/$defs/Mode/enum/0', '#/$defs/Mode/enum/x', '#/x-part'),
        ):
            for keyword in ('$ref', '$dynamicRef', '$recursiveRef'):
                for wrap in (
                    lambda found: found,
                    lambda found: {'items': {'not': found}},
                    lambda found: {'allOf': [{'contentSchema': found}]},
                ):
                    document = {'$defs': DEFS, 'title': 'text', 'x-part': {}}
                    document |= wrap({keyword: reference})
                    self.refuse(document, f"{keyword} '{reference}'")

    def test_a_base_elsewhere(self) -> None:
        self.refuse(
            {'properties': {'p': {'$id': 'http://acme.example/'}}}, '$id'
        )
        for dialect in (
            'http://json-schema.org/draft-07/schema#',
            'http://127.0.0.1:9/metaschema',
        ):
            self.refuse({'$schema': dialect}, '$schema')
            self.refuse({'items': {'$schema': dialect}}, '$schema')

    def test_every_part_is_checked_alike(self) -> None:
        for part, words in (
            ({'minimum': float('nan')}, '/minimum'),
            ({'multipleOf': 10**400}, '/multipleOf'),
            ({'minLength': 1e300}, '/minLength'),
        ):
            for within in (
                {'properties': {'p': part}},
                {'items': {'not': part}},
                {'$defs': {'d': {'allOf': [part]}}},
            ):
                self.refuse(within, words)

    def test_the_dialect_of_a_part_changes_nothing(self) -> None:
        dialect = 'https://json-schema.org/draft/2020-12/schema'
        for part, value in (
            ({'type': 'integer'}, 1e300),
            ({'type': 'number'}, 10**400),
            ({'multipleOf': 0.1}, 0.25),
        ):
            for name in (dialect, f'{dialect}#'):
                document = {'properties': {'p': {'$schema': name, **part}}}
                schema.check_schema(document)
                checked = schema.ParameterValidator('m', document, frozenset())
                self.assertRaises(
                    errors.InvalidParameters, checked.check, {'p': value}
                )
            self.assertIs(
                type(checked._validator),
                type(checked._validator.evolve(schema=part)),
            )

    def test_what_only_looks_like_a_reference(self) -> None:
        schema.check_schema(
            {
                'properties': {'$ref': {'type': 'string'}},
                'default': {'$ref': 'http://acme.example/'},
                'enum': [{'$ref': 'http://acme.example/'}],
            }
        )

    def test_wrong_ones(self) -> None:
        deep: dict[str, Any] = {}
        for _ in range(5000):
            deep = {'not': deep}
        for document, words in (
            (None, 'not an object'),
            (True, 'not an object'),
            (deep, 'nests deeper than 100'),
            ({'type': 'strong'}, 'at /type'),
            ({'pattern': '('}, 'pattern'),
            ({'pattern': 'a{99999999999999999999}'}, 'pattern'),
            ({'patternProperties': {'(' * 4000 + ')' * 4000: {}}}, 'pattern'),
            ({'pattern': 'a' * 10_001}, '10001 characters'),
            ({'minimum': float('nan')}, 'at /minimum'),
            # jsonschema's own check of this would take minutes.
            ({'required': [{'n': n} for n in range(50_000)]}, 'at /required'),
        ):
            self.refuse(document, words)


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"const": "content of the other document"}')

    def log_message(self, *_: Any) -> None:
        pass


class RetrievalTest(base.TestCase):
    """Not even a schema that was not checked makes a validator open URLs."""

    def test_nothing_is_opened(self) -> None:
        server = http.server.HTTPServer(('127.0.0.1', 0), _Handler)
        server.asked = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join, 10)
        self.addCleanup(server.shutdown)
        url = f'http://127.0.0.1:{server.server_port}'
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path, 's.json')
        path.write_text('{"const": "content of the other document"}')
        for document in (
            {'$ref': f'{url}/ref'},
            {'$ref': path.as_uri()},
            {'$id': f'{url}/id', 'not': {'$ref': 'relative'}},
            {'properties': {'p': {'$id': f'{url}/', '$ref': 'nested'}}},
            {'properties': {'p': {'$dynamicRef': f'{url}/dynamic'}}},
        ):
            checked = schema.ParameterValidator('m', document, frozenset())
            self.assertRaises(
                reference_errors.Unresolvable, checked.check, {'p': 1}
            )
        self.assertEqual([], server.asked)  # type: ignore[attr-defined]
