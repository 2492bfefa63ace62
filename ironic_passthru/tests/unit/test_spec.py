# SPDX-License-Identifier: Apache-2.0
"""Tests of the specs of methods and drivers."""

import dataclasses
import json
from typing import Any

from ironic_passthru import errors
from ironic_passthru import spec
from ironic_passthru.tests import base

METHOD = spec.MethodSpec(
    name='set_tag',
    http_methods=('PUT', 'POST'),
    async_call=False,
    attach=True,
    description='Write the tag; é.',
    schema={
        'type': 'object',
        'properties': {'tag': {'type': 'string'}},
        'required': ['tag'],
        'additionalProperties': False,
    },
    timeout=2.5,
    target=('tag',),
    dangerous=True,
    allowed=False,
    secret=('tag',),
    result={'type': 'string'},
    long_description='Racks show it.',
    deprecated='Use label.',
    examples=({'tag': 'a7'},),
)
DRIVER = spec.DriverSpec(
    name='acme',
    properties={'acme_rack': 'Name of the rack.'},
    methods={'set_tag': METHOD},
)


def _through_json(driver: spec.DriverSpec) -> spec.DriverSpec:
    document = json.loads(json.dumps(driver.to_document(), allow_nan=False))
    return spec.DriverSpec.from_document(driver.name, document)


class MethodSpecTest(base.TestCase):
    """One method."""

    def test_document(self) -> None:
        document = json.loads(json.dumps(METHOD.to_document()))
        self.assertEqual(
            METHOD, spec.MethodSpec.from_document('set_tag', document)
        )

    def test_document_of_an_earlier_release(self) -> None:
        document = METHOD.to_document()
        later: dict[str, Any] = {
            'timeout': None,
            'target': (),
            'dangerous': False,
            'allowed': True,
            'secret': (),
            'result': {},
            'long_description': '',
            'deprecated': None,
            'examples': (),
        }
        for name in later:
            del document[name]
        self.assertEqual(
            dataclasses.replace(METHOD, **later),
            spec.MethodSpec.from_document('set_tag', document),
        )

    def test_summary_has_exactly_four_keys(self) -> None:
        self.assertEqual(
            {
                'http_methods': ['PUT', 'POST'],
                'async': False,
                'attach': True,
                'description': 'Write the tag; é.',
            },
            METHOD.summary(),
        )

    def test_details_mask_secrets_of_examples(self) -> None:
        details = METHOD.details()
        self.assertEqual([{'tag': '***'}], details['examples'])
        self.assertEqual(METHOD.schema, details['parameters'])
        self.assertEqual('Use label.', details['deprecated'])

    def test_parameters(self) -> None:
        METHOD.parameters.check({'tag': 'a'})
        error = self.assertRaises(
            errors.InvalidParameters, METHOD.parameters.check, {'method': 'a'}
        )
        self.assertEqual(
            ['/method', '/tag'], [f.pointer for f in error.field_errors()]
        )
        self.assertIs(METHOD.parameters, METHOD.parameters)

    def test_masked(self) -> None:
        schema = {'properties': {'pin': {'writeOnly': True}}}
        method = dataclasses.replace(METHOD, schema=schema)
        given = {'pin': '1234', 'rack': 'r1'}
        self.assertEqual({'rack': 'r1'}, METHOD.masked({'rack': 'r1'}))
        self.assertEqual('***', method.masked(given)['pin'])
        self.assertEqual('1234', given['pin'])
        self.assertEqual(
            {'tag': '***', 'deep': [{'tag': '***'}]},
            METHOD.masked({'tag': 't', 'deep': [{'tag': {'t': 't'}}]}),
        )

    def test_shown(self) -> None:
        method = dataclasses.replace(METHOD, target=('bmc',))
        many = {f'n{number}': 'x' * 1000 for number in range(100)}
        shown, more = method.shown({**many, 'bmc': 'b1', 'password': 'p'})
        self.assertEqual('b1', shown['bmc'])
        self.assertNotIn('password', shown)
        self.assertEqual(102, len(shown) + more)
        secrets = {'tag': 'x' * 20_000, 'password': 'p'}
        self.assertEqual(
            (dict.fromkeys(secrets, '***'), 0), METHOD.shown(secrets)
        )

    def test_shown_quotes_no_secret(self) -> None:
        for note in ('pw hunter2', 'pw%20hunter2', 'hunter2'):
            self.assertEqual(
                (
                    {
                        'password': '***',
                        'note': note.replace('hunter2', '***'),
                    },
                    0,
                ),
                METHOD.shown({'password': 'hunter2', 'note': note}),
            )
        self.assertEqual(
            {'password': '***', 'deep': [{'***': 1}]},
            METHOD.shown({'password': 'hunter2', 'deep': [{'hunter2': 1}]})[0],
        )

    def test_targets(self) -> None:
        method = dataclasses.replace(METHOD, target=('bmc', 'bmcs'))
        for parameters, targets in (
            ({}, set()),
            ({'other': 'x'}, set()),
            ({'bmc': None, 'bmcs': []}, set()),
            ({'bmc': '10.0.0.1'}, {'10.0.0.1'}),
            ({'bmc': 'a', 'bmcs': ['b', 'a', None]}, {'a', 'b'}),
            ({'bmc': 7}, {'7'}),
            ({'bmc': 7.0}, {'7'}),
            ({'bmc': 7.5}, {'7.5'}),
            ({'bmc': True}, {'true'}),
            ({'bmc': {'b': 1, 'a': [2]}}, {'{"a": [2], "b": 1}'}),
            ({'bmcs': [['a'], {}]}, {'["a"]', '{}'}),
        ):
            self.assertEqual(targets, method.targets(parameters))
        self.assertEqual(frozenset(), DRIVER.methods['set_tag'].targets({}))


class DriverSpecTest(base.TestCase):
    """One driver."""

    def test_document(self) -> None:
        self.assertEqual(DRIVER, _through_json(DRIVER))

    def test_digest_is_equal_after_serialization(self) -> None:
        self.assertEqual(DRIVER.digest, _through_json(DRIVER).digest)
        self.assertRegex(DRIVER.digest, r'\A[0-9a-f]{64}\Z')

    def test_digest_ignores_order(self) -> None:
        other = dataclasses.replace(METHOD, name='a')
        first = {'set_tag': METHOD, 'a': other}
        second = {'a': other, 'set_tag': METHOD}
        self.assertEqual(
            dataclasses.replace(DRIVER, methods=first).digest,
            dataclasses.replace(DRIVER, methods=second).digest,
        )

    def test_digest_differs_for_each_change(self) -> None:
        digests = [DRIVER.digest]
        for change in (
            {'name': 'other'},
            {'properties': {}},
            {'methods': {}},
        ):
            digests.append(dataclasses.replace(DRIVER, **change).digest)
        for change in (
            {'http_methods': ('PUT',)},
            {'async_call': True},
            {'attach': False},
            {'description': ''},
            {'schema': {}},
            {'timeout': 3},
            {'target': ()},
        ):
            methods = {'set_tag': dataclasses.replace(METHOD, **change)}
            digests.append(dataclasses.replace(DRIVER, methods=methods).digest)
        self.assertEqual(len(digests), len(set(digests)))
