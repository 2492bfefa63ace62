# SPDX-License-Identifier: Apache-2.0
"""Tests of the targets that methods report."""

import concurrent.futures
import json
from typing import Annotated
from typing import Any

import fixtures
import pydantic

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.drivers import base as drivers
from ironic_passthru.drivers import loader
from ironic_passthru.fleet import targets
from ironic_passthru.rpc import protocol
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.conductor import records
from ironic_passthru.tests.unit.conductor import test_events

_KEY = operation.Key(digest='d' * 64, fingerprint='f' * 64)
_SECRET = 'hunter2'


class Vendor(drivers.VendorInterface):
    """Reports what a test sets."""

    def __init__(self) -> None:
        self.reports: list[list[str]] = [['b2'], ['b3', 'b2']]
        self.error: Exception | None = None
        self.result: Any = 'done'

    def _act(self, context: request_context.RequestContext) -> Any:
        for names in self.reports:
            context.report_targets(names)
        if self.error is not None:
            raise self.error
        return self.result

    @drivers.driver_passthru(['POST'], async_call=False, target='bmc')
    def now(
        self,
        context: request_context.RequestContext,
        bmc: str | None = None,
        pin: Annotated[pydantic.SecretStr | None, 'of the door'] = None,
    ) -> Any:
        return self._act(context)

    @drivers.driver_passthru(['POST'], target='bmc')
    def later(
        self,
        context: request_context.RequestContext,
        bmc: str | None = None,
        pin: Annotated[pydantic.SecretStr | None, 'of the door'] = None,
    ) -> Any:
        return self._act(context)


class TestTargets(base.TestCase):
    """The bounded list."""

    def test_order_of_reports_without_duplicates(self) -> None:
        found = targets.Targets(['b', 'a', 'b'])
        found.add(['c', 'a'])
        self.assertEqual(('b', 'a', 'c'), found.names)

    def test_a_long_name_is_truncated(self) -> None:
        (name,) = targets.Targets(['x' * 10_000]).names
        self.assertLessEqual(len(name), targets.MAX_LENGTH)
        self.assertIn('(10000 characters)', name)

    def test_characters_that_cannot_be_printed(self) -> None:
        found = targets.Targets(['a\x00b\nc\ud800', 'Zoë'])
        self.assertEqual(('a?b?c?', 'Zoë'), found.names)

    def test_the_number_is_bounded(self) -> None:
        names = [f'node-{number}' for number in range(5000)]
        found = targets.Targets(names[:1000])
        self.assertEqual(tuple(names[:1000]), found.names)
        found.add(names[:10])
        self.assertEqual(1000, len(found.names))
        found.add(names)
        self.assertEqual((*names[:1000], targets.MORE), found.names)

    def test_threads_lose_nothing(self) -> None:
        found = targets.Targets()
        names = [[f'{one}-{two}' for two in range(50)] for one in range(16)]
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            list(pool.map(found.add, names))
        self.assertEqual({n for part in names for n in part}, {*found.names})


