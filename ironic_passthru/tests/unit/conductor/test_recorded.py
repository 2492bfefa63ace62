# SPDX-License-Identifier: Apache-2.0
"""Recorded calls: none runs unless it is claimed."""

import json
import threading
import time
from typing import Annotated
from typing import Any

import fixtures
import pydantic

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.drivers import base as drivers
from ironic_passthru.drivers import loader
from ironic_passthru.rpc import protocol
from ironic_passthru.tests import base
from ironic_passthru.tests import shortage
from ironic_passthru.tests.unit.conductor import records

State = operation.State
KEY = operation.Key(digest='d' * 64, fingerprint='f' * 64)


class Vendor(drivers.VendorInterface):
    """Runs the action of a test."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.action: Any = lambda context: None
        self.go_on = threading.Event()

    def _act(self, context: Any) -> Any:
        self.calls.append(context)
        return self.action(context)

    @drivers.driver_passthru(['POST'])
    def later(self, context: Any) -> Any:
        return self._act(context)

    @drivers.driver_passthru(['POST'], async_call=False)
    def now(self, context: Any) -> Any:
        return self._act(context)

    @drivers.driver_passthru(['POST'], attach=True)
    def logs(self, context: Any) -> Any:
        return self._act(context)

    @drivers.driver_passthru(['POST'], timeout=30)
    def bounded(self, context: Any) -> Any:
        return self._act(context)

    @drivers.driver_passthru(['POST'], target='bmc')
    def login(
        self,
        context: Any,
        bmc: str,
        password: Annotated[pydantic.SecretStr | None, 'x'] = None,
    ) -> Any:
        return self._act(context)

    @drivers.driver_passthru(['POST'], async_call=False, target='bmc')
    def reset(self, context: Any, bmc: str) -> Any:
        return self._act(context)


class RecordedCase(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(
            fixtures.FakeLogger(level=0, nuke_handlers=True)
        )
        self.vendor = Vendor()
        self.addCleanup(self.vendor.go_on.set)
        self.build()
        self.context = request_context.RequestContext(
            request_id='req-1', user_id='me', project_id='ours'
        )
        self.addCleanup(request_context.clear_current)

    def build(self, **options: Any) -> None:
        """Build the conductor anew; two drivers share it."""
        self.conductor = records.conductor(
            self,
            {
                'acme': loader.make('acme', self.vendor),
                'zeta': loader.make('zeta', self.vendor),
            },
            **{'async_backlog': 4, 'sync_workers': 4} | options,
        )
        self.store = self.conductor.records

    def call(self, method: str = 'later', **facts: Any) -> Any:
        facts['driver_name'] = facts.pop('driver', 'acme')
        parameters = facts.pop('parameters', {})
        return self.conductor.runner.run(
            self.context,
            protocol.CallRequest(
                driver_method=method,
                http_method='POST',
                info=parameters,
                **facts,
            ),
        )

    def ended(self) -> None:
        """Wait until no call runs or waits."""
        self.assertTrue(self.conductor.admission.wait(10))

    def block(self, context: Any) -> str:
        """Wait until the test sets ``go_on``."""
        self.vendor.go_on.wait(20)
        return 'done'

    def last_move(self) -> operation.Transition:
        return self.store.moves[-1]


def _raise(error: BaseException) -> Any:
    def action(_: Any) -> None:
        raise error

    return action


class TestRecords(RecordedCase):
    """Contents and time of records."""

    def test_there_is_a_record_before_the_reply(self) -> None:
        self.vendor.action = self.block
        answer = self.call(call_id='a', parameters={})
        self.assertEqual(
            {'return': None, 'async': True, 'attach': False}, answer
        )
        new = self.store.new['a']
        self.assertEqual(
            ('acme', 'later', 'POST', 'me', 'ours', 'req-1', 'host', 'one'),
            (
                new.driver,
                new.method,
                new.http_method,
                new.user_id,
                new.project_id,
                new.request_id,
                new.conductor,
                new.incarnation,
            ),
        )
        self.assertTrue(new.accepted)

    def test_its_states(self) -> None:
        seen: list[State] = []
        self.vendor.action = lambda _: seen.append(self.store.states['a'])
        self.call(call_id='a')
        self.ended()
        self.assertEqual([State.RUNNING], seen)
        self.assertEqual(State.SUCCEEDED, self.store.states['a'])
        self.assertEqual({}, self.conductor.tracker.running())
        self.assertEqual(
            [operation.end('a', State.RUNNING)],
            self.conductor.tracker.orphans({'a': State.RUNNING}),
        )

    def test_a_call_without_id_gets_one(self) -> None:
        self.call()
        self.ended()
        (one,) = self.store.states
        self.assertEqual(36, len(one))

    def test_a_plain_synchronous_call_has_none(self) -> None:
        self.call('now', call_id='a')
        self.assertEqual({}, self.store.states)

    def test_results(self) -> None:
        for value, text in (
            (None, None),
            ({'a': [1, 'Zoë']}, json.dumps({'a': [1, 'Zoë']})),
            ('', '""'),
            (0, '0'),
        ):
            self.vendor.action = lambda _, v=value: v
            self.call()
            self.ended()
            self.assertEqual(State.SUCCEEDED, self.last_move().target)
            self.assertEqual(text, self.last_move().result)

    def test_attachments(self) -> None:
        self.vendor.action = lambda _: b'\xff\x00'
        self.call('logs', call_id='a')
        self.ended()
        self.assertTrue(self.store.new['a'].attach)
        assert self.last_move().result is not None
        self.assertEqual('/wA=', json.loads(self.last_move().result)['data'])

    def test_failures_are_what_a_caller_would_have_got(self) -> None:
        for error, status, code, text in (
            (errors.NotFound('no fan'), 404, 'not_found_by_driver', 'no fan'),
            (errors.Conflict('in use'), 500, 'conflict', 'in use'),
            (errors.TemporaryFailure('up'), 500, 'temporary_failure', 'up'),
            (RuntimeError('hunter2'), 500, 'driver_failed', 'req-1'),
            (SystemExit('hunter2'), 500, 'driver_failed', 'req-1'),
        ):
            self.vendor.action = _raise(error)
            self.call()
            self.ended()
            move = self.last_move()
            assert move.error is not None
            self.assertEqual(State.FAILED, move.target)
            self.assertEqual(
                (status, code), (move.error.status, move.error.code)
            )
            self.assertIn(text, move.error.message)
            self.assertNotIn('hunter2', move.error.message)

    def test_a_failure_with_a_partial_result(self) -> None:
        class Halted(errors.DriverError):
            code, status = 'halted', 502

            def __init__(self, partial_result: Any) -> None:
                super().__init__('Halted.')
                self.partial_result = partial_result

        for partial, result in (
            ({'fan': {1: pydantic.SecretStr('x')}}, '{"fan": {"1": "***"}}'),
            ('x' * (1 << 20), None),
        ):
            self.vendor.action = _raise(Halted(partial))
            self.call()
            self.ended()
            self.assertEqual(State.FAILED, self.last_move().target)
            self.assertEqual(result, self.last_move().result)
        self.vendor.action = _raise(Halted(float('nan')))
        self.call()
        self.ended()
        assert self.last_move().error is not None
        self.assertEqual('driver_failed', self.last_move().error.code)

    def test_secrets_are_masked(self) -> None:
        self.call(
            'login', call_id='a', parameters={'bmc': 'b', 'password': 'x1y2'}
        )
        self.ended()
        self.assertEqual(
            {'bmc': 'b', 'password': '***'}, self.store.new['a'].parameters
        )

    def test_a_refusal_leaves_no_record(self) -> None:
        self.assertRaises(
            errors.InvalidParameters, self.call, parameters={'x': 1}
        )
        self.store.away = True
        self.assertRaises(errors.RegistryUnavailable, self.call, call_id='a')
        self.ended()
        self.assertEqual([], self.vendor.calls)
        # If it were recorded nevertheless, housekeeping would find it.
        expired = operation.Transition(
            'a', State.RUNNING, State.EXPIRED, frees_key=True
        )
        self.assertEqual(
            [expired], self.conductor.tracker.orphans({'a': State.RUNNING})
        )

    def test_what_took_too_long_to_record_does_not_run(self) -> None:
        """By then the client received that the outcome is unknown."""
        for number, facts in enumerate(({}, {'method': 'now', 'key': KEY})):
            self.store.go_on.clear()
            raised: list[Exception] = []
            # The record begins before it.
            deadline = time.time() + 1

            def call(
                facts: Any = facts,
                raised: Any = raised,
                n: int = number,
                deadline: float = deadline,
            ) -> None:
                try:
                    self.call(call_id=f'a{n}', deadline=deadline, **facts)
                except errors.PassthruError as error:
                    raised.append(error)

            thread = threading.Thread(target=call)
            thread.start()
            time.sleep(deadline - time.time() + 0.01)
            self.store.go_on.set()
            thread.join(10)
            self.assertIsInstance(raised[0], errors.OperationExpired)
            self.assertEqual(State.EXPIRED, self.store.states[f'a{number}'])
        self.ended()
        self.assertEqual([], self.vendor.calls)


class TestClaims(RecordedCase):
    """Cancelled, ended and overdue operations do not run."""

    def test_what_was_cancelled_does_not_run(self) -> None:
        self.build(async_workers=1)
        self.vendor.action = self.block
        self.call(call_id='first')
        self.call(call_id='second')
        self.assertEqual(State.QUEUED, self.store.states['second'])
        self.store.states['second'] = State.CANCELLED
        self.vendor.go_on.set()
        self.ended()
        self.assertEqual(1, len(self.vendor.calls))
        self.assertEqual(State.CANCELLED, self.store.states['second'])

    def test_an_ended_operation_keeps_its_state(self) -> None:
        self.vendor.action = self.block
        self.call(call_id='a')
        self.wait_for(lambda: self.vendor.calls, 'it runs')
        self.store.states['a'] = State.UNKNOWN
        self.vendor.go_on.set()
        self.ended()
        self.assertEqual(State.UNKNOWN, self.store.states['a'])
        self.assertIn('after its record was final', self.log.output)

    def test_what_waits_too_long_expires(self) -> None:
        self.build(async_workers=1, queue_seconds=0.0)
        self.vendor.action = self.block
        self.call(call_id='a')
        self.ended()
        self.assertEqual([], self.vendor.calls)
        self.assertEqual(State.EXPIRED, self.store.states['a'])

    def test_a_call_that_starts_at_once_is_recorded_as_running(self) -> None:
        self.build(async_workers=1)
        self.vendor.action = self.block
        self.call(call_id='a')
        self.call(call_id='b')
        self.wait_for(lambda: len(self.vendor.calls) == 1, 'one runs')
        self.vendor.go_on.set()
        self.ended()
        recorded = {id_: new.state for id_, new in self.store.new.items()}
        self.assertEqual({'a': State.RUNNING, 'b': State.QUEUED}, recorded)
        self.assertEqual(
            [('a', State.SUCCEEDED), ('b', State.RUNNING)],
            [(move.id, move.target) for move in self.store.moves[:2]],
        )

    def test_a_call_with_a_key_is_recorded_as_queued(self) -> None:
        # If its commit is not acknowledged, it ends as expired, not as
        # unknown, even if the conductor is lost: the key is free again.
        self.call(call_id='a', key=KEY)
        self.ended()
        self.assertEqual(State.QUEUED, self.store.new['a'].state)

    def test_a_refused_call_frees_its_worker(self) -> None:
        self.build(async_workers=1)
        self.store.away = True
        self.assertRaises(errors.RegistryUnavailable, self.call, call_id='a')
        self.store.away = False
        self.call(call_id='b')
        self.ended()
        self.assertEqual(State.RUNNING, self.store.new['b'].state)
        self.assertEqual(1, len(self.vendor.calls))

    def test_one_that_has_not_started_when_the_conductor_closes(self) -> None:
        work = self.conductor.runner._work

        def close_first(tracked: Any) -> None:
            self.conductor.runner.close()
            work(tracked)

        self.conductor.runner._work = close_first  # type: ignore[method-assign]
        self.call(call_id='a')
        self.ended()
        self.assertEqual(State.RUNNING, self.store.new['a'].state)
        self.assertEqual(State.EXPIRED, self.store.states['a'])
        self.assertEqual([], self.vendor.calls)

    def test_nothing_runs_while_it_cannot_be_claimed(self) -> None:
        self.build(async_workers=1)
        self.vendor.action = self.block
        self.call(call_id='a')
        self.call(call_id='b')
        self.wait_for(lambda: len(self.vendor.calls) == 1, 'one runs')
        self.store.away = True
        self.vendor.go_on.set()
        time.sleep(0.05)
        self.assertEqual(1, len(self.vendor.calls))
        self.store.away = False
        self.ended()
        self.assertEqual(2, len(self.vendor.calls))
        self.assertEqual(
            {'a': State.SUCCEEDED, 'b': State.SUCCEEDED}, self.store.states
        )

    def test_one_that_is_claimed_when_the_conductor_closes(self) -> None:
        self.build(async_workers=1)
        self.vendor.action = self.block
        self.call(call_id='a')
        self.call(call_id='b')
        self.wait_for(lambda: len(self.vendor.calls) == 1, 'one runs')
        writer = self.conductor.writer
        claim = writer.claim

        def close_first(*arguments: str) -> bool:
            self.conductor.runner.close()
            return claim(*arguments)

        writer.claim = close_first  # type: ignore[method-assign]
        self.vendor.go_on.set()
        self.ended()
        self.assertEqual(1, len(self.vendor.calls))
        self.assertEqual(
            {'a': State.SUCCEEDED, 'b': State.EXPIRED}, self.store.states
        )

    def test_a_closed_conductor_begins_nothing(self) -> None:
        self.build(async_workers=1)
        self.vendor.action = self.block
        self.call(call_id='a')
        self.call(call_id='b')
        self.wait_for(lambda: len(self.vendor.calls) == 1, 'one runs')
        self.conductor.runner.close()
        self.vendor.go_on.set()
        self.wait_for(
            lambda: self.store.states['a'] is State.SUCCEEDED, 'it has ended'
        )
        self.assertFalse(self.conductor.admission.wait(0.1))
        self.assertEqual(1, len(self.vendor.calls))
        self.assertEqual(State.QUEUED, self.store.states['b'])

    def test_a_second_message_after_its_id_was_removed(self) -> None:
        """The record alone must be enough to refuse it."""
        self.vendor.action = self.block
        self.call(call_id='a')
        self.wait_for(lambda: self.vendor.calls, 'it runs')
        self.conductor.admission._seen_calls._ids.clear()
        self.assertRaises(errors.DuplicateCall, self.call, call_id='a')
        self.vendor.go_on.set()
        self.ended()
        self.conductor.admission._seen_calls._ids.clear()
        self.assertRaises(errors.DuplicateCall, self.call, call_id='a')
        self.ended()
        self.assertEqual(1, len(self.vendor.calls))

    def test_a_hung_operation_is_ended(self) -> None:
        seen: list[bool] = []

        def hang(context: Any) -> None:
            self.vendor.go_on.wait(20)
            seen.append(context.cancel_requested)

        self.vendor.action = hang
        self.call('bounded', call_id='a')
        self.call('later', call_id='b')
        self.wait_for(lambda: len(self.vendor.calls) == 2, 'they hang')
        tracker = self.conductor.tracker
        self.assertEqual(set(), tracker.hung(0.0))
        tracker.running()['a'].deadline = time.monotonic() - 5.0
        self.assertEqual(set(), tracker.hung(10.0))
        self.assertEqual({'a'}, tracker.hung(1.0))
        self.vendor.go_on.set()
        self.ended()
        self.assertEqual([False, True], sorted(seen))

    def end_while_away(self, action: Any) -> operation.State:
        """Return the state of a call that ended without the database.

        Its deadline has long passed when the database is available again.
        """
        self.vendor.action = action
        self.call('bounded', call_id='a')
        self.wait_for(lambda: self.vendor.calls, 'it runs')
        tracker = self.conductor.tracker
        one = tracker.running()['a']
        self.store.away = True
        self.vendor.go_on.set()
        self.wait_for(lambda: one.finishing, 'its method has ended')
        one.deadline = time.monotonic() - 5.0
        self.assertEqual(set(), tracker.hung(1.0))
        self.store.away = False
        self.ended()
        return self.store.states['a']

    def test_a_result_that_waits_to_be_written_is_not_late(self) -> None:
        self.assertEqual(State.SUCCEEDED, self.end_while_away(self.block))

    def test_a_large_result_that_waits_to_be_written_is_not_late(self) -> None:
        def much(context: Any) -> str:
            return self.block(context) * 50_000

        self.assertEqual(State.SUCCEEDED, self.end_while_away(much))

    def test_an_error_that_waits_to_be_written_is_not_late(self) -> None:
        def fail(context: Any) -> None:
            self.block(context)
            raise errors.TemporaryFailure()

        self.assertEqual(State.FAILED, self.end_while_away(fail))

    def test_a_method_does_not_start_after_its_deadline(self) -> None:
        """Its driver may take long to check the parameters."""
        self.useFixture(
            fixtures.MockPatchObject(
                self.vendor,
                'driver_validate',
                lambda method, **kwargs: time.sleep(0.1),
            )
        )
        for method in ('now', 'later'):
            self.assertRaises(
                errors.CallExpired,
                self.call,
                method,
                deadline=time.time() + 0.05,
            )
        self.assertEqual([], self.vendor.calls)


class TestKeys(RecordedCase):
    """A synchronous call with a key has a record and a reply."""

    def test_it_answers_and_is_recorded(self) -> None:
        self.vendor.action = lambda _: 'done'
        answer = self.call('now', call_id='a', key=KEY)
        self.assertEqual('done', answer['return'])
        self.assertFalse(answer['async'])
        self.assertEqual(State.SUCCEEDED, self.store.states['a'])
        self.assertFalse(self.store.new['a'].accepted)
        self.assertEqual(KEY, self.store.new['a'].key)

    def test_another_one_with_the_same_key_is_refused(self) -> None:
        self.call('now', call_id='a', key=KEY)
        for method in ('now', 'later'):
            error = self.assertRaises(
                errors.KeyInUse, self.call, method, key=KEY
            )
            self.assertEqual({'operation': 'a'}, error.kwargs)
        self.assertEqual(1, len(self.vendor.calls))

    def test_a_failure(self) -> None:
        def fail(_: Any) -> None:
            raise errors.NotFound('no fan')

        self.vendor.action = fail
        error = self.assertRaises(
            errors.NotFound, self.call, 'now', call_id='a', key=KEY
        )
        self.assertEqual('no fan', error.message)
        self.assertEqual(State.FAILED, self.store.states['a'])

    def test_an_outcome_that_cannot_be_recorded_is_returned(
        self,
    ) -> None:
        """Not 503: the method has run."""
        for action, wanted in (
            (lambda _: self.conductor.writer.close(0.0) or 'done', 'done'),
            (_raise(errors.NotFound('no fan')), errors.NotFound),
        ):
            self.build()
            self.vendor.action = action
            try:
                outcome = self.call('now', call_id='a', key=KEY)['return']
            except errors.PassthruError as error:
                outcome = type(error)
            self.assertEqual(wanted, outcome)
        self.build()

        def fail(_: Any) -> None:
            self.conductor.writer.close(0.0)
            raise errors.NotFound('no fan')

        self.vendor.action = fail
        self.assertRaises(errors.NotFound, self.call, 'now', key=KEY)

    def test_an_operation_that_was_ended_before_it_started(self) -> None:
        """It has certainly not run, and its record contains the reason."""
        claim = self.conductor.writer.claim

        def late(operation_id: str, incarnation: str) -> bool:
            self.store.states[operation_id] = State.EXPIRED
            return claim(operation_id, incarnation)

        self.conductor.writer.claim = late  # type: ignore[method-assign]
        self.assertRaises(
            errors.OperationExpired, self.call, 'now', call_id='a', key=KEY
        )
        self.assertEqual([], self.vendor.calls)

    def test_a_claim_that_is_confirmed_too_late(self) -> None:
        """The method does not start, and the record states that."""
        claim = self.conductor.writer.claim

        def slow(operation_id: str, incarnation: str) -> bool:
            claimed = claim(operation_id, incarnation)
            time.sleep(0.3)
            return claimed

        self.conductor.writer.claim = slow  # type: ignore[method-assign]
        self.assertRaises(
            errors.OperationExpired,
            self.call,
            'now',
            call_id='a',
            key=KEY,
            deadline=time.time() + 0.2,
        )
        self.assertEqual([], self.vendor.calls)
        self.wait_for(
            lambda: self.store.states['a'] is not State.RUNNING, 'its end'
        )
        self.assertEqual(State.EXPIRED, self.store.states['a'])
        self.assertTrue(self.last_move().frees_key)

    def test_the_reply_does_not_wait_for_an_unavailable_registry(
        self,
    ) -> None:
        self.useFixture(
            fixtures.MonkeyPatch(
                'ironic_passthru.conductor.operation_tracker._RECORD_WAIT_SECONDS',
                0.05,
            )
        )

        def leave(_: Any) -> str:
            self.store.away = True
            return 'done'

        self.vendor.action = leave
        answer = self.call('now', call_id='a', key=KEY)
        self.assertEqual('done', answer['return'])
        self.assertEqual(State.RUNNING, self.store.states['a'])
        self.assertEqual(
            [], self.conductor.tracker.orphans({'a': State.RUNNING})
        )
        self.store.away = False
        self.wait_for(
            lambda: self.store.states['a'] is State.SUCCEEDED, 'it is noted'
        )


class TestAsynchronousOnRequest(RecordedCase):
    def test_the_method_knows_that_it_is_accepted(self) -> None:
        seen: list[bool] = []
        self.vendor.action = lambda context: seen.append(context.accepted)
        self.call('now', call_id='a', respond_async=True)
        self.ended()
        self.call('now', call_id='b', key=KEY)
        self.call('now')
        self.assertEqual([True, False, False], seen)

    def test_a_synchronous_method_is_accepted(self) -> None:
        self.vendor.action = self.block
        answer = self.call('now', call_id='a', respond_async=True)
        self.assertTrue(answer['async'])
        self.vendor.go_on.set()
        self.ended()
        self.assertEqual(json.dumps('done'), self.last_move().result)
        self.assertTrue(self.store.new['a'].accepted)


class TestContext(RecordedCase):
    """Reports of a driver, and the state of its call."""

    def test_progress_is_kept_with_the_end(self) -> None:
        def act(context: Any) -> None:
            context.report_progress(-5, 'begun')
            context.report_progress(250)

        self.vendor.action = act
        self.call()
        self.ended()
        self.assertEqual(
            operation.Progress(100.0, ''), self.last_move().progress
        )

    def test_no_number_is_no_progress(self) -> None:
        raised: list[Exception] = []

        def act(context: Any) -> None:
            for percent in ('many', float('nan'), None):
                try:
                    context.report_progress(percent)
                except (TypeError, ValueError) as error:
                    raised.append(error)

        self.vendor.action = act
        self.call()
        self.ended()
        self.assertEqual(3, len(raised))
        self.assertEqual(operation.Progress(), self.last_move().progress)

    def test_a_request_to_end(self) -> None:
        seen: list[bool] = []

        def act(context: Any) -> None:
            seen.append(context.cancel_requested)
            self.conductor.tracker.request_cancel({'a', 'other'})
            seen.append(context.cancel_requested)

        self.vendor.action = act
        self.call(call_id='a')
        self.ended()
        self.assertEqual([False, True], seen)

    def test_time_left(self) -> None:
        left: list[Any] = []
        self.vendor.action = lambda context: left.append(context.seconds_left)
        self.call('later')
        self.ended()
        self.call('bounded')
        self.ended()
        self.call('now', deadline=time.time() + 10)
        self.call('now')
        self.assertIsNone(left[0])
        self.assertTrue(25 < left[1] <= 30, left)
        self.assertTrue(5 < left[2] <= 10, left)
        self.assertIsNone(left[3])

    def test_reports_of_an_unrecorded_call_are_ignored(self) -> None:
        seen: list[Any] = []

        def act(context: Any) -> None:
            context.report_progress(50, 'half')
            seen.append(context.cancel_requested)

        self.vendor.action = act
        self.call('now')
        self.assertEqual([False], seen)


class TestLimits(RecordedCase):
    """One target or driver cannot occupy the whole pool."""

    def test_one_target(self) -> None:
        self.build(async_workers=4, target_limit=2)
        self.vendor.action = self.block
        for _ in range(2):
            self.call('login', parameters={'bmc': 'b1'})
        self.assertRaises(
            errors.ConductorBusy, self.call, 'login', parameters={'bmc': 'b1'}
        )
        before = len(self.store.states)
        self.call('login', parameters={'bmc': 'b2'})
        self.call('login', driver='zeta', parameters={'bmc': 'b1'})
        self.assertEqual(before + 2, len(self.store.states))
        self.vendor.go_on.set()
        self.ended()
        self.call('login', parameters={'bmc': 'b1'})

    def test_one_target_synchronously(self) -> None:
        self.build(sync_workers=8, target_limit=1)
        self.vendor.action = self.block
        hung = threading.Thread(
            target=self.call,
            args=['reset'],
            kwargs={'parameters': {'bmc': 'b1'}},
        )
        hung.start()
        self.addCleanup(hung.join, 10)
        self.wait_for(lambda: self.vendor.calls, 'it hangs')
        self.assertRaises(
            errors.ConductorBusy, self.call, 'reset', parameters={'bmc': 'b1'}
        )
        self.vendor.action = lambda _: 'fine'
        answer = self.call('reset', parameters={'bmc': 'b2'})
        self.assertEqual('fine', answer['return'])
        self.vendor.go_on.set()

    def test_one_driver_leaves_room_for_others(self) -> None:
        self.build(async_workers=4, async_backlog=0)
        self.vendor.action = self.block
        for _ in range(3):
            self.call()
        self.assertRaises(errors.ConductorBusy, self.call)
        self.call(driver='zeta')
        self.assertRaises(errors.ConductorBusy, self.call, driver='zeta')

    def test_a_driver_that_hangs_leaves_workers_to_others(self) -> None:
        """Workers, and not only places in their queue."""
        self.build(async_workers=4, async_backlog=8)
        self.vendor.action = self.block
        for _ in range(9):
            self.call()
        self.assertRaises(errors.ConductorBusy, self.call)
        self.wait_for(lambda: len(self.vendor.calls) == 3, 'they hang')
        ran = threading.Event()
        self.vendor.action = lambda _: ran.set()
        self.call(driver='zeta')
        self.assertTrue(ran.wait(10))
        self.assertEqual(4, len(self.vendor.calls))
        self.vendor.action = lambda _: None
        self.vendor.go_on.set()
        self.ended()
        self.assertEqual(10, len(self.vendor.calls))

    def test_a_single_driver_has_the_whole_pool(self) -> None:
        self.conductor = records.conductor(
            self,
            {'acme': loader.make('acme', self.vendor)},
            async_workers=2,
            async_backlog=3,
        )
        self.vendor.action = self.block
        for _ in range(5):
            self.call()
        self.assertRaises(errors.ConductorBusy, self.call)

    def test_full_once_it_accepts_again(self) -> None:
        self.build(async_workers=2, async_backlog=1, driver_limit=10)
        for _ in range(3):
            self.vendor.go_on.clear()
            self.vendor.action = self.block
            for _ in range(3):
                self.call()
            for _ in range(5):
                self.assertRaises(errors.ConductorBusy, self.call)
            self.vendor.go_on.set()
            self.ended()
        self.assertEqual(9, len(self.vendor.calls))


class TestCancelled(RecordedCase):
    """A method that stops because it was asked to is cancelled."""

    def stop_when_asked(self, context: Any) -> None:
        """Report progress and stop as a driver does."""
        context.report_progress(40, 'slot 2 of 5')
        self.conductor.tracker.request_cancel({'a'})
        if context.cancel_requested:
            raise errors.Cancelled()

    def test_its_partial_result_is_recorded(self) -> None:
        def stop(context: Any) -> None:
            self.conductor.tracker.request_cancel({'a'})
            stopped = errors.Cancelled()
            stopped.partial_result = ['slot 1']
            raise stopped

        self.vendor.action = stop
        self.call(call_id='a')
        self.ended()
        move = self.last_move()
        self.assertEqual(
            (State.CANCELLED, '["slot 1"]'), (move.target, move.result)
        )

    def test_its_operation_is_cancelled_with_its_progress(self) -> None:
        self.vendor.action = self.stop_when_asked
        self.call(call_id='a')
        self.ended()
        self.assertEqual(State.CANCELLED, self.store.states['a'])
        move = self.last_move()
        self.assertEqual(
            (State.RUNNING, None, None, False),
            (move.source, move.error, move.result, move.frees_key),
        )
        self.assertEqual(
            operation.Progress(40.0, 'slot 2 of 5'), move.progress
        )
        self.assertEqual({}, self.conductor.tracker.running())

    def test_by_an_error_of_a_class_of_the_vendor(self) -> None:
        class Stopped(errors.Cancelled):
            code = 'acme_stopped'
            _msg_fmt = 'Stopped after %(done)s slots.'

        def stop(context: Any) -> None:
            self.conductor.tracker.request_cancel({'a'})
            raise Stopped(done=2)

        self.vendor.action = stop
        self.call(call_id='a')
        self.ended()
        self.assertEqual(State.CANCELLED, self.store.states['a'])

    def test_the_caller_of_a_synchronous_call_with_a_key(self) -> None:
        self.vendor.action = self.stop_when_asked
        error = self.assertRaises(
            errors.OperationCancelled, self.call, 'now', call_id='a', key=KEY
        )
        self.assertEqual({'operation': 'a'}, error.kwargs)
        self.assertEqual(State.CANCELLED, self.store.states['a'])

    def test_after_its_timeout_it_has_failed(self) -> None:
        def stop(context: Any) -> None:
            context.report_progress(40, 'slot 2 of 5')
            self.conductor.tracker.running()['a'].set_timed_out()
            if context.cancel_requested:
                raise errors.Cancelled()

        self.vendor.action = stop
        self.call(call_id='a')
        self.ended()
        self.assertEqual(State.FAILED, self.store.states['a'])
        move = self.last_move()
        self.assertEqual('method_timed_out', move.error.code)
        self.assertEqual(40.0, move.progress.percent)
        # A request to cancel it outweighs the timeout.
        self.vendor.action = lambda context: (
            self.conductor.tracker.running()['b'].set_timed_out(),
            self.conductor.tracker.request_cancel({'b'}),
            _raise(errors.Cancelled())(context),
        )
        self.call(call_id='b')
        self.ended()
        self.assertEqual(State.CANCELLED, self.store.states['b'])

    def test_without_a_request_it_is_an_error_of_the_driver(self) -> None:
        self.vendor.action = _raise(errors.Cancelled('hunter2'))
        for method, facts in (
            ('later', {}),
            ('now', {}),
            ('now', {'key': KEY}),
        ):
            try:
                self.call(method, **facts)
            except errors.Cancelled as error:
                self.assertEqual(500, error.status)
                self.assertIn('no cancellation was requested', error.message)
            self.ended()
        self.assertEqual({State.FAILED}, set(self.store.states.values()))
        noted = self.last_move().error
        assert noted is not None
        self.assertEqual('cancelled_without_request', noted.code)
        self.assertNotIn('hunter2', noted.message)
        self.assertIn('acme.later raised Cancelled', self.log.output)

    def test_another_error_after_a_request_is_a_failure(self) -> None:
        def fail(context: Any) -> None:
            self.conductor.tracker.request_cancel({'a'})
            raise errors.DriverOperationError('the fan is stuck')

        self.vendor.action = fail
        self.call(call_id='a')
        self.ended()
        self.assertEqual(State.FAILED, self.store.states['a'])

    def test_a_result_after_a_request_is_a_success(self) -> None:
        self.vendor.action = lambda _: self.conductor.tracker.request_cancel(
            {'a'}
        )
        self.call(call_id='a')
        self.ended()
        self.assertEqual(State.SUCCEEDED, self.store.states['a'])


class TestShortage(RecordedCase):
    """No accepted call is lost while threads cannot be started."""

    def test_what_is_accepted_runs(self) -> None:
        self.build(async_workers=8, async_backlog=8)
        self.vendor.action = self.block
        ids = [f'a{number}' for number in range(8)]
        with shortage.ThreadShortage():
            for one in ids:
                self.assertTrue(self.call(call_id=one)['async'])
            self.wait_for(lambda: self.vendor.calls, 'one runs')
            self.assertFalse(self.conductor.runner.recover())
        self.assertTrue(self.conductor.runner.recover())
        self.wait_for(lambda: len(self.vendor.calls) > 5, 'others run')
        self.vendor.go_on.set()
        self.ended()
        self.assertEqual(
            dict.fromkeys(ids, State.SUCCEEDED), self.store.states
        )

    def wait_for_a_thread(self, **options: Any) -> None:
        """Accept a second call that no thread can run."""
        self.build(async_workers=2, **options)
        self.vendor.action = self.block
        with shortage.ThreadShortage():
            self.call(call_id='a')
            self.wait_for(lambda: self.vendor.calls, 'it runs')
            self.call(call_id='b')
        self.assertEqual(State.RUNNING, self.store.states['b'])
        tracker = self.conductor.tracker
        self.assertEqual(1, len(tracker.queued_seconds()))
        self.assertEqual(['a'], [*tracker.running()])

    def test_a_call_that_waits_too_long_for_a_thread_expires(self) -> None:
        self.wait_for_a_thread(queue_seconds=0.3)
        tracker = self.conductor.tracker

        def is_expired() -> bool:
            tracker.expire_waiting()
            return self.store.states['b'] is State.EXPIRED

        self.wait_for(is_expired, 'housekeeping expires it')
        self.assertEqual(State.RUNNING, self.store.states['a'])
        self.vendor.go_on.set()
        self.ended()
        self.assertEqual(1, len(self.vendor.calls))
        self.assertEqual(State.SUCCEEDED, self.store.states['a'])

    def test_a_call_that_waits_for_a_thread_at_the_end_expires(self) -> None:
        self.wait_for_a_thread()
        self.conductor.runner.close()
        self.wait_for(
            lambda: self.store.states['b'] is State.EXPIRED, 'it expires'
        )
        self.vendor.go_on.set()
        self.ended()
        self.assertEqual(1, len(self.vendor.calls))
        self.assertEqual(State.SUCCEEDED, self.store.states['a'])
