# SPDX-License-Identifier: Apache-2.0
"""Notifications about calls and operations."""

import datetime
import json
import threading
import time
from collections.abc import Callable
from typing import Annotated
from typing import Any

import fixtures
import pydantic

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru import spec
from ironic_passthru.conductor import call as calls
from ironic_passthru.conductor import events
from ironic_passthru.drivers import base as drivers
from ironic_passthru.drivers import loader
from ironic_passthru.rpc import notifications
from ironic_passthru.rpc import protocol
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.conductor import records

State = operation.State

_MOMENT = datetime.datetime(2026, 1, 1, 12, 0, tzinfo=datetime.UTC)


class Vendor(drivers.VendorInterface):
    """Runs the action of a test."""

    def __init__(self) -> None:
        self.action: Any = lambda: 'hunter2'

    @drivers.driver_passthru(['POST'], target='slot')
    def later(self, slot: int = 1) -> Any:
        return self.action()

    @drivers.driver_passthru(['POST'], async_call=False, target='slot')
    def now(self, slot: int = 1) -> Any:
        return self.action()

    @drivers.driver_passthru(
        ['POST'], async_call=False, secret=['pin'], target=('key', 'rack')
    )
    def login(
        self,
        key: Annotated[pydantic.SecretStr | None, 'of the door'],
        pin: int,
        **others: Any,
    ) -> Any:
        return self.action()


class FakeNotifier:
    """Keeps notifications.

    :ivar go_on: cleared, every notification waits.
    """

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any], bool]] = []
        self.closed = False
        self.go_on = threading.Event()
        self.go_on.set()

    def send(self, sent: notifications.Notification) -> None:
        assert self.go_on.wait(20)
        self.sent.append((sent.event_type, sent.payload, sent.is_failure))

    def close(self) -> None:
        self.closed = True


def event_sender(
    notifier: FakeNotifier,
    find: Callable[[str], operation.Operation | None] = lambda _: None,
) -> events.EventSender:
    queue = notifications.NotificationQueue(
        notifier,  # type: ignore[arg-type]
        100,
    )
    return events.EventSender(queue, find, conductor='host')