class ReportedCase(base.TestCase):
    """A conductor whose driver reports targets."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(
            fixtures.FakeLogger(level=0, nuke_handlers=True)
        )
        self.notifier = test_events.FakeNotifier()
        self.events = test_events.event_sender(self.notifier)
        self.addCleanup(self.events.close)
        self.vendor = Vendor()
        self.conductor = records.conductor(
            self,
            {'acme': loader.make('acme', self.vendor)},
            events=self.events,
        )
        self.store = self.conductor.records
        self.addCleanup(request_context.clear_current)

    def call(
        self, method: str, *, key: operation.Key | None = None, **info: Any
    ) -> dict[str, Any]:
        answer = self.conductor.runner.run(
            request_context.RequestContext(),
            protocol.CallRequest('acme', method, 'POST', info, key=key),
        )
        self.assertTrue(self.conductor.admission.wait(10))
        return answer

    def failure(self, *args: Any, **info: Any) -> errors.PassthruError:
        return self.assertRaises(
            errors.PassthruError, self.call, *args, **info
        )

    def recorded(self) -> operation.NewOperation:
        """Return the last call that was recorded."""
        return list(self.store.new.values())[-1]

    def noted(self) -> dict[str, list[str]]:
        """Return the targets of all notifications, as the last thing."""
        self.events.close()
        return {name: one['targets'] for name, one, _ in self.notifier.sent}


class TestSynchronous(ReportedCase):
    """A call without a record."""

    def test_the_reply_has_reported_targets_alone(self) -> None:
        self.assertEqual(
            {
                'return': 'done',
                'async': False,
                'attach': False,
                'targets': ['b2', 'b3'],
            },
            self.call('now', bmc='b1'),
        )
        self.assertEqual(
            {
                'driver.vendor_passthru.start': ['b1'],
                'driver.vendor_passthru.end': ['b1', 'b2', 'b3'],
            },
            self.noted(),
        )

    def test_without_reports_the_reply_is_as_before(self) -> None:
        self.vendor.reports = []
        self.assertEqual(
            {'return': 'done', 'async': False, 'attach': False},
            self.call('now', bmc='b1'),
        )

    def test_an_error_has_them_too(self) -> None:
        for raised, result in (
            (errors.Conflict('in use'), None),
            (RuntimeError('broken'), None),
            (None, object()),
        ):
            self.vendor.error, self.vendor.result = raised, result
            error = self.failure('now')
            self.assertEqual(['b2', 'b3'], error.kwargs['targets'], raised)
        self.assertEqual(
            ['b2', 'b3'], self.noted()['driver.vendor_passthru.error']
        )

    def test_an_error_without_reports_is_as_before(self) -> None:
        self.vendor.reports = []
        self.vendor.error = errors.Conflict('in use')
        self.assertNotIn('targets', self.failure('now').kwargs)
        self.assertNotIn('targets', self.failure('no_method').kwargs)

    def test_invalid_reports_fail_the_call(self) -> None:
        self.vendor.reports = [['b2'], 'b3']  # type: ignore[list-item]
        error = self.failure('now')
        self.assertIsInstance(error, errors.DriverFailed)
        self.assertEqual(['b2'], error.kwargs['targets'])


class TestRecorded(ReportedCase):
    """A call with a record."""

    def check(self) -> None:
        self.assertEqual(('b1',), self.recorded().targets)
        self.assertEqual(
            ('b1', 'b2', 'b3'), self.store.moves[-1].progress.targets
        )

    def test_an_asynchronous_call(self) -> None:
        answer = self.call('later', bmc='b1')
        self.assertNotIn('targets', answer)
        self.check()
        self.assertEqual(
            {
                'operation.queued': ['b1'],
                'operation.running': ['b1'],
                'driver.vendor_passthru.start': ['b1'],
                'driver.vendor_passthru.end': ['b1', 'b2', 'b3'],
                'operation.succeeded': ['b1', 'b2', 'b3'],
            },
            self.noted(),
        )

    def test_one_that_fails(self) -> None:
        self.vendor.error = errors.Conflict('in use')
        self.call('later', bmc='b1')
        self.check()
        self.assertEqual(['b1', 'b2', 'b3'], self.noted()['operation.failed'])

    def test_a_call_with_a_key(self) -> None:
        answer = self.call('now', key=_KEY, bmc='b1')
        self.assertEqual(['b2', 'b3'], answer['targets'])
        self.check()

    def test_a_call_with_a_key_that_fails(self) -> None:
        self.vendor.error = errors.Conflict('in use')
        error = self.failure('now', key=_KEY, bmc='b1')
        self.assertEqual(['b2', 'b3'], error.kwargs['targets'])
        self.check()

    def test_without_reports_the_record_is_written_once(self) -> None:
        for self.vendor.reports in ([], [['b1']]):
            self.call('later', bmc='b1')
            self.assertEqual(('b1',), self.recorded().targets)
            self.assertEqual(None, self.store.moves[-1].progress.targets)

    def test_a_report_is_written_while_the_method_runs(self) -> None:
        """Another one than of progress, which it leaves as it is."""
        seen: list[operation.Progress] = []

        def look(context: request_context.RequestContext) -> Any:
            (one,) = self.conductor.tracker.running().values()
            context.report_progress(50, 'half')
            context.report_targets(['b2'])
            context.report_progress(75, 'more')
            seen.append(one.progress)
            self.assertIsNot(one.written, one.progress)

        self.vendor._act = look  # type: ignore[method-assign]
        self.call('later', bmc='b1')
        self.assertEqual([operation.Progress(75, 'more', ('b1', 'b2'))], seen)

    def test_many_targets_of_parameters_are_bounded(self) -> None:
        self.vendor.reports = [[f'node-{number}' for number in range(2000)]]
        self.call('later', bmc='x' * 50_000)
        (named,) = self.recorded().targets
        self.assertLessEqual(len(named), targets.MAX_LENGTH)
        found = self.store.moves[-1].progress.targets
        assert found is not None
        self.assertEqual((named, 'node-0'), found[:2])
        self.assertEqual(1002, len(found))
        self.assertEqual(targets.MORE, found[-1])


class TestSecrets(ReportedCase):
    """No secret of the call is in a reported target."""

    def test_they_are_redacted_everywhere(self) -> None:
        self.vendor.reports = [[f'bmc?pin={_SECRET}', f'{_SECRET * 500}']]
        hidden = ['bmc?pin=***', targets.Targets(['***' * 500]).names[0]]
        answer = self.call('now', key=_KEY, pin=_SECRET)
        self.assertEqual(hidden, answer['targets'])
        progress = self.store.moves[-1].progress
        self.assertEqual(tuple(hidden), progress.targets)
        self.vendor.error = errors.Conflict('in use')
        self.assertEqual(
            hidden, self.failure('now', pin=_SECRET).kwargs['targets']
        )
        self.assertNotIn(_SECRET, json.dumps(self.noted()))
