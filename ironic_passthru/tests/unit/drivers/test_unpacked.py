# SPDX-License-Identifier: Apache-2.0
"""Parameters that a method takes by ``**name: Unpack[TypedDict]``."""

from collections.abc import Callable
from typing import Annotated
from typing import Any
from typing import Generic
from typing import NotRequired
from typing import Required
from typing import TypedDict
from typing import TypeVar
from typing import Unpack

import typing_extensions
from pydantic import Field

from ironic_passthru import errors
from ironic_passthru.drivers import signature
from ironic_passthru.tests import base

Value = TypeVar('Value')


class Choice(TypedDict, total=False):
    rack: Annotated[str, Field(max_length=4, description='Rack.')]
    delay: Annotated[float, Field(default=1.5)]


class Options(Choice):
    slot: int
    # Type checkers reject it; qualifiers of strings have the same effect.
    lamps: 'NotRequired[Annotated[list[int], Field(min_length=1)]]'
    reason: 'Annotated[Required[str], Field(min_length=1)]'


class Inexact(TypedDict, total=False):
    lamp: 'Unknown'  # noqa: F821


class Method(TypedDict):
    method: str


class Lamps(TypedDict, Generic[Value]):
    lamps: Value


class Context(TypedDict):
    context: str


Keyword = TypedDict('Keyword', {'class': str})


class UnpackTest(base.TestCase):
    """The keys of a TypedDict are parameters like those of the function."""

    @staticmethod
    def blink(context, *, state: str, **options: Unpack[Options]) -> Any:
        return options

    def test_schema(self) -> None:
        schema = signature.Signature(self.blink).schema()
        self.assertEqual(
            {
                'type': 'object',
                'additionalProperties': False,
                'required': ['state', 'slot', 'reason'],
                'properties': {
                    'state': {'type': 'string'},
                    'rack': {
                        'type': 'string',
                        'maxLength': 4,
                        'description': 'Rack.',
                    },
                    'delay': {'type': 'number', 'default': 1.5},
                    'slot': {'type': 'integer'},
                    'lamps': {
                        'type': 'array',
                        'items': {'type': 'integer'},
                        'minItems': 1,
                    },
                    'reason': {'type': 'string', 'minLength': 1},
                },
            },
            schema,
        )

    def test_received(self) -> None:
        declared = signature.Signature(self.blink)
        values = {'state': 'on', 'slot': '7', 'reason': 'x', 'rack': 'a'}
        positional, named = declared.arguments(
            declared.convert('blink', values), context=None, http_method='PUT'
        )
        self.assertEqual(
            {'slot': 7, 'reason': 'x', 'rack': 'a', 'delay': 1.5},
            self.blink(*positional, **named),
        )

    def test_typing_extensions(self) -> None:
        def call(**options: typing_extensions.Unpack[Choice]): ...

        properties = signature.Signature(call).schema()['properties']
        self.assertEqual(['rack', 'delay'], list(properties))

    def test_errors(self) -> None:
        declared = signature.Signature(self.blink)
        good = {'state': 'on', 'slot': 7, 'reason': 'x'}
        for wrong in (
            {'color': 1},
            {'options': {}},
            {'rack': None},
            {'lamps': []},
            {'lamps': None},
            {'reason': ''},
        ):
            error = self.assertRaises(
                errors.InvalidParameters,
                declared.convert,
                'blink',
                {**good, **wrong},
            )
            self.assertIn(min(wrong), error.message)

    def test_refused(self) -> None:
        def other(context, **options: Unpack[int]): ...

        def twice(context, rack, **options: Unpack[Options]): ...

        def inexact(context, **options: Unpack[Inexact]): ...

        def reserved(context, **options: Unpack[Method]): ...

        def keyword(context, **options: Unpack[Keyword]): ...

        def generic(context, **options: Unpack[Lamps[int]]): ...

        def injected(context, **options: Unpack[Context]): ...

        cases: list[tuple[Callable[..., Any], str]] = [
            (other, '**options: Unpack needs a TypedDict'),
            (
                twice,
                "parameter 'rack' is declared twice: by name and in Options",
            ),
            (
                inexact,
                'an annotation of Inexact cannot be evaluated: name '
                "'Unknown' is not defined",
            ),
            (keyword, "Keyword: 'class' cannot be the name of a parameter"),
            (
                generic,
                '**options: a generic TypedDict is not supported; write one '
                'with the types of its keys',
            ),
            (
                injected,
                "parameter 'context' has the name of an argument that the "
                'method, a decorator or driver_validate receives by position; '
                'rename one of them',
            ),
            (reserved, "'method' is reserved and cannot be a parameter"),
        ]
        for function, message in cases:
            error = self.assertRaises(
                signature.SignatureError, signature.Signature, function
            )
            self.assertEqual(message, str(error))
