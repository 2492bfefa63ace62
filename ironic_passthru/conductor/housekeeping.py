# SPDX-License-Identifier: Apache-2.0
"""Periodic tasks of a conductor for operations."""

import dataclasses
import threading
import time

from oslo_log import log

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.conductor import absence
from ironic_passthru.conductor import events
from ironic_passthru.conductor import operation_tracker
from ironic_passthru.conductor import split_operations
from ironic_passthru.db import operations
from ironic_passthru.db import session

LOG = log.getLogger(__name__)

# Records are kept for much longer.
_MAX_PURGE_SECONDS = 60.0


@dataclasses.dataclass(frozen=True)
class Intervals:
    """Intervals and ages, in seconds.

    :param progress: between two writes of progress and reads of requests to
        cancel.
    :param upkeep: between two runs of all other tasks, but a quarter of
        ``absent_after`` at most.
    :param absent_after: how long the liveness update of a conductor must be
        unchanged until its operations are ended.
    :param keep: age at which final operations are deleted.
    :param keep_results: age at which results are deleted.
    """

    progress: float
    upkeep: float
    absent_after: float
    keep: float
    keep_results: float

    @property
    def liveness(self) -> float:
        """Between two liveness updates, or two checks of those of others."""
        return min(self.upkeep, self.absent_after / 4)

    @property
    def purge(self) -> float:
        """Between two deletions of old records and results."""
        oldest = min(self.keep, self.keep_results)
        return max(self.liveness, min(oldest / 100, _MAX_PURGE_SECONDS))


