# SPDX-License-Identifier: Apache-2.0
"""Masking of secrets anywhere in a signature."""

import copy
import json
from typing import Annotated
from typing import Any
from typing import Literal

import pydantic

from ironic_passthru.drivers import base as driver_base
from ironic_passthru.drivers import loader
from ironic_passthru.redaction import masking
from ironic_passthru.tests import base

SECRET = 'hunter2'


class Login(pydantic.BaseModel):
    user: str
    pin: pydantic.SecretStr
    next: 'Login | None' = None


class Aliased(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(populate_by_name=True)
    pin: pydantic.SecretStr = pydantic.Field(alias='code')


class Open(pydantic.BaseModel):
    kind: Literal['open']
    pin: str


class Closed(pydantic.BaseModel):
    kind: Literal['closed']
    pin: pydantic.SecretStr


class Vendor(driver_base.VendorInterface):
    """Secrets of every kind, without names that imply a secret."""

    @driver_base.driver_passthru(['POST'])
    def method(
        self,
        a_text: pydantic.SecretStr,
        some_bytes: pydantic.SecretBytes,
        may_be_null: pydantic.SecretStr | None,
        or_number: int | pydantic.SecretStr,
        a_list: list[pydantic.SecretStr],
        a_dict: dict[str, pydantic.SecretStr],
        keys: dict[pydantic.SecretStr, int],
        a_tuple: tuple[str, pydantic.SecretStr],
        a_model: Login,
        models: list[Login | str],
        aliased: Aliased,
        union: Open | Closed,
        tagged: Annotated[Open | Closed, pydantic.Field(discriminator='kind')],
        json_text: pydantic.Json[Login],
        described: Annotated[
            dict[str, Any],
            pydantic.Field(json_schema_extra={'writeOnly': True}),
        ],
        rack: str = 'r1',
        sizes: list[int] | None = None,
        **kwargs: Any,
    ) -> None: ...

    @driver_base.driver_passthru(['POST'])
    def typed_rest(self, **kwargs: pydantic.SecretStr) -> None: ...

    @driver_base.driver_passthru(['POST'])
    def without(self, rack: str, **kwargs: Any) -> None: ...


class MaskingTest(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.methods = loader.make('acme', Vendor()).methods

    def masked(self, name: str, /, **parameters: Any) -> dict[str, Any]:
        """Mask parameters, which must be as they were afterwards."""
        before = copy.deepcopy(parameters)
        result = self.methods[name].spec.masked(parameters)
        self.assertEqual(before, parameters)
        self.assertNotIn(SECRET, json.dumps(result))
        return result

    def test_secrets_by_declaration(self) -> None:
        login = {'user': 'u', 'pin': SECRET}
        hidden = {'user': 'u', 'pin': '***'}
        for name, given, wanted in (
            ('a_text', SECRET, '***'),
            ('some_bytes', SECRET, '***'),
            ('may_be_null', SECRET, '***'),
            ('or_number', SECRET, '***'),
            ('or_number', 1234, '***'),
            ('a_list', [SECRET, SECRET], ['***', '***']),
            ('a_dict', {'a': SECRET, 'b': SECRET}, {'a': '***', 'b': '***'}),
            ('keys', {SECRET: 1, 'other': 2}, '***'),
            ('a_tuple', ['u', SECRET], ['u', '***']),
            ('a_model', login, hidden),
            (
                'a_model',
                {**login, 'next': {**login, 'next': login}},
                {**hidden, 'next': {**hidden, 'next': hidden}},
            ),
            ('models', ['x', login], ['x', hidden]),
            ('aliased', {'code': SECRET}, {'code': '***'}),
            ('aliased', {'pin': SECRET}, {'pin': '***'}),
            (
                'union',
                {'kind': 'closed', 'pin': SECRET},
                {'kind': 'closed', 'pin': '***'},
            ),
            (
                'tagged',
                {'kind': 'closed', 'pin': SECRET},
                {'kind': 'closed', 'pin': '***'},
            ),
            ('json_text', json.dumps(login), '***'),
            ('described', {'any': [SECRET]}, '***'),
            ('rack', 'r2', 'r2'),
            ('sizes', [1, 2], [1, 2]),
            ('sizes', None, None),
            ('else', {'a': [1.5, True]}, {'a': [1.5, True]}),
        ):
            self.assertEqual(
                {name: wanted}, self.masked('method', **{name: given}), name
            )

    def test_secrets_under_any_name(self) -> None:
        self.assertEqual(
            {'a': '***', 'b': '***'},
            self.masked('typed_rest', a=SECRET, b=SECRET),
        )

    def test_secrets_by_name(self) -> None:
        for method in ('without', 'method'):
            for name in (
                'password',
                'BMC-Password',
                'admin_pass',
                'auth_token',
                'client_secret',
                'passwd',
                'pwd',
                'user_pass',
                'credentials',
                'api_key',
            ):
                for value in (SECRET, {'x': SECRET}, [SECRET], 5, None):
                    nested = {'a': [{name: value}]}
                    self.assertEqual(
                        {name: '***', 'deep': {'a': [{name: '***'}]}},
                        self.masked(method, **{name: value, 'deep': nested}),
                    )

    def test_other_names_are_not_masked(self) -> None:
        given = {'rack': 'r1', 'bypass': True, 'compass': {'n': [0, None]}}
        self.assertEqual(given, self.masked('without', **given))

    def test_secrets_within_texts(self) -> None:
        masked = self.masked(
            'without',
            rack=f'ipmitool --password {SECRET} power off',
            body=[f'{{"adminPass": "{SECRET}"}}'],
        )
        self.assertEqual('ipmitool --password *** power off', masked['rack'])

    def test_passwords_in_urls(self) -> None:
        masked = self.masked(
            'without', image=f'https://me:{SECRET}@images/fw.bin?size=3'
        )
        self.assertEqual(
            {'image': 'https://me:***@images/fw.bin?size=3'}, masked
        )

    def test_keys_that_are_no_text(self) -> None:
        masker = masking.Masker({})
        self.assertEqual({5: [{None: 1}]}, masker.masked({5: [{None: 1}]}))

    def test_values_nested_too_deeply(self) -> None:
        value: Any = SECRET
        for _ in range(100_000):
            value = [value]
        masked = self.methods['method'].spec.masked({'rest': value})
        self.assertEqual({'rest': '***'}, masked)


class SchemaTest(base.TestCase):
    """Schemas that pydantic does not write, but a type's author may."""

    def masked(self, schema: dict[str, Any], value: Any) -> Any:
        whole = {'type': 'object', 'properties': {'x': schema}}
        whole['$defs'] = {
            'a/b~c': {'format': 'password'},
            'loop': {'$ref': '#/$defs/loop'},
            'list': {'items': {'anyOf': [{'$ref': '#/$defs/list'}]}},
            'either': {'anyOf': [{}, {'writeOnly': True}]},
        }
        # Elsewhere, so that the schema is looked at.
        whole['properties']['secret_one'] = {'writeOnly': True}
        return masking.Masker(whole).masked({'x': value})['x']

    def test_secrets(self) -> None:
        secret = {'writeOnly': True}
        for schema in (
            {'format': 'password'},
            {'allOf': [{'type': 'string'}, secret]},
            {'oneOf': [{'type': 'integer'}, {'anyOf': [secret]}]},
            {'if': {'type': 'integer'}, 'then': {}, 'else': secret},
            {'dependentSchemas': {'a': secret}},
            {'$ref': '#/$defs/a~1b~0c'},
            {'$ref': '#/$defs/missing'},
            {'$ref': '#anchor'},
            {'$ref': 'https://example.com/schema'},
            {'$ref': '#/$defs/either/anyOf/1'},
            {'$ref': '#/$defs/either/anyOf/7'},
            {'$ref': '#/$defs/either/anyOf/x'},
        ):
            self.assertEqual('***', self.masked(schema, SECRET), schema)

    def test_items_and_properties(self) -> None:
        secret = {'writeOnly': True}
        for schema in (
            {'items': secret},
            {'contains': secret},
            {'unevaluatedItems': secret},
            {'prefixItems': [secret]},
        ):
            self.assertEqual(['***'], self.masked(schema, [SECRET]), schema)
        for schema in (
            {'additionalProperties': secret},
            {'patternProperties': {'^p': secret}},
            {'unevaluatedProperties': secret},
        ):
            self.assertEqual(
                {'p': '***'}, self.masked(schema, {'p': SECRET}), schema
            )

    def test_values_that_look_like_schemas(self) -> None:
        for schema in (
            {'default': {'properties': 5}},
            {'properties': {'properties': True}},
            {'examples': [{'properties': None}]},
        ):
            whole = {'properties': {'x': schema, 'password': {}}}
            found = masking.Masker(whole).split({'password': {'k': SECRET}})[1]
            self.assertEqual({'k', SECRET}, found, schema)

    def test_loops_end(self) -> None:
        for schema, value in (
            ({'$ref': '#/$defs/loop'}, 'text'),
            ({'$ref': '#'}, {'x': {'x': 'text'}}),
            ({'$ref': '#/$defs/list'}, [['text'], []]),
            (True, 'text'),
            ({'items': False}, []),
        ):
            self.assertEqual(value, self.masked(schema, value), schema)
