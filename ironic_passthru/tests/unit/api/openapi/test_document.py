# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document that callers get."""

import json
import pathlib
from typing import Any
from unittest import mock

import fixtures
import openapi_spec_validator
import webob

from ironic_passthru.api.openapi import document
from ironic_passthru.api.openapi import responses
from ironic_passthru.tests.unit.api import fakes

_PATH = '/v1/drivers/d/vendor_passthru/'
_TYPED: dict[str, Any] = {
    'type': 'object',
    'properties': {
        'slot': {'type': 'integer', 'description': 'Slot.'},
        'fans': {'type': 'array', 'items': {'type': 'integer'}},
        'curve': {'anyOf': [{'$ref': '#/$defs/Curve'}, {'type': 'null'}]},
    },
    'required': ['slot'],
    '$defs': {'Curve': {'type': 'object', 'title': 'Curve'}},
}


class DocumentCase(fakes.ApplicationCase):
    """Documents of the application."""

    def document(self, **headers: str) -> dict[str, Any]:
        response = self.ask('/v1/openapi.json', **headers)
        self.assertEqual(200, response.status_int, response.text)
        found: dict[str, Any] = json.loads(response.body)
        return found

    def add(self, *methods: Any, driver: str = 'd') -> None:
        self.store.add('c', fakes.driver(driver, *methods))

    def rules(self, **checks: str) -> None:
        """Set policy rules by the last part of their names."""
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path) / 'p'
        names = {name: f'baremetal:driver:{name}' for name in checks}
        path.write_text(
            json.dumps({names[name]: text for name, text in checks.items()})
        )
        self.conf.set_override('policy_file', str(path), 'oslo_policy')
        self.build()


class TestMethods(DocumentCase):
    """Operations of driver methods."""

    def test_parameters_of_each_verb(self) -> None:
        self.add(fakes.method('m', http_methods=('GET', 'PUT'), schema=_TYPED))
        item = self.document()['paths'][f'{_PATH}m']
        self.assertEqual({'get', 'put'}, item.keys())
        self.assertEqual('d_m_put', item['put']['operationId'])
        body = item['put']['requestBody']
        self.assertTrue(body['required'])
        schema = body['content']['application/json']['schema']
        self.assertEqual(['slot'], schema['required'])
        self.assertNotIn('requestBody', item['get'])
        query = {p['name']: p for p in item['get']['parameters'] if 'in' in p}
        self.assertTrue(query['slot']['required'])
        self.assertEqual('Slot.', query['slot']['description'])
        self.assertEqual('form', query['fans']['style'])
        self.assertEqual(
            {'$ref': '#/components/schemas/d_Curve'},
            query['curve']['content']['application/json']['schema'],
        )
        key = responses.parameter('Idempotency-Key')
        self.assertIn(key, item['put']['parameters'])
        self.assertNotIn(key, item['get']['parameters'])

    def test_results(self) -> None:
        text = {'type': 'string', 'contentMediaType': 'text/csv; charset=x'}
        self.add(
            fakes.method('value', result={'type': 'integer'}),
            fakes.method('wrong', result={'type': 5}),
            fakes.method('text', attach=True, result=text),
            fakes.method('bytes', attach=True),
        )
        paths = self.document()['paths']
        for name, expected in (
            ('value', {'application/json': {'schema': {'type': 'integer'}}}),
            ('wrong', {'application/json': {'schema': {}}}),
            ('text', {'text/csv': {'schema': {'type': 'string'}}}),
            (
                'bytes',
                {
                    'application/octet-stream': {'schema': {}},
                    '*/*': {'schema': {}},
                },
            ),
        ):
            found = paths[f'{_PATH}{name}']['get']['responses']
            self.assertEqual(expected, found['200']['content'])
            self.assertNotIn('content', found['202'])

    def test_texts(self) -> None:
        self.add(
            fakes.method(
                'm',
                description='One.',
                long_description='Two.',
                deprecated='use n',
                http_methods=('POST',),
                examples=({'slot': 1},),
                dangerous=True,
            )
        )
        found = self.document()['paths'][f'{_PATH}m']['post']
        self.assertTrue(found['deprecated'])
        self.assertEqual('One.', found['summary'])
        self.assertEqual('Two.\n\nDeprecated: use n', found['description'])
        self.assertTrue(found['x-ironic-passthru']['dangerous'])
        content = found['requestBody']['content']['application/json']
        self.assertEqual({'1': {'value': {'slot': 1}}}, content['examples'])

    def test_schemas_that_cannot_be_moved(self) -> None:
        schema = {'type': 'object', 'properties': {'x': {'$ref': '#'}}}
        self.add(fakes.method('m', http_methods=('GET', 'PUT'), schema=schema))
        item = self.document()['paths'][f'{_PATH}m']
        self.assertIn('see the details', item['put']['description'])
        self.assertEqual(
            {'schema': {'type': 'object'}},
            item['put']['requestBody']['content']['application/json'],
        )

    def test_odd_schemas_hide_no_method(self) -> None:
        odd = {
            'a': {'$ref': '#/$defs/Any'},
            'b': {'x-hint': [{'$ref': []}], 'externalDocs': 3, 'xml': 5},
            **{
                f'd{number}': {'discriminator': hint}
                for number, hint in enumerate(
                    (
                        'kind',
                        {'mapping': {}},
                        {'propertyName': 'k', 'mapping': 5},
                        {'propertyName': 'k', 'mapping': {'a': 1}},
                    )
                )
            },
        }
        schema = {
            'type': 'object',
            'properties': odd,
            'dependentRequired': {'$ref': ['a']},
            '$defs': {'Any': True},
        }
        self.add(fakes.method('m', http_methods=('GET', 'PUT'), schema=schema))
        found = self.document()
        openapi_spec_validator.validate(found)
        put = found['paths'][f'{_PATH}m']['put']['requestBody']
        moved = put['content']['application/json']['schema']
        self.assertEqual(odd.keys(), moved['properties'].keys())
        self.assertEqual({'$ref': ['a']}, moved['dependentRequired'])

    def test_paths_are_those_that_call_the_method(self) -> None:
        self.add(
            fakes.method('methods', http_methods=('GET', 'POST')),
            fakes.method('a/b'),
            fakes.method('ä {x}'),
        )
        paths = self.document()['paths']
        own = {p: [*item] for p, item in paths.items() if '/drivers/d/' in p}
        self.assertEqual(
            {f'{_PATH}methods': ['post'], f'{_PATH}%C3%A4%20%7Bx%7D': ['get']},
            own,
        )

    def test_it_is_valid(self) -> None:
        each = {'http_methods': ('GET', 'POST', 'PATCH'), 'schema': _TYPED}
        self.add(
            *(fakes.method(name, **each) for name in _LIKE),
            fakes.method('ä {x}', attach=True, deprecated=''),
        )
        openapi_spec_validator.validate(self.document())

    def test_ids_are_unique(self) -> None:
        self.add(fakes.method('a-b'), fakes.method('a_b'), fakes.method('a.b'))
        paths = self.document()['paths']
        self.assertEqual(
            {'d_a_b_get', 'd_a_b_get_2', 'd_a_b_get_3'},
            {paths[f'{_PATH}{n}']['get']['operationId'] for n in _LIKE},
        )

    def test_size_is_limited(self) -> None:
        self.add(*(fakes.method(f'm{number}') for number in range(9)))
        with mock.patch.object(document, 'MAX_SIZE', 10_000):
            found = self.document()
        shown = sum('/drivers/d/' in path for path in found['paths'])
        self.assertLess(0, shown)
        self.assertEqual(9, shown + found['x-omitted-methods'])


