# SPDX-License-Identifier: Apache-2.0
"""Secrets stay secret if a driver or a type changes where they are."""

import dataclasses
import datetime
import json
import logging
import uuid
from collections.abc import Callable
from typing import Annotated
from typing import Any

import fixtures
import pydantic
import typing_extensions
from pydantic import alias_generators
from pydantic import dataclasses as pydantic_dataclasses

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.drivers import base as drivers
from ironic_passthru.drivers import loader
from ironic_passthru.redaction import log_filter
from ironic_passthru.rpc import protocol
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.conductor import records

# In two pieces, since a traceback shows the lines of this file.
SECRET = 'Hunter' + '2hunter2'
DEFAULT = 'default' + '-0123'

Stripped = Annotated[
    str,
    pydantic.StringConstraints(strip_whitespace=True, to_upper=True),
    pydantic.Field(json_schema_extra={'writeOnly': True}),
]


class ByName(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra='allow', populate_by_name=True)
    pin: pydantic.SecretStr = pydantic.Field(default='', alias='code')


class Generated(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(
        extra='allow',
        populate_by_name=True,
        alias_generator=alias_generators.to_camel,
    )
    boot_pin: pydantic.SecretStr = pydantic.SecretStr('')


class Choices(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra='allow')
    pin: pydantic.SecretStr = pydantic.Field(
        default='',
        validation_alias=pydantic.AliasChoices(
            'code', 'number', pydantic.AliasPath('login', 'pins', 1)
        ),
    )
    login: Any = None


class Nested(pydantic.BaseModel):
    """A model with a secret, read from another name."""

    model_config = pydantic.ConfigDict(extra='allow', populate_by_name=True)
    inner: ByName | None = pydantic.Field(default=None, alias='x')


class Renaming(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra='allow')
    pin: pydantic.SecretStr = pydantic.SecretStr('')

    @pydantic.model_validator(mode='before')
    @classmethod
    def _rename(cls, value: Any) -> Any:
        if isinstance(value, dict) and 'old' in value:
            return {'pin': value['old']}
        return value


class Hiding(pydantic.BaseModel):
    """Publishes another schema than its own."""

    model_config = pydantic.ConfigDict(extra='allow')
    pin: pydantic.SecretStr = pydantic.SecretStr('')

    @classmethod
    def __get_pydantic_json_schema__(cls, *_: Any) -> dict[str, Any]:
        return {'type': 'object'}


class ByAlias(typing_extensions.TypedDict, total=False):
    """Converted, it has other names than its schema."""

    __pydantic_config__ = pydantic.ConfigDict(extra='allow')  # type: ignore[misc]
    pin: Annotated[
        int,
        pydantic.Field(alias='code', json_schema_extra={'writeOnly': True}),
    ]


@pydantic_dataclasses.dataclass(
    config=pydantic.ConfigDict(extra='allow', populate_by_name=True)
)
class Aliased:
    pin: int = pydantic.Field(
        default=0, alias='code', json_schema_extra={'writeOnly': True}
    )


def _refuse(value: Any) -> Any:
    raise errors.InvalidParameters(
        method='converted', errors=[{'pointer': '', 'detail': str(value)}]
    )


@dataclasses.dataclass
class Login:
    user: str
    pin: Annotated[int, pydantic.Field(json_schema_extra={'writeOnly': True})]


class Account(pydantic.BaseModel):
    user: str = 'admin'
    pin: pydantic.SecretStr = pydantic.SecretStr(DEFAULT)


class Vendor(drivers.VendorInterface):
    """Passes what it received to ``action``."""

    def __init__(self) -> None:
        self.action: Callable[..., Any] = lambda *_: None
        self.validation: Callable[[dict[str, Any]], None] = lambda _: None

    def driver_validate(self, method: str, **kwargs: Any) -> None:
        self.validation(kwargs)

    @drivers.driver_passthru(['POST'], async_call=False)
    def untyped(self, context: Any, info: Any) -> Any:
        return self.action(context, info)

    @drivers.driver_passthru(['POST'], async_call=False)
    def any_name(self, context: Any, **kwargs: Any) -> Any:
        return self.action(context, kwargs)

    @drivers.driver_passthru(['POST'], async_call=False)
    def mapping(self, context: Any, info: dict[str, Any]) -> Any:
        return self.action(context, info)

    @drivers.driver_passthru(['POST'], async_call=False)
    def models(
        self,
        context: Any,
        by_name: ByName | None = None,
        generated: Generated | None = None,
        choices: Choices | None = None,
        nested: list[Nested] | None = None,
        renaming: Renaming | None = None,
        hiding: Hiding | None = None,
    ) -> Any:
        return self.action(context, None)

    @drivers.driver_passthru(
        ['POST'],
        async_call=False,
        secret=[
            *('number', 'numbers', 'key', 'since', 'url', 'text', 'octets'),
            'refused',
        ],
    )
    def converted(
        self,
        context: Any,
        stripped: Stripped = '',
        octets: pydantic.Base64Bytes | None = None,
        text: pydantic.Base64Str | None = None,
        url: pydantic.HttpUrl | None = None,
        address: pydantic.AnyUrl | None = None,
        number: int = 0,
        key: uuid.UUID | None = None,
        since: datetime.datetime | None = None,
        within: pydantic.Json[ByName] | None = None,
        login: Login | None = None,
        logins: dict[str, list[Login]] | None = None,
        numbers: list[int] | dict[str, int] | None = None,
        by_alias: ByAlias | None = None,
        aliased: Aliased | None = None,
        refused: Annotated[str, pydantic.AfterValidator(_refuse)] = '',
    ) -> Any:
        given = (
            *(stripped, octets, text, url, address, number, key, since),
            *(within and within.pin.get_secret_value(), login, logins),
            *(numbers, by_alias, aliased),
        )
        return self.action(context, [one for one in given if one])

    @drivers.driver_passthru(['POST'], async_call=False)
    def defaults(
        self,
        context: Any,
        password: str = DEFAULT,
        token: pydantic.SecretStr = pydantic.SecretStr(DEFAULT),  # noqa: B008
        account: Account = Account(),  # noqa: B008
    ) -> Any:
        return self.action(context, None)

    @drivers.driver_passthru(['POST'], async_call=False)
    def shared(
        self,
        context: Any,
        info: dict[str, Any] = {'password': DEFAULT},  # noqa: B006
        steps: list[dict[str, Any]] = [{'token': DEFAULT}],  # noqa: B006
        account: Account = Account(),  # noqa: B008
    ) -> Any:
        info.clear()
        steps.clear()
        account.pin = pydantic.SecretStr('')
        return self.action(context, None)


class Case(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level=0))
        log_filter.install()
        self.vendor = Vendor()
        self.loaded = loader.make('acme', self.vendor)
        made = records.conductor(self, {'acme': self.loaded})
        self.runner, self.records = made.runner, made.records
        self.addCleanup(request_context.clear_current)
        self.count = 0

    def call(
        self, method: str, parameters: dict[str, Any], **facts: Any
    ) -> Any:
        self.count += 1
        return self.runner.run(
            request_context.RequestContext(overwrite=False),
            protocol.CallRequest(
                driver_name='acme',
                driver_method=method,
                http_method='POST',
                info=parameters,
                key=operation.Key(f'{self.count:064}', '0' * 64),
                **facts,
            ),
        )

    def leave_every_way(self, method: str, **parameters: Any) -> None:
        """Call methods that report, log, return and raise their secret."""
        sent = json.dumps(parameters)

        def leak(context: Any, secret: Any) -> Any:
            shown = self.shown(secret)
            context.report_progress(50, f'progress {shown}')
            logging.getLogger('acme').error('log %s', shown)
            return {'result': f'result {shown}', shown: [shown]}

        def refuse(context: Any, secret: Any) -> None:
            raise errors.InvalidParameterValue(f'bad {self.shown(secret)}')

        def fail(context: Any, secret: Any) -> None:
            raise RuntimeError(f'failed for {self.shown(secret)}')

        self.vendor.action = leak
        self.call(method, json.loads(sent))
        end = self.records.moves[-1]
        self.assertIs(operation.State.SUCCEEDED, end.target)
        self.assertEqual('progress ***', end.progress.message)
        self.assertEqual(
            {'result': 'result ***', '***': ['***']}, json.loads(end.result)
        )
        self.vendor.action = refuse
        error = self.assertRaises(
            errors.InvalidParameterValue, self.call, method, json.loads(sent)
        )
        self.assertEqual('bad ***', error.message)
        self.assertEqual('bad ***', self.records.moves[-1].error.message)
        self.vendor.action = fail
        self.assertRaises(
            errors.DriverFailed, self.call, method, json.loads(sent)
        )
        self.assertIn('log ***', self.log.output)
        self.assertIn('failed for ***', self.log.output)

    def shown(self, secret: Any) -> str:
        return str(secret)


