# SPDX-License-Identifier: Apache-2.0
"""Parameters of every kind, in words that a caller understands."""

import datetime
import enum
import uuid
from collections.abc import Mapping
from typing import Annotated
from typing import Any
from typing import Literal

import pydantic
from docutils import nodes

from ironic_passthru import formats
from ironic_passthru import spec
from ironic_passthru.drivers import base as driver_base
from ironic_passthru.drivers import loader
from ironic_passthru.sphinxext import inline
from ironic_passthru.sphinxext import parameters
from ironic_passthru.sphinxext import wording
from ironic_passthru.tests import base

NUL = '\0'


SEED = pydantic.SecretStr('hunter2')


class Colour(enum.Enum):
    RED = 'red'
    BLUE = 'blue'


class Point(pydantic.BaseModel):
    x: int
    y: int = pydantic.Field(0, ge=0, description='How far up.')


class Curve(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra='forbid')

    points: list[Point]
    login: pydantic.SecretStr | None = None


class Tree(pydantic.BaseModel):
    """A tree of trees."""

    children: list['Tree'] = []


class Ssd(pydantic.BaseModel):
    kind: Literal['ssd']
    wear: int


class Hdd(pydantic.BaseModel):
    kind: Literal['hdd']
    rpm: int


class Vendor(driver_base.VendorInterface):
    """Parameters of every kind."""

    @driver_base.driver_passthru(['GET'])
    def plain(
        self,
        anything,  # type: ignore[no-untyped-def]
        number: int,
        fraction: float,
        text: str,
        flag: bool,
        nothing: None,
    ) -> None: ...

    @driver_base.driver_passthru(['GET'])
    def bounds(
        self,
        speed: Annotated[int, pydantic.Field(ge=0, le=100)],
        least: Annotated[int, pydantic.Field(ge=1)],
        most: Annotated[int, pydantic.Field(le=9)],
        open: Annotated[float, pydantic.Field(gt=0, lt=1)],
        even: Annotated[int, pydantic.Field(ge=0, multiple_of=2)],
        tag: Annotated[str, pydantic.Field(max_length=32)],
        name: Annotated[
            str, pydantic.Field(min_length=1, max_length=9, pattern='^[a-z]+$')
        ],
        pin: Annotated[str, pydantic.Field(min_length=4, max_length=4)],
        few: Annotated[list[int], pydantic.Field(min_length=1)],
        one: Annotated[list[int], pydantic.Field(max_length=1)],
    ) -> None: ...

    @driver_base.driver_passthru(['GET'])
    def choices(
        self,
        mode: Literal['auto', 'full', 3],
        only: Literal['this'],
        colour: Colour,
        maybe: int | None,
        either: int | str,
        mode_or_none: Literal['on', 'off'] | None,
        three: list[int] | str | bool | None,
    ) -> None: ...

    @driver_base.driver_passthru(['GET'])
    def formats(
        self,
        day: datetime.date,
        id: uuid.UUID,
        json: pydantic.Json[list[int]],
        raw: bytes,
    ) -> None: ...

    @driver_base.driver_passthru(['GET'])
    def containers(
        self,
        items: list,  # type: ignore[type-arg]
        numbers: list[int],
        nested: list[list[str]],
        pair: tuple[int, str],
        unique: set[str],
        object: dict,  # type: ignore[type-arg]
        counts: dict[str, int],
        optional: list[str] | None,
    ) -> None: ...

    @driver_base.driver_passthru(['GET'])
    def defaults(
        self,
        text: str = 'x',
        number: float = 0.5,
        none: int | None = None,
        items: tuple[str, ...] = ('a', 'ü'),
        seed: pydantic.SecretStr = SEED,
    ) -> None: ...

    @driver_base.driver_passthru(['GET'])
    def models(self, curve: Curve, maybe: Point | None = None) -> None: ...

    @driver_base.driver_passthru(['GET'])
    def again(self, first: Point, second: Point) -> None: ...

    @driver_base.driver_passthru(['GET'])
    def recursion(self, tree: Tree) -> None: ...

    @driver_base.driver_passthru(['GET'])
    def union(self, disk: Ssd | Hdd, disks: list[Ssd | Hdd]) -> None: ...

    @driver_base.driver_passthru(['GET'])
    def by_name(self, points: dict[str, Point]) -> None: ...

    @driver_base.driver_passthru(['GET'])
    def others(self, name: str, **kwargs: int) -> None: ...

    @driver_base.driver_passthru(['GET'], secret='seed')
    def secrets(
        self, password: str, seed: int, keys: list[pydantic.SecretStr]
    ) -> None: ...

    @driver_base.driver_passthru(['GET'])
    def told(
        self,
        a: Annotated[
            int, pydantic.Field(description='First ``a``.\n\nThen *more*.')
        ],
        b: Annotated[str, pydantic.Field(examples=['x', 'y'])],
        c: Annotated[str, pydantic.Field(deprecated=True)],
        tree: Tree,
    ) -> None: ...


