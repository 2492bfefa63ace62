# SPDX-License-Identifier: Apache-2.0
"""API and conductor agree on any JSON body for any signature."""

import datetime
import decimal
import enum
import fractions
import ipaddress
import json
import pathlib
import re
import typing
import uuid
import zoneinfo
from collections import Counter
from collections import deque
from collections import OrderedDict
from typing import Annotated
from typing import Any
from typing import Literal

import hypothesis
import pydantic
from hypothesis import strategies as st
from pydantic import Field

from ironic_passthru import errors
from ironic_passthru import spec
from ironic_passthru.drivers import base as driver_base
from ironic_passthru.drivers import loader
from ironic_passthru.tests import base

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)

# Edge cases of the notation and the bounds of numbers.
NUMBERS = st.sampled_from(
    [0, 1, 2, 3, 7, 10, -1, -3, True, False, 0.0, -0.0, 1.0, 2.0, 2.5, 0.3]
    + [0.1, 0.7, 1e-9, 1e16, 1e17, 1e19, 1e30, 1e300, 2**31, 2**53 + 1]
    + [2**63 - 1, 2**63, 2.0**63, -(2.0**63), 2**64, 10**30, 10**400]
    + ['3', '1.0', 'true', '', None]
) | st.integers(-12, 12)

TEXTS = st.sampled_from(
    ['', 'a', 'b', 'ab', 'aB1', 'abc', 'a b', ' ', 'a\n', '\n', 'é', '😀😀']
    + ['1', 'true', 'null', '0', '\x00', 1, None, True]
) | st.text(max_size=4)


class Color(enum.Enum):
    RED = 'red'
    BLUE = 'blue'


class Level(enum.IntEnum):
    LOW = 0
    HIGH = 1


class Mixed(enum.Enum):
    TEXT = '1'
    NUMBER = 2
    FRACTION = 2.5
    FLAG = True
    NOTHING = None


class Point(pydantic.BaseModel):
    x: int
    y: Annotated[float, Field(ge=0)] = 0.0
    label: str | None = Field(default=None, alias='the-label')


class Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra='forbid')
    color: Color
    near: list[Point] = []


class Tree(pydantic.BaseModel):
    name: str
    children: list['Tree'] = []


FORMATS: dict[Any, list[str]] = {
    datetime.date: ['2026-11-23', '2026-11-23T00:00:00', '2026-02-30', '0']
    + ['86400', '1e3', '20261123', '9' * 30],
    datetime.datetime: ['2026-11-23T10:00:00Z', '2026-11-23', '2026', 'now']
    + ['2026-11-23 10:00+01:00', '2026-11-23T25:00', '9999-12-31T23:59:60Z'],
    datetime.time: ['10:00', '10:00:00.5Z', '24:00', '10', 'x'],
    datetime.timedelta: ['PT3S', 'P1D', '3', '-PT1H', 'P', '999999999:00'],
    uuid.UUID: [
        '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
        '6ba7b8109dad11d180b400c04fd430c8',
        'urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8',
        '{6ba7b810-9dad-11d1-80b4-00c04fd430c8}',
        '6ba7b810',
    ],
    ipaddress.IPv4Address: [
        '192.0.2.1',
        '192.0.2.256',
        '::1',
        '1',
        '01.2.3.4',
    ],
    ipaddress.IPv6Address: ['::1', '2001:db8::', '192.0.2.1', '::1%eth0', ':'],
    ipaddress.IPv4Network: ['192.0.2.0/24', '192.0.2.1/24', '192.0.2.1/33'],
    re.Pattern: ['^a', '(', 'a{1,99999999999}', 'a' * 1000, 'a' * 1001]
    + ['[' * 900, '(?<=a+)', '(?P<1>)', r'\N{x}'],
    pydantic.IPvAnyAddress: ['::1', '192.0.2.1', 'x'],
    pydantic.AnyUrl: ['http://a', 'ftp://a/b?c', 'a', 'http://', 'a:b'],
    pydantic.UUID4: [
        '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
        '6ba7b810-9dad-41d1-80b4-00c04fd430c8',
    ],
}