class TakenOutTest(Case):
    """Drivers take secrets out of the objects that they receive."""

    def shown(self, secret: Any) -> str:
        for one in (secret, *secret.values()):
            if isinstance(one, dict) and 'password' in one:
                return str(one.pop('password'))
        raise AssertionError(secret)

    def test_by_the_method(self) -> None:
        for method, parameters in (
            ('untyped', {'info': {'password': SECRET}}),
            ('any_name', {'password': SECRET}),
            ('any_name', {'login': {'user': 'u', 'password': SECRET}}),
            ('mapping', {'info': {'login': {'password': SECRET}}}),
            ('mapping', {'info': {'password': SECRET}}),
        ):
            self.leave_every_way(method, **parameters)
            self.assertNotIn(SECRET, self.log.output)

    def test_by_the_validation(self) -> None:
        taken: list[str] = []

        def validate(given: dict[str, Any]) -> None:
            info = given['info']
            taken.append(info.pop('password'))
            info |= {'added': 1, 'rack': 'other'}
            raise errors.InvalidParameterValue(f'bad {taken[-1]}')

        self.vendor.validation = validate
        for method in ('untyped', 'mapping'):
            error = self.assertRaises(
                errors.InvalidParameterValue,
                self.call,
                method,
                {'info': {'password': SECRET}},
            )
            self.assertEqual('bad ***', error.message)

    def test_what_is_recorded_is_what_was_sent(self) -> None:
        def change(given: dict[str, Any]) -> None:
            given['info'].pop('password')
            given['info'] |= {'added': 1, 'rack': 'other'}
            given['info']['list'].append('more')

        self.vendor.validation = change
        sent = {'password': SECRET, 'rack': 'r1', 'list': [1]}
        for method in ('untyped', 'mapping'):
            self.call(method, {'info': sent})
            recorded = list(self.records.new.values())[-1].parameters
            self.assertEqual(
                {'info': {'password': '***', 'rack': 'r1', 'list': [1]}},
                recorded,
            )
        self.assertEqual('r1', sent['rack'])


