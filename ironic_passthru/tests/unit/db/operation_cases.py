# SPDX-License-Identifier: Apache-2.0
"""Test cases of the operation store for all databases."""

import concurrent.futures
import dataclasses
import datetime
import itertools
import threading
import time
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exc

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.db import models
from ironic_passthru.db import operation_queries
from ironic_passthru.db import operations
from ironic_passthru.db import transitions
from ironic_passthru.tests.unit.db import cases

State = operation.State
FAILURE = operation.Error(message='rack error', status=500, code='no')


class OperationCase(cases.RegistryCase):
    """A test with a store of operations."""

    def setUp(self) -> None:
        super().setUp()
        self.operations = operations.OperationStore(self.database)
        # Like OperationWriter, with one connection.
        self.writer = self.operations.change_writer()
        self.addCleanup(self.writer.close)
        self._ids = (f'call-{number:04}' for number in itertools.count())

    def new(self, **values: Any) -> operation.NewOperation:
        defaults: dict[str, Any] = {
            'id': next(self._ids),
            'driver': 'acme',
            'method': 'reset',
            'http_method': 'POST',
            'parameters': {'rack': 1},
            'user_id': 'me',
            'project_id': 'ours',
            'request_id': 'req-1',
            'conductor': 'host1',
            'incarnation': 'run1',
            'accepted': True,
            'attach': False,
        }
        return operation.NewOperation(**defaults | values)

    def record(self, **values: Any) -> str:
        """Record an operation and return its id."""
        new = self.new(**values)
        self.assertEqual([True], self.writer.apply([new]))
        return new.id

    def step(
        self, one: str, source: State, target: State, **values: Any
    ) -> bool:
        """Apply a transition as the conductor of an operation."""
        values.setdefault('owner', 'run1')
        transition = operation.Transition(one, source, target, **values)
        return self.writer.apply([transition]) == [True]

    def running(self, **values: Any) -> str:
        """Return the id of a running operation."""
        one = self.record(**values)
        self.assertTrue(self.step(one, State.QUEUED, State.RUNNING))
        return one

    def finished(
        self,
        result: str | None = None,
        *,
        keeps_result: bool = True,
        **values: Any,
    ) -> str:
        """Return the id of a succeeded operation."""
        one = self.running(**values)
        self.assertTrue(
            self.step(
                one,
                State.RUNNING,
                State.SUCCEEDED,
                result=result,
                keeps_result=keeps_result,
            )
        )
        return one

    def get(self, one: str) -> operation.Operation:
        found = self.operations.get(one)
        assert found is not None
        return found

    def state(self, one: str) -> State:
        state = self.operations.state(one)
        self.assertEqual(state, self.get(one).state)
        assert state is not None
        return state

    def make_older(self, table: sa.Table, column: str, seconds: float) -> None:
        """Shift the times of a column into the past."""
        with self.database.writer() as writer:
            for row in writer.execute(sa.select(table)).all():
                time = getattr(row, column)
                if time is None:
                    continue
                shifted = time - datetime.timedelta(seconds=seconds)
                keys = (c == getattr(row, c.name) for c in table.primary_key)
                writer.execute(
                    sa.update(table).where(*keys).values({column: shifted})
                )