MODELS: dict[Any, st.SearchStrategy[Any]] = {
    Point: st.fixed_dictionaries(
        {'x': NUMBERS}, optional={'y': NUMBERS, 'the-label': TEXTS, 'z': JSON}
    ),
    Strict: st.fixed_dictionaries(
        {'color': st.sampled_from(['red', 'RED', 1])},
        optional={
            'near': st.lists(st.fixed_dictionaries({'x': NUMBERS})),
            'extra': JSON,
        },
    ),
    Tree: st.recursive(
        st.fixed_dictionaries({'name': TEXTS}),
        lambda inner: st.fixed_dictionaries(
            {'name': st.just('n'), 'children': st.lists(inner, max_size=2)}
        ),
        max_leaves=5,
    ),
}

# Types with incomplete schemas: the conductor may reject values that the API
# accepts, but must not raise other exceptions.
OPEN: list[Any] = [
    decimal.Decimal,
    pydantic.condecimal(max_digits=5, decimal_places=2, multiple_of=3),
    fractions.Fraction,
    complex,
    bytes,
    re.Pattern[bytes],
    pathlib.Path,
    pydantic.FilePath,
    pydantic.DirectoryPath,
    pydantic.NewPath,
    pydantic.Base64Bytes,
    pydantic.Base64UrlStr,
    pydantic.Json,
    pydantic.Json[dict[int, datetime.date]],
    pydantic.ByteSize,
    pydantic.HttpUrl,
    pydantic.PostgresDsn,
    pydantic.KafkaDsn,
    pydantic.Secret[datetime.timedelta],
    pydantic.SecretBytes,
    pydantic.PaymentCardNumber,
    pydantic.ImportString,
    pydantic.PastDate,
    pydantic.FutureDatetime,
    pydantic.AwareDatetime,
    zoneinfo.ZoneInfo,
    deque[int],
    Counter[uuid.UUID],
    OrderedDict[int, bool],
    dict[decimal.Decimal, datetime.timedelta],
    set[fractions.Fraction],
    frozenset[uuid.UUID],
    typing.Iterable[int],
    typing.Hashable,
    Annotated[int, Field(multiple_of=3), pydantic.BeforeValidator(int)],
    Annotated[float, Field(multiple_of=1e-300)],
    int | datetime.timedelta | decimal.Decimal | re.Pattern,
]

EXTREMES: st.SearchStrategy[Any] = st.sampled_from(
    ['a{1,99999999999}', 'y' * 5000, '/y' * 3000, '\0', 'a\0b', '(' * 2000]
    + ['9' * 4300, '9' * 9000, '1E999999999', '1E-999999999', 'NaN', '-inf']
    + ['sNaN', 'P9999999999999D', 'P' + '9' * 400 + 'D', '0001-01-01', '24:00']
    + ['9999-12-31T23:59:59-23:59', '::/' + '9' * 400, 'fe80::1%' + 'a' * 300]
    + ['http://[', 'http://a:99999999', 'http://' + 'a' * 70000, 'a:' * 500]
    + ['[' * 5000, '{"a":' * 300, '1' + '0' * 4400, '=', 'AAA=A', '.' * 9]
    + ['1e400KB', '9' * 4000 + 'YB', '1/0', '1/' + '9' * 4200, '1e400j', 'inf']
    + [
        'Europe',
        '../x',
        '/dev/null',
        '/',
        '.',
        '',
        '1_000',
        '\u0663',
        '1' * 19,
    ]
    + ['nowhere.nothing', 'os:nothing', 'a:b:c', '1.' + '9' * 4000]
) | st.sampled_from(
    [0, 2**63, -(2**64), 10**400, 10**4299, 1e308, -1e308, 5e-324, 2.0**63]
    + [253402300800, -62135596801, 1e16, True, None, [], {}, [[[[1]]]]]
    + [{'9' * 4000: '1'}, {'1E999999999': 2}, {'': 1}, [10**400], ['1E9999']]
    + [[1, 1.0, True], [n * (2**61 - 1) for n in range(1100)]]
)