_LIKE = ('a-b', 'a_b', 'a.b')


class TestPolicy(DocumentCase):
    """Only what a caller may call."""

    def test_methods_and_verbs(self) -> None:
        self.add(fakes.method('m', http_methods=('GET', 'POST')))
        self.add(fakes.method('m'), driver='hidden')
        self.store.add('c', *map(_driver, ('d', 'hidden')))
        self.rules(
            get='not "hidden":%(driver)s',
            vendor_passthru='"GET":%(http_method)s',
        )
        found = self.document()
        self.assertEqual(['get'], [*found['paths'][f'{_PATH}m']])
        self.assertNotIn('hidden', json.dumps(found))

    def test_no_drivers(self) -> None:
        self.rules(get='!')
        self.assertEqual(403, self.ask('/v1/openapi.json').status_int)

    def test_security(self) -> None:
        for strategy, scheme in document.SECURITY.items():
            found = document.build('http://h', strategy, ())
            self.assertEqual([{n: []} for n in scheme], found['security'])
            self.assertEqual([], found['paths']['/']['get']['security'])


def _driver(name: str) -> Any:
    return fakes.driver(name, fakes.method('m', http_methods=('GET', 'POST')))


class TestCache(DocumentCase):
    """Identifiers and repeated requests."""

    def get(self, **headers: str) -> webob.Response:
        return self.ask('/v1/openapi.json', **headers)

    def test_a_known_document_is_not_sent_again(self) -> None:
        self.add(fakes.method('m'))
        etag = self.get().headers['ETag']
        response = self.get(If_None_Match=f'"x", {etag}')
        self.assertEqual((304, b''), (response.status_int, response.body))
        self.assertNotIn('Content-Type', response.headers)
        self.assertEqual(etag, response.headers['ETag'])
        self.assertEqual(200, self.get(If_None_Match='"x"').status_int)

    def test_it_changes_with_the_methods_and_the_host(self) -> None:
        self.add(fakes.method('m'))
        etag = self.get().headers['ETag']
        host = self.get(Host='other.example')
        self.assertEqual(
            [{'url': 'http://other.example'}], host.json['servers']
        )
        self.store.add(
            'c', fakes.driver('d', fakes.method('m', attach=True)), started=1
        )
        etags = {etag, host.headers['ETag'], self.get().headers['ETag']}
        self.assertEqual(3, len(etags))

    def test_it_is_built_once(self) -> None:
        self.add(fakes.method('m'))
        with mock.patch.object(
            document, 'build', wraps=document.build
        ) as build:
            for number in range(3):
                self.get()
                self.get(Host=f'{number}.example')
            self.assertEqual(4, build.call_count)
            for number in range(20):
                self.get(Host=f'{number}.example')
            before = build.call_count
            self.get()
            self.assertEqual(before + 1, build.call_count)