class RecordCases(OperationCase):
    """Insertion of operations, and reading them."""

    def test_a_new_operation_is_queued(self) -> None:
        one = self.record(parameters={'tag': 'Zoë\x00\ud800', 'n': [1, None]})
        found = self.get(one)
        self.assertEqual(State.QUEUED, found.state)
        self.assertFalse(found.final)
        self.assertEqual(
            {'tag': 'Zoë\x00\ud800', 'n': [1, None]}, found.parameters
        )
        self.assertEqual(
            ('acme', 'reset', 'POST', 'me', 'ours', 'req-1', 'host1', 'run1'),
            (
                found.driver,
                found.method,
                found.http_method,
                found.user_id,
                found.project_id,
                found.request_id,
                found.conductor,
                found.incarnation,
            ),
        )
        self.assertIs(datetime.UTC, found.created_at.tzinfo)
        self.assertIsNone(found.started_at)
        self.assertIsNone(found.finished_at)
        self.assertEqual(operation.Progress(), found.progress)

    def test_an_unknown_operation(self) -> None:
        self.assertIsNone(self.operations.get('unknown'))
        self.assertIsNone(self.operations.state('unknown'))
        self.assertIsNone(self.operations.result('unknown'))
        self.assertIsNone(self.operations.find_key('0' * 64))
        self.assertFalse(self.operations.cancel('unknown'))

    def test_owners(self) -> None:
        owners = {
            self.record(): operation.Owner(project_id='ours'),
            self.record(project_id=None): operation.Owner(user_id='me'),
            self.record(project_id=None, user_id=None): operation.Owner(),
        }
        for one, owner in owners.items():
            self.assertEqual(owner, self.operations.owner(one))
        self.assertIsNone(self.operations.owner('unknown'))

    def damage(self, one: str, **values: Any) -> None:
        """Write invalid values to the row of an operation."""
        table = models.operations
        self.execute(sa.update(table).where(table.c.id == one).values(values))

    def test_an_unreadable_value_is_left_out(self) -> None:
        damaged, other = self.record(), self.record()
        for text in ('', 'no JSON', '[]', '{"n": NaN}', '[' * 100_000):
            self.damage(damaged, parameters=text)
            self.assertIsNone(self.get(damaged).parameters)
        for text in (
            *('no JSON', '[]', '{}', '{"a": 1}', '[' * 100_000),
            '{"message": "s", "status": 200, "code": "c"}',
            '{"message": "s", "status": "404", "code": "c"}',
            '{"message": null, "status": 404, "code": "c"}',
        ):
            self.damage(damaged, error=text)
            self.assertIsNone(self.get(damaged).error)
        self.assertEqual('reset', self.get(damaged).method)
        self.assertEqual({'rack': 1}, self.get(other).parameters)

    def test_rows_of_another_release(self) -> None:
        one, other = self.record(), self.record()
        self.damage(
            one,
            state='paused',
            error='{"message": "s", "status": 404, "code": "c", "new": 1}',
        )
        found = self.get(one)
        self.assertEqual(State.UNKNOWN, found.state)
        self.assertEqual(operation.Error('s', 404, 'c'), found.error)
        self.assertEqual(State.UNKNOWN, self.operations.state(one))
        states = {
            each.id: each.state for each in self.operations.page(limit=9)
        }
        self.assertEqual({one: State.UNKNOWN, other: State.QUEUED}, states)
        self.assertFalse(self.operations.cancel(one))

    def test_identities_that_no_column_can_store(self) -> None:
        """Other services may send any context over the message bus."""
        one = self.record(user_id='a\x00\ud800' + 'b' * 300, request_id=None)
        found = self.get(one)
        assert found.user_id is not None
        self.assertEqual('a ?b', found.user_id[:4])
        self.assertEqual(255, len(found.user_id))
        self.assertIsNone(found.request_id)

    def test_an_id_is_recorded_once(self) -> None:
        new = self.new()
        other = dataclasses.replace(new, incarnation='run2')
        self.assertEqual([True], self.writer.apply([new]))
        # As after a commit without acknowledgement.
        self.assertEqual([True], self.writer.apply([new]))
        self.assertRaises(errors.DuplicateCall, self.writer.apply, [other])
        self.assertEqual('run1', self.get(new.id).incarnation)
        self.step(new.id, State.QUEUED, State.RUNNING)
        self.assertRaises(errors.DuplicateCall, self.writer.apply, [new])

    def test_one_that_starts_at_once_is_running(self) -> None:
        queued = self.new()
        new = dataclasses.replace(self.new(), state=State.RUNNING)
        self.assertEqual([True, True], self.writer.apply([new, queued]))
        found = self.get(new.id)
        self.assertEqual(State.RUNNING, found.state)
        self.assertLessEqual(found.created_at, found.started_at)
        self.assertIsNone(self.get(queued.id).started_at)
        # As after a commit without acknowledgement.
        self.assertEqual([True], self.writer.apply([new]))
        self.step(new.id, State.RUNNING, State.SUCCEEDED, owner='run1')
        self.assertRaises(errors.DuplicateCall, self.writer.apply, [new])

    def test_several_changes_are_applied_together_or_not(self) -> None:
        existing = self.new()
        self.writer.apply([existing])
        again = dataclasses.replace(existing, incarnation='run2')
        queued, new = self.record(), self.new()
        claim = operation.Transition(
            queued, State.QUEUED, State.RUNNING, owner='run1'
        )
        self.assertRaises(
            db_exc.DBDuplicateEntry, self.writer.apply, [new, again, claim]
        )
        self.assertIsNone(self.operations.get(new.id))
        self.assertEqual(State.QUEUED, self.state(queued))
        self.assertEqual([True, True], self.writer.apply([new, claim]))

    def test_a_key_belongs_to_one_operation(self) -> None:
        key = operation.Key(digest='d' * 64, fingerprint='f' * 64)
        one = self.record(key=key)
        self.assertEqual((one, 'f' * 64), self.operations.find_key('d' * 64))
        other = self.new(key=dataclasses.replace(key, fingerprint='e' * 64))
        error = self.assertRaises(errors.KeyInUse, self.writer.apply, [other])
        self.assertEqual({'operation': one}, error.kwargs)
        self.assertIsNone(self.operations.get(other.id))

    def test_of_two_with_one_key_at_once_one_is_recorded(self) -> None:
        for number in range(5):
            key = operation.Key(f'{number}' * 64, 'f' * 64)
            pair = [self.new(key=key), self.new(key=key)]
            start = threading.Barrier(2)

            def add(one: Any, start: threading.Barrier = start) -> Any:
                start.wait(cases.TIMEOUT)
                try:
                    return self.operations.apply([one])[0]
                except errors.KeyInUse:
                    return None

            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                outcomes = list(pool.map(add, pair))
            self.assertEqual(1, outcomes.count(True), outcomes)
            recorded = [one for one in pair if self.operations.get(one.id)]
            self.assertEqual(1, len(recorded))