class Housekeeping:
    """Keeps the records of operations correct, in a thread of its own.

    Every ``progress`` seconds it writes the progress that drivers report,
    passes requests to cancel on to them, and does the same for operations
    with parts while there are any. Less often it ends the operations of
    absent conductors, and deletes old records. The liveness update has another
    thread, so that it waits for none of these tasks.

    It does not use the bus: an unavailable broker ends no operation.

    :param tracker: the operations of this conductor.
    :param hostname: of this conductor.
    :param incarnation: identifier of this run of the conductor.
    :param purge_batch: number of rows deleted in one transaction.
    :param events: publishes the operations that are ended.
    """

    def __init__(
        self,
        store: operations.OperationStore,
        tracker: operation_tracker.OperationTracker,
        *,
        hostname: str,
        incarnation: str,
        intervals: Intervals,
        purge_batch: int,
        events: events.Events = events.NO_EVENTS,
    ) -> None:
        self._store = store
        self._tracker = tracker
        self._split = split_operations.SplitOperations(store)
        self._hostname = hostname
        self._incarnation = incarnation
        self._intervals = intervals
        self._purge_batch = purge_batch
        self._events = events
        self._absence = absence.AbsenceDetector(intervals.absent_after)
        self._next_progress = float('-inf')
        self._next_upkeep = float('-inf')
        self._next_purge = float('-inf')
        self._has_split = False
        self._is_available = True
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name='housekeeping', daemon=True
        )

    def start(self) -> None:
        """End the operations of earlier incarnations, and start the thread.

        :raises: RegistryUnavailable.
        """
        earlier = [
            holder
            for holder in self._store.active_incarnations()
            if holder.conductor == self._hostname
            and holder.liveness_at is None
        ]
        ended = self._store.reap(earlier, reaped=self._events.ended)
        if ended:
            LOG.warning('%d operations of an earlier run were ended', ended)
        self._thread.start()

    def stop(self) -> None:
        """Return when the thread has ended."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def reap_all(self) -> None:
        """End all unfinished operations of this conductor."""
        try:
            # First those that certainly did not run.
            self._reap_own()
            ended = self._store.reap_own(self._incarnation, self._events.ended)
        except errors.RegistryUnavailable:
            LOG.error(
                'Registry database unavailable; other conductors will end '
                'the unfinished operations'
            )
            return
        if ended:
            LOG.error('%d unfinished operations were ended', ended)

    def _run(self) -> None:
        upkeep_seconds = self._intervals.liveness
        pause = min(self._intervals.progress, upkeep_seconds)
        while not self._stopped.wait(pause):
            try:
                if time.monotonic() >= self._next_upkeep:
                    self._next_upkeep = time.monotonic() + upkeep_seconds
                    self._reap_own()
                    self._reap_others()
                    # Of conductors that do not run any of the parts.
                    self._has_split = True
                if time.monotonic() >= self._next_purge:
                    self._next_purge = time.monotonic() + self._intervals.purge
                    self._purge()
                if time.monotonic() >= self._next_progress:
                    self._next_progress = (
                        time.monotonic() + self._intervals.progress
                    )
                    self._exchange()
                    self._update_split()
                self._is_available = True
            except errors.RegistryUnavailable:
                self._absence.reset()
                if self._is_available:
                    LOG.warning(
                        'Registry database unavailable; housekeeping of '
                        'operations skipped'
                    )
                self._is_available = False
            except Exception as error:
                # It may pass, and without this thread no operation of an
                # absent conductor is ended.
                LOG.error(
                    'Housekeeping of operations failed: %s',
                    session.cause(error),
                )

    def _update_split(self) -> None:
        """Update operations with parts, if there may be any."""
        if self._tracker.take_routed() or self._has_split:
            # Also after an error.
            self._has_split = True
            self._has_split = self._split.update()

    def _exchange(self) -> None:
        """Write progress, and pass requests to cancel on to drivers."""
        running = self._tracker.running()
        if not running:
            return
        changed = {
            id_: (tracked, tracked.progress)
            for id_, tracked in running.items()
            if tracked.progress is not tracked.written
        }
        self._write_progress(
            {id_: progress for id_, (_, progress) in changed.items()}
        )
        for tracked, progress in changed.values():
            tracked.written = progress
        self._tracker.request_cancel(
            self._store.cancel_requests(self._incarnation)
        )

    def _write_progress(self, changed: dict[str, operation.Progress]) -> None:
        """Write progress, except what the database refuses."""
        if not changed:
            return
        try:
            self._store.report_progress(self._incarnation, changed)
        except errors.RegistryUnavailable:
            raise
        except Exception as error:
            if len(changed) > 1:
                for id_, progress in changed.items():
                    self._write_progress({id_: progress})
                return
            LOG.warning(
                'The progress of operation %s cannot be stored: %s',
                *changed,
                session.cause(error),
            )

    def _reap_own(self) -> None:
        """End operations that are overdue, hung or orphans."""
        tracker = self._tracker
        tracker.expire_waiting()
        overdue = sorted(tracker.overdue())
        hung = sorted(tracker.hung(self._intervals.absent_after))
        active = self._store.active(self._incarnation)
        ends = [
            *(operation.end(id_, operation.State.QUEUED) for id_ in overdue),
            *(operation.end(id_, operation.State.RUNNING) for id_ in hung),
            *tracker.orphans(active),
        ]
        if ends:
            outcomes = self._store.apply(ends)
            ended = {
                # One that was released meanwhile has two transitions.
                end.id: None
                for end, outcome in zip(ends, outcomes, strict=True)
                if outcome is True
            }
            self._events.ended(ended.keys())

    def _reap_others(self) -> None:
        """End the operations of absent conductors."""
        now = time.monotonic()
        others = [
            holder
            for holder in self._store.active_incarnations()
            if holder.incarnation != self._incarnation
        ]
        absent = self._absence.check(others, now)
        ended = self._store.reap(absent, reaped=self._events.ended)
        if ended:
            LOG.warning('%d operations of lost conductors were ended', ended)

    def _purge(self) -> None:
        for purge, age in (
            (self._store.purge_results, self._intervals.keep_results),
            (self._store.purge, self._intervals.keep),
        ):
            # The other tasks must not wait for all of it.
            until = time.monotonic() + self._intervals.liveness / 4
            while not self._stopped.is_set():
                deleted = purge(
                    older_than_seconds=age, limit=self._purge_batch
                )
                if deleted < self._purge_batch or time.monotonic() > until:
                    break
