# SPDX-License-Identifier: Apache-2.0
"""Published schemas mark every secret and contain no secret default."""

import json
from typing import Annotated
from typing import Any

import pydantic

from ironic_passthru import spec
from ironic_passthru.conductor import results
from ironic_passthru.drivers import base as drivers
from ironic_passthru.drivers import loader
from ironic_passthru.tests import base

SECRET = 'Hunter2hunter2'
DEFAULT = 'default-0123'

Overridden = Annotated[
    list[pydantic.SecretStr], pydantic.WithJsonSchema({'type': 'array'})
]
Revealed = Annotated[
    pydantic.Secret[str],
    pydantic.PlainSerializer(lambda one: one.get_secret_value()),
]


class Hiding(pydantic.BaseModel):
    """Publishes a schema without its secret."""

    model_config = pydantic.ConfigDict(extra='allow')
    pin: pydantic.SecretStr = pydantic.SecretStr('')
    back: 'Beside | None' = None

    @classmethod
    def __get_pydantic_json_schema__(cls, *_: Any) -> dict[str, Any]:
        return {'type': 'object'}


class Beside(pydantic.BaseModel):
    """Has a secret that its schema shows, and others that it hides."""

    shown: pydantic.SecretStr | None = None
    hiding: Hiding | None = None
    overridden: Overridden | None = None
    inner: 'Beside | None' = None


class FromTheEnd(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra='allow')
    pin: pydantic.SecretStr = pydantic.Field(
        default='', validation_alias=pydantic.AliasPath('login', 'pins', -1)
    )
    outer: pydantic.SecretStr = pydantic.Field(
        default='', validation_alias=pydantic.AliasPath('logins', -2, 'pin')
    )


class TellingAlias(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra='allow', populate_by_name=True)
    word: str = pydantic.Field(default='', alias='password')
    inner: 'TellingAlias | None' = None


class Defaults(pydantic.BaseModel):
    pin: pydantic.SecretStr | None = DEFAULT  # type: ignore[assignment]
    password: str = DEFAULT
    user: str = 'admin'


class RootDefault(pydantic.RootModel[pydantic.SecretStr | None]):
    root: pydantic.SecretStr | None = DEFAULT  # type: ignore[assignment]


class Serialized(pydantic.BaseModel):
    pin: pydantic.Secret[str]
    code: pydantic.SecretStr | None = None
    note: str = 'n'

    @pydantic.field_serializer('pin', 'code')
    def _reveal(self, value: Any) -> Any:
        return value and value.get_secret_value()


class Rewritten(pydantic.BaseModel):
    pin: pydantic.SecretStr

    @pydantic.model_serializer
    def _rewrite(self) -> dict[str, str]:
        return {'x': self.pin.get_secret_value()}


class Excluded(pydantic.BaseModel):
    pin: pydantic.SecretStr = pydantic.Field(exclude=True)
    note: str = 'n'


def method(value: Any, returned: Any = None) -> loader.Method:
    """Return a method with one parameter ``p``."""

    class Vendor(drivers.VendorInterface):
        def run(self, p: Any = None) -> None:
            """Do nothing."""

        run.__annotations__ = {'p': value, 'return': returned}
        run = drivers.driver_passthru(['POST'], async_call=False)(run)

    return loader.make('acme', Vendor()).methods['run']


class ParametersTest(base.TestCase):
    def check(self, kind: Any, value: Any, masked: Any) -> None:
        published = json.dumps(method(kind | None).spec.to_document())
        read = spec.MethodSpec.from_document('run', json.loads(published))
        self.assertEqual({'p': masked}, read.masked({'p': value}), kind)

    def test_hidden_beside_what_is_shown(self) -> None:
        for value, masked in (
            ({'hiding': {'pin': SECRET}}, {'hiding': '***'}),
            ({'hiding': {'x': SECRET}}, {'hiding': '***'}),
            ({'overridden': [SECRET]}, {'overridden': '***'}),
            (
                {'inner': {'hiding': {'pin': SECRET}}},
                {'inner': {'hiding': '***'}},
            ),
        ):
            self.check(Beside, value, masked)
        self.check(Hiding, {'back': {'hiding': SECRET}}, '***')

    def test_replaced_serializer(self) -> None:
        self.check(Revealed, SECRET, '***')
        self.check(dict[str, Revealed], {'a': SECRET}, {'a': '***'})

    def test_validator_makes_the_secret(self) -> None:
        made = Annotated[str, pydantic.AfterValidator(pydantic.SecretStr)]
        self.check(made, SECRET, '***')

    def test_alias_that_counts_from_the_end(self) -> None:
        self.check(
            FromTheEnd,
            {'login': {'pins': ['a', SECRET], 'user': 'u'}},
            {'login': {'pins': ['a', '***'], 'user': 'u'}},
        )
        self.check(
            FromTheEnd,
            {'logins': [{'pin': SECRET, 'x': 1}, {'pin': 'a'}]},
            {'logins': [{'pin': '***', 'x': 1}, {'pin': 'a'}]},
        )

    def test_name_of_a_field_whose_alias_is_telling(self) -> None:
        for name in ('word', 'password'):
            self.check(TellingAlias, {name: SECRET}, {name: '***'})
            self.check(
                TellingAlias,
                {'inner': {name: SECRET, 'x': 'y'}},
                {'inner': {name: '***', 'x': 'y'}},
            )

    def test_no_secret_default(self) -> None:
        for kind in (Defaults, list[Defaults], RootDefault):
            schema = json.dumps(method(kind | None).spec.schema)
            self.assertNotIn(DEFAULT, schema)
        self.assertIn('admin', json.dumps(method(Defaults).spec.schema))


class ResultsTest(base.TestCase):
    def recorded(self, kind: Any, value: Any) -> Any:
        made = method(str, kind)
        result = results.encode(
            made.spec, value, max_size=1000, request_id=None
        )
        return made.result.masked_result(result.shown)

    def test_replaced_serializer(self) -> None:
        for kind, value, recorded in (
            (
                Serialized,
                Serialized(pin=SECRET, code=SECRET),
                {'pin': '***', 'code': '***', 'note': 'n'},
            ),
            (list[Revealed], [pydantic.Secret(SECRET)], ['***']),
            (Rewritten, Rewritten(pin=SECRET), '***'),
            (Excluded, Excluded(pin=SECRET), {'note': 'n'}),
        ):
            self.assertEqual(recorded, self.recorded(kind, value))
