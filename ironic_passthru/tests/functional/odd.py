# SPDX-License-Identifier: Apache-2.0
"""A driver for tests with edge cases that no shipped driver has."""

import dataclasses
import datetime
import enum
import uuid
from typing import Any
from typing import Literal

import pydantic

from ironic_passthru import errors
from ironic_passthru.drivers import base


class Colour(enum.Enum):
    """A value that is not JSON serializable."""

    RED = 'red'


@dataclasses.dataclass(frozen=True)
class Point:
    """A result of two numbers."""

    x: int
    y: int


class Level(pydantic.BaseModel):
    """A result with a name."""

    level: int


class Teapot(errors.DriverError):
    """A vendor's error as in Ironic: ``code`` is the status."""

    code = 418
    _msg_fmt = 'The %(what)s is short and stout.'


class BadSlot(errors.InvalidParameterValue):
    """A vendor's error with its own code."""

    code = 'bad_slot'
    _msg_fmt = 'There is no slot %(slot)s.'


_Kind = Literal[
    'conflict', 'temporary', 'invalid', 'missing', 'teapot', 'slot', 'foreign'
]


def _failure(kind: str) -> Exception:
    return {
        'conflict': errors.Conflict('the rack is being serviced'),
        'temporary': errors.TemporaryFailure('the rack is starting'),
        'invalid': errors.InvalidParameterValue('slot 9 is out of range'),
        'missing': errors.MissingParameterValue('the slot is missing'),
        'teapot': Teapot(what='teapot'),
        'slot': BadSlot(slot=9),
        'foreign': RuntimeError('password=hunter2'),
    }[kind]


_RESULTS: dict[str, Any] = {
    'null': None,
    'true': True,
    'number': 1.5,
    'text': 'täxt',
    'list': [1, 'two', None],
    'tuple': (1, 2),
    'set': {7},
    'date': datetime.date(2026, 2, 3),
    'uuid': uuid.UUID(int=5),
    'enum': Colour.RED,
    'dataclass': Point(1, 2),
    'model': Level(level=3),
    'nested': {'points': [Point(3, 4)]},
    'nan': float('nan'),
    'infinity': [float('inf')],
    'object': object(),
    'huge': 'x' * (17 << 20),
}

_ATTACHMENTS: dict[str, Any] = {
    'empty': '',
    'text': 'zwölf\n',
    'bytes': bytes(range(256)),
    'none': None,
    'number': 5,
    'dict': {},
    'typed': base.Attachment('a,b\n', 'text/csv', 'tabelle für "alle".csv'),
    'path': base.Attachment(b'x', None, '../../etc/passwd'),
    'break': base.Attachment(b'x', 'text/plain\r\nX-Evil: 1'),
    'name-break': base.Attachment(b'x', None, 'a\r\nX-Evil: 1"; b=".txt'),
}


class OddVendor(base.VendorInterface):
    """Edge cases of drivers."""

    def driver_validate(self, method: str, **kwargs: Any) -> None:
        if method.startswith('refused'):
            raise _failure(kwargs['kind'])

    @base.driver_passthru(['GET', 'PUT'], async_call=False)
    def methods(self, http_method: str) -> str:
        """A method with the name of the list of methods."""
        return f'methods by {http_method}'

    @base.driver_passthru(
        ['GET', 'DELETE', 'POST', 'PUT', 'PATCH'], async_call=False
    )
    def typed(
        self,
        slot: int = 0,
        serial: str = '',
        on: bool = False,
        load: float | None = None,
        items: list[int] | None = None,
        anything: Any = None,
    ) -> dict[str, Any]:
        """Return the parameters."""
        return {
            'slot': slot,
            'serial': serial,
            'on': on,
            'load': load,
            'items': items,
            'anything': anything,
        }

    @base.driver_passthru(['GET', 'POST', 'DELETE'], async_call=False)
    def anything(self, http_method: str, **kwargs: Any) -> dict[str, Any]:
        """Return all parameters and the HTTP method."""
        return {'http_method': http_method, 'parameters': kwargs}

    @base.driver_passthru(['GET', 'POST'], async_call=False)
    def open(self, **kwargs: Any) -> dict[str, Any]:
        """Return all parameters."""
        return kwargs

    @base.driver_passthru(['GET', 'POST'], async_call=False)
    def closed(self) -> None:
        """Accept no parameters, not even the HTTP method."""

    @base.driver_passthru(['POST'], async_call=False)
    def names(self, task: int, func: int, data: int, info: int) -> int:
        """Accept parameters with reserved names."""
        return task + func + data + info

    @base.driver_passthru(['POST'], async_call=False)
    def strict(self, slot: int, serial: str) -> None:
        """Require two parameters."""

    @base.driver_passthru(['POST'])
    def strict_later(self, slot: int, serial: str) -> None:
        """Require two parameters, asynchronously."""

    @base.driver_passthru(['POST'], async_call=False)
    def refused(self, kind: _Kind) -> str:
        """Never pass the validation."""
        return 'it ran'

    @base.driver_passthru(['POST'])
    def refused_later(self, kind: _Kind) -> None:
        """Never pass the validation, asynchronously."""

    @base.driver_passthru(['POST', 'GET'], async_call=False)
    def failing(self, kind: _Kind) -> None:
        """Raise an exception."""
        raise _failure(kind)

    @base.driver_passthru(['GET'], async_call=False)
    def result(self, kind: str) -> Any:
        """Return a value of a kind."""
        return _RESULTS[kind]

    @base.driver_passthru(['GET'], async_call=False, attach=True)
    def attached(self, kind: str = 'text') -> Any:
        """Return an attachment."""
        return _ATTACHMENTS[kind]

    @base.driver_passthru(['POST'], attach=True)
    def attached_later(self) -> str:
        """Return an attachment, asynchronously."""
        return 'unseen'
