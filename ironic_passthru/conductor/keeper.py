# SPDX-License-Identifier: Apache-2.0
"""What a conductor does for operations from time to time."""

import dataclasses
import threading
import time
from collections.abc import Callable

from oslo_log import log

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.conductor import ledger
from ironic_passthru.conductor import notices
from ironic_passthru.db import operations
from ironic_passthru.db import session

LOG = log.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Times:
    """When things are done, in seconds.

    :param progress: between two looks at progress and cancellations.
    :param upkeep: between two looks at all else; more often if need be, so
        that a conductor that lives is seen several times in ``gone_after``.
    :param gone_after: how long a conductor may not be seen until its
        operations are settled.
    :param keep: how long finished operations are kept.
    :param keep_results: how long results are kept.
    """

    progress: float
    upkeep: float
    gone_after: float
    keep: float
    keep_results: float


class Keeper:
    """Keeps the records of operations true, from a thread of its own.

    Often: writes what drivers have reported, and tells them of requests to
    end early.  Less often: says that this conductor lives, settles what
    belongs to one that does not, and deletes what is old.

    It does not depend on the bus: a broker that is away makes no conductor
    lose what it works on.

    :param own: the operations of this conductor.
    :param hostname: of this conductor.
    :param incarnation: identifier of this run of it.
    :param seen: notes that this conductor lives.
    :param purge_batch: how many rows are deleted in one transaction.
    :param told: tells other services of what is settled.
    """

    def __init__(
        self,
        store: operations.OperationStore,
        own: ledger.Ledger,
        *,
        hostname: str,
        incarnation: str,
        seen: Callable[[], object],
        times: Times,
        purge_batch: int,
        told: notices.NoNotices = notices.NO_NOTICES,
    ) -> None:
        self._store = store
        self._own = own
        self._hostname = hostname
        self._incarnation = incarnation
        self._seen = seen
        self._times = times
        self._purge_batch = purge_batch
        self._notices = notices.harmless(told)
        self._upkeep_seconds = min(times.upkeep, times.gone_after / 4)
        self._next_progress = float('-inf')
        self._next_upkeep = float('-inf')
        self._last_upkeep = float('-inf')
        self._well_since = float('inf')
        self._away = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name='keeper', daemon=True
        )

    def start(self) -> None:
        """Settle what an earlier run of this conductor left, and begin.

        :raises: RegistryUnavailable.
        """
        settled = self._store.settle(
            timeout_seconds=self._times.gone_after,
            conductor=self._hostname,
            ended=self._notices.settled,
        )
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
            left = self._store.settle_own(
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
                self._last_upkeep = float('-inf')
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
        if news:
            self._store.report_progress(
                self._incarnation,
                {key: progress for key, (_, progress) in news.items()},
            )
        for one, progress in news.values():
            one.written = progress
        self._own.ask_to_end(self._store.cancel_requests(self._incarnation))

    def _upkeep(self) -> None:
        self._seen()
        self._note_time()
        self._settle_own()
        if time.monotonic() - self._well_since >= self._times.gone_after:
            settled = self._store.settle(
                timeout_seconds=self._times.gone_after,
                ended=self._notices.settled,
            )
            if settled:
                LOG.warning(
                    '%d operations of lost conductors were settled', settled
                )
        self._purge()

    def _note_time(self) -> None:
        """Note since when the registry has been there without a gap.

        After an outage, or after this process has slept, no conductor may
        have been seen for long, though all of them live.
        """
        now = time.monotonic()
        if now - self._last_upkeep > self._times.gone_after / 2:
            self._well_since = now
        self._last_upkeep = now

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
            # The rest must wait: whoever is not seen for long is given up.
            until = time.monotonic() + self._upkeep_seconds / 4
            while not self._stopped.is_set():
                deleted = purge(
                    older_than_seconds=age, limit=self._purge_batch
                )
                if deleted < self._purge_batch or time.monotonic() > until:
                    break
