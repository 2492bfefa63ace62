# SPDX-License-Identifier: Apache-2.0
"""What other services are told of calls and operations."""

import contextlib
import datetime
import json
import threading
import time
from collections.abc import Iterator
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
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.conductor import records

State = operation.State

_MOMENT = datetime.datetime(2026, 1, 1, 12, 0, tzinfo=datetime.UTC)


class Vendor(drivers.VendorInterface):
    """Does what a test tells it to."""

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
    """Keeps what it sends.

    :ivar go_on: cleared, it lets every notification wait.
    """

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any], bool]] = []
        self.closed = False
        self.go_on = threading.Event()
        self.go_on.set()

    def send(
        self, event_type: str, payload: dict[str, Any], *, failure: bool
    ) -> None:
        assert self.go_on.wait(20)
        self.sent.append((event_type, payload, failure))

    def close(self) -> None:
        self.closed = True


class NoticesCase(base.TestCase):
    """A conductor whose notifications stay here."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(
            fixtures.FakeLogger(level=0, nuke_handlers=True)
        )
        self.notifier = FakeNotifier()
        self.found: dict[str, operation.Operation] = {}
        self.notices = events.EventSender(
            self.notifier,  # type: ignore[arg-type]
            self.found.get,
            conductor='host',
            backlog=100,
        )
        self.addCleanup(self.notices.close)
        self.addCleanup(self.notifier.go_on.set)
        self.vendor = Vendor()
        self.conductor = records.conductor(
            self,
            {'acme': loader.make('acme', self.vendor)},
            async_workers=1,
            async_backlog=4,
            told=self.notices,
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
        call = calls.Call('acme', method, 'POST', parameters)
        self.conductor.runner.run(self.context, call)
        return call.call_id

    def told(self) -> list[tuple[str, dict[str, Any], bool]]:
        """Return all that was told, as the last thing of a test."""
        self.assertTrue(self.conductor.admission.wait(10))
        self.notices.close()
        return self.notifier.sent

    def names(self) -> list[str]:
        """Return the event types of all that was told."""
        return [name for name, _, _ in self.told()]

    def let_fail(self, error: BaseException) -> None:
        """Let the methods fail."""

        def action() -> None:
            raise error

        self.vendor.action = action


class TestCalls(NoticesCase):
    """``driver.vendor_passthru.*``."""

    def test_a_call_that_runs_has_two(self) -> None:
        call_id = self.call('now', slot=7)
        start, end = self.told()
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

    def test_one_that_fails_tells_what_its_client_is_told(self) -> None:
        self.let_fail(errors.InvalidParameterValue('no such slot'))
        self.assertRaises(errors.PassthruError, self.call, 'now')
        (_, (name, payload, failure)) = self.told()
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

    def test_nothing_foreign_is_told(self) -> None:
        self.let_fail(RuntimeError('hunter2'))
        self.assertRaises(errors.DriverFailed, self.call, 'now')
        _, (_, payload, _) = told = self.told()
        self.assertEqual('driver_failed', payload['error']['code'])
        self.assertNotIn('hunter2', json.dumps(told))

    def test_what_does_not_run_has_none(self) -> None:
        self.assertRaises(
            errors.InvalidParameters, self.call, 'now', slot='no'
        )
        self.assertRaises(errors.MethodNotFound, self.call, 'never')
        self.assertEqual([], self.told())

    def test_no_secret_and_no_result_is_told(self) -> None:
        self.call(
            'login',
            key='hunter2',
            pin=314159,
            rack='r7',
            options={'admin_password': 'hunter2'},
            command='reset --password hunter2',
        )
        told = self.told()
        self.assertEqual(['***', 'r7'], told[0][1]['targets'])
        shown = told[0][1]['parameters']
        self.assertEqual('***', shown['key'])
        self.assertEqual('***', shown['pin'])
        for secret in ('hunter2', '314159'):
            self.assertNotIn(secret, json.dumps(told))

    def test_long_parameters_are_cut(self) -> None:
        many = {f'n{number}': 'x' * 10_000 for number in range(100)}
        self.call('login', key=None, pin=1, **many)
        for _, payload, _ in self.told():
            self.assertLess(len(json.dumps(payload)), 32 * 1024)
            self.assertIn('(10000 characters)', payload['parameters']['n0'])
            self.assertIn(' more', payload['parameters']['...'])


class TestOperations(NoticesCase):
    """``operation.*``."""

    def record(self, operation_id: str, **values: Any) -> None:
        """Let the registry have an operation."""
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
        told = self.told()
        self.assertEqual(
            [
                ('operation.queued', False),
                ('operation.running', False),
                ('driver.vendor_passthru.start', False),
                ('driver.vendor_passthru.end', False),
                ('operation.succeeded', False),
            ],
            [(name, failure) for name, _, failure in told],
        )
        self.assertEqual(operation_id, told[2][1]['call'])
        last = told[-1][1]
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
        self.assertEqual(None, told[0][1]['duration'])

    def test_a_failure_tells_why(self) -> None:
        self.let_fail(errors.Conflict('in use'))
        self.call('later')
        name, payload, failure = self.told()[-1]
        self.assertEqual('operation.failed', name)
        self.assertTrue(failure)
        self.assertEqual('in use', payload['error']['message'])

    def test_one_that_stops_on_request_is_cancelled(self) -> None:
        def stop() -> None:
            ledger = self.conductor.ledger
            ledger.ask_to_end(set(ledger.running()))
            raise errors.Cancelled()

        self.vendor.action = stop
        self.call('later')
        *_, call, (name, payload, failure) = self.told()
        self.assertEqual('driver.vendor_passthru.error', call[0])
        self.assertEqual('operation_cancelled', call[1]['error']['code'])
        self.assertEqual('operation.cancelled', name)
        self.assertFalse(failure)
        self.assertEqual('cancelled', payload['state'])
        self.assertIsNone(payload['error'])
        self.assertTrue(payload['duration'])

    def test_a_call_with_a_key_is_one_too(self) -> None:
        call = calls.Call(
            *('acme', 'now', 'POST', {}),
            key=operation.Key(digest='d' * 64, fingerprint='f' * 64),
        )
        self.conductor.runner.run(self.context, call)
        told = self.told()
        self.assertEqual('operation.queued', told[0][0])
        self.assertFalse(told[0][1]['accepted'])
        self.assertEqual('operation.succeeded', told[-1][0])

    def queue_one(self) -> str:
        """Let the only worker wait, and another operation for it."""
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

    def test_a_cancellation_is_told_when_its_turn_comes(self) -> None:
        one = self.queue_one()
        self.conductor.records.states[one] = State.CANCELLED
        self.record(one, state=State.CANCELLED)
        self.go_on()
        name, payload, failure = self.told()[-1]
        self.assertEqual('operation.cancelled', name)
        self.assertFalse(failure)
        self.assertEqual(one, payload['operation'])
        # As the registry has it.
        self.assertEqual(
            '2026-01-01T12:01:30.000000+00:00', payload['changed_at']
        )
        self.assertEqual('other', payload['conductor'])

    def test_what_somebody_else_has_settled_is_not_told_twice(self) -> None:
        one = self.queue_one()
        self.conductor.records.states[one] = State.EXPIRED
        self.record(one, state=State.EXPIRED)
        self.go_on()
        self.assertNotIn('operation.expired', self.names())

    def test_what_waits_too_long_has_expired(self) -> None:
        one = self.queue_one()
        self.conductor.ledger._known[one].begin_by = 0.0
        self.go_on()
        name, payload, failure = self.told()[-1]
        self.assertEqual('operation.expired', name)
        self.assertTrue(failure)
        self.assertEqual(one, payload['operation'])

    def test_a_cancellation_of_what_waits_too_long(self) -> None:
        one = self.queue_one()
        self.conductor.records.states[one] = State.CANCELLED
        self.record(one, state=State.CANCELLED)
        self.conductor.ledger._known[one].begin_by = 0.0
        self.go_on()
        self.assertEqual('operation.cancelled', self.names()[-1])

    def test_an_end_that_the_record_does_not_have_is_not_told(self) -> None:
        one = self.queue_one()
        (running,) = self.conductor.ledger.running()
        self.conductor.records.states[running] = State.UNKNOWN
        self.go_on()
        ended = [
            payload['operation']
            for name, payload, _ in self.told()
            if name == 'operation.succeeded'
        ]
        self.assertEqual([one], ended)

    def test_what_is_settled_is_told_as_it_is_recorded(self) -> None:
        self.record('a', state=State.UNKNOWN, started_at=_MOMENT)
        self.record('b', state=State.EXPIRED)
        self.notices.settled(['a', 'b', 'purged'])
        unknown, expired = self.told()
        self.assertEqual('operation.unknown', unknown[0])
        self.assertTrue(unknown[2])
        self.assertEqual(90.0, unknown[1]['duration'])
        self.assertEqual({'slot': 7}, unknown[1]['parameters'])
        self.assertEqual(['7', 'bmc-1'], unknown[1]['targets'])
        self.assertEqual('operation.expired', expired[0])
        self.assertEqual(None, expired[1]['duration'])

    def test_all_payloads_of_a_kind_have_the_same_fields(self) -> None:
        self.record('a', state=State.UNKNOWN, started_at=_MOMENT)
        self.notices.settled(['a'])
        self.call('later')
        fields: dict[str, set[tuple[str, ...]]] = {}
        for _, payload, _ in self.told():
            names = tuple(sorted(payload))
            fields.setdefault(payload['payload_name'], set()).add(names)
        self.assertEqual(['call', 'operation'], sorted(fields))
        for kind, found in fields.items():
            self.assertEqual(1, len(found), kind)


class TestHarmless(NoticesCase):
    """Nothing of this may become the trouble of a call."""

    def test_a_bus_that_hangs_delays_no_call_and_no_stop(self) -> None:
        self.notifier.go_on.clear()
        self.useFixture(
            fixtures.MonkeyPatch(
                'ironic_passthru.conductor.events._CLOSE_SECONDS', 0.1
            )
        )
        began = time.monotonic()
        for _ in range(60):
            self.call('now')
        self.assertTrue(self.conductor.admission.wait(10))
        self.notices.close()
        self.assertLess(time.monotonic() - began, 10.0)
        self.assertFalse(self.notifier.closed)
        self.assertIn('notifications were dropped', self.log.output)

    def test_parameters_that_cannot_be_masked_are_not_told(self) -> None:
        def masked(method: Any, parameters: Any) -> Any:
            raise KeyError('hunter2')

        self.useFixture(
            fixtures.MonkeyPatch(
                'ironic_passthru.spec.MethodSpec.masked', masked
            )
        )
        self.call('now', slot=7)
        (_, payload, _), _ = self.told()
        self.assertEqual({'slot': '***'}, payload['parameters'])
        self.assertEqual(None, payload['targets'])
        self.assertIn('lack parameters: KeyError', self.log.output)

    def test_a_registry_that_is_away_costs_one_notification(self) -> None:
        def away(operation_id: str) -> None:
            raise errors.RegistryUnavailable()

        self.notices._find = away
        self.notices.settled(['a'])
        self.call('now')
        self.assertEqual(2, len(self.told()))
        self.assertIn('dropped: RegistryUnavailable', self.log.output)

    def test_the_connection_is_given_back(self) -> None:
        self.call('now')
        self.told()
        self.assertTrue(self.notifier.closed)

    def test_long_parameters_do_not_delay_a_method(self) -> None:
        """What will be cut is not masked before."""
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
        for _, payload, _ in self.told():
            self.assertEqual('r7', payload['parameters']['rack'])
            self.assertEqual(['***', 'r7'], payload['targets'])
            self.assertIn(' characters)', payload['parameters']['words'])

    def test_parameters_are_read_once_for_all_that_is_told(self) -> None:
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
        self.assertEqual(5, len(self.told()))
        self.assertEqual([{'slot': 7}], read)


class Broken(events.NoEvents):
    """Fails in one place.

    :param where: name of a hook, or of a state that is told.
    :ivar failed: how often it did.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self.failed = 0

    def fail(self, place: str) -> None:
        """Fail if this is the place."""
        if place == self._where:
            self.failed += 1
            raise RuntimeError('hunter2')

    @contextlib.contextmanager
    def running(self, job: calls.Job) -> Iterator[None]:
        self.fail('start')
        try:
            yield
        finally:
            self.fail('end')

    def recorded(
        self, job: calls.Job, new: operation.NewOperation
    ) -> events.Tell:
        self.fail('recorded')
        return lambda state, error: self.fail(state.value)

    def settled(self, operation_ids: Any) -> None:
        self.fail('settled')

    def not_begun(self, operation_id: str) -> None:
        self.fail('not_begun')

    def close(self) -> None:
        self.fail('close')


