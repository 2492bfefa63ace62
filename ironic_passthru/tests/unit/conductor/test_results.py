# SPDX-License-Identifier: Apache-2.0
"""A result is serialized for the bus, or the call fails at once."""

import array
import base64
import dataclasses
import datetime
import decimal
import enum
import json
import types
import uuid
from collections.abc import Iterator
from typing import Any

import fixtures
import pydantic

from ironic_passthru import errors
from ironic_passthru import spec
from ironic_passthru.conductor import results
from ironic_passthru.drivers import base as drivers
from ironic_passthru.rpc import protocol
from ironic_passthru.tests import base

SECRET = 'hunter' + '2'


class Colour(enum.Enum):
    RED = 'red'


@dataclasses.dataclass
class Fan:
    number: int
    colour: Colour = Colour.RED


class Rack(pydantic.BaseModel):
    fans: list[int]
    seen: datetime.date


def encode(value: Any, *, attach: bool = False, max_size: int = 1000) -> Any:
    method = spec.MethodSpec(
        name='m',
        http_methods=('GET',),
        async_call=False,
        attach=attach,
        description='',
        schema={},
    )
    result = results.encode(
        method, value, max_size=max_size, request_id='req-1'
    )
    return result.value


CONVERSIONS: list[tuple[Any, Any]] = [
    (None, None),
    ({'a': [1, 2.5, True, None, 'é']}, {'a': [1, 2.5, True, None, 'é']}),
    ((1, (2, 3)), [1, [2, 3]]),
    ({1}, [1]),
    (frozenset({'x'}), ['x']),
    (datetime.date(2026, 2, 28), '2026-02-28'),
    (datetime.time(1, 2, 3), '01:02:03'),
    (
        datetime.datetime(2026, 2, 28, 1, tzinfo=datetime.UTC),
        '2026-02-28T01:00:00Z',
    ),
    (datetime.timedelta(seconds=90), 'PT1M30S'),
    (uuid.UUID(int=5), '00000000-0000-0000-0000-000000000005'),
    (decimal.Decimal('1.50'), '1.50'),
    (Colour.RED, 'red'),
    (Fan(1), {'number': 1, 'colour': 'red'}),
    (
        Rack(fans=[1], seen=datetime.date(2026, 2, 28)),
        {'fans': [1], 'seen': '2026-02-28'},
    ),
    (
        {1: 'a', None: 'b', Colour.RED: 'c'},
        {'1': 'a', 'None': 'b', 'red': 'c'},
    ),
    ((number for number in (1, 2)), [1, 2]),
    (b'text', 'text'),
    ('\ud800', '\ud800'),
    (2**64, 2**64),
    ([], []),
    ('', ''),
    (0, 0),
    (False, False),
]


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def cycle() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def failing(error: BaseException) -> Iterator[int]:
    yield 1
    raise error