# A kind is an annotation with a strategy of values that (nearly) fit it.
Kind = tuple[Any, st.SearchStrategy[Any]]


@st.composite
def numbers(draw: st.DrawFn) -> Kind:
    number = draw(st.sampled_from([int, float]))
    bounds = draw(
        st.fixed_dictionaries(
            {},
            optional={
                'ge': st.integers(-3, 3),
                'gt': st.integers(-3, 3),
                'le': st.integers(0, 10) | st.just(2**63),
                'lt': st.integers(0, 10),
                'multiple_of': st.sampled_from(
                    [1, 2, 3, 10]
                    if number is int
                    else [0.1, 0.5, 0.7, 1e-3, 2.0, 3]
                ),
            },
        )
    )
    return Annotated[number, Field(**bounds)] if bounds else number, NUMBERS


@st.composite
def texts(draw: st.DrawFn) -> Kind:
    bounds = draw(
        st.fixed_dictionaries(
            {},
            optional={
                'min_length': st.integers(0, 2),
                'max_length': st.integers(1, 3),
                'pattern': st.sampled_from(
                    ['b', '^a', '^[a-z]*$', r'^\w+$', r'\d', '^a|b$', '(?i)A']
                ),
            },
        )
    )
    return Annotated[str, Field(**bounds)] if bounds else str, TEXTS


CHOICES: st.SearchStrategy[Kind] = st.sampled_from(
    [
        Literal['a', 'b'],
        Literal[1, 2],
        Literal[True, 'a'],
        Literal['1', 1, None],
        Color,
        Level,
        Mixed,
    ]
).map(
    lambda choice: (
        choice,
        st.sampled_from(['a', 'b', 'red', 'RED', 2.5, 5, 'Color.RED'])
        | NUMBERS,
    )
)

SCALARS = st.one_of(
    numbers(),
    texts(),
    CHOICES,
    st.just((bool, NUMBERS)),
    st.sampled_from(list(FORMATS)).map(
        lambda kind: (kind, st.sampled_from(FORMATS[kind]) | TEXTS)
    ),
)

LEAVES = st.one_of(
    SCALARS,
    st.just((Any, JSON)),
    st.just((type(None), st.none())),
    st.sampled_from(list(MODELS)).map(lambda kind: (kind, MODELS[kind])),
)

# No bounds of length for sets of formats: two texts may be one date.
KEYS: dict[Any, list[str]] = {
    str: ['', 'a', '/~'],
    int: ['1', '-2', '01', '1.0', ' 1', '1\n', 'x', '', '1_0', '9' * 30],
    Literal['a', 'b']: ['a', 'b', 'c'],
    Color: ['red', 'RED'],
    datetime.date: ['2026-11-23', 'x'],
    Annotated[str, Field(pattern='^a', max_length=2)]: ['a', 'ab', 'abc', ''],
}


def _lists(inner: Kind, bounds: dict[str, int]) -> Kind:
    annotation, values = inner
    return (
        Annotated[list[annotation], Field(**bounds)],
        st.lists(values, max_size=4),
    )


def _tuples(inner: Kind, other: Kind) -> Kind:
    return (
        tuple[inner[0], other[0]],
        st.tuples(inner[1], other[1]).map(list)
        | st.lists(inner[1], max_size=3),
    )


def _dicts(inner: Kind, key: Any) -> Kind:
    return (
        dict[key, inner[0]],
        st.dictionaries(st.sampled_from(KEYS[key]), inner[1], max_size=3),
    )