class TransitionCases(OperationCase):
    """Transitions are applied in their source states only."""

    def test_from_queue_to_result(self) -> None:
        one = self.running()
        started = self.get(one)
        self.assertEqual(State.RUNNING, started.state)
        self.assertIsNotNone(started.started_at)
        self.assertTrue(
            self.step(
                one,
                State.RUNNING,
                State.SUCCEEDED,
                result='{"a": 1}',
                progress=operation.Progress(100.0, 'done'),
            )
        )
        finished = self.get(one)
        self.assertTrue(finished.final)
        self.assertEqual('{"a": 1}', self.operations.result(one))
        self.assertEqual(1, finished.result_parts)
        self.assertEqual(operation.Progress(100.0, 'done'), finished.progress)
        assert finished.started_at and finished.finished_at
        self.assertTrue(
            finished.created_at <= finished.started_at <= finished.finished_at
        )

    def test_a_failure_stores_the_error(self) -> None:
        one = self.running()
        self.step(one, State.RUNNING, State.FAILED, error=FAILURE)
        self.assertEqual(FAILURE, self.get(one).error)
        self.assertIsNone(self.get(one).result_parts)

    def test_a_result_that_is_left_out_counts_as_purged(self) -> None:
        one = self.finished('"x"', keeps_result=False)
        self.assertEqual(State.SUCCEEDED, self.state(one))
        self.assertEqual(1, self.get(one).result_parts)
        self.assertIsNone(self.operations.result(one))

    def test_null_needs_no_part(self) -> None:
        one = self.finished()
        self.assertEqual(0, self.get(one).result_parts)
        self.assertIsNone(self.operations.result(one))

    def test_a_result_of_any_size(self) -> None:
        for size in (
            transitions.PART_SIZE - 2,
            transitions.PART_SIZE,
            16 << 20,
        ):
            text = '"' + 'x' * size + '"'
            one = self.finished(text)
            self.assertEqual(text, self.operations.result(one))
            parts = self.get(one).result_parts
            self.assertEqual(-(-len(text) // transitions.PART_SIZE), parts)

    def test_only_in_the_source_state(self) -> None:
        for target in operation.FINAL:
            one = self.record()
            with self.database.writer() as writer:
                writer.execute(
                    sa.update(models.operations)
                    .where(models.operations.c.id == one)
                    .values(state=target)
                )
            for source in operation.ACTIVE:
                for other in State:
                    step = operation.Transition(one, source, other)
                    self.assertEqual([False], self.writer.apply([step]))
                    if other is not target:
                        self.assertFalse(self.step(one, source, other))
            self.assertEqual(target, self.state(one))

    def test_only_by_its_owner(self) -> None:
        one = self.record()
        for owner in ('run2', ''):
            self.assertFalse(
                self.step(one, State.QUEUED, State.RUNNING, owner=owner)
            )
        self.assertEqual(State.QUEUED, self.state(one))

    def test_a_transition_that_is_repeated(self) -> None:
        one = self.running()
        self.assertTrue(self.step(one, State.QUEUED, State.RUNNING))
        for _ in range(2):
            self.assertTrue(
                self.step(one, State.RUNNING, State.SUCCEEDED, result='[1]')
            )
        self.assertEqual('[1]', self.operations.result(one))
        self.assertFalse(
            self.step(one, State.RUNNING, State.FAILED, error=FAILURE)
        )

    def test_many_at_once(self) -> None:
        ids = [self.record() for _ in range(30)]
        self.assertTrue(self.operations.cancel(ids[3]))
        claims = [
            operation.Transition(
                one, State.QUEUED, State.RUNNING, owner='run1'
            )
            for one in ids
        ]
        outcomes = self.writer.apply(claims)
        self.assertEqual([n != 3 for n in range(30)], outcomes)

    def step_alone(self, one: str, target: State, owner: str | None) -> bool:
        """Apply a transition to a queued operation, in the pool."""
        step = operation.Transition(one, State.QUEUED, target, owner=owner)
        return self.operations.apply([step]) == [True]

    def test_concurrent_transitions(self) -> None:
        """Of reap, cancel and claim exactly one is applied."""
        for number in range(6):
            one = self.record()
            start = threading.Barrier(3)
            work = [
                lambda o=one: self.operations.cancel(o),
                lambda o=one: self.step_alone(o, State.RUNNING, 'run1'),
                lambda o=one: self.step_alone(o, State.EXPIRED, None),
            ]

            def run(act: Any, start: threading.Barrier = start) -> bool:
                start.wait(cases.TIMEOUT)
                return act()

            with concurrent.futures.ThreadPoolExecutor(3) as pool:
                cancelled, claimed, expired = pool.map(run, work)
            state = self.state(one)
            self.assertEqual(claimed, state is State.RUNNING, number)
            self.assertEqual(expired, state is State.EXPIRED, number)
            # A running operation receives a request.
            self.assertEqual(cancelled, state is not State.EXPIRED, number)

    def test_an_expired_operation_frees_its_key(self) -> None:
        key = operation.Key('d' * 64, 'f' * 64)
        for target in (State.CANCELLED, State.EXPIRED):
            one = self.record(key=key)
            self.step(
                one,
                State.QUEUED,
                target,
                owner=None,
                frees_key=target is State.EXPIRED,
            )
            found = self.operations.find_key('d' * 64)
            self.assertEqual(target is State.EXPIRED, found is None)
            self.execute(sa.delete(models.operation_keys))


class CancelCases(OperationCase):
    """Cancel, progress and targets."""

    def test_queued(self) -> None:
        one = self.record()
        self.assertTrue(self.operations.cancel(one))
        self.assertEqual(State.CANCELLED, self.state(one))
        self.assertIsNotNone(self.get(one).finished_at)
        self.assertFalse(self.step(one, State.QUEUED, State.RUNNING))

    def test_running(self) -> None:
        one, other = self.running(), self.running()
        foreign = self.record(incarnation='run2')
        self.step(foreign, State.QUEUED, State.RUNNING, owner='run2')
        for each in (one, foreign):
            self.assertTrue(self.operations.cancel(each))
        self.assertEqual(State.RUNNING, self.state(one))
        self.assertTrue(self.get(one).cancel_requested)
        self.assertFalse(self.get(other).cancel_requested)
        self.assertEqual({one}, self.operations.cancel_requests('run1'))
        self.step(one, State.RUNNING, State.FAILED, error=FAILURE)
        self.assertEqual(set(), self.operations.cancel_requests('run1'))

    def test_running_and_stopped_on_request(self) -> None:
        key = operation.Key('d' * 64, 'f' * 64)
        one = self.record(key=key)
        self.step(one, State.QUEUED, State.RUNNING)
        self.assertTrue(self.operations.cancel(one))
        for _ in range(2):
            # As after a commit without acknowledgement.
            self.assertTrue(
                self.step(
                    one,
                    State.RUNNING,
                    State.CANCELLED,
                    progress=operation.Progress(40.0, 'half'),
                )
            )
        found = self.get(one)
        self.assertEqual(State.CANCELLED, found.state)
        self.assertEqual(operation.Progress(40.0, 'half'), found.progress)
        self.assertIsNotNone(found.started_at)
        self.assertIsNotNone(found.finished_at)
        self.assertIsNone(found.error)
        self.assertIsNotNone(self.operations.find_key('d' * 64))
        self.assertFalse(self.operations.cancel(one))
        self.assertFalse(self.step(one, State.RUNNING, State.SUCCEEDED))

    def test_final(self) -> None:
        one = self.finished('1')
        self.assertFalse(self.operations.cancel(one))
        self.assertFalse(self.get(one).cancel_requested)

    def test_progress_of_running_operations(self) -> None:
        one, other, ended = self.running(), self.running(), self.finished()
        queued = self.record()
        report = operation.Progress(12.5, 'slot\x00 1' + 'x' * 300)
        self.operations.report_progress(
            'run1', {one: report, ended: report, queued: report}
        )
        progress = self.get(one).progress
        self.assertEqual(12.5, progress.percent)
        assert progress.message is not None
        self.assertEqual('slot  1x', progress.message[:8])
        self.assertEqual(255, len(progress.message))
        for each in (other, ended, queued):
            self.assertEqual(operation.Progress(), self.get(each).progress)

    def test_targets_are_recorded_and_replaced_by_reports(self) -> None:
        one = self.running(targets=('b1',))
        self.assertEqual(['b1'], self.get(one).targets)
        self.operations.report_progress(
            'run1', {one: operation.Progress(5, 'started')}
        )
        self.assertEqual(['b1'], self.get(one).targets)
        many = ('b1', 'Zoë', *(f'node-{number}' for number in range(998)))
        self.operations.report_progress(
            'run1', {one: operation.Progress(targets=many)}
        )
        self.assertEqual(list(many), self.get(one).targets)
        self.assertEqual('started', self.get(one).progress.message)
        last = operation.Progress(targets=('b1', 'b2'))
        self.step(one, State.RUNNING, State.FAILED, progress=last)
        self.assertEqual(['b1', 'b2'], self.get(one).targets)

    def test_targets_of_others_and_of_final_operations_stay(self) -> None:
        foreign = self.record(incarnation='run2', targets=('b1',))
        self.step(foreign, State.QUEUED, State.RUNNING, owner='run2')
        ended, queued = self.finished(), self.record()
        report = operation.Progress(targets=('b9',))
        self.operations.report_progress(
            'run1', {foreign: report, ended: report, queued: report}
        )
        self.assertFalse(
            self.step(ended, State.RUNNING, State.FAILED, progress=report)
        )
        self.assertEqual(['b1'], self.get(foreign).targets)
        for each in (ended, queued):
            self.assertEqual([], self.get(each).targets)

    def test_missing_targets_are_empty(self) -> None:
        one = self.running(targets=('b1',))
        self.execute(sa.update(models.operations).values(targets=None))
        self.assertEqual([], self.get(one).targets)


class ReapCases(OperationCase):
    """Only operations of lost incarnations are finished."""

    def update_liveness(self, incarnation: str = 'run1') -> None:
        """Write a liveness update that differs from the last one."""
        updater = self.store.liveness_updater('host1', incarnation)
        self.addCleanup(updater.close)
        before = self.operations.active_incarnations()

        def changed() -> bool:
            updated = updater.update()
            return updated and self.operations.active_incarnations() != before

        self.wait_for(changed, 'a liveness update')

    def test_active_incarnations(self) -> None:
        self.register()
        self.finished()
        self.assertEqual(set(), self.operations.active_incarnations())
        for _ in range(3):
            self.running()
            self.record()
        (one,) = self.operations.active_incarnations()
        self.assertEqual(('host1', 'run1'), (one.conductor, one.incarnation))
        self.store.withdraw('host1', 'run1')
        self.store.heartbeat('host1', 'run1')
        self.assertEqual({one}, self.operations.active_incarnations())
        self.update_liveness()
        (again,) = self.operations.active_incarnations()
        self.assertNotEqual(one, again)
        self.register(incarnation='run2')
        (left,) = self.operations.active_incarnations()
        self.assertIsNone(left.liveness_at)

    def test_a_lost_incarnation(self) -> None:
        self.register()
        one, queued, ended = self.running(), self.record(), self.finished()
        lost = self.operations.active_incarnations()
        # A heartbeat is not a liveness update.
        self.assertTrue(self.store.heartbeat('host1', 'run1'))
        reaped: list[str] = []
        self.assertEqual(2, self.operations.reap(lost, reaped=reaped.extend))
        self.assertEqual({one, queued}, set(reaped))
        self.assertEqual(State.UNKNOWN, self.state(one))
        self.assertEqual(State.EXPIRED, self.state(queued))
        self.assertEqual(State.SUCCEEDED, self.state(ended))
        self.assertFalse(self.step(one, State.RUNNING, State.SUCCEEDED))
        self.assertFalse(self.step(queued, State.QUEUED, State.RUNNING))

    def test_an_incarnation_with_a_new_update(self) -> None:
        self.register()
        one = self.running()
        lost = self.operations.active_incarnations()
        self.update_liveness()
        self.assertEqual(0, self.operations.reap(lost))
        self.assertEqual(State.RUNNING, self.state(one))

    def test_an_earlier_incarnation(self) -> None:
        self.register()
        one = self.running()
        other = self.record(conductor='host2', incarnation='run9')
        self.register(incarnation='run2')
        mine = self.record(incarnation='run2')
        lost = {
            each
            for each in self.operations.active_incarnations()
            if each.liveness_at is None
        }
        self.assertEqual({'run1', 'run9'}, {each.incarnation for each in lost})
        self.assertEqual(2, self.operations.reap(lost))
        self.assertEqual(State.UNKNOWN, self.state(one))
        self.assertEqual(State.QUEUED, self.state(mine))
        self.assertEqual(State.EXPIRED, self.state(other))

    def test_concurrent_reaps(self) -> None:
        self.register()
        ids = [self.record() for _ in range(20)]
        lost = self.operations.active_incarnations()
        start = threading.Barrier(2)

        def reap(_: int) -> int:
            start.wait(cases.TIMEOUT)
            return self.operations.reap(lost)

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            counts = list(pool.map(reap, range(2)))
        self.assertEqual(20, sum(counts))
        self.assertEqual({State.EXPIRED}, {self.state(one) for one in ids})

    def test_more_than_one_batch(self) -> None:
        self.register()
        self.writer.apply([self.new() for _ in range(1100)])
        lost = self.operations.active_incarnations()
        self.assertEqual(1100, self.operations.reap(lost))
        self.assertEqual({}, self.operations.active('run1'))

    def test_a_conductor_that_stops(self) -> None:
        self.register()
        one, queued, ended = self.running(), self.record(), self.finished()
        foreign = self.record(incarnation='run2')
        self.assertEqual(
            {one: State.RUNNING, queued: State.QUEUED},
            self.operations.active('run1'),
        )
        self.assertEqual(2, self.operations.reap_own('run1'))
        self.assertEqual(
            [State.UNKNOWN, State.EXPIRED, State.SUCCEEDED, State.QUEUED],
            [self.state(each) for each in (one, queued, ended, foreign)],
        )


class PageCases(OperationCase):
    """Order, filters and pages of lists."""

    def pages(self, size: int, **filters: Any) -> list[str]:
        """Return all ids, read page by page."""
        found: list[str] = []
        marker = None
        while True:
            page = self.operations.page(limit=size, marker=marker, **filters)
            found += [one.id for one in page]
            if len(page) < size:
                return found
            marker = page[-1]

    def test_newest_first_page_by_page(self) -> None:
        # One statement may write equal times.
        news = [self.new() for _ in range(10)]
        self.writer.apply(news[:4])
        for one in news[4:]:
            self.writer.apply([one])
        ids = [one.id for one in news]
        found = self.pages(50)
        self.assertEqual(ids[:3:-1], found[:6])
        self.assertEqual(set(ids[:4]), set(found[6:]))
        for size in (1, 3, 10):
            self.assertEqual(found, self.pages(size), size)

    def test_filters(self) -> None:
        one = self.record(driver='acme', method='a', request_id='r1')
        two = self.running(driver='zeta', method='a', request_id='r2')
        three = self.finished(driver='acme', method='b', conductor='host9')
        for filters, wanted in (
            ({'driver': 'acme'}, [three, one]),
            ({'method': 'a'}, [two, one]),
            ({'request_id': 'r2'}, [two]),
            ({'conductor': 'host9'}, [three]),
            ({'driver': 'acme', 'method': 'a'}, [one]),
            ({'states': [State.RUNNING]}, [two]),
            ({'states': [State.QUEUED, State.SUCCEEDED]}, [three, one]),
            ({'states': [State.QUEUED], 'driver': 'zeta'}, []),
            ({'driver': 'ACME'}, []),
        ):
            self.assertEqual(wanted, self.pages(2, **filters), filters)

    def test_owners(self) -> None:
        for owner in (
            {'project_id': 'ours', 'user_id': 'me'},
            {'project_id': 'ours', 'user_id': 'you'},
            {'project_id': 'theirs', 'user_id': 'me'},
            {'project_id': None, 'user_id': 'me'},
            {'project_id': None, 'user_id': 'you'},
            {'project_id': None, 'user_id': None},
        ):
            self.record(**owner)
        ids = self.pages(50)[::-1]
        for wanted, of in (
            (ids[:2], operation.Owner.of('ours', 'me')),
            (ids[2:3], operation.Owner.of('theirs', 'you')),
            (ids[3:4], operation.Owner.of(None, 'me')),
            (ids[4:5], operation.Owner.of('', 'you')),
            ([], operation.Owner.of('me', None)),
            ([], operation.Owner.of(None, 'ours')),
            # An empty owner matches no operation.
            ([], operation.Owner.of(None, None)),
            ([], operation.Owner.of('', '')),
        ):
            self.assertEqual(wanted[::-1], self.pages(1, owner=of), of)
            self.assertEqual([], self.pages(1, owner=of, driver='zeta'))

    def test_targets(self) -> None:
        many = tuple(f'b{number}' for number in range(12))
        one = self.running(targets=('b1', "o'b"))
        two = self.running(targets=('b1 ', 'B1'))
        three = self.running()
        report = operation.Progress(targets=many)
        self.operations.report_progress('run1', {three: report})
        for target, wanted in (
            ("o'b", [one]),
            ('B1', [two]),
            ('b11', [three]),
            ('b', []),
            ('x' * 300, []),
        ):
            self.assertEqual(wanted, self.pages(1, target=target), target)
        self.assertLess({one, three}, {*self.pages(1, target='b1'), two})
        listed = self.operations.page(limit=9, details=['targets'])
        self.assertEqual(
            [[*many[:10], '... more'], ['b1 ', 'B1'], ['b1', "o'b"]],
            [each.targets for each in listed],
        )
        last = operation.Progress(targets=('b0', 'c'))
        self.step(three, State.RUNNING, State.FAILED, progress=last)
        self.assertEqual([], self.pages(1, target='b11'))
        self.assertEqual([three], self.pages(1, target='c', driver='acme'))

    def test_times(self) -> None:
        ids = []
        for _ in range(3):
            ids.append(self.record())
            # The clock of SQLite counts milliseconds.
            time.sleep(0.002)
        first, middle, last = (self.get(one).created_at for one in ids)
        zone = datetime.timezone(datetime.timedelta(hours=9))
        first_time, last_time = (
            end.replace(tzinfo=datetime.UTC)
            for end in (datetime.datetime.min, datetime.datetime.max)
        )
        for filters, wanted in (
            ({'created_after': first}, ids[:0:-1]),
            ({'created_before': last.astimezone(zone)}, ids[1::-1]),
            ({'created_after': first, 'created_before': last}, [ids[1]]),
            ({'created_after': middle, 'created_before': middle}, []),
            ({'created_after': first_time}, ids[::-1]),
            ({'created_before': last_time}, ids[::-1]),
        ):
            self.assertEqual(wanted, self.pages(2, **filters), filters)

    def test_orders(self) -> None:
        news = [
            self.new(driver='ab'[n % 2], method='ba'[n % 2]) for n in range(9)
        ]
        self.writer.apply(news[:5])
        self.writer.apply(news[5:])
        for key in operation_queries.SORT_KEYS:
            ascending = operation_queries.Order(key, ascending=True)
            found = self.pages(50, order=ascending)
            values = [getattr(self.get(one), key) for one in found]
            self.assertEqual(sorted(values), values)
            for size in (1, 4):
                self.assertEqual(found, self.pages(size, order=ascending))
                descending = operation_queries.Order(key)
                self.assertEqual(
                    found[::-1], self.pages(size, order=descending)
                )

    def test_details_in_lists(self) -> None:
        one = self.running()
        self.step(one, State.RUNNING, State.FAILED, error=FAILURE)
        names = ['parameters', 'error']
        (found,) = self.operations.page(limit=5, details=names)
        self.assertEqual(
            ({'rack': 1}, FAILURE), (found.parameters, found.error)
        )

    def test_lists_contain_no_long_values(self) -> None:
        one = self.running()
        self.step(one, State.RUNNING, State.FAILED, error=FAILURE)
        (brief,) = self.operations.page(limit=5)
        self.assertIsNone(brief.parameters)
        self.assertIsNone(brief.error)
        self.assertIsNone(brief.targets)
        self.assertEqual(brief, self.operations.summary(one))
        whole = self.get(one)
        self.assertEqual(
            dataclasses.replace(
                whole, parameters=None, error=None, targets=None
            ),
            brief,
        )


class PurgeCases(OperationCase):
    """Finished operations are deleted in batches, active ones never."""

    def test_finished_operations(self) -> None:
        key = operation.Key('d' * 64, 'f' * 64)
        old = [self.finished('"x"', key=key)]
        old += [self.finished('"x"') for _ in range(4)]
        running, queued = self.running(), self.record()
        for column in ('created_at', 'finished_at'):
            self.make_older(models.operations, column, 100)
        late = self.finished('"late"')
        with self.database.writer() as writer:
            # Created long ago and finished now.
            writer.execute(
                sa.update(models.operations)
                .where(models.operations.c.id == late)
                .values(created_at=self.get(old[0]).created_at)
            )

        def purge() -> int:
            return self.operations.purge(older_than_seconds=50, limit=2)

        self.assertEqual([2, 2, 1, 0], [purge() for _ in range(4)])
        for one in old:
            self.assertIsNone(self.operations.get(one))
            self.assertIsNone(self.operations.result(one))
        self.assertIsNone(self.operations.find_key('d' * 64))
        self.assertEqual('"late"', self.operations.result(late))
        self.assertEqual(State.RUNNING, self.state(running))
        self.assertEqual(State.QUEUED, self.state(queued))

    def test_results_are_deleted_before_their_operations(self) -> None:
        old = [self.finished('"x"') for _ in range(3)]
        self.make_older(models.operation_results, 'created_at', 100)
        new = self.finished('"y"')

        def purge() -> int:
            return self.operations.purge_results(
                older_than_seconds=50, limit=2
            )

        self.assertEqual([2, 1, 0], [purge() for _ in range(3)])
        for one in old:
            self.assertIsNone(self.operations.result(one))
            self.assertEqual(1, self.get(one).result_parts)
        self.assertEqual('"y"', self.operations.result(new))


ALL_CASES = (
    RecordCases,
    TransitionCases,
    CancelCases,
    ReapCases,
    PageCases,
    PurgeCases,
)
