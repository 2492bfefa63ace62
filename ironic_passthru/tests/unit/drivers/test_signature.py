# SPDX-License-Identifier: Apache-2.0
"""Schemas of signatures, and conversion of JSON to arguments."""

import collections
import datetime
import enum
import functools
import ipaddress
import math
import re
import typing
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Annotated
from typing import Any
from typing import Literal

import pydantic
from pydantic import Field

from ironic_passthru import errors
from ironic_passthru.drivers import signature
from ironic_passthru.tests import base
from ironic_passthru.validation import schema


class Colour(enum.Enum):
    RED = 'red'
    BLUE = 'blue'


class Curve(pydantic.BaseModel):
    """Speed over temperature."""

    celsius: list[int]
    colour: Colour = Colour.RED


class Tree(pydantic.BaseModel):
    children: list['Tree'] = []


def _schema(function: Callable[..., Any]) -> dict[str, Any]:
    document = signature.Signature(function).schema()
    schema.check_schema(document)
    return document


def _properties(function: Callable[..., Any]) -> dict[str, Any]:
    return _schema(function)['properties']


class SchemaTest(base.TestCase):
    """The schema matches the signature."""

    def test_types_bounds_and_defaults(self) -> None:
        def call(
            rack: str,
            slot: Annotated[int, Field(ge=1, le=9, description='Which.')],
            tag: Annotated[str, Field(max_length=8, pattern='^a')] | None,
            force: bool = False,
            mode: Literal['a', 'b'] = 'a',
            delay: float = 1.5,
        ) -> None:
            pass

        self.assertEqual(
            {
                'type': 'object',
                'additionalProperties': False,
                'required': ['rack', 'slot', 'tag'],
                'properties': {
                    'rack': {'type': 'string'},
                    'slot': {
                        'type': 'integer',
                        'minimum': 1,
                        'maximum': 9,
                        'description': 'Which.',
                    },
                    'tag': {
                        'anyOf': [
                            {
                                'type': 'string',
                                'maxLength': 8,
                                'pattern': '^a',
                            },
                            {'type': 'null'},
                        ]
                    },
                    'force': {'type': 'boolean', 'default': False},
                    'mode': {
                        'type': 'string',
                        'enum': ['a', 'b'],
                        'default': 'a',
                    },
                    'delay': {'type': 'number', 'default': 1.5},
                },
            },
            _schema(call),
        )

    def test_no_annotation_takes_anything(self) -> None:
        def call(slot, tag=None): ...

        self.assertEqual(
            {'slot': {}, 'tag': {'default': None}}, _properties(call)
        )

    def test_no_parameters(self) -> None:
        def call() -> None: ...

        self.assertEqual(
            {
                'type': 'object',
                'properties': {},
                'additionalProperties': False,
            },
            _schema(call),
        )

    def test_any_names(self) -> None:
        def untyped(**kwargs): ...

        def typed(rack: str, **kwargs: int): ...

        self.assertIs(True, _schema(untyped)['additionalProperties'])
        self.assertEqual(
            {'type': 'integer'}, _schema(typed)['additionalProperties']
        )

    def test_injected_arguments_are_no_parameters(self) -> None:
        def call(context, http_method: str, *, slot: int): ...

        self.assertEqual({'slot': {'type': 'integer'}}, _properties(call))

    def test_models_and_enumerations(self) -> None:
        def call(curve: Curve, colour: Colour = Colour.BLUE): ...

        document = _schema(call)
        self.assertEqual('blue', document['properties']['colour']['default'])
        self.assertEqual({'Colour', 'Curve'}, set(document['$defs']))

    def test_names_that_pydantic_reserves(self) -> None:
        def call(copy, model_config, _x, json, p0, schema, validate): ...

        self.assertEqual(
            ['copy', 'model_config', '_x', 'json', 'p0', 'schema', 'validate'],
            list(_properties(call)),
        )

    def test_string_annotations(self) -> None:
        def call(context: 'Missing', slot: 'int') -> 'Missing': ...  # noqa: F821

        self.assertEqual({'slot': {'type': 'integer'}}, _properties(call))

    def test_bound_method(self) -> None:
        class Vendor:
            def call(self, slot: int): ...

            @staticmethod
            def static(slot: int): ...

            @classmethod
            def of_class(cls, slot: int): ...

        for function in (Vendor().call, Vendor().static, Vendor().of_class):
            self.assertEqual(
                {'slot': {'type': 'integer'}}, _properties(function)
            )

    def test_decorated_with_wraps(self) -> None:
        def logged(function: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(function)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                return function(*args, **kwargs)

            return wrapper

        @logged
        def call(slot: 'int'): ...

        self.assertEqual({'slot': {'type': 'integer'}}, _properties(call))

    def test_defaults_without_a_json_form_are_not_shown(self) -> None:
        def call(
            thing: Any = object(),  # noqa: B008
            limit: float = math.inf,
            secret: pydantic.SecretStr = 'hunter2',
            hidden: pydantic.SecretStr = pydantic.SecretStr('x'),  # noqa: B008
        ): ...

        for name, declared in _properties(call).items():
            self.assertNotIn('default', declared, name)

    def test_default_set_has_one_order(self) -> None:
        names = {f'name-{i}' for i in range(50)}

        def call(names: set[str] = names): ...

        self.assertEqual(sorted(names), _properties(call)['names']['default'])

    def test_keys_of_objects(self) -> None:
        def call(
            slots: dict[int, str],
            tags: dict[Annotated[str, Field(pattern='^a')], bool],
        ): ...

        declared = _properties(call)
        self.assertIn('pattern', declared['slots']['propertyNames'])
        self.assertEqual(
            {
                'type': 'object',
                'propertyNames': {'pattern': '^a'},
                'additionalProperties': {'type': 'boolean'},
            },
            declared['tags'],
        )

    def test_patterns_have_a_maximum_length(self) -> None:
        def call(
            one: re.Pattern[str],
            more: list[typing.Pattern | None],
            short: Annotated[
                str,
                pydantic.WithJsonSchema(
                    {'type': 'string', 'format': 'regex', 'maxLength': 9}
                ),
            ],
        ): ...

        text = {'type': 'string', 'format': 'regex'}
        declared = _properties(call)
        self.assertEqual({**text, 'maxLength': 1000}, declared['one'])
        self.assertEqual(
            {**text, 'maxLength': 1000}, declared['more']['items']['anyOf'][0]
        )
        self.assertEqual({**text, 'maxLength': 9}, declared['short'])

    def test_items_that_can_collide_are_limited(self) -> None:
        limited = {
            'maxItems': [
                set[int],
                frozenset[uuid.UUID],
                set,
                typing.AbstractSet[float],
            ],
            'maxProperties': [
                dict[int, str],
                dict[uuid.UUID, str],
                Counter[int],
                typing.Mapping[ipaddress.IPv4Address, int],
            ],
        }
        own: dict[str, Any] = {
            'maxItems': Annotated[set[int], Field(max_length=5000)],
            'maxProperties': Annotated[dict[int, int], Field(max_length=5000)],
        }
        for bound, kinds in limited.items():
            for kind in kinds:
                self.assertEqual(1000, self._bound(kind, bound), kind)
            self.assertEqual(5000, self._bound(own[bound], bound))
        for kind in (set[str], dict[str, int], Counter[str], list[int]):
            for bound in limited:
                self.assertIsNone(self._bound(kind, bound), kind)

    def _bound(self, kind: Any, name: str) -> Any:
        def call(value: kind): ...  # type: ignore[valid-type]

        return _properties(call)['value'].get(name)


class RefusalTest(base.TestCase):
    """What cannot be offered is refused when it is loaded."""

    def _refuse(self, function: Callable[..., Any], words: str) -> None:
        error = self.assertRaises(
            signature.SignatureError,
            lambda: signature.Signature(function).schema(),
        )
        self.assertIn(words, str(error))
        self.assertNotIn('\n', str(error))

    def test_positional_only(self) -> None:
        def call(slot, /): ...

        self._refuse(call, "'slot' cannot be given by name")

    def test_many_positional(self) -> None:
        def call(*slots): ...

        self._refuse(call, "'slots' cannot be given by name")

    def test_decorated_without_wraps(self) -> None:
        def logged(function: Callable[..., Any]) -> Callable[..., Any]:
            return lambda *args, **kwargs: function(*args, **kwargs)

        self._refuse(logged(print), 'functools.wraps')

    def test_reserved_names(self) -> None:
        def call(method): ...

        def static(self): ...

        self._refuse(call, "'method' is reserved")
        self._refuse(static, "'self' is reserved")

    def test_annotations_that_do_not_resolve(self) -> None:
        def call(slot: 'Slot'): ...  # noqa: F821

        self._refuse(call, "name 'Slot' is not defined")

    def test_annotations_without_a_json_form(self) -> None:
        class Handle:
            pass

        def function(x: Callable[[], int]): ...

        def instance(x: Handle): ...

        def maybe(x: Handle | None): ...

        def broken(x: Annotated[int, Field(max_length='x')]): ...

        def regex(x: Annotated[str, Field(pattern='(')]): ...

        for call in (function, instance, maybe, broken, regex):
            self.assertRaises(
                signature.SignatureError,
                lambda call=call: signature.Signature(call).schema(),
            )

    def test_types_whose_own_code_fails(self) -> None:
        class Broken:
            @classmethod
            def __get_pydantic_core_schema__(cls, *_: Any) -> None:
                raise ImportError('install broken[all]')

        def call(x: Broken): ...

        self._refuse(call, 'install broken[all]')

    def test_wrong_json_schema(self) -> None:
        def call(
            x: Annotated[int, pydantic.WithJsonSchema({'type': 'number!'})],
        ): ...

        def zero(
            x: Annotated[int, pydantic.WithJsonSchema({'multipleOf': 0})],
        ): ...

        self._refuse(call, 'invalid JSON Schema')
        self._refuse(zero, 'invalid JSON Schema')

    def test_references_to_other_documents(self) -> None:
        for reference in ('https://acme.example/s', 'file:///s', 's.json'):

            def call(
                x: Annotated[
                    Any, pydantic.WithJsonSchema({'$ref': reference})
                ],
            ): ...

            with self.subTest(reference=reference):
                self._refuse(call, f"$ref '{reference}' does not refer to")

    def test_field_as_default(self) -> None:
        def call(x: int = Field(ge=0)): ...

        self._refuse(call, 'write Annotated')


class ConvertTest(base.TestCase):
    """Values become what the function declares."""

    def _convert(
        self, function: Callable[..., Any], **values: Any
    ) -> dict[str, Any]:
        return signature.Signature(function).convert('m', values)

    def test_types(self) -> None:
        def call(
            slot: int,
            day: datetime.date,
            curve: Curve,
            names: set[str],
            pair: tuple[int, str],
            racks: dict[int, str],
            anything,
        ): ...

        self.assertEqual(
            {
                'slot': 3,
                'day': datetime.date(2026, 11, 23),
                'curve': Curve(celsius=[1]),
                'names': {'a', 'b'},
                'pair': (1, 'x'),
                'racks': {1: 'x'},
                'anything': [1, {'a': None}],
            },
            self._convert(
                call,
                slot=3.0,
                day='2026-11-23',
                curve={'celsius': [1]},
                names=['a', 'b'],
                pair=[1, 'x'],
                racks={'1': 'x'},
                anything=[1, {'a': None}],
            ),
        )

    def test_what_is_not_given_is_left_to_the_function(self) -> None:
        def call(slot: int = 3, tag=None): ...

        self.assertEqual({}, self._convert(call))
        self.assertEqual({'slot': 1}, self._convert(call, slot=1))

    def test_default_in_annotation(self) -> None:
        def call(
            slot: Annotated[int, Field(default=3)],
            names: Annotated[list[str], Field(default_factory=list)],
        ):
            return slot, names

        self.assertEqual((3, []), call(**self._convert(call)))
        self.assertEqual((4, []), call(**self._convert(call, slot=4)))

    def test_any_names(self) -> None:
        def call(slot: int = 1, **kwargs: datetime.date): ...

        self.assertEqual(
            {'p0': datetime.date(2026, 1, 1), 'a b': datetime.date(1, 1, 1)},
            self._convert(call, **{'p0': '2026-01-01', 'a b': '0001-01-01'}),
        )

    def test_faults_that_only_code_can_tell(self) -> None:
        def even(value: int) -> int:
            if value % 2:
                raise ValueError('it is odd')
            return value

        def call(
            numbers: list[Annotated[int, pydantic.AfterValidator(even)]],
            day: Annotated[datetime.date, Field(gt=datetime.date(2026, 1, 1))],
        ): ...

        error = self.assertRaises(
            errors.InvalidParameters,
            self._convert,
            call,
            numbers=[2, 3],
            day='2025-01-01',
        )
        self.assertEqual(
            ['/numbers/1', '/day'], [f.pointer for f in error.field_errors()]
        )
        self.assertIn('it is odd', error.message)
        self.assertNotIn('2025', error.message)

    def test_nested_without_end(self) -> None:
        def call(tree: Tree): ...

        tree: dict[str, Any] = {}
        for _ in range(400):
            tree = {'children': [tree]}
        error = self.assertRaises(
            errors.InvalidParameters, self._convert, call, tree=tree
        )
        (only,) = error.field_errors()
        self.assertIn('nested too deeply', only.detail)

    def test_values_for_which_types_raise_other_exceptions(self) -> None:
        long = '/x' + 'y' * 5000

        def call(
            image: pydantic.FilePath,
            folder: pydantic.DirectoryPath,
            fresh: pydantic.NewPath,
            rule: re.Pattern[str],
            module: pydantic.ImportString,
            size: Annotated[int, pydantic.BeforeValidator(int)],
            slot: int,
            rest: int = 0,
        ): ...

        error = self.assertRaises(
            errors.InvalidParameters,
            self._convert,
            call,
            image=long,
            folder=long,
            fresh=long,
            rule='a{1,99999999999}',
            module='....',
            size=float('inf'),
            slot='x',
            rest=7,
        )
        details = {f.pointer: f.detail for f in error.field_errors()}
        self.assertEqual(7, len(error.field_errors()))
        self.assertIn('integer', details.pop('/slot'))
        self.assertEqual(
            {
                f'/{name}': f"parameter '{name}': Input is not valid"
                for name in (
                    'image',
                    'folder',
                    'fresh',
                    'rule',
                    'module',
                    'size',
                )
            },
            details,
        )

    def test_refused_paths_are_told_apart_by_nothing(self) -> None:
        for kind in (pydantic.FilePath, pydantic.DirectoryPath):

            def call(path: kind): ...  # type: ignore[valid-type]

            messages = {
                self.assertRaises(
                    errors.InvalidParameters, self._convert, call, path=path
                ).message
                # The last one cannot be examined.
                for path in ('/missing', '/dev/null', '/x' + 'y' * 5000)
            }
            self.assertEqual(1, len(messages), messages)

    def test_exceptions_of_code_of_the_driver(self) -> None:
        def nested(value: Any) -> Any:
            return nested(value)

        for error, check in (
            (KeyError, lambda value: {}[value]),
            (OverflowError, lambda value: 10.0**value),
            (OSError, lambda value: open('/x' + 'y' * 5000)),  # noqa: SIM115
            (re.error, lambda value: re.compile('(')),
            (RecursionError, nested),
        ):
            for validator in (
                pydantic.AfterValidator(check),
                pydantic.BeforeValidator(check),
            ):

                def call(
                    path: pydantic.FilePath,
                    number: Annotated[int, validator],  # type: ignore
                ): ...

                self.assertRaises(
                    error, self._convert, call, path='/missing', number=999
                )
                # Another parameter is refused before the driver's is read.
                self.assertRaises(
                    error,
                    self._convert,
                    call,
                    path='/x' + 'y' * 5000,
                    number=999,
                )

    def test_mistakes_that_pydantic_reports_are_not_the_callers(self) -> None:
        def unusable(value: Any, handler: Any, info: Any) -> Any:
            raise pydantic.PydanticUserError('wrong', code=None)

        def call(number: Annotated[int, pydantic.WrapValidator(unusable)]): ...

        self.assertRaises(
            pydantic.PydanticUserError, self._convert, call, number=1
        )


class ArgumentsTest(base.TestCase):
    """The arguments of a function besides its parameters."""

    def _arguments(
        self, function: Callable[..., Any], **options: Any
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        given = {'slot': 1}
        positional, named = signature.Signature(function, **options).arguments(
            given, context='request', http_method='PUT'
        )
        self.assertEqual({'slot': 1}, given)
        del named['slot']
        return positional, named

    def test_only_what_it_names(self) -> None:
        def neither(slot): ...

        def both(slot, http_method, context): ...

        self.assertEqual(((), {}), self._arguments(neither))
        self.assertEqual(
            ((), {'context': 'request', 'http_method': 'PUT'}),
            self._arguments(both),
        )

    def test_a_first_parameter_receives_the_context(self) -> None:
        def context(context, slot): ...

        def ctx(ctx, slot): ...

        def ctxt(ctxt, /, slot): ...

        for function in (context, ctx, ctxt):
            self.assertEqual((('request',), {}), self._arguments(function))
            schema = signature.Signature(function).schema()
            self.assertEqual(['slot'], list(schema['properties']))

    def test_any_name_with_context_first(self) -> None:
        def request(request, slot): ...

        def decorated(*args, **kwargs): ...

        self.assertEqual(
            (('request',), {}), self._arguments(request, context_first=True)
        )
        self.assertEqual(
            (('request',), {'http_method': 'PUT'}),
            self._arguments(decorated, context_first=True),
        )

    def test_a_context_needs_a_parameter(self) -> None:
        def none(): ...

        def named(*, slot): ...

        for function in (none, named):
            self.assertRaises(
                signature.SignatureError,
                signature.Signature,
                function,
                context_first=True,
            )

    def test_clients_cannot_replace_the_context(self) -> None:
        def call(ctx, **kwargs): ...

        error = self.assertRaises(
            errors.InvalidParameters,
            signature.Signature(call).convert,
            'call',
            {'slot': 1, 'ctx': {'roles': ['admin']}},
        )
        self.assertEqual(
            ["parameter 'ctx': this name is reserved"],
            [found.detail for found in error.field_errors()],
        )

    def test_mutable_defaults_are_copied_for_each_call(self) -> None:
        class Curve(pydantic.BaseModel):
            celsius: list[int] = []

        omitted = object()
        curve, queue = Curve(), collections.deque[int]()

        def call(
            slot,
            tags=[],  # noqa: B006
            curve: Curve = curve,
            queue: Any = queue,
            rack=omitted,
        ):
            tags.append(slot)
            curve.celsius.append(slot)
            queue.append(slot)
            return tags, curve.celsius, list(queue), rack

        method = signature.Signature(call)
        for _ in range(2):
            _, named = method.arguments(
                {'slot': 1}, context=None, http_method='PUT'
            )
            self.assertEqual(([1], [1], [1], omitted), call(**named))

    def test_kwargs_take_the_verb(self) -> None:
        def call(slot, **kwargs): ...

        self.assertEqual(((), {'http_method': 'PUT'}), self._arguments(call))


class NamesTest(base.TestCase):
    """driver_validate may name only what it looks at."""

    def test_names(self) -> None:
        values = {'a': 1, 'b': 2}
        for function, selected in (
            (lambda method, a=0: None, {'a': 1}),
            (lambda method, **kw: None, values),
            (lambda method: None, {}),
        ):
            names = signature.Names.of(function)
            self.assertEqual(selected, names.select(values))

    def test_what_cannot_be_told(self) -> None:
        for odd in (None, type):
            self.assertRaises(
                signature.SignatureError, signature.Names.of, odd
            )


class HintsTest(base.TestCase):
    """Annotations of a type checker's own are not evaluated."""

    def test_type_checking_only(self) -> None:
        self.assertFalse(typing.TYPE_CHECKING)

        def call(
            context: 'Request',  # noqa: F821
            http_method: 'Verb',  # noqa: F821
            slot: int,
        ) -> 'Result': ...  # noqa: F821

        self.assertEqual({'slot': {'type': 'integer'}}, _properties(call))