def _unions(inner: Kind, other: Kind) -> Kind:
    return inner[0] | other[0], inner[1] | other[1]


def _sets(inner: Kind, kind: Any) -> Kind:
    return kind[inner[0]], st.lists(inner[1], max_size=4)


BOUNDS = st.fixed_dictionaries(
    {},
    optional={
        'min_length': st.integers(0, 2),
        'max_length': st.integers(1, 3),
    },
)
SETS = st.builds(_sets, SCALARS, st.sampled_from([set, frozenset])) | st.just(
    (set, st.lists(JSON, max_size=3))
)
KINDS: st.SearchStrategy[Kind] = st.recursive(
    LEAVES | SETS,
    lambda inner: st.one_of(
        st.builds(_lists, inner, BOUNDS),
        st.builds(_tuples, inner, inner),
        st.builds(_dicts, inner, st.sampled_from(list(KEYS))),
        st.builds(_unions, inner, inner),
        st.builds(_unions, inner, st.just((type(None), st.none()))),
    ),
    max_leaves=4,
)

# One kind with many values finds cases that are rare in a signature.
SINGLE: st.SearchStrategy[Kind] = st.one_of(
    numbers(),
    texts(),
    LEAVES,
    SETS,
    st.builds(_dicts, SCALARS, st.sampled_from(list(KEYS))),
    st.builds(_lists, SCALARS, BOUNDS),
)


@st.composite
def single_cases(
    draw: st.DrawFn,
) -> tuple[loader.Method, list[dict[str, Any]]]:
    """Draw a method of one parameter and many values for it."""
    kind = draw(SINGLE)
    method = _method({'slot': kind}, set(), extra='none')
    values = draw(st.lists(kind[1] | kind[1] | JSON, min_size=8, max_size=25))
    return method, [{'slot': value} for value in values]


NAMES = ['slot', 'task', 'p0', '_x', 'copy', 'model_config', 'json', 'é']


@st.composite
def cases(draw: st.DrawFn) -> tuple[loader.Method, list[dict[str, Any]]]:
    """Draw a method and bodies to call it with."""
    kinds = draw(
        st.dictionaries(st.sampled_from(NAMES), KINDS | st.none(), max_size=4)
    )
    extra = draw(st.sampled_from(['none', 'any']) | KINDS)
    method = _method(kinds, draw(st.sets(st.sampled_from(NAMES))), extra=extra)
    values = {
        name: JSON if kind is None else st.one_of(kind[1], kind[1], JSON)
        for name, kind in kinds.items()
    }
    others = extra[1] if isinstance(extra, tuple) else JSON
    body = st.one_of(
        st.fixed_dictionaries(values),
        st.fixed_dictionaries({}, optional=values),
        st.builds(
            lambda known, unknown: {**unknown, **known},
            st.fixed_dictionaries({}, optional=values),
            st.dictionaries(
                st.text(max_size=3)
                | st.sampled_from(['p0', 'p1', 'self', 'method', 'a/b', 'x']),
                others,
                max_size=2,
            ),
        ),
    )
    return method, draw(st.lists(body, min_size=1, max_size=5))


def _method(
    kinds: dict[str, Kind | None], optional: set[str], *, extra: Any
) -> loader.Method:
    """Define a driver with one method."""
    namespace: dict[str, Any] = {'Any': Any}
    arguments = []
    for index, (name, kind) in enumerate(kinds.items()):
        argument = name
        if kind is not None:
            namespace[f'T{index}'] = kind[0]
            argument += f': T{index}'
        arguments.append(argument + (' = None' if name in optional else ''))
    if isinstance(extra, tuple):
        namespace['Extra'] = extra[0]
        arguments.append('**kwargs: Extra')
    elif extra == 'any':
        arguments.append('**kwargs')
    star = '*, ' if kinds else ''
    # The text contains only names of this module.
    exec(  # nosec B102
        f'def call(self, context, {star}{", ".join(arguments)}): '
        'return locals()',
        namespace,
    )
    function = driver_base.driver_passthru(['POST'])(namespace['call'])
    interface = type(
        'Vendor', (driver_base.VendorInterface,), {'call': function}
    )
    return loader.make('generated', interface()).methods['call']


