# SPDX-License-Identifier: Apache-2.0
"""A driver with parameters of every kind, and the rows that show them."""

import datetime
import enum
import uuid
from collections.abc import Mapping
from typing import Annotated
from typing import Any
from typing import Literal

import pydantic

from ironic_passthru import spec
from ironic_passthru.drivers import base as driver_base
from ironic_passthru.drivers import loader
from ironic_passthru.sphinxext import inline
from ironic_passthru.sphinxext import markup
from ironic_passthru.sphinxext import parameters

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
    def described(
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
    """Return a text with backquotes around literals."""
    return text.replace(markup.LITERAL, '`')


def paragraphs(row: parameters.Row) -> list[str]:
    return [node.astext() for node in inline.paragraphs(row.description)]


def rows_of(name: str) -> list[tuple[str, parameters.Row]]:
    method = DRIVER.methods[name].spec
    rows = parameters.Parameters(method).rows()
    return [(row.name.strip(markup.LITERAL), row) for row in rows]


def of_method(name: str) -> dict[str, parameters.Row]:
    return dict(rows_of(name))


def of_schema(
    schema: Mapping[str, Any], **root: Any
) -> dict[str, parameters.Row]:
    """Return the rows of a parameter ``p`` with any schema."""
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
    return {row.name.strip(markup.LITERAL): row for row in rows}
