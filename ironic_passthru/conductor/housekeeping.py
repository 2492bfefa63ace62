# SPDX-License-Identifier: Apache-2.0
"""What a conductor does for operations from time to time."""

import dataclasses
import threading
import time

from oslo_log import log

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.conductor import absence
from ironic_passthru.conductor import events
from ironic_passthru.conductor import operation_tracker
from ironic_passthru.db import operations
from ironic_passthru.db import session

LOG = log.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Times:
    """When things are done, in seconds.

    :param progress: between two looks at progress and cancellations.
    :param upkeep: between two looks at all else; more often if need be, so
        that there are several in ``gone_after``.
    :param gone_after: how long the sign of life of a conductor must be
        unchanged until its operations are settled.
    :param keep: how long finished operations are kept.
    :param keep_results: how long results are kept.
    """

    progress: float
    upkeep: float
    gone_after: float
    keep: float
    keep_results: float

    @property
    def between_signs(self) -> float:
        """Between two signs of life, or two looks at those of others."""
        return min(self.upkeep, self.gone_after / 4)


class Housekeeping:
    """Keeps the records of operations true, from a thread of its own.

    Often: writes what drivers have reported, and tells them of requests to
    end early.  Less often: settles what belongs to conductors that are gone,
    and deletes what is old.  The sign of life of this conductor has a thread
    of its own, for it must not wait for any of that.

    It does not depend on the bus: a broker that is away makes no conductor
    lose what it works on.

    :param own: the operations of this conductor.
    :param hostname: of this conductor.
    :param incarnation: identifier of this run of it.
    :param purge_batch: how many rows are deleted in one transaction.
    :param told: tells other services of what is settled.
    """

    def __init__(
        self,
        store: operations.OperationStore,
        own: operation_tracker.OperationTracker,
        *,
        hostname: str,
        incarnation: str,
        times: Times,
        purge_batch: int,
        told: events.NoEvents = events.NO_NOTICES,
    ) -> None:
        self._store = store
        self._own = own
        self._hostname = hostname
        self._incarnation = incarnation
        self._times = times
        self._purge_batch = purge_batch
        self._notices = events.harmless(told)
        self._upkeep_seconds = times.between_signs
        self._absence = absence.AbsenceDetector(times.gone_after)
        self._next_progress = float('-inf')
        self._next_upkeep = float('-inf')
        self._away = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name='keeper', daemon=True
        )

    def start(self) -> None:
        """Settle what an earlier run of this conductor left, and begin.

        :raises: RegistryUnavailable.
        """
        earlier = [
            one
            for one in self._store.active_incarnations()
            if one.conductor == self._hostname and one.liveness_at is None
        ]
        settled = self._store.reap(earlier, reaped=self._notices.settled)
        if settled:
            LOG.warning(
                '%d operations of an earlier run were settled', settled
            )
        self._thread.start()

    def stop(self) -> None:
        """End; returns when nothing more is written."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def settle_own(self) -> None:
        """End whatever this conductor leaves unfinished."""
        try:
            left = self._store.reap_own(
                self._incarnation, self._notices.settled
            )
        except errors.RegistryUnavailable:
            LOG.error('The registry is away; others settle what is left')
            return
        if left:
            LOG.error('%d operations were not finished and are settled', left)

    def _run(self) -> None:
        pause = min(self._times.progress, self._upkeep_seconds)
        while not self._stopped.wait(pause):
            try:
                if time.monotonic() >= self._next_upkeep:
                    self._next_upkeep = time.monotonic() + self._upkeep_seconds
                    self._upkeep()
                if time.monotonic() >= self._next_progress:
                    self._next_progress = (
                        time.monotonic() + self._times.progress
                    )
                    self._attend()
                self._away = False
            except errors.RegistryUnavailable:
                self._absence.reset()
                if not self._away:
                    LOG.warning('The registry is away; operations must wait')
                self._away = True
            except Exception as error:
                # It may pass, and without this thread nothing is settled.
                LOG.error(
                    'The upkeep of operations failed: %s', session.cause(error)
                )

    def _attend(self) -> None:
        """Write progress, and tell drivers of requests to end early."""
        running = self._own.running()
        if not running:
            return
        news = {
            key: (one, one.progress)
            for key, one in running.items()
            if one.progress is not one.written
        }
        self._write_progress(
            {key: progress for key, (_, progress) in news.items()}
        )
        for one, progress in news.values():
            one.written = progress
        self._own.ask_to_end(self._store.cancel_requests(self._incarnation))

    def _write_progress(self, news: dict[str, operation.Progress]) -> None:
        """Write progress; what the database refuses is left out."""
        if not news:
            return
        try:
            self._store.report_progress(self._incarnation, news)
        except errors.RegistryUnavailable:
            raise
        except Exception as error:
            if len(news) > 1:
                for key, progress in news.items():
                    self._write_progress({key: progress})
                return
            LOG.warning(
                'The progress of operation %s cannot be stored: %s',
                *news,
                session.cause(error),
            )

    def _upkeep(self) -> None:
        self._settle_own()
        self._settle_others()
        self._purge()

    def _settle_others(self) -> None:
        now = time.monotonic()
        others = [
            one
            for one in self._store.active_incarnations()
            if one.incarnation != self._incarnation
        ]
        gone = self._absence.look(others, now)
        settled = self._store.reap(gone, reaped=self._notices.settled)
        if settled:
            LOG.warning(
                '%d operations of lost conductors were settled', settled
            )

    def _settle_own(self) -> None:
        """End what nobody here will, and what takes far too long."""
        ends = [
            operation.end(one, operation.State.QUEUED)
            for one in sorted(self._own.overdue())
        ]
        ends += [
            operation.end(one, operation.State.RUNNING)
            for one in sorted(self._own.given_up(self._times.gone_after))
        ]
        active = self._store.active(self._incarnation)
        strangers = self._own.strangers(set(active))
        ends += [operation.end(one, active[one]) for one in sorted(strangers)]
        if ends:
            done = self._store.apply(ends)
            self._notices.settled(
                [
                    end.id
                    for end, ended in zip(ends, done, strict=True)
                    if ended is True
                ]
            )

    def _purge(self) -> None:
        for purge, age in (
            (self._store.purge_results, self._times.keep_results),
            (self._store.purge, self._times.keep),
        ):
            # The rest must wait: others may need to be settled.
            until = time.monotonic() + self._upkeep_seconds / 4
            while not self._stopped.is_set():
                deleted = purge(
                    older_than_seconds=age, limit=self._purge_batch
                )
                if deleted < self._purge_batch or time.monotonic() > until:
                    break