def _settings(max_examples: int) -> hypothesis.settings:
    return hypothesis.settings(
        max_examples=max_examples,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        # The same cases in each run.
        derandomize=True,
        database=None,
    )


def _open_cases() -> st.SearchStrategy[tuple[loader.Method, Any]]:
    containers = st.sampled_from(
        [
            (lambda kind: kind, lambda value: value),
            (lambda kind: list[kind], lambda value: [value]),
            (lambda kind: dict[str, kind], lambda value: {'k': value}),
            (lambda kind: kind | None, lambda value: value),
        ]
    )

    def case(kind: Any, container: Any, values: list[Any]) -> Any:
        annotation, wrap = container
        slot = (annotation(kind), st.nothing())
        return _method({'slot': slot}, set(), extra='none'), [
            {'slot': wrap(value)} for value in values
        ]

    values = st.lists(EXTREMES | EXTREMES | JSON, min_size=8, max_size=30)
    return st.builds(case, st.sampled_from(OPEN), containers, values)


class VerdictTest(base.TestCase):
    """The API, which has only the schema, agrees with the conductor."""

    @_settings(max_examples=250)
    @hypothesis.given(cases())
    def test_signatures(
        self, case: tuple[loader.Method, list[dict[str, Any]]]
    ) -> None:
        self._assert_tiers_agree(*case)

    @_settings(max_examples=700)
    @hypothesis.given(single_cases())
    def test_single_parameters(
        self, case: tuple[loader.Method, list[dict[str, Any]]]
    ) -> None:
        self._assert_tiers_agree(*case)

    @_settings(max_examples=400)
    @hypothesis.given(_open_cases())
    def test_only_validation_errors(
        self, case: tuple[loader.Method, list[dict[str, Any]]]
    ) -> None:
        method, bodies = case
        for body in bodies:
            if self._api_accepts(method.spec, body):
                self._conductor_converts(method, body)

    def _assert_tiers_agree(
        self, method: loader.Method, bodies: list[dict[str, Any]]
    ) -> None:
        published = json.loads(
            json.dumps(method.spec.to_document(), allow_nan=False)
        )
        seen_by_api = spec.MethodSpec.from_document('call', published)
        for body in bodies:
            body = json.loads(json.dumps(body))
            accepted = self._api_accepts(seen_by_api, body)
            arguments = self._conductor_converts(method, body)
            self.assertEqual(
                accepted,
                arguments is not None,
                f'{json.dumps(body)} for {json.dumps(published["schema"])}',
            )
            if arguments is not None:
                self._assert_callable(method, arguments, body)

    def _api_accepts(
        self, method: spec.MethodSpec, body: dict[str, Any]
    ) -> bool:
        try:
            method.parameters.check(body)
        except errors.InvalidParameters as error:
            self.assertTrue(error.field_errors())
            return False
        return True

    def _conductor_converts(
        self, method: loader.Method, body: dict[str, Any]
    ) -> dict[str, Any] | None:
        try:
            method.spec.parameters.check(body)
            return method.signature.convert('call', body)
        except errors.InvalidParameters:
            return None

    def _assert_callable(
        self,
        method: loader.Method,
        arguments: dict[str, Any],
        body: dict[str, Any],
    ) -> None:
        self.assertEqual(set(body), set(arguments))
        positional, named = method.signature.arguments(
            arguments, context='ctx', http_method='POST'
        )
        received = method.function(*positional, **named)
        self.assertEqual('ctx', received['context'])
        for name in body:
            self.assertIn(name, {**received, **received.get('kwargs', {})})