class OtherNamesTest(Case):
    """A model reads its secret from names that its schema may not have."""

    def test_names_of_models(self) -> None:
        for name, value, wanted in (
            ('by_name', {'pin': SECRET}, {'pin': '***'}),
            ('by_name', {'code': SECRET}, {'code': '***'}),
            ('generated', {'boot_pin': SECRET}, {'boot_pin': '***'}),
            ('generated', {'bootPin': SECRET}, {'bootPin': '***'}),
            ('choices', {'number': SECRET}, {'number': '***'}),
            (
                'choices',
                {'login': {'pins': ['a', SECRET, 'b'], 'user': 'u'}},
                {'login': {'pins': ['a', '***', 'b'], 'user': 'u'}},
            ),
            (
                'nested',
                [{'inner': {'pin': SECRET, 'note': 'n'}}],
                [{'inner': {'pin': '***', 'note': 'n'}}],
            ),
            ('renaming', {'old': SECRET}, {'old': '***'}),
            ('hiding', {'pin': SECRET}, '***'),
        ):
            parameters = {name: value}
            spec = self.loaded.methods['models'].spec
            # An API process has nothing but the published schema.
            self.assertEqual({name: wanted}, spec.masked(parameters), value)
            self.call('models', parameters)
            recorded = list(self.records.new.values())[-1].parameters
            self.assertEqual({name: wanted}, recorded)

    def test_other_members_stay(self) -> None:
        for name, value in (
            ('by_name', {'note': 'n', 'list': [1]}),
            ('choices', {'login': {'pins': ['a'], 'user': 'u'}}),
            ('nested', [{'inner': {'note': 'n'}}, {'y': 1}]),
        ):
            spec = self.loaded.methods['models'].spec
            self.assertEqual({name: value}, spec.masked({name: value}))