class EventsCase(base.TestCase):
    """A conductor with a notifier that keeps notifications."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(
            fixtures.FakeLogger(level=0, nuke_handlers=True)
        )
        self.notifier = FakeNotifier()
        self.found: dict[str, operation.Operation] = {}
        self.events = event_sender(self.notifier, self.found.get)
        self.addCleanup(self.events.close)
        self.addCleanup(self.notifier.go_on.set)
        self.vendor = Vendor()
        self.conductor = records.conductor(
            self,
            {'acme': loader.make('acme', self.vendor)},
            async_workers=1,
            async_backlog=4,
            events=self.events,
        )
        self.context = request_context.RequestContext(
            request_id='req-1',
            global_request_id='req-2',
            user_id='me',
            project_id='ours',
        )
        self.addCleanup(request_context.clear_current)

    def call(self, method: str, **parameters: Any) -> str:
        """Call a method and return the id of the call."""
        call = protocol.CallRequest('acme', method, 'POST', parameters)
        self.conductor.runner.run(self.context, call)
        return call.call_id

    def sent(self) -> list[tuple[str, dict[str, Any], bool]]:
        """Return all notifications, at the end of a test."""
        self.assertTrue(self.conductor.admission.wait(10))
        self.events.close()
        return self.notifier.sent

    def names(self) -> list[str]:
        """Return the event types of all notifications."""
        return [name for name, _, _ in self.sent()]

    def raise_in_methods(self, error: BaseException) -> None:
        """Make the methods raise an error."""

        def action() -> None:
            raise error

        self.vendor.action = action


class TestCalls(EventsCase):
    """``driver.vendor_passthru.*``."""

    def test_a_call_that_runs_has_two(self) -> None:
        call_id = self.call('now', slot=7)
        start, end = self.sent()
        self.assertEqual('driver.vendor_passthru.start', start[0])
        self.assertEqual('driver.vendor_passthru.end', end[0])
        self.assertFalse(start[2] or end[2])
        moment = datetime.datetime.fromisoformat(start[1].pop('started_at'))
        self.assertEqual(datetime.timedelta(), moment.utcoffset())
        self.assertEqual(
            {
                'payload_name': 'call',
                'payload_version': '1.0',
                'call': call_id,
                'request_id': 'req-1',
                'global_request_id': 'req-2',
                'user': 'me',
                'project': 'ours',
                'driver': 'acme',
                'method': 'now',
                'http_method': 'POST',
                'parameters': {'slot': 7},
                'targets': ['7'],
                'accepted': False,
                'conductor': 'host',
                'finished_at': None,
                'duration': None,
                'error': None,
            },
            start[1],
        )
        self.assertGreater(end[1]['duration'], 0)
        self.assertGreater(
            datetime.datetime.fromisoformat(end[1]['finished_at']), moment
        )
        self.assertEqual(None, end[1]['error'])

    def test_a_failure_has_the_error_of_the_client(self) -> None:
        self.raise_in_methods(errors.InvalidParameterValue('no such slot'))
        self.assertRaises(errors.PassthruError, self.call, 'now')
        (_, (name, payload, failure)) = self.sent()
        self.assertEqual('driver.vendor_passthru.error', name)
        self.assertTrue(failure)
        self.assertEqual(
            {
                'code': 'invalid_parameter_value',
                'status': 400,
                'message': 'no such slot',
            },
            payload['error'],
        )

    def test_no_text_of_an_unexpected_exception(self) -> None:
        self.raise_in_methods(RuntimeError('hunter2'))
        self.assertRaises(errors.DriverFailed, self.call, 'now')
        _, (_, payload, _) = sent = self.sent()
        self.assertEqual('driver_failed', payload['error']['code'])
        self.assertNotIn('hunter2', json.dumps(sent))

    def test_what_does_not_run_has_none(self) -> None:
        self.assertRaises(
            errors.InvalidParameters, self.call, 'now', slot='no'
        )
        self.assertRaises(errors.MethodNotFound, self.call, 'never')
        self.assertEqual([], self.sent())

    def test_no_secret_and_no_result(self) -> None:
        self.call(
            'login',
            key='hunter2',
            pin=314159,
            rack='r7',
            options={'admin_password': 'hunter2'},
            command='reset --password hunter2',
        )
        sent = self.sent()
        self.assertEqual(['***', 'r7'], sent[0][1]['targets'])
        shown = sent[0][1]['parameters']
        self.assertEqual('***', shown['key'])
        self.assertEqual('***', shown['pin'])
        for secret in ('hunter2', '314159'):
            self.assertNotIn(secret, json.dumps(sent))

    def test_long_parameters_are_cut(self) -> None:
        many = {f'n{number}': 'x' * 10_000 for number in range(100)}
        self.call('login', key=None, pin=1, **many)
        for _, payload, _ in self.sent():
            self.assertLess(len(json.dumps(payload)), 32 * 1024)
            self.assertIn('(10000 characters)', payload['parameters']['n0'])
            self.assertIn(' more', payload['parameters']['...'])


class TestOperations(EventsCase):
    """``operation.*``."""

    def record(self, operation_id: str, **values: Any) -> None:
        """Add an operation to the registry."""
        facts = {
            'driver': 'acme',
            'method': 'later',
            'http_method': 'POST',
            'user_id': 'me',
            'project_id': 'ours',
            'request_id': 'req-1',
            'conductor': 'other',
            'incarnation': 'two',
            'accepted': True,
            'attach': False,
            'created_at': _MOMENT,
            'started_at': None,
            'finished_at': _MOMENT + datetime.timedelta(seconds=90),
            'progress': operation.Progress(),
            'cancel_requested': False,
            'parameters': {'slot': 7},
            'targets': ['7', 'bmc-1'],
        }
        self.found[operation_id] = operation.Operation(
            id=operation_id, **facts | values
        )

    def test_each_state_has_one(self) -> None:
        operation_id = self.call('later', slot=7)
        sent = self.sent()
        self.assertEqual(
            [
                ('operation.queued', False),
                ('operation.running', False),
                ('driver.vendor_passthru.start', False),
                ('driver.vendor_passthru.end', False),
                ('operation.succeeded', False),
            ],
            [(name, failure) for name, _, failure in sent],
        )
        self.assertEqual(operation_id, sent[2][1]['call'])
        last = sent[-1][1]
        for changing in ('changed_at', 'duration'):
            self.assertTrue(last.pop(changing), changing)
        self.assertEqual(
            {
                'payload_name': 'operation',
                'payload_version': '1.0',
                'operation': operation_id,
                'state': 'succeeded',
                'request_id': 'req-1',
                'global_request_id': 'req-2',
                'user': 'me',
                'project': 'ours',
                'driver': 'acme',
                'method': 'later',
                'http_method': 'POST',
                'parameters': {'slot': 7},
                'targets': ['7'],
                'accepted': True,
                'conductor': 'host',
                'error': None,
            },
            last,
        )
        self.assertEqual(None, sent[0][1]['duration'])

    def test_a_failure_has_its_error(self) -> None:
        self.raise_in_methods(errors.Conflict('in use'))
        self.call('later')
        name, payload, failure = self.sent()[-1]
        self.assertEqual('operation.failed', name)
        self.assertTrue(failure)
        self.assertEqual('in use', payload['error']['message'])

    def test_one_that_stops_on_request_is_cancelled(self) -> None:
        def stop() -> None:
            tracker = self.conductor.tracker
            tracker.request_cancel(set(tracker.running()))
            raise errors.Cancelled()

        self.vendor.action = stop
        self.call('later')
        *_, call, (name, payload, failure) = self.sent()
        self.assertEqual('driver.vendor_passthru.error', call[0])
        self.assertEqual('operation_cancelled', call[1]['error']['code'])
        self.assertEqual('operation.cancelled', name)
        self.assertFalse(failure)
        self.assertEqual('cancelled', payload['state'])
        self.assertIsNone(payload['error'])
        self.assertTrue(payload['duration'])

    def test_a_call_with_a_key_is_an_operation(self) -> None:
        call = protocol.CallRequest(
            *('acme', 'now', 'POST', {}),
            key=operation.Key(digest='d' * 64, fingerprint='f' * 64),
        )
        self.conductor.runner.run(self.context, call)
        sent = self.sent()
        self.assertEqual('operation.queued', sent[0][0])
        self.assertFalse(sent[0][1]['accepted'])
        self.assertEqual('operation.succeeded', sent[-1][0])

    def queue_one(self) -> str:
        """Occupy the only worker, and return an operation that waits."""
        go_on, begun = threading.Event(), threading.Event()
        self.addCleanup(go_on.set)
        self.go_on = go_on.set

        def action() -> None:
            begun.set()
            go_on.wait(20)

        self.vendor.action = action
        self.call('later')
        self.assertTrue(begun.wait(10))
        return self.call('later')

    def test_a_cancellation_is_published_when_its_turn_comes(self) -> None:
        one = self.queue_one()
        self.conductor.records.states[one] = State.CANCELLED
        self.record(one, state=State.CANCELLED)
        self.go_on()
        name, payload, failure = self.sent()[-1]
        self.assertEqual('operation.cancelled', name)
        self.assertFalse(failure)
        self.assertEqual(one, payload['operation'])
        # As in the registry.
        self.assertEqual(
            '2026-01-01T12:01:30.000000+00:00', payload['changed_at']
        )
        self.assertEqual('other', payload['conductor'])

    def test_an_end_by_another_conductor_is_not_published_twice(self) -> None:
        one = self.queue_one()
        self.conductor.records.states[one] = State.EXPIRED
        self.record(one, state=State.EXPIRED)
        self.go_on()
        self.assertNotIn('operation.expired', self.names())

    def test_what_waits_too_long_has_expired(self) -> None:
        one = self.queue_one()
        self.conductor.tracker._tracked[one].start_by = 0.0
        self.go_on()
        name, payload, failure = self.sent()[-1]
        self.assertEqual('operation.expired', name)
        self.assertTrue(failure)
        self.assertEqual(one, payload['operation'])

    def test_a_cancellation_of_what_waits_too_long(self) -> None:
        one = self.queue_one()
        self.conductor.records.states[one] = State.CANCELLED
        self.record(one, state=State.CANCELLED)
        self.conductor.tracker._tracked[one].start_by = 0.0
        self.go_on()
        self.assertEqual('operation.cancelled', self.names()[-1])

    def test_an_end_that_is_not_recorded_is_not_published(self) -> None:
        one = self.queue_one()
        (running,) = self.conductor.tracker.running()
        self.conductor.records.states[running] = State.UNKNOWN
        self.go_on()
        ended = [
            payload['operation']
            for name, payload, _ in self.sent()
            if name == 'operation.succeeded'
        ]
        self.assertEqual([one], ended)

    def test_ended_operations_are_published_as_recorded(self) -> None:
        self.record('a', state=State.UNKNOWN, started_at=_MOMENT)
        self.record('b', state=State.EXPIRED)
        self.events.ended(['a', 'b', 'purged'])
        unknown, expired = self.sent()
        self.assertEqual('operation.unknown', unknown[0])
        self.assertTrue(unknown[2])
        self.assertEqual(90.0, unknown[1]['duration'])
        self.assertEqual({'slot': 7}, unknown[1]['parameters'])
        self.assertEqual(['7', 'bmc-1'], unknown[1]['targets'])
        self.assertEqual('operation.expired', expired[0])
        self.assertEqual(None, expired[1]['duration'])

    def test_all_payloads_of_a_kind_have_the_same_fields(self) -> None:
        self.record('a', state=State.UNKNOWN, started_at=_MOMENT)
        self.events.ended(['a'])
        self.call('later')
        fields: dict[str, set[tuple[str, ...]]] = {}
        for _, payload, _ in self.sent():
            names = tuple(sorted(payload))
            fields.setdefault(payload['payload_name'], set()).add(names)
        self.assertEqual(['call', 'operation'], sorted(fields))
        for kind, found in fields.items():
            self.assertEqual(1, len(found), kind)


class TestHarmless(EventsCase):
    """Notifications neither delay nor break calls."""

    def test_a_bus_that_hangs_delays_no_call_and_no_stop(self) -> None:
        self.notifier.go_on.clear()
        self.useFixture(
            fixtures.MonkeyPatch(
                'ironic_passthru.rpc.notifications._CLOSE_SECONDS', 0.1
            )
        )
        began = time.monotonic()
        for _ in range(60):
            self.call('now')
        self.assertTrue(self.conductor.admission.wait(10))
        self.events.close()
        self.assertLess(time.monotonic() - began, 10.0)
        self.assertFalse(self.notifier.closed)
        self.assertIn('notifications were dropped', self.log.output)

    def test_parameters_that_cannot_be_masked_are_not_published(self) -> None:
        def masked(method: Any, parameters: Any) -> Any:
            raise KeyError('hunter2')

        self.useFixture(
            fixtures.MonkeyPatch(
                'ironic_passthru.spec.MethodSpec.masked', masked
            )
        )
        self.call('now', slot=7)
        (_, payload, _), _ = self.sent()
        self.assertEqual({'slot': '***'}, payload['parameters'])
        self.assertEqual(None, payload['targets'])
        self.assertIn('lack parameters: KeyError', self.log.output)

    def test_an_unavailable_registry_drops_one_notification(self) -> None:
        def away(operation_id: str) -> None:
            raise errors.RegistryUnavailable()

        self.events._find = away
        self.events.ended(['a'])
        self.call('now')
        self.assertEqual(2, len(self.sent()))
        self.assertIn('dropped: RegistryUnavailable', self.log.output)

    def test_the_connection_is_closed(self) -> None:
        self.call('now')
        self.sent()
        self.assertTrue(self.notifier.closed)

    def test_long_parameters_do_not_delay_a_method(self) -> None:
        """Parameters are truncated before they are masked."""
        read: list[str] = []
        masked = spec.MethodSpec.masked

        def noting(method: Any, parameters: Any) -> Any:
            read.append(json.dumps(parameters))
            return masked(method, parameters)

        self.useFixture(
            fixtures.MonkeyPatch(
                'ironic_passthru.spec.MethodSpec.masked', noting
            )
        )
        words = ['word'] * 100_000
        self.call('login', key=None, pin=1, words=words, rack='r7')
        (text,) = read
        self.assertLess(len(text), 1000)
        for _, payload, _ in self.sent():
            self.assertEqual('r7', payload['parameters']['rack'])
            self.assertEqual(['***', 'r7'], payload['targets'])
            self.assertIn(' characters)', payload['parameters']['words'])

    def test_parameters_are_read_once_for_all_notifications(self) -> None:
        read: list[Any] = []
        shown = spec.MethodSpec.shown

        def noting(method: Any, parameters: Any) -> Any:
            read.append(parameters)
            return shown(method, parameters)

        self.useFixture(
            fixtures.MonkeyPatch(
                'ironic_passthru.spec.MethodSpec.shown', noting
            )
        )
        self.call('later', slot=7)
        self.assertEqual(5, len(self.sent()))
        self.assertEqual([{'slot': 7}], read)


class BrokenQueue(notifications.NotificationQueue):
    """Fails for one notification.

    :param event_type: of that notification.
    :ivar failed: number of failures.
    """

    def __init__(self, event_type: str) -> None:
        self._event_type = event_type
        self.failed = 0

    def put(self, item: notifications.Item) -> None:
        if (
            not isinstance(item, notifications.Notification)
            or item.event_type == self._event_type
        ):
            self.failed += 1
            raise RuntimeError('hunter2')

    def close(self) -> None:
        self.failed += 1
        raise RuntimeError('hunter2')


class TestErrors(base.TestCase):
    """An error of publishing harms neither a call nor its record."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(
            fixtures.FakeLogger(level=0, nuke_handlers=True)
        )
        self.vendor = Vendor()
        self.addCleanup(request_context.clear_current)

    def make(self, event_type: str) -> events.EventSender:
        self.queue = BrokenQueue(event_type)
        return events.EventSender(self.queue, lambda _: None, conductor='host')

    def run_one(self, event_type: str) -> tuple[Any, State]:
        """Return outcome and state of a recorded call."""
        conductor = records.conductor(
            self,
            {'acme': loader.make('acme', self.vendor)},
            events=self.make(event_type),
        )
        call = protocol.CallRequest(
            *('acme', 'now', 'POST', {}),
            key=operation.Key(digest='d' * 64, fingerprint='f' * 64),
        )
        context = request_context.RequestContext(request_id='req-1')
        try:
            outcome: Any = conductor.runner.run(context, call)['return']
        except errors.PassthruError as error:
            outcome = error.code
        self.wait_for(lambda: not conductor.tracker._tracked, 'its release')
        self.assertEqual(1, self.queue.failed, event_type)
        self.assertIn('is lost: RuntimeError', self.log.output)
        self.assertNotIn('hunter2', self.log.output)
        (state,) = conductor.records.states.values()
        return outcome, state

    def test_an_outcome_does_not_depend_on_notifications(self) -> None:
        def fail() -> None:
            raise errors.Conflict('in use')

        for action, outcome, names in (
            (
                lambda: 'done',
                ('done', State.SUCCEEDED),
                ('queued', 'running', 'succeeded', 'start', 'end'),
            ),
            (
                fail,
                ('conflict', State.FAILED),
                ('queued', 'running', 'failed', 'start', 'error'),
            ),
        ):
            self.vendor.action = action
            for name in names:
                kind = (
                    'driver.vendor_passthru'
                    if name in ('start', 'end', 'error')
                    else 'operation'
                )
                self.assertEqual(outcome, self.run_one(f'{kind}.{name}'))

    def test_publishing_does_not_raise(self) -> None:
        sender = self.make('')
        sender.ended(['a'])
        sender.not_started('a')
        sender.close()
        self.assertEqual(3, self.queue.failed)

    def test_an_error_of_a_method_is_raised(self) -> None:
        job = calls.Job(
            request_context.RequestContext(request_id='req-1'),
            protocol.CallRequest('acme', 'now', 'POST', {}),
            loader.make('acme', self.vendor).methods['now'],
            {},
        )
        for error in (ValueError(), SystemExit()):
            with (
                self.assertRaises(type(error)) as raised,
                self.make('').running(job),
            ):
                raise error
            self.assertIs(error, raised.exception)
        self.assertEqual('', self.log.output)


class TestMake(base.TestCase):
    """``[notifications] enabled``."""

    def test_off(self) -> None:
        made = events.make(self.make_conf(), lambda _: None)
        self.assertIs(events.NO_EVENTS, made)

    def test_on_without_a_driver(self) -> None:
        conf = self.make_conf(notifications__enabled=True)
        self.assertRaises(
            errors.ConfigError, events.make, conf, lambda _: None
        )
