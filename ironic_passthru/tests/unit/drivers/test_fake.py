# SPDX-License-Identifier: Apache-2.0
"""Methods of ``fake-hardware``."""

import json
import math
from collections.abc import Iterable
from typing import Any

from ironic_passthru import errors
from ironic_passthru.drivers import base as driver_base
from ironic_passthru.drivers import fake
from ironic_passthru.drivers import loader
from ironic_passthru.tests import base


class Watched:
    """What a method sees of its call.

    :param cancel_after: reports after which the caller wants it to end.
    """

    seconds_left = None

    def __init__(self, cancel_after: float = math.inf) -> None:
        self.reports: list[tuple[float, str]] = []
        self.targets: list[str] = []
        self._cancel_after = cancel_after

    @property
    def cancel_requested(self) -> bool:
        return len(self.reports) >= self._cancel_after

    def report_progress(self, percent: float, message: str = '') -> None:
        self.reports.append((percent, message))

    def report_targets(self, names: Iterable[str]) -> None:
        self.targets.extend(names)


class FakeTest(base.TestCase):
    """The methods, called as the conductor calls them."""

    def setUp(self) -> None:
        super().setUp()
        self.driver = loader.make('fake-hardware', fake.FakeVendor())
        self.context = Watched()

    def call(
        self, name: str, http_method: str = 'POST', /, **values: Any
    ) -> Any:
        """Check and convert ``values``, validate, call."""
        method = self.driver.methods[name]
        self.assertIn(http_method, method.spec.http_methods)
        method.spec.parameters.check(values)
        arguments = method.signature.convert(name, values)
        self.driver.interface.driver_validate(name, **arguments)
        positional, named = method.signature.arguments(
            arguments, context=self.context, http_method=http_method
        )
        return method.function(*positional, **named)

    def test_one_of_each_kind(self) -> None:
        specs = self.driver.spec.methods.values()
        kinds = {(spec.async_call, spec.attach) for spec in specs}
        self.assertEqual(
            {(False, False), (False, True), (True, False), (True, True)},
            kinds,
        )
        self.assertEqual(
            set(driver_base.HTTP_METHODS),
            {
                http_method
                for spec in specs
                for http_method in spec.http_methods
            },
        )
        self.assertTrue(any(len(spec.http_methods) > 1 for spec in specs))
        self.assertTrue(all(spec.description for spec in specs))
        self.assertTrue(self.driver.spec.properties)
        self.assertTrue(any(spec.timeout for spec in specs))
        self.assertTrue(any(spec.target for spec in specs))

    def test_plain(self) -> None:
        self.assertEqual(
            {'greeting': 'Hello, world!'}, self.call('hello', 'GET')
        )
        self.assertEqual(
            {'greeting': 'Hello, é!'}, self.call('hello', 'GET', name='é')
        )
        self.assertIsNone(self.call('no_op', 'GET'))
        self.assertIsNone(self.call('no_op_async'))
        self.assertIsNone(self.call('start_fan_test'))
        self.assertIsNone(
            self.call('clear_log', 'DELETE', before='2026-11-23')
        )
        self.assertEqual({'slept': 0}, self.call('slow', seconds=0))
        self.assertEqual(10, len(self.call('large', 'GET', size=10)))
        self.assertEqual(
            {'passed': True, 'seconds': 0}, self.call('self_test')
        )

    def test_verbs(self) -> None:
        for http_method, action in (
            ('GET', 'read'),
            ('PUT', 'written'),
            ('DELETE', 'cleared'),
        ):
            self.assertEqual(
                {'rack': 'r1', 'tag': 't', 'action': action},
                self.call('asset_tag', http_method, tag='t'),
            )
        self.assertRaises(
            errors.MissingParameterValue, self.call, 'asset_tag', 'PUT'
        )

    def test_typed(self) -> None:
        curve = {'celsius': [20], 'percent': [30]}
        result = self.call('set_fans', 'PUT', mode='manual', curve=curve)
        self.assertEqual(curve, result['curve'].model_dump())
        error = self.assertRaises(
            errors.InvalidParameters,
            self.call,
            'set_fans',
            'PUT',
            mode='off',
            speed=101,
            curve={'celsius': [999]},
        )
        self.assertEqual(
            {'/mode', '/speed', '/curve/celsius/0', '/curve/percent'},
            {fault.pointer for fault in error.field_errors()},
        )
        self.assertEqual(
            ['a', 'b'],
            self.call('patch_settings', 'PATCH', settings={'b': 1, 'a': True}),
        )

    def test_progress(self) -> None:
        self.assertEqual(
            {'slots': 4, 'empty': [4]},
            self.call('inspect_rack', slots=4, seconds_per_slot=0),
        )
        self.assertEqual(
            [
                (0, 'slot 1 of 4'),
                (25, 'slot 2 of 4'),
                (50, 'slot 3 of 4'),
                (75, 'slot 4 of 4'),
                (100, '4 slots done'),
            ],
            self.context.reports,
        )

    def test_cancel(self) -> None:
        self.context = Watched(cancel_after=2)
        self.assertRaises(
            errors.Cancelled,
            self.call,
            'inspect_rack',
            slots=5,
            seconds_per_slot=0,
        )
        self.assertEqual(2, len(self.context.reports))

    def test_target(self) -> None:
        self.assertEqual(
            {'bmc': '10.0.0.1', 'power': 'on'},
            self.call('power_cycle', bmc='10.0.0.1'),
        )
        self.assertEqual([], self.context.targets)
        for name in ('power_cycle', 'set_login'):
            self.assertEqual(
                {'10.0.0.1'},
                self.driver.spec.methods[name].targets({'bmc': '10.0.0.1'}),
            )
        self.assertRaises(
            errors.InvalidParameters, self.call, 'power_cycle', bmc=''
        )

    def test_a_rack_that_no_parameter_names_is_reported(self) -> None:
        self.call('inspect_rack', slots=1, seconds_per_slot=0)
        self.call('asset_tag', 'GET', rack='r2')
        self.assertEqual(['r1', 'r2'], self.context.targets)

    def test_secrets(self) -> None:
        given = {'bmc': 'b', 'user': 'u', 'password': 'hunter2!', 'pin': '1'}
        self.assertEqual(
            {'bmc': 'b', 'user': 'u', 'pin': True},
            self.call('set_login', 'PUT', **given),
        )
        self.assertEqual(
            {'bmc': 'b', 'user': 'u', 'password': '***', 'pin': '***'},
            self.driver.spec.methods['set_login'].masked(given),
        )
        error = self.assertRaises(
            errors.InvalidParameterValue,
            self.call,
            'set_login',
            'PUT',
            **given | {'password': 'hunter2'},
        )
        self.assertNotIn('hunter2', str(error))

    def test_dangerous(self) -> None:
        method = self.driver.spec.methods['erase']
        self.assertTrue(method.dangerous)
        self.assertFalse(method.allowed)
        self.assertEqual(
            {'bmc': 'b', 'erased': True}, self.call('erase', bmc='b')
        )

    def test_secret_result(self) -> None:
        given = self.call('open_console', bmc='b')
        self.assertTrue(given['ticket'])
        self.assertEqual(
            {'bmc': 'b', 'ticket': '***'},
            self.driver.methods['open_console'].result.masked_result(given),
        )

    def test_validate(self) -> None:
        self.assertRaises(
            errors.InvalidParameterValue,
            self.call,
            'set_fans',
            'PUT',
            mode='auto',
            curve={'celsius': [1, 2], 'percent': [1]},
        )

    def test_echo(self) -> None:
        self.assertEqual(
            {'task': 1, 'a b': [None]},
            self.call('echo', **{'task': 1, 'a b': [None]}),
        )

    def test_attachments(self) -> None:
        self.assertEqual(
            '0 fan 0 ok\n1 fan 1 ok\n',
            self.call('event_log', 'GET', lines=2),
        )
        logs = self.call('collect_logs', lines=1)
        self.assertEqual('0 fan 0 ok\n', logs.data)
        self.assertEqual('logs.txt', logs.filename)
        picture = self.call('screenshot', 'GET')
        self.assertEqual('image/gif', picture.media_type)
        self.assertTrue(picture.data.startswith(b'GIF89a'))
        self.assertEqual(
            bytes(range(256)), self.call('firmware', 'GET', size=256)
        )
        self.assertEqual(1000, len(self.call('firmware', 'GET', size=1000)))

    def test_failures(self) -> None:
        for kind, status in (
            ('paper', 507),
            ('invalid', 400),
            ('not-found', 404),
            ('conflict', 409),
            ('temporary', 503),
            ('vendor', 500),
        ):
            error = self.assertRaises(
                errors.DriverError, self.call, 'fail', kind=kind
            )
            self.assertEqual(status, error.status)
        self.assertIn('rack r1', self._message('paper'))

    def _message(self, kind: str) -> str:
        return str(
            self.assertRaises(errors.DriverError, self.call, 'fail', kind=kind)
        )

    def test_crashes(self) -> None:
        for kind, expected in (
            ('error', RuntimeError),
            ('exit', SystemExit),
            ('interrupt', KeyboardInterrupt),
            ('recurse', RecursionError),
        ):
            self.assertRaises(expected, self.call, 'crash', kind=kind)
        self.assertRaises(RuntimeError, self.call, 'crash_later')

    def test_results_without_json_form(self) -> None:
        for kind, expected in (
            ('object', TypeError),
            ('nan', ValueError),
            ('cycle', ValueError),
        ):
            result = self.call('unserialisable', 'GET', kind=kind)
            self.assertRaises(expected, json.dumps, result, allow_nan=False)
