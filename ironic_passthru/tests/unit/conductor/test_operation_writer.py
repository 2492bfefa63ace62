# SPDX-License-Identifier: Apache-2.0
"""What becomes of operations is committed, late rather than never."""

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
PATIENCE_SECONDS = 10


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


class JournalCase(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.store = records.FakeRecords()
        self.journal = operation_writer.OperationWriter(
            lambda: self.store,  # type: ignore[arg-type, return-value]
            retry_seconds=0.01,
        )
        self.journal.start()
        self.addCleanup(self.journal.close, 0.0)
        self.addCleanup(self.store.go_on.set)
        self.pool = concurrent.futures.ThreadPoolExecutor(32)
        self.addCleanup(self.pool.shutdown, wait=False)

    def gather(self, count: int) -> None:
        """Let all but the first of some calls wait for one transaction."""
        self.store.go_on.clear()
        first = self.pool.submit(self.journal.record, new(0))
        self.assertTrue(self.store.entered.acquire(timeout=10))
        self.recording = [first] + [
            self.pool.submit(self.journal.record, new(number))
            for number in range(1, count)
        ]
        self.wait_for(
            lambda: len(self.journal._small._waiting) == count - 1, 'they wait'
        )

    def move(self, number: int, source: State, target: State) -> Any:
        move = operation.Transition(
            f'call-{number}', source, target, owner='one'
        )
        return self.journal.move(move)


class TestJournal(JournalCase):
    def test_it_returns_when_it_is_committed(self) -> None:
        self.store.go_on.clear()
        recording = self.pool.submit(self.journal.record, new(1))
        self.assertRaises(TimeoutError, recording.result, 0.05)
        self.store.go_on.set()
        self.assertIsNone(recording.result(PATIENCE_SECONDS))
        self.assertEqual({'call-1': State.QUEUED}, self.store.states)

    def test_what_comes_together_is_committed_together(self) -> None:
        self.gather(20)
        recording = self.recording
        self.store.go_on.set()
        for each in recording:
            each.result(PATIENCE_SECONDS)
        self.assertEqual([1, 19], self.store.batches)

    def test_no_transaction_grows_without_bound(self) -> None:
        self.store.go_on.clear()
        moves = [self.move(n, State.QUEUED, State.RUNNING) for n in range(450)]
        self.store.go_on.set()
        for each in moves:
            self.assertFalse(each.result(PATIENCE_SECONDS))
        self.assertEqual(450, sum(self.store.batches))
        self.assertLessEqual(max(self.store.batches), 100)

    def test_a_refusal_reaches_the_one_that_it_is_for(self) -> None:
        self.journal.record(new(1))
        self.store.go_on.clear()
        again = self.pool.submit(self.journal.record, new(1))
        other = self.pool.submit(self.journal.record, new(2))
        self.store.go_on.set()
        self.assertRaises(errors.DuplicateCall, again.result, PATIENCE_SECONDS)
        self.assertIsNone(other.result(PATIENCE_SECONDS))

    def test_who_claims_learns_whether_he_may_run(self) -> None:
        self.journal.record(new(1))
        self.assertTrue(self.journal.claim('call-1', 'one'))
        self.assertFalse(self.journal.claim('call-1', 'one'))
        self.assertFalse(self.journal.claim('call-2', 'one'))


class TestAway(JournalCase):
    """While the registry is away."""

    def test_a_new_call_is_refused_at_once(self) -> None:
        self.store.away = True
        self.assertRaises(
            errors.RegistryUnavailable, self.journal.record, new(1)
        )

    def test_what_has_happened_is_noted_when_it_is_back(self) -> None:
        for number in range(3):
            self.journal.record(new(number))
        self.store.away = True
        moves = [self.move(n, State.QUEUED, State.RUNNING) for n in range(3)]
        self.assertRaises(TimeoutError, moves[0].result, 0.1)
        self.assertRaises(
            errors.RegistryUnavailable, self.journal.record, new(9)
        )
        self.store.away = False
        for each in moves:
            self.assertTrue(each.result(PATIENCE_SECONDS))
        ids = {move.id for move in self.store.moves}
        self.assertEqual({'call-0', 'call-1', 'call-2'}, ids)

    def test_a_new_call_is_refused_however_much_has_happened(self) -> None:
        self.store.away = True
        moves = [self.move(n, State.QUEUED, State.RUNNING) for n in range(250)]
        for number in range(3):
            refused = self.pool.submit(self.journal.record, new(number))
            self.assertRaises(
                errors.RegistryUnavailable, refused.result, PATIENCE_SECONDS
            )
        self.store.away = False
        for each in moves:
            self.assertFalse(each.result(PATIENCE_SECONDS))

    def test_an_end_that_cannot_wait(self) -> None:
        self.journal.record(new(1))
        self.store.away = True
        move = self.move(1, State.QUEUED, State.RUNNING)
        start = time.monotonic()
        self.journal.close(0.2)
        self.assertLess(time.monotonic() - start, PATIENCE_SECONDS)
        self.assertRaises(errors.ConductorStopping, move.result, 1)
        self.assertRaises(
            errors.ConductorStopping, self.journal.record, new(2)
        )

    def test_an_end_that_comes_after_all(self) -> None:
        self.journal.record(new(1))
        self.store.away = True
        move = self.move(1, State.QUEUED, State.RUNNING)
        closing = threading.Thread(target=self.journal.close, args=[10.0])
        closing.start()
        self.assertRaises(TimeoutError, move.result, 0.05)
        self.store.away = False
        self.assertTrue(move.result(PATIENCE_SECONDS))
        closing.join(PATIENCE_SECONDS)
        self.assertFalse(closing.is_alive())
        self.assertTrue(self.store.closed)


class TestMistakes(JournalCase):
    def test_one_that_cannot_be_stored_stands_for_itself(self) -> None:
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
                    errors.PassthruError, each.result, PATIENCE_SECONDS
                )
                self.assertNotIn('hunter2', str(error))
            else:
                self.assertIsNone(each.result(PATIENCE_SECONDS))
        self.assertIn('too long', log.output)
        self.assertNotIn('hunter2', log.output)

    def test_an_error_of_its_own_does_not_end_it(self) -> None:
        failures = [MemoryError(), RecursionError(), KeyError()]
        write = self.journal._small._write

        def fail_first(*args: Any) -> Any:
            if failures:
                raise failures.pop()
            return write(*args)

        self.journal._small._write = fail_first  # type: ignore[method-assign]
        for _ in range(len(failures)):
            lost = self.pool.submit(self.journal.record, new(1))
            self.assertRaises(
                errors.PassthruError, lost.result, PATIENCE_SECONDS
            )
        self.journal.record(new(2))
        self.assertEqual({'call-2': State.QUEUED}, self.store.states)