class ConvertedTest(Case):
    def shown(self, secret: Any) -> str:
        return str(secret[0])

    def test_what_a_type_makes_of_a_secret(self) -> None:
        for name, value in (
            ('stripped', f'  {SECRET} '),
            ('text', 'SHVudGVyMmh1bnRlcjI='),
            ('url', f'http://user:{SECRET}@BMC'),
            ('number', 12345.0),
            ('key', '{12345678-1234-1234-1234-123456789ABC}'),
            ('since', '2026-11-29T10:00Z'),
            ('within', json.dumps({'code': SECRET})),
        ):
            self.leave_every_way('converted', **{name: value})

    def test_parts_of_what_a_type_makes(self) -> None:
        for name, value, part in (
            ('octets', 'SHVudGVyMmh1bnRlcjI=', lambda one: one.decode()),
            ('octets', 'SHVudGVyMmh1bnRlcjI=', lambda one: one.hex()),
            ('key', str(uuid.uuid4()), lambda one: one.hex),
            ('since', '2026-11-29T10:00Z', lambda one: one.isoformat()),
            ('url', f'http://u:{SECRET}@bmc', lambda one: one.password),
            ('address', f'http://u:{SECRET}@bmc', lambda one: one.password),
            ('login', {'user': 'u', 'pin': 12345.0}, lambda one: one.pin),
            (
                'logins',
                {'a': [{'user': 'u', 'pin': 12345.0}]},
                lambda one: one['a'][0].pin,
            ),
            ('numbers', [12345.0], lambda one: one[0]),
            ('numbers', {'a': 12345.0}, lambda one: one['a']),
            ('by_alias', {'code': 12345.0}, lambda one: one['pin']),
            ('aliased', {'code': 12345.0}, lambda one: one.pin),
            ('octets', '//79/A==', lambda one: repr(one)[2:-1]),
            ('octets', 'MTIzNP/+/fw=', lambda one: repr(one)[2:-1]),
        ):
            self.shown = (  # type: ignore[method-assign]
                lambda secret, part=part: str(part(secret[0]))
            )
            self.leave_every_way('converted', **{name: value})

    def test_numbers_of_results(self) -> None:
        for sent, returned in ((12345.0, 12345), (12345, 12345.0)):
            self.vendor.action = lambda *_, value=returned: [value]
            self.call('converted', {'number': sent})
            self.assertEqual('["***"]', self.records.moves[-1].result)

    def test_a_type_raises_an_error_of_this_service(self) -> None:
        self.assertRaises(
            errors.DriverFailed, self.call, 'converted', {'refused': SECRET}
        )
        self.assertNotIn(SECRET, self.log.output)

    def test_defaults_that_the_driver_changes(self) -> None:
        self.shown = lambda _: DEFAULT  # type: ignore[method-assign]
        self.leave_every_way('shared')

    def test_defaults(self) -> None:
        self.shown = lambda _: DEFAULT  # type: ignore[method-assign]
        self.leave_every_way('defaults')
        self.leave_every_way('defaults', password='other', token='another')
        schema = self.loaded.methods['defaults'].spec.schema
        self.assertNotIn(DEFAULT, json.dumps(schema))
