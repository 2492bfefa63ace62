# SPDX-License-Identifier: Apache-2.0
"""Periodic tasks for operations."""

import datetime
import threading
import time
import types
from typing import Any

import fixtures
from oslo_db import exception as db_exc

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.conductor import call as calls
from ironic_passthru.conductor import events
from ironic_passthru.conductor import housekeeping
from ironic_passthru.conductor import operation_tracker
from ironic_passthru.db import operations
from ironic_passthru.rpc import protocol
from ironic_passthru.tests import base

State = operation.State


def tracked() -> operation_tracker.TrackedOperation:
    """Return an operation that runs."""
    job = calls.Job(
        context=None,  # type: ignore[arg-type]
        call=protocol.CallRequest('acme', 'reset', 'POST', {}, call_id='a'),
        method=None,  # type: ignore[arg-type]
        arguments={},
    )
    return operation_tracker.TrackedOperation(job, start_by=float('inf'))


def holder(
    conductor: str,
    *,
    incarnation: str = 'other',
    liveness_at: datetime.datetime | None = datetime.datetime(2026, 1, 1),
) -> operations.ActiveIncarnation:
    """Return a run of a conductor that has active operations."""
    return operations.ActiveIncarnation(conductor, incarnation, liveness_at)


class FakeStore:
    """Keeps the calls of its methods."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.away = False
        self.reports: list[dict[str, operation.Progress]] = []
        self.cancelled: set[str] = set()
        self.states: dict[str, State] = {}
        self.applied: list[operation.Change] = []
        self.held: set[operations.ActiveIncarnation] = set()
        self.looks: list[float] = []
        self.settled: list[tuple[float, operations.ActiveIncarnation]] = []
        self.lost: set[str] = set()
        self.refused: set[str] = set()
        self.too_late: set[str] = set()
        self.purged: list[str] = []
        self.left = {'purge': 0, 'purge_results': 0}
        #: The store of operations with parts.
        self.split = types.SimpleNamespace(active=self.active_split)
        self.split_looks = 0

    def active_split(self) -> list[Any]:
        self.split_looks += 1
        return []

    def check(self) -> None:
        if self.away:
            raise errors.RegistryUnavailable()

    def report_progress(self, incarnation: str, progress: Any) -> None:
        self.check()
        if self.refused & progress.keys():
            raise db_exc.DBDataError()
        self.reports.append(progress)

    def cancel_requests(self, incarnation: str) -> set[str]:
        self.check()
        return self.cancelled

    def active(self, incarnation: str) -> dict[str, State]:
        self.check()
        return dict(self.states)

    def apply(self, changes: Any) -> list[bool]:
        self.applied += changes
        for change in changes:
            self.states.pop(change.id, None)
        return [change.id not in self.too_late for change in changes]

    def active_incarnations(self) -> set[operations.ActiveIncarnation]:
        self.check()
        self.looks.append(time.monotonic())
        return set(self.held)

    def reap(self, gone: Any, *, reaped: Any) -> int:
        self.check()
        now = time.monotonic()
        self.settled += [(now, holder) for holder in gone]
        self.held -= set(gone)
        if gone:
            reaped(self.lost)
        return 0

    def reap_own(self, incarnation: str, reaped: Any) -> int:
        self.check()
        reaped({'left'})
        return 2

    def _purge(self, kind: str, limit: int) -> int:
        self.check()
        self.purged.append(kind)
        deleted = min(limit, self.left[kind])
        self.left[kind] -= deleted
        return deleted

    def purge(self, *, older_than_seconds: float, limit: int) -> int:
        assert older_than_seconds == 100
        return self._purge('purge', limit)

    def purge_results(self, *, older_than_seconds: float, limit: int) -> int:
        assert older_than_seconds == 10
        return self._purge('purge_results', limit)


class FakeTracker:
    def __init__(self) -> None:
        self.jobs: dict[str, operation_tracker.TrackedOperation] = {}
        self.known: set[str] = set()
        self.late: set[str] = set()
        self.hung_ids: set[str] = set()
        self.routed = False

    def take_routed(self) -> bool:
        found, self.routed = self.routed, False
        return found

    def hung(self, grace_seconds: float) -> set[str]:
        assert grace_seconds in (0.3, 300.0)
        return self.hung_ids

    def overdue(self) -> set[str]:
        return self.late

    def expire_waiting(self) -> None:
        pass

    def running(self) -> dict[str, operation_tracker.TrackedOperation]:
        return dict(self.jobs)

    def request_cancel(self, ids: set[str]) -> None:
        for one in ids & self.jobs.keys():
            self.jobs[one].request_cancel()

    def orphans(
        self, active: dict[str, operation.State]
    ) -> list[operation.Transition]:
        return [
            operation.end(id_, active[id_])
            for id_ in sorted(active.keys() - self.known)
        ]


class HousekeepingCase(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.store = FakeStore()
        self.tracker = FakeTracker()

    def make(
        self,
        *,
        events: events.Events = events.NO_EVENTS,
        **intervals: float,
    ) -> housekeeping.Housekeeping:
        values = {
            'progress': 0.01,
            'upkeep': 0.02,
            'absent_after': 0.3,
            'keep': 100.0,
            'keep_results': 10.0,
        }
        made = housekeeping.Housekeeping(
            self.store,  # type: ignore[arg-type]
            self.tracker,  # type: ignore[arg-type]
            hostname='host',
            incarnation='one',
            intervals=housekeeping.Intervals(**values | intervals),
            purge_batch=5,
            events=events,
        )
        self.addCleanup(made.stop)
        return made


class TestProgress(HousekeepingCase):
    def test_reports_are_written_once_and_the_latest_of_them(self) -> None:
        running = tracked()
        self.tracker.jobs['a'] = running
        for percent in range(50):
            running.report_progress(percent, 'on it')
        self.make().start()
        self.wait_for(lambda: self.store.reports, 'a report')
        last = {'a': operation.Progress(49, 'on it')}
        self.wait_for(lambda: len(self.store.looks) > 3, 'some rounds')
        self.assertEqual([last], self.store.reports)
        running.report_progress(50, 'half')
        self.wait_for(lambda: len(self.store.reports) > 1, 'another one')
        self.assertEqual(
            {'a': operation.Progress(50, 'half')}, self.store.reports[-1]
        )

    def test_operations_with_parts_are_read_only_if_there_may_be_any(
        self,
    ) -> None:
        self.make(upkeep=100.0, absent_after=0.3 * 1000).start()
        self.wait_for(lambda: self.store.split_looks, 'the first look')
        time.sleep(0.1)
        self.assertEqual(1, self.store.split_looks)
        self.tracker.routed = True
        self.wait_for(lambda: self.store.split_looks == 2, 'one after a part')

    def test_what_could_not_be_written_is_written_later(self) -> None:
        running = tracked()
        self.tracker.jobs['a'] = running
        self.store.away = True
        running.report_progress(5, 'begun')
        made = self.make()
        made._thread.start()
        time.sleep(0.05)
        self.assertEqual([], self.store.reports)
        self.store.away = False
        self.wait_for(lambda: self.store.reports, 'a report')

    def test_one_that_is_refused_does_not_stop_the_others(self) -> None:
        log = self.useFixture(fixtures.FakeLogger(level=0, nuke_handlers=True))
        jobs = {name: tracked() for name in 'abc'}
        for one in jobs.values():
            one.report_progress(5, 'begun')
        self.tracker.jobs = jobs
        self.store.refused = {'b'}
        self.store.cancelled = {'b'}
        self.make().start()
        self.wait_for(lambda: jobs['b'].cancel_requested, 'a round has ended')
        written = {key for report in self.store.reports for key in report}
        self.assertEqual({'a', 'c'}, written)
        self.wait_for(lambda: len(self.store.looks) > 3, 'some rounds')
        self.assertEqual(1, log.output.count('progress of operation b'))

    def test_a_request_to_end_reaches_the_driver(self) -> None:
        one, other = tracked(), tracked()
        self.tracker.jobs = {'a': one, 'b': other}
        self.make().start()
        self.assertFalse(one.cancel_requested)
        self.store.cancelled = {'a', 'z'}
        self.wait_for(lambda: one.cancel_requested, 'the request')
        self.assertFalse(other.cancel_requested)


class TestUpkeep(HousekeepingCase):
    def test_an_earlier_incarnation_is_reaped_at_start(self) -> None:
        earlier = holder('host', liveness_at=None)
        self.store.held = {
            earlier,
            holder('host', incarnation='one'),
            holder('other', liveness_at=None),
        }
        self.make(upkeep=100.0).start()
        # The thread may have ended those of others since.
        self.assertEqual([earlier], [h for _, h in self.store.settled][:1])

    def test_a_start_without_the_registry_fails(self) -> None:
        self.store.away = True
        self.assertRaises(errors.RegistryUnavailable, self.make().start)

    def test_a_conductor_without_liveness_updates_is_reaped(self) -> None:
        lost = holder('lost')
        self.store.held = {lost, holder('host', incarnation='one')}
        self.make().start()
        self.wait_for(lambda: self.store.settled, 'the end')
        at, gone = self.store.settled[0]
        self.assertEqual(lost, gone)
        # The check at start does not count.
        self.assertGreaterEqual(at - self.store.looks[1], 0.29)

    def test_an_outage_is_no_absence(self) -> None:
        """After it all updates are old, and all conductors may run."""
        self.store.held = {holder('lives')}
        self.make().start()
        looks = len(self.store.looks)
        self.wait_for(lambda: len(self.store.looks) > looks + 2, 'looks')
        self.store.away = True
        ended = time.monotonic() + 0.4
        self.wait_for(lambda: time.monotonic() > ended, 'an outage')
        recovered = time.monotonic()
        self.store.away = False
        self.wait_for(lambda: self.store.settled, 'the end')
        self.assertGreaterEqual(self.store.settled[0][0] - recovered, 0.29)

    def test_orphans_are_ended(self) -> None:
        """A row may have been committed though its caller was refused."""
        self.tracker.known = {'mine'}
        self.store.states = {
            'mine': State.RUNNING,
            'lost': State.QUEUED,
            'odd': State.RUNNING,
        }
        self.make().start()
        self.wait_for(lambda: len(self.store.applied) == 2, 'they end')
        self.assertEqual(
            [
                operation.end('lost', State.QUEUED),
                operation.end('odd', State.RUNNING),
            ],
            self.store.applied,
        )

    def test_ended_operations_and_no_others_are_published(
        self,
    ) -> None:
        ended: list[str] = []

        class Recording(events.Events):
            def ended(self, operation_ids: Any) -> None:
                ended.extend(operation_ids)

        self.store.states = {'a': State.QUEUED, 'b': State.RUNNING}
        self.store.too_late = {'b'}
        self.store.held = {holder('host', liveness_at=None)}
        self.store.lost = {'c'}
        made = self.make(events=Recording(), upkeep=100.0)
        made.start()
        self.wait_for(lambda: len(self.store.applied) == 2, 'they end')
        made.stop()
        made.reap_all()
        self.assertEqual(['c', 'a', 'left'], ended)
        # One that was refused meanwhile is overdue and an orphan.
        ended.clear()
        self.tracker.late = {'d'}
        self.store.states = {'d': State.QUEUED}
        made.reap_all()
        self.assertEqual(['d', 'left'], ended)

    def test_overdue_operations_are_ended(self) -> None:
        """All workers may hang, so that none would expire it."""
        self.tracker.known = {'late'}
        self.tracker.late = {'late'}
        self.store.states = {'late': State.QUEUED}
        self.make().start()
        self.wait_for(lambda: self.store.applied, 'it ends')
        self.assertEqual(
            operation.end('late', State.QUEUED), self.store.applied[0]
        )

    def test_hung_operations_are_ended(self) -> None:
        self.tracker.known = self.tracker.hung_ids = {'hung'}
        self.store.states = {'hung': State.RUNNING}
        self.make().start()
        self.wait_for(lambda: self.store.applied, 'it ends')
        self.assertEqual(
            operation.end('hung', State.RUNNING), self.store.applied[0]
        )

    def test_long_intervals_still_reap(self) -> None:
        """Whatever the intervals, there are several checks in a timeout."""
        self.store.held = {holder('lost')}
        self.make(upkeep=0.3, progress=5.0).start()
        self.wait_for(lambda: self.store.settled, 'the end')

    def test_a_long_purge_does_not_stop_the_rest(self) -> None:
        self.store.left = {'purge': 10**9, 'purge_results': 10**9}
        self.make().start()
        self.wait_for(lambda: len(self.store.looks) > 5, 'further looks')
        self.assertTrue('purge' in self.store.purged, 'both are purged')

    def test_old_records_are_deleted_in_batches(self) -> None:
        self.store.left = {'purge': 12, 'purge_results': 5}
        self.make(upkeep=100.0).start()
        self.wait_for(lambda: self.store.purged.count('purge') == 3, 'purged')
        self.assertEqual(
            ['purge_results'] * 2 + ['purge'] * 3, self.store.purged
        )

    def test_an_unexpected_error_does_not_end_it(self) -> None:
        made = self.make()
        made.start()
        holders = self.store.active_incarnations
        fails = [True]

        def fail_once() -> Any:
            if fails:
                fails.pop()
                raise RuntimeError('no')
            return holders()

        self.store.active_incarnations = fail_once  # type: ignore[method-assign]
        self.wait_for(lambda: not fails, 'the error')
        looks = len(self.store.looks)
        self.wait_for(lambda: len(self.store.looks) > looks, 'further checks')

    def test_refused_calls_expire_at_the_end(self) -> None:
        expired = operation.Transition(
            'a', State.RUNNING, State.EXPIRED, frees_key=True
        )
        self.tracker.orphans = lambda active: [expired]  # type: ignore[method-assign]
        self.make().reap_all()
        self.assertEqual([expired], self.store.applied)

    def test_reaping_its_own_without_the_registry(self) -> None:
        made = self.make()
        made.reap_all()
        self.store.away = True
        made.reap_all()