DRIVER = loader.make('acme', Vendor())


def shown(text: str) -> str:
    """Return a text with marks as tests write it."""
    return text.replace(NUL, '`')


def words(paragraphs: list[nodes.Node]) -> list[str]:
    return [paragraph.astext() for paragraph in paragraphs]


def rows_of(name: str) -> list[tuple[str, parameters.Row]]:
    method = DRIVER.methods[name].spec
    rows = parameters.Parameters(method).rows()
    return [(row.name.strip(NUL), row) for row in rows]


def of_method(name: str) -> dict[str, parameters.Row]:
    return dict(rows_of(name))


def of_schema(
    schema: Mapping[str, Any], **root: Any
) -> dict[str, parameters.Row]:
    """Return the rows of a parameter ``p``, whatever made its schema."""
    method = spec.MethodSpec(
        name='m',
        http_methods=('GET',),
        async_call=False,
        attach=False,
        description='',
        schema={
            'type': 'object',
            'properties': {'p': schema},
            'additionalProperties': False,
            **root,
        },
    )
    rows = parameters.Parameters(method).rows()
    return {row.name.strip(NUL): row for row in rows}


class TestTypes(base.TestCase):
    """What a value may be."""

    def assert_takes(self, method: str, **wanted: str) -> None:
        found = {
            name: shown(row.takes) for name, row in of_method(method).items()
        }
        self.assertEqual(wanted, found)

    def test_plain_types(self) -> None:
        self.assert_takes(
            'plain',
            anything='any JSON value',
            number='whole number',
            fraction='number',
            text='text',
            flag='`true` or `false`',
            nothing='`null`',
        )

    def test_bounds(self) -> None:
        self.assert_takes(
            'bounds',
            speed='whole number from 0 to 100',
            least='whole number of at least 1',
            most='whole number of at most 9',
            open='number above 0 and below 1',
            even='whole number of at least 0 and that is a multiple of 2',
            tag='text of at most 32 characters',
            name='text of 1 to 9 characters that matches `^[a-z]+$`',
            pin='text of exactly 4 characters',
            few='array (at least 1 item; each: whole number)',
            one='array (at most 1 item; each: whole number)',
        )

    def test_choices(self) -> None:
        self.assert_takes(
            'choices',
            mode='`"auto"`, `"full"` or `3`',
            only='`"this"`',
            colour='`"red"` or `"blue"`',
            maybe='whole number or `null`',
            either='whole number or text',
            mode_or_none='`"on"`, `"off"` or `null`',
            three='array (each: whole number), text, `true`, `false` or '
            '`null`',
        )

    def test_formats(self) -> None:
        self.assert_takes(
            'formats',
            day='date such as `2026-01-31`',
            id='UUID',
            json='text that holds JSON (array (each: whole number))',
            raw='text',
        )

    def test_every_format_that_is_checked_has_words(self) -> None:
        for name in formats.CHECKER.checkers:
            self.assertIn(name, wording.FORMATS)

    def test_examples_of_formats_fit_them(self) -> None:
        for name, text in wording.FORMATS.items():
            _, such_as, example = text.partition(' such as ')
            if such_as:
                self.assertIsNone(
                    formats.CHECKER.check(example.strip(NUL), name)
                )

    def test_containers(self) -> None:
        self.assert_takes(
            'containers',
            items='array',
            numbers='array (each: whole number)',
            nested='array (each: array (each: text))',
            pair='array (exactly 2 items; item 1: whole number; item 2: text)',
            unique='array (each: text; none twice)',
            object='object',
            counts='object (each value: whole number)',
            optional='array (each: text) or `null`',
        )


