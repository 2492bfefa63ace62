# SPDX-License-Identifier: Apache-2.0
"""Changes of operations are committed, late if necessary."""

import concurrent.futures
import itertools
import threading
import time
from collections.abc import Callable
from typing import Any

import fixtures
from sqlalchemy import exc as sa_exc

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.conductor import operation_writer
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.conductor import records

State = operation.State
WAIT_SECONDS = 10


def new(number: int, **facts: Any) -> operation.NewOperation:
    values: dict[str, Any] = {
        'id': f'call-{number}',
        'driver': 'acme',
        'method': 'reset',
        'http_method': 'POST',
        'parameters': {},
        'user_id': None,
        'project_id': None,
        'request_id': None,
        'conductor': 'host',
        'incarnation': 'one',
        'accepted': True,
        'attach': False,
    }
    return operation.NewOperation(**values | facts)


class WriterCase(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.store = records.FakeRecords()
        self.writer = operation_writer.OperationWriter(
            lambda: self.store,  # type: ignore[arg-type, return-value]
            retry_seconds=0.01,
        )
        self.writer.start()
        self.addCleanup(self.writer.close, 0.0)
        self.addCleanup(self.store.go_on.set)
        self.pool = concurrent.futures.ThreadPoolExecutor(32)
        self.addCleanup(self.pool.shutdown, wait=False)

    def gather(self, count: int) -> None:
        """Let all but the first of some calls wait for one transaction."""
        self.store.go_on.clear()
        first = self.pool.submit(self.writer.record, new(0))
        self.assertTrue(self.store.entered.acquire(timeout=10))
        self.recording = [first] + [
            self.pool.submit(self.writer.record, new(number))
            for number in range(1, count)
        ]
        self.wait_for(
            lambda: len(self.writer._small._waiting) == count - 1, 'they wait'
        )

    def move(self, number: int, source: State, target: State) -> Any:
        move = operation.Transition(
            f'call-{number}', source, target, owner='one'
        )
        return self.writer.write(move)


class TestWriter(WriterCase):
    def test_it_returns_when_it_is_committed(self) -> None:
        self.store.go_on.clear()
        recording = self.pool.submit(self.writer.record, new(1))
        self.assertRaises(TimeoutError, recording.result, 0.05)
        self.store.go_on.set()
        self.assertIsNone(recording.result(WAIT_SECONDS))
        self.assertEqual({'call-1': State.QUEUED}, self.store.states)

    def test_what_comes_together_is_committed_together(self) -> None:
        self.gather(20)
        recording = self.recording
        self.store.go_on.set()
        for each in recording:
            each.result(WAIT_SECONDS)
        self.assertEqual([1, 19], self.store.batches)

    def test_no_transaction_grows_without_bound(self) -> None:
        self.store.go_on.clear()
        moves = [self.move(n, State.QUEUED, State.RUNNING) for n in range(450)]
        self.store.go_on.set()
        for each in moves:
            self.assertFalse(each.result(WAIT_SECONDS))
        self.assertEqual(450, sum(self.store.batches))
        self.assertLessEqual(max(self.store.batches), 100)

    def test_a_refusal_reaches_the_one_that_it_is_for(self) -> None:
        self.writer.record(new(1))
        self.store.go_on.clear()
        again = self.pool.submit(self.writer.record, new(1))
        other = self.pool.submit(self.writer.record, new(2))
        self.store.go_on.set()
        self.assertRaises(errors.DuplicateCall, again.result, WAIT_SECONDS)
        self.assertIsNone(other.result(WAIT_SECONDS))

    def test_an_operation_is_claimed_once(self) -> None:
        self.writer.record(new(1))
        self.assertTrue(self.writer.claim('call-1', 'one'))
        self.assertFalse(self.writer.claim('call-1', 'one'))
        self.assertFalse(self.writer.claim('call-2', 'one'))


class TestOutage(WriterCase):
    """While the registry is unavailable."""

    def test_a_new_call_is_refused_at_once(self) -> None:
        self.store.away = True
        self.assertRaises(
            errors.RegistryUnavailable, self.writer.record, new(1)
        )

    def test_transitions_are_written_after_the_outage(self) -> None:
        for number in range(3):
            self.writer.record(new(number))
        self.store.away = True
        moves = [self.move(n, State.QUEUED, State.RUNNING) for n in range(3)]
        self.assertRaises(TimeoutError, moves[0].result, 0.1)
        self.assertRaises(
            errors.RegistryUnavailable, self.writer.record, new(9)
        )
        self.store.away = False
        for each in moves:
            self.assertTrue(each.result(WAIT_SECONDS))
        ids = {move.id for move in self.store.moves}
        self.assertEqual({'call-0', 'call-1', 'call-2'}, ids)

    def test_a_new_call_is_refused_however_many_transitions_wait(self) -> None:
        self.store.away = True
        moves = [self.move(n, State.QUEUED, State.RUNNING) for n in range(250)]
        for number in range(3):
            refused = self.pool.submit(self.writer.record, new(number))
            self.assertRaises(
                errors.RegistryUnavailable, refused.result, WAIT_SECONDS
            )
        self.store.away = False
        for each in moves:
            self.assertFalse(each.result(WAIT_SECONDS))

    def test_close_fails_what_cannot_be_written(self) -> None:
        self.writer.record(new(1))
        self.store.away = True
        move = self.move(1, State.QUEUED, State.RUNNING)
        start = time.monotonic()
        self.writer.close(0.2)
        self.assertLess(time.monotonic() - start, WAIT_SECONDS)
        self.assertRaises(errors.ConductorStopping, move.result, 1)
        self.assertRaises(errors.ConductorStopping, self.writer.record, new(2))

    def test_close_waits_for_the_database(self) -> None:
        self.writer.record(new(1))
        self.store.away = True
        move = self.move(1, State.QUEUED, State.RUNNING)
        closing = threading.Thread(target=self.writer.close, args=[10.0])
        closing.start()
        self.assertRaises(TimeoutError, move.result, 0.05)
        self.store.away = False
        self.assertTrue(move.result(WAIT_SECONDS))
        closing.join(WAIT_SECONDS)
        self.assertFalse(closing.is_alive())
        self.assertTrue(self.store.closed)

    def test_close_does_not_wait_for_a_database_that_hangs(self) -> None:
        log = self.useFixture(fixtures.FakeLogger(level=0, nuke_handlers=True))
        self.useFixture(
            fixtures.MonkeyPatch(
                f'{operation_writer.__name__}._JOIN_SECONDS',
                0.1,
            )
        )
        self.gather(3)
        start = time.monotonic()
        self.writer.close(0.1)
        self.assertLess(time.monotonic() - start, WAIT_SECONDS)
        self.assertIn('does not answer', log.output)
        for each in self.recording[1:]:
            self.assertRaises(
                errors.ConductorStopping, each.result, WAIT_SECONDS
            )
        # The statement that hangs is left to its thread.
        self.assertFalse(self.recording[0].done())
        self.store.go_on.set()
        self.assertIsNone(self.recording[0].result(WAIT_SECONDS))
        self.wait_for(lambda: self.store.closed, 'the end of the thread')


class TestErrors(WriterCase):
    def test_a_change_that_cannot_be_stored_fails_alone(self) -> None:
        log = self.useFixture(fixtures.FakeLogger(level=0, nuke_handlers=True))
        apply = self.store.apply

        def picky(changes: Any) -> Any:
            if any(change.id == 'call-3' for change in changes):
                raise sa_exc.DataError(
                    'INSERT', {'body': 'hunter2'}, ValueError('too long')
                )
            return apply(changes)

        self.store.apply = picky  # type: ignore[method-assign]
        self.gather(6)
        self.store.go_on.set()
        for number, each in enumerate(self.recording):
            if number == 3:
                error = self.assertRaises(
                    errors.PassthruError, each.result, WAIT_SECONDS
                )
                self.assertNotIn('hunter2', str(error))
            else:
                self.assertIsNone(each.result(WAIT_SECONDS))
        self.assertIn('too long', log.output)
        self.assertNotIn('hunter2', log.output)

    def test_an_unexpected_error_does_not_end_it(self) -> None:
        failures = [MemoryError(), RecursionError(), KeyError()]
        write = self.writer._small._write

        def fail_first(*args: Any) -> Any:
            if failures:
                raise failures.pop()
            return write(*args)

        self.writer._small._write = fail_first  # type: ignore[method-assign]
        for _ in range(len(failures)):
            lost = self.pool.submit(self.writer.record, new(1))
            self.assertRaises(errors.PassthruError, lost.result, WAIT_SECONDS)
        self.writer.record(new(2))
        self.assertEqual({'call-2': State.QUEUED}, self.store.states)


class PickyRecords(records.FakeRecords):
    """A registry that refuses some changes.

    :ivar refuses: returns whether the database refuses a change.
    :ivar breaks: returns whether a change breaks the connection, as one that
        is too large for a server may.
    :ivar holds: returns whether a change waits for a lock, until ``go_on``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.refuses: Callable[[Any], bool] = lambda change: False
        self.breaks = self.holds = self.refuses
        self.broken = 0

    def apply(self, changes: Any) -> Any:
        if any(map(self.holds, changes)):
            self.entered.release()
            self.go_on.wait(20)
        elif any(map(self.breaks, changes)):
            self.broken += 1
            raise errors.RegistryUnavailable()
        elif any(map(self.refuses, changes)):
            raise sa_exc.DataError('UPDATE', {}, ValueError('bad text'))
        return [self._apply(change) for change in changes]


class TestRefusedMoves(base.TestCase):
    """A step whose texts the database refuses, among others."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(
            fixtures.FakeLogger(level=0, nuke_handlers=True)
        )
        self.store = PickyRecords()
        self.writer = operation_writer.OperationWriter(
            lambda: self.store,  # type: ignore[arg-type, return-value]
            retry_seconds=0.005,
        )
        self.writer.start()
        self.addCleanup(self.writer.close, 0.0)
        self.addCleanup(self.store.go_on.set)

    def running(self, number: int) -> str:
        self.writer.record(new(number))
        self.assertTrue(self.writer.claim(f'call-{number}', 'one'))
        return f'call-{number}'

    def end(self, one: str, target: State, **facts: Any) -> Any:
        return self.writer.write(
            operation.Transition(
                one, State.RUNNING, target, owner='one', **facts
            )
        )

    def last_move(self, one: str) -> operation.Transition:
        return [move for move in self.store.moves if move.id == one][-1]

    def check_others(self) -> None:
        """Others are recorded, run and end meanwhile."""
        for number in range(100, 103):
            one = self.running(number)
            ended = self.end(one, State.SUCCEEDED)
            self.assertTrue(ended.result(WAIT_SECONDS))

    def test_progress_that_is_refused_is_left_out(self) -> None:
        one = self.running(1)
        self.store.refuses = lambda change: (
            getattr(change, 'progress', operation.Progress()).message == 'bad'
        )
        ended = self.end(
            one,
            State.SUCCEEDED,
            result='[1]',
            progress=operation.Progress(70.0, 'bad'),
        )
        self.assertTrue(ended.result(WAIT_SECONDS))
        move = self.last_move(one)
        self.assertEqual(operation.Progress(70.0), move.progress)
        self.assertEqual('[1]', move.result)
        self.check_others()

    def test_a_result_that_is_refused_is_left_out(self) -> None:
        one = self.running(1)
        self.store.refuses = lambda change: bool(
            getattr(change, 'result', None) and change.keeps_result
        )
        ended = self.end(one, State.SUCCEEDED, result='[1]')
        self.assertTrue(ended.result(WAIT_SECONDS))
        self.assertFalse(self.last_move(one).keeps_result)
        self.assertEqual(State.SUCCEEDED, self.store.states[one])
        self.check_others()

    def test_an_error_that_is_refused_is_replaced(self) -> None:
        one = self.running(1)
        self.store.refuses = lambda change: (
            getattr(change, 'error', None) is not None
            and change.error.message == 'bad'
        )
        ended = self.end(
            one, State.FAILED, error=operation.Error('bad', 409, 'conflict')
        )
        self.assertTrue(ended.result(WAIT_SECONDS))
        error = self.last_move(one).error
        assert error is not None
        self.assertEqual((409, 'conflict'), (error.status, error.code))
        self.check_others()

    def test_one_that_is_refused_whatever_is_left_out(self) -> None:
        one = self.running(1)
        self.store.refuses = lambda change: change.id == one
        ended = self.end(
            one,
            State.SUCCEEDED,
            result='[1]',
            progress=operation.Progress(70.0, 'bad'),
        )
        self.assertRaises(errors.PassthruError, ended.result, WAIT_SECONDS)
        self.check_others()

    def test_one_that_breaks_its_connection_stops_no_other(self) -> None:
        """The error looks like that of a database that is unavailable."""
        one = self.running(1)
        self.store.breaks = lambda change: change.id == one
        ended = self.end(one, State.SUCCEEDED, result='[1]')
        self.wait_for(lambda: self.store.broken > 3, 'some attempts')
        self.check_others()
        self.assertFalse(ended.done())
        self.store.breaks = lambda change: False
        self.assertTrue(ended.result(WAIT_SECONDS))
        self.assertTrue(self.last_move(one).keeps_result)

    def test_one_that_goes_on_breaking_it_ends_without_its_result(
        self,
    ) -> None:
        one = self.running(1)
        self.store.breaks = lambda change: bool(
            change.id == one and change.keeps_result
        )
        ended = self.end(one, State.SUCCEEDED, result='[1]')
        self.wait_for(lambda: self.store.broken > 2, 'it is tried alone')
        number = itertools.count(100)

        def go_on() -> bool:
            self.running(next(number))
            return ended.done()

        self.wait_for(go_on, 'the others go on, and it ends')
        self.assertTrue(ended.result(0))
        self.assertFalse(self.last_move(one).keeps_result)
        self.assertIn('a part is omitted', self.log.output)

    def test_in_an_outage_nothing_is_left_out(self) -> None:
        one = self.running(1)
        self.store.breaks = lambda change: True
        ended = self.end(one, State.SUCCEEDED, result='[1]')
        self.wait_for(lambda: self.store.broken > 30, 'many attempts')
        self.store.breaks = lambda change: False
        self.assertTrue(ended.result(WAIT_SECONDS))
        self.assertTrue(self.last_move(one).keeps_result)

    def test_what_waits_for_a_large_result(self) -> None:
        """A large result waits in the database, and no other change."""
        one, other = self.running(1), self.running(2)
        self.store.holds = lambda change: change.id == one
        self.store.go_on.clear()
        large = '"' + 'x' * (1 << 20) + '"'
        ended = self.end(one, State.SUCCEEDED, result=large)
        self.assertTrue(self.store.entered.acquire(timeout=10))
        self.check_others()
        # Nor does another large one.
        other_ended = self.end(other, State.SUCCEEDED, result=large)
        self.assertTrue(other_ended.result(WAIT_SECONDS))
        self.assertFalse(ended.done())
        self.store.go_on.set()
        self.assertTrue(ended.result(WAIT_SECONDS))