class TestJSON(base.TestCase):
    def test_conversions(self) -> None:
        for value, expected in CONVERSIONS:
            result = encode(value)
            self.assertEqual(expected, result, repr(value))
            self.assertEqual(type(expected), type(result), repr(value))
            # That is what any bus does to it.
            self.assertEqual(result, json.loads(json.dumps(result)))

    def test_containers_that_only_jsonutils_converts(self) -> None:
        class Table:
            def items(self) -> list[tuple[str, int]]:
                return [('a', 1)]

        source = {'a': {'b': 1}.values(), 'c': range(2)}
        for value, expected in (
            (source, {'a': [1], 'c': [0, 1]}),
            ({'a': 1}.keys(), ['a']),
            ({'a': 1}.items(), [['a', 1]]),
            (types.MappingProxyType({'a': {1}}), {'a': [1]}),
            (map(str, [1]), ['1']),
            ([Table()], [{'a': 1}]),
            (array.array('i', [1]), [1]),
        ):
            self.assertEqual(expected, encode(value), repr(value))

    def test_the_log_names_the_part_without_json_form(self) -> None:
        log = self.useFixture(fixtures.FakeLogger())
        value = {'disks': [{'size': 1}, {'size': object()}]}
        for result, words in (
            (value, '$.disks[1].size is of type builtins.object'),
            (object(), '$ is of type builtins.object'),
            (cycle(), ' is of type builtins.list'),
        ):
            self.assertRaises(errors.ResultNotSerializable, encode, result)
            self.assertIn(words, log.output)

    def test_what_has_no_json_form(self) -> None:
        class Hiding:
            def __repr__(self) -> str:
                return SECRET

        unfit = [
            object(),
            Hiding(),
            {'a': [float('nan')]},
            float('inf'),
            -float('inf'),
            cycle(),
            nested(5000),
            b'\xff',
            10**5000,
            {10**5000: 1},
            {'\ud800': 1},
            lambda: None,
            Hiding,
            RuntimeError(SECRET),
        ]
        for value in unfit:
            error = self.assertRaises(
                errors.ResultNotSerializable, encode, value
            )
            self.assertEqual(500, error.status)
            self.assertIn('req-1', error.message)
            self.assertNotIn(SECRET, json.dumps(error.kwargs))
            self.assertTrue(error.__suppress_context__)

    def test_a_generator_that_fails_is_a_result_that_fails(self) -> None:
        # The method has run by then: the error must not deny that.
        raised = [
            errors.ConductorBusy(),
            errors.TemporaryFailure('again'),
            errors.OutcomeUnknown(request_id='x'),
            KeyError(SECRET),
            SystemExit(3),
            KeyboardInterrupt(),
            GeneratorExit(),
        ]
        for error in raised:
            self.assertRaises(
                errors.ResultNotSerializable, encode, failing(error)
            )

    def test_too_large(self) -> None:
        self.assertEqual('x' * 98, encode('x' * 98, max_size=100))
        error = self.assertRaises(
            errors.ResultTooLarge, encode, 'x' * 99, max_size=100
        )
        self.assertIn('100 bytes', error.message)
        # As it crosses the bus, where this is six bytes.
        self.assertRaises(errors.ResultTooLarge, encode, 'é', max_size=7)
        self.assertEqual('é', encode('é', max_size=8))


class TestAttachment(base.TestCase):
    def attached(self, value: Any) -> protocol.Attached:
        result = encode(value, attach=True)
        return protocol.Attached.from_bus(json.loads(json.dumps(result)))

    def test_text_and_bytes(self) -> None:
        text, octets = 'text/plain; charset=utf-8', 'application/octet-stream'
        every = bytes(range(256))
        cases: list[tuple[Any, bytes, str]] = [
            ('é\n', b'\xc3\xa9\n', text),
            ('', b'', text),
            (every, every, octets),
            (b'', b'', octets),
            (bytearray(every), every, octets),
            (memoryview(every), every, octets),
            (memoryview(every)[::2], every[::2], octets),
            (drivers.Attachment('x'), b'x', text),
            (drivers.Attachment(b'x'), b'x', octets),
        ]
        for value, data, media_type in cases:
            self.assertEqual(
                protocol.Attached(data=data, media_type=media_type),
                self.attached(value),
            )

    def test_the_driver_may_name_type_and_file(self) -> None:
        attachment = drivers.Attachment(
            'a,b', media_type='text/csv; header=absent', filename='ü.csv'
        )
        self.assertEqual(
            protocol.Attached(
                data=b'a,b',
                media_type='text/csv; header=absent',
                filename='ü.csv',
            ),
            self.attached(attachment),
        )

    def test_invalid_attachments_of_drivers(self) -> None:
        values: list[Any] = [
            None,
            5,
            {'a': 1},
            ['x'],
            object(),
            '\ud800',
            drivers.Attachment(None),  # type: ignore[arg-type]
            drivers.Attachment(drivers.Attachment('x')),  # type: ignore
        ]
        values += [
            drivers.Attachment('x', media_type=media_type)
            for media_type in (
                'text/plain\r\nSet-Cookie: a=b',
                'text/plain;\n',
                'text/plain\n',
                'text',
                '/',
                'text/plain; charset="ü"',
                'té/xt',
                ' text/plain',
                5,
                b'text/plain',
            )
        ]
        values += [
            drivers.Attachment('x', filename=filename)
            for filename in (b'x', 5, object())
        ]
        for value in values:
            error = self.assertRaises(
                errors.BadAttachment, encode, value, attach=True
            )
            self.assertEqual(500, error.status)
            self.assertIn('req-1', error.message)

    def test_too_large(self) -> None:
        # base64 makes four bytes of three.
        encode(b'x' * 750, attach=True)
        self.assertRaises(
            errors.ResultTooLarge, encode, b'x' * 751, attach=True
        )

    def test_bytes_are_framed_as_base64(self) -> None:
        result = encode(b'\x00\xff', attach=True)
        self.assertEqual(b'\x00\xff', base64.b64decode(result['data']))
