# SPDX-License-Identifier: Apache-2.0
"""Tests control the calls of a driver instance."""

import threading
from typing import Any

from ironic_passthru import errors
from ironic_passthru.drivers import base as driver_base
from ironic_passthru.drivers import loader
from ironic_passthru.testing import harness
from ironic_passthru.tests import base


class Press(driver_base.VendorInterface):
    count = 0

    @driver_base.driver_passthru(['POST'])
    def press(self, context: Any) -> int:
        """Press until cancelled."""
        context.report_targets(['press1'])
        context.report_progress(10, 'Pressing')
        while not context.cancel_requested:
            threading.Event().wait(0.01)
        raise errors.Cancelled('stopped')

    @driver_base.driver_passthru(['POST'], timeout=0.05)
    def hold(self, context: Any) -> list[Any]:
        """Hold until the timeout, or return the state of the call."""
        if not context.accepted or context.seconds_left > 0.05:
            return [context.accepted, context.seconds_left]
        return self.press(context)

    @driver_base.driver_passthru(['POST'])
    def give_up(self) -> None:
        """Stop without a request."""
        raise errors.Cancelled('no paper')

    @driver_base.driver_passthru(['POST'], async_call=False)
    def halve(self, error: str) -> None:
        """Do one half."""
        failed = getattr(errors, error)('half')
        failed.partial_result = {'done': 1}
        raise failed

    @driver_base.driver_passthru(['POST'], async_call=False)
    def add(self, context: Any, step: int) -> list[Any]:
        """Return the sum and the caller."""
        self.count += step
        return [self.count, context.user_id, context.project_id, context.roles]

    @driver_base.driver_passthru(['GET'], async_call=False, attach=True)
    def label(self) -> driver_base.Attachment:
        """Return a file."""
        return driver_base.Attachment(b'\xff', 'image/png', 'label.png')


class HarnessTest(base.TestCase):
    def make(self, **options: Any) -> harness.DriverHarness:
        driver = loader.make('press', Press(), allowed=['*'])
        return harness.DriverHarness(driver, **options)

    def test_progress_and_cancellation(self) -> None:
        call = self.make().submit('press', 'POST')
        self.wait_for(lambda: call.progress, 'the progress')
        self.assertRaises(TimeoutError, call.result, 0.05)
        call.cancel()
        self.assertRaises(errors.Cancelled, call.result, 10)
        self.assertEqual([(10.0, 'Pressing')], call.progress)
        self.assertEqual(['press1'], call.targets)

    def test_the_timeout_of_a_method(self) -> None:
        call = self.make().submit('hold', 'POST')
        self.assertRaises(errors.MethodTimedOut, call.result, 10)

    def test_a_cancellation_without_request(self) -> None:
        error = self.assertRaises(
            errors.VendorError, self.make().call, 'give_up', 'POST'
        )
        self.assertEqual(
            (500, 'cancelled_without_request'), (error.status, error.code)
        )
        self.assertNotIn('no paper', error.message)

    def test_partial_results(self) -> None:
        for name in ('DriverOperationError', 'Conflict'):
            error = self.assertRaises(
                errors.PassthruError,
                self.make().call,
                'halve',
                'POST',
                error=name,
            )
            self.assertEqual({'done': 1}, error.partial_result)

    def test_calls_share_the_instance_and_have_the_context(self) -> None:
        calls = self.make(user_id='u', project_id='p', roles=['r'])
        calls.call('add', 'POST', step=2)
        self.assertEqual(
            [5, 'u', 'p', ['r']], calls.call('add', 'POST', step=3)
        )

    def test_attachment(self) -> None:
        label = self.make().call('label', 'GET')
        self.assertEqual(
            (b'\xff', 'image/png', 'label.png'),
            (label.data, label.media_type, label.filename),
        )

    def test_validation_errors_are_documented(self) -> None:
        self.assertRaises(
            errors.InvalidParameters, self.make().call, 'add', 'POST', step='x'
        )