class TestFields(base.TestCase):
    """Parameters that are objects, and theirs."""

    def takes(self, method: str) -> list[tuple[str, str]]:
        return [(name, shown(row.takes)) for name, row in rows_of(method)]

    def test_models(self) -> None:
        self.assertEqual(
            [
                ('curve', 'object (no other fields)'),
                ('curve.points', 'array (each: object)'),
                ('curve.points[].x', 'whole number'),
                ('curve.points[].y', 'whole number of at least 0'),
                ('curve.login', 'text or `null`'),
                ('maybe', 'the same as `curve.points[]` or `null`'),
            ],
            self.takes('models'),
        )
        rows = of_method('models')
        self.assertTrue(rows['curve.points[].x'].required)
        self.assertFalse(rows['curve.points[].y'].required)
        self.assertEqual(
            ['How far up.'], words(rows['curve.points[].y'].about)
        )
        self.assertIn('Secret', words(rows['curve.login'].about)[0])

    def test_a_second_time(self) -> None:
        self.assertEqual(
            [
                ('first', 'object'),
                ('first.x', 'whole number'),
                ('first.y', 'whole number of at least 0'),
                ('second', 'the same as `first`'),
            ],
            self.takes('again'),
        )

    def test_recursion(self) -> None:
        self.assertEqual(
            [
                ('tree', 'object'),
                ('tree.children', 'array (each: the same as `tree`)'),
            ],
            self.takes('recursion'),
        )

    def test_recursion_without_fields(self) -> None:
        rows = of_schema(
            {'$ref': '#/$defs/Json'},
            **{
                '$defs': {
                    'Json': {
                        'anyOf': [
                            {'type': 'string'},
                            {
                                'type': 'array',
                                'items': {'$ref': '#/$defs/Json'},
                            },
                        ]
                    }
                }
            },
        )
        self.assertEqual(
            'text or array (each: the same as `p`)', shown(rows['p'].takes)
        )

    def test_several_objects_in_one_place(self) -> None:
        self.assertEqual(
            [
                ('disk', 'object `Ssd` or object `Hdd`'),
                ('disk.kind', '`"ssd"`'),
                ('disk.wear', 'whole number'),
                ('disk.kind', '`"hdd"`'),
                ('disk.rpm', 'whole number'),
                (
                    'disks',
                    'array (each: the same as `disk`)',
                ),
            ],
            self.takes('union'),
        )
        rows = of_method('union')
        self.assertEqual(['Of Ssd only.'], words(rows['disk.wear'].about))
        self.assertEqual(['Of Hdd only.'], words(rows['disk.rpm'].about))

    def test_objects_by_name(self) -> None:
        self.assertEqual(
            [
                ('points', 'object (each value: object)'),
                ('points.*.x', 'whole number'),
                ('points.*.y', 'whole number of at least 0'),
            ],
            self.takes('by_name'),
        )

    def test_any_other_parameter(self) -> None:
        self.assertEqual(
            [('name', 'text'), ('*', 'whole number')], self.takes('others')
        )
        row = of_method('others')['*']
        self.assertEqual(['Any other parameter.'], words(row.about))
        self.assertFalse(row.required)


class TestAbout(base.TestCase):
    """What is said of each."""

    def test_defaults(self) -> None:
        found = {
            name: (shown(row.default), row.required)
            for name, row in of_method('defaults').items()
        }
        self.assertEqual(
            {
                'text': ('`"x"`', False),
                'number': ('`0.5`', False),
                'none': ('`null`', False),
                'items': ('`["a", "ü"]`', False),
                # What is secret is not told.
                'seed': ('', False),
            },
            found,
        )
        self.assertTrue(of_method('plain')['text'].required)

    def test_secrets(self) -> None:
        rows = of_method('secrets')
        for name in ('password', 'seed'):
            self.assertEqual(
                ['Secret: records and logs show ***.'], words(rows[name].about)
            )
        self.assertEqual([], of_method('plain')['text'].about)

    def test_descriptions(self) -> None:
        rows = of_method('told')
        self.assertEqual(['First a.', 'Then *more*.'], words(rows['a'].about))
        (literal,) = rows['a'].about[0].findall(nodes.literal)
        self.assertEqual('a', literal.astext())
        self.assertEqual(['For example "x" or "y".'], words(rows['b'].about))
        self.assertEqual(['Deprecated.'], words(rows['c'].about))
        self.assertEqual(['A tree of trees.'], words(rows['tree'].about))

    def test_what_the_docstring_tells(self) -> None:
        told = {name: [inline.paragraph(f'{name}, as told')] for name in 'abz'}
        method = DRIVER.methods['told'].spec
        a, b, *_ = parameters.Parameters(method, told).rows()
        # The schema knows better.
        self.assertEqual(['First a.', 'Then *more*.'], words(a.about))
        self.assertEqual('b, as told', words(b.about)[0])