class TestMistakes(base.TestCase):
    """A mistake in whatever tells harms neither a call nor its record."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(
            fixtures.FakeLogger(level=0, nuke_handlers=True)
        )
        self.vendor = Vendor()
        self.addCleanup(request_context.clear_current)

    def run_one(self, told: Broken) -> tuple[Any, records.Conductor]:
        """Return what the caller of a recorded call gets."""
        conductor = records.conductor(
            self, {'acme': loader.make('acme', self.vendor)}, told=told
        )
        call = calls.Call(
            *('acme', 'now', 'POST', {}),
            key=operation.Key(digest='d' * 64, fingerprint='f' * 64),
        )
        context = request_context.RequestContext(request_id='req-1')
        try:
            outcome: Any = conductor.runner.run(context, call)['return']
        except errors.PassthruError as error:
            outcome = error.code
        self.assertEqual({}, conductor.ledger._known)
        self.assertIn('is lost: RuntimeError', self.log.output)
        self.assertNotIn('hunter2', self.log.output)
        return outcome, conductor

    def test_what_succeeds_has_succeeded(self) -> None:
        self.vendor.action = lambda: 'done'
        for where in ('recorded', 'running', 'succeeded', 'start', 'end'):
            told = Broken(where)
            outcome, conductor = self.run_one(told)
            self.assertEqual('done', outcome, where)
            self.assertEqual(
                [State.SUCCEEDED], list(conductor.records.states.values())
            )
            self.assertEqual(1, told.failed, where)

    def test_what_fails_has_failed_as_it_did(self) -> None:
        def action() -> None:
            raise errors.Conflict('in use')

        self.vendor.action = action
        for where in ('start', 'end', 'failed'):
            told = Broken(where)
            outcome, conductor = self.run_one(told)
            self.assertEqual('conflict', outcome, where)
            self.assertEqual(
                [State.FAILED], list(conductor.records.states.values())
            )
            self.assertEqual(1, told.failed, where)

    def test_no_hook_raises(self) -> None:
        for where in ('settled', 'not_begun', 'close'):
            broken = Broken(where)
            told = events.harmless(broken)
            told.settled(['a'])
            told.not_begun('a')
            told.close()
            self.assertEqual(1, broken.failed, where)

    def test_no_method_ends_in_silence(self) -> None:
        told = events.harmless(Broken('nowhere'))
        for error in (ValueError(), SystemExit()):
            with (
                self.assertRaises(type(error)) as raised,
                told.running(None),  # type: ignore[arg-type]
            ):
                raise error
            self.assertIs(error, raised.exception)
        self.assertEqual('', self.log.output)


class TestMake(base.TestCase):
    """``[notifications] enabled``."""

    def test_off_it_tells_nobody(self) -> None:
        made = events.make(self.make_conf(), lambda _: None)
        self.assertIs(events.NO_NOTICES, made)

    def test_on_there_must_be_a_way_to_send(self) -> None:
        conf = self.make_conf(notifications__enabled=True)
        self.assertRaises(
            errors.ConfigError, events.make, conf, lambda _: None
        )