class PickyRecords(records.FakeRecords):
    """A registry that refuses some changes.

    :ivar refuses: says of a change whether the database refuses it.
    :ivar breaks: says of one whether it breaks the connection, as one that
        is too large for a server may.
    :ivar holds: says of one whether it waits for a lock, until ``go_on``.
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
        self.journal = operation_writer.OperationWriter(
            lambda: self.store,  # type: ignore[arg-type, return-value]
            retry_seconds=0.005,
        )
        self.journal.start()
        self.addCleanup(self.journal.close, 0.0)
        self.addCleanup(self.store.go_on.set)

    def running(self, number: int) -> str:
        self.journal.record(new(number))
        self.assertTrue(self.journal.claim(f'call-{number}', 'one'))
        return f'call-{number}'

    def end(self, one: str, target: State, **facts: Any) -> Any:
        return self.journal.move(
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
            self.assertTrue(ended.result(PATIENCE_SECONDS))

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
        self.assertTrue(ended.result(PATIENCE_SECONDS))
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
        self.assertTrue(ended.result(PATIENCE_SECONDS))
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
        self.assertTrue(ended.result(PATIENCE_SECONDS))
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
        self.assertRaises(errors.PassthruError, ended.result, PATIENCE_SECONDS)
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
        self.assertTrue(ended.result(PATIENCE_SECONDS))
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
        self.assertIn('a part is left out', self.log.output)

    def test_in_an_outage_nothing_is_left_out(self) -> None:
        one = self.running(1)
        self.store.breaks = lambda change: True
        ended = self.end(one, State.SUCCEEDED, result='[1]')
        self.wait_for(lambda: self.store.broken > 30, 'many attempts')
        self.store.breaks = lambda change: False
        self.assertTrue(ended.result(PATIENCE_SECONDS))
        self.assertTrue(self.last_move(one).keeps_result)

    def test_what_waits_for_a_large_result(self) -> None:
        """One is held up by the database, and no other waits for it."""
        one, other = self.running(1), self.running(2)
        self.store.holds = lambda change: change.id == one
        self.store.go_on.clear()
        large = '"' + 'x' * (1 << 20) + '"'
        ended = self.end(one, State.SUCCEEDED, result=large)
        self.assertTrue(self.store.entered.acquire(timeout=10))
        self.check_others()
        # Nor does another large one.
        other_ended = self.end(other, State.SUCCEEDED, result=large)
        self.assertTrue(other_ended.result(PATIENCE_SECONDS))
        self.assertFalse(ended.done())
        self.store.go_on.set()
        self.assertTrue(ended.result(PATIENCE_SECONDS))