class TestSchemas(base.TestCase):
    """Schemas that no annotation makes."""

    def assert_takes(self, wanted: str, schema: Any, **root: Any) -> None:
        row = of_schema(schema, **root)['p']
        self.assertEqual(wanted, shown(row.takes))

    def test_booleans(self) -> None:
        self.assert_takes('any JSON value', True)
        self.assert_takes('nothing', False)

    def test_several_types(self) -> None:
        self.assert_takes(
            'text of at most 3 characters or `null`',
            {'type': ['string', 'null'], 'maxLength': 3},
        )
        self.assert_takes(
            '`"a"` or `null`',
            {'type': ['string', 'null'], 'enum': ['a', None]},
        )
        self.assert_takes(
            'any JSON value, with `{"type": ["string", "oddity"]}`',
            {'type': ['string', 'oddity']},
        )

    def test_all_of(self) -> None:
        self.assert_takes(
            'whole number of at least 1, and whole number of at most 3',
            {
                'allOf': [
                    {'type': 'integer', 'minimum': 1},
                    {'type': 'integer', 'maximum': 3},
                ]
            },
        )

    def test_a_reference_with_more(self) -> None:
        self.assert_takes(
            'text of at most 3 characters',
            {'$ref': '#/$defs/T', 'maxLength': 3},
            **{'$defs': {'T': {'type': 'string'}}},
        )

    def test_arrays(self) -> None:
        self.assert_takes(
            'array (item 1: text; no others)',
            {
                'type': 'array',
                'prefixItems': [{'type': 'string'}],
                'items': False,
            },
        )
        self.assert_takes(
            'array (item 1: text; others: `null`)',
            {
                'type': 'array',
                'prefixItems': [{'type': 'string'}],
                'items': {'type': 'null'},
            },
        )

    def test_objects(self) -> None:
        self.assert_takes(
            'object (1 to 2 fields; each name: text of at most 3 characters)',
            {
                'type': 'object',
                'minProperties': 1,
                'maxProperties': 2,
                'propertyNames': {'maxLength': 3},
            },
        )
        self.assert_takes(
            'object (without fields)',
            {'type': 'object', 'additionalProperties': False},
        )
        self.assert_takes(
            'object (others: text)',
            {
                'properties': {'a': {'type': 'integer'}},
                'additionalProperties': {'type': 'string'},
            },
        )

    def test_an_unknown_format(self) -> None:
        self.assert_takes(
            'text of the format `x-acme`',
            {'type': 'string', 'format': 'x-acme'},
        )

    def test_what_has_no_words_is_shown_as_it_is(self) -> None:
        self.assert_takes(
            'text, with `{"not": {"const": "x"}}`',
            {'type': 'string', 'not': {'const': 'x'}, 'title': 'T'},
        )
        self.assert_takes(
            'any JSON value, with `{"minimum": 3}`', {'minimum': 3}
        )

    def test_every_keyword_is_told_of(self) -> None:
        """Nothing in the schemas above is left out, nor shown raw."""
        for name in DRIVER.methods:
            for row in of_method(name).values():
                self.assertNotIn('{', row.takes, (name, row.name))


class TestInline(base.TestCase):
    """Texts with marks."""

    def test_a_mark_in_a_literal_ends_nothing(self) -> None:
        made = inline.to_nodes(f'a {inline.literal("x" + NUL + "y")} b')
        self.assertEqual(['a ', 'xy', ' b'], [one.astext() for one in made])
        self.assertIsInstance(made[1], nodes.literal)
