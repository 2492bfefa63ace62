# SPDX-License-Identifier: Apache-2.0
"""Writing the operations of many calls in few transactions."""

import collections
import dataclasses
import itertools
import threading
import time
from collections.abc import Callable
from collections.abc import Sequence
from concurrent import futures
from typing import Any

from oslo_log import log

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.db import operations
from ironic_passthru.db import session

LOG = log.getLogger(__name__)

_MAX_BATCH = 100
_RETRY_SECONDS = 0.5
# How long a busy writer lets changes gather; one that is not busy does not.
_GATHER_SECONDS = 0.002

# Results of more characters have threads of their own: one takes as long to
# write as thousands of states.
_LARGE_RESULT = 64 * 1024
_LARGE_THREADS = 2

# How often a change that fails is written together with others, and how
# often it may fail alone, while others are written, until it is reduced.
_MAX_SHARED_FAILURES = 3
_MAX_LONE_FAILURES = 10


@dataclasses.dataclass
class _Entry:
    """A change and the future of its caller.

    :param shared_failures: how often a transaction with others failed.
    :param lone_failures: how often it failed alone, though another change
        was written since the time before.
    :param failed_at: number of the last change that was written before it
        failed.
    """

    change: operation.Change
    done: futures.Future[Any] = dataclasses.field(
        default_factory=futures.Future
    )
    shared_failures: int = 0
    lone_failures: int = 0
    failed_at: int = 0

    @property
    def patient(self) -> bool:
        """Whether it is tried until the database is available.

        What has happened must be recorded; a new call can be refused.
        """
        return isinstance(self.change, operation.Transition)

    def reduce(self) -> bool:
        """Leave out what the database may refuse; return if there was any."""
        if not isinstance(self.change, operation.Transition):
            return False
        reduced = self.change.reduced()
        changed = reduced != self.change
        self.change = reduced
        self.lone_failures = 0
        return changed


class OperationWriter:
    """Commits changes of operations, those that come together at once.

    A transaction costs a database several times what a row in it does, so
    while one is committed the next ones gather.  Large results are written
    by other threads, so that no state waits for them.

    :param new_recorder: returns what one thread writes with.
    :param retry_seconds: pause while the database is unavailable.
    """

    def __init__(
        self,
        new_recorder: Callable[[], operations.ChangeWriter],
        *,
        retry_seconds: float = _RETRY_SECONDS,
    ) -> None:
        self._small = _Writer(
            [new_recorder()],
            name='journal',
            max_batch=_MAX_BATCH,
            retry_seconds=retry_seconds,
        )
        self._large = _Writer(
            [new_recorder() for _ in range(_LARGE_THREADS)],
            name='journal-large',
            max_batch=1,
            retry_seconds=retry_seconds,
        )

    def start(self) -> None:
        """Begin to write."""
        self._small.start()
        self._large.start()

    def record(self, new: operation.NewOperation) -> None:
        """Return when an operation is committed, queued.

        :raises: RegistryUnavailable, DuplicateCall, KeyInUse; on the first
            it may have been committed all the same.
        """
        self._small.add(new).result()

    def claim(self, operation_id: str, incarnation: str) -> bool:
        """Return whether a queued operation may now be run.

        :raises: ConductorStopping if that could not be found out in time.
        """
        claim = operation.Transition(
            operation_id,
            operation.State.QUEUED,
            operation.State.RUNNING,
            owner=incarnation,
        )
        return self._small.add(claim).result()

    def move(self, move: operation.Transition) -> futures.Future[bool]:
        """Move an operation; the future tells whether it was moved.

        :raises: ConductorStopping, as the future does, if there is or was
            no time for it.
        """
        large = len(move.result or '') > _LARGE_RESULT
        return (self._large if large else self._small).add(move)

    def close(self, seconds: float) -> None:
        """Write what there is, but no longer than so; then end."""
        closes_at = time.monotonic() + seconds
        for writer in (self._small, self._large):
            writer.close(closes_at)
        for writer in (self._small, self._large):
            writer.join()


class _Writer:
    """Threads that write the changes of one queue.

    A change that fails neither stops nor delays those behind it: it waits
    apart, and is written again after a pause.

    :param recorders: one for each thread.
    :param max_batch: how many changes one transaction has at most.
    """

    def __init__(
        self,
        recorders: Sequence[operations.ChangeWriter],
        *,
        name: str,
        max_batch: int,
        retry_seconds: float,
    ) -> None:
        self._max_batch = max_batch
        self._retry_seconds = retry_seconds
        self._changed = threading.Condition()
        self._waiting: collections.deque[_Entry] = collections.deque()
        self._failed: collections.deque[_Entry] = collections.deque()
        # Before these nothing new, and nothing that has failed, is written.
        self._pause_until = float('-inf')
        self._retry_at = float('-inf')
        self._retry_alone = False
        self._written = 0
        self._closes_at: float | None = None
        self._away = False
        self._threads = [
            threading.Thread(
                target=self._run, args=[recorder], name=name, daemon=True
            )
            for recorder in recorders
        ]

    def start(self) -> None:
        """Begin to write."""
        for thread in self._threads:
            thread.start()

    def add(self, change: operation.Change) -> futures.Future[Any]:
        """Queue a change; the future gets its outcome.

        :raises: ConductorStopping.
        """
        entry = _Entry(change)
        with self._changed:
            if self._closes_at is not None:
                raise errors.ConductorStopping()
            self._waiting.append(entry)
            self._changed.notify()
        return entry.done

    def close(self, closes_at: float) -> None:
        """Take no more changes, and give up those that fail by then."""
        with self._changed:
            self._closes_at = closes_at
            self._changed.notify_all()

    def join(self) -> None:
        """Return when the threads have ended."""
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _run(self, recorder: operations.ChangeWriter) -> None:
        while batch := self._take():
            try:
                self._write(recorder, batch)
            except Exception as error:
                # Without this thread no call could be accepted or finished.
                LOG.error(
                    'Operations cannot be written: %s', session.cause(error)
                )
                _give_up(batch)
            if len(batch) > 1 and self._closes_at is None:
                # Others are likely to follow soon.
                time.sleep(_GATHER_SECONDS)
        recorder.close()

    def _take(self) -> list[_Entry]:
        """Wait for changes; none means that there will be no more."""
        with self._changed:
            while not (self._due() or self._retry_due()):
                if self._closes_at is not None and self._finished():
                    return []
                self._changed.wait(self._wait_seconds())
            if self._retry_due():
                return self._take_failed()
            batch = list(itertools.islice(self._waiting, self._max_batch))
            for _ in batch:
                self._waiting.popleft()
            return batch

    def _due(self) -> bool:
        late = self._closes_at is not None
        return bool(self._waiting) and (
            late or time.monotonic() >= self._pause_until
        )

    def _retry_due(self) -> bool:
        return bool(self._failed) and time.monotonic() >= self._retry_at

    def _wait_seconds(self) -> float | None:
        """Return when to look again, whatever is added until then."""
        moments = []
        if self._waiting:
            moments.append(self._pause_until)
        if self._failed:
            moments.append(self._retry_at)
            if self._closes_at is not None:
                moments.append(self._closes_at)
        if not moments:
            return None
        return max(0.0, min(moments) - time.monotonic())

    def _finished(self) -> bool:
        """Return whether a queue that is closed needs no more attempts."""
        if self._failed and time.monotonic() >= (self._closes_at or 0.0):
            for entry in self._failed:
                entry.done.set_exception(errors.ConductorStopping())
            self._failed.clear()
        return not self._failed and not self._waiting

    def _take_failed(self) -> list[_Entry]:
        """Return changes to be tried again; after a failure one alone.

        So one that fails again and again fails by itself in the end.
        """
        first = self._failed.popleft()
        batch = [first]
        while (
            not self._retry_alone
            and self._failed
            and len(batch) < self._max_batch
            and first.shared_failures < _MAX_SHARED_FAILURES
            and self._failed[0].shared_failures < _MAX_SHARED_FAILURES
        ):
            batch.append(self._failed.popleft())
        # Until its outcome is known.
        self._retry_at = time.monotonic() + self._retry_seconds
        return batch

    def _write(
        self, recorder: operations.ChangeWriter, batch: list[_Entry]
    ) -> None:
        """Write a batch, or put it aside to be tried again."""
        try:
            outcomes = recorder.apply([entry.change for entry in batch])
        except errors.RegistryUnavailable as error:
            self._put_aside(batch, error)
            return
        except (errors.DuplicateCall, errors.KeyInUse) as error:
            batch[0].done.set_exception(error)
            return
        except Exception as error:
            if len(batch) > 1:
                # One that cannot be stored must not stand for all.
                for one in batch:
                    self._write(recorder, [one])
            else:
                self._write_reduced(recorder, batch[0], error)
            return
        with self._changed:
            self._written += 1
            self._away = False
            self._pause_until = float('-inf')
            if batch[0].shared_failures:
                self._retry_alone = False
                self._retry_at = float('-inf')
            self._changed.notify_all()
        for entry, outcome in zip(batch, outcomes, strict=True):
            entry.done.set_result(outcome)

    def _write_reduced(
        self,
        recorder: operations.ChangeWriter,
        entry: _Entry,
        error: Exception,
    ) -> None:
        """Write what the database accepts of a change that it refused."""
        # Its text and its traceback may hold what a driver returned.
        LOG.error('An operation cannot be stored: %s', session.cause(error))
        if entry.reduce():
            self._write(recorder, [entry])
        else:
            entry.done.set_exception(errors.PassthruError())

    def _put_aside(
        self, batch: list[_Entry], error: errors.RegistryUnavailable
    ) -> None:
        again = batch[0].shared_failures > 0
        with self._changed:
            for entry in batch:
                self._count_failure(entry, alone=again and len(batch) == 1)
            refused = [one for one in batch if not one.patient]
            self._failed += [one for one in batch if one.patient]
            self._retry_alone = True
            self._retry_at = time.monotonic() + self._retry_seconds
            if not again:
                # The database seems to be unavailable for all that waits.
                self._pause_until = self._retry_at
                refused += [one for one in self._waiting if not one.patient]
                self._waiting = collections.deque(
                    one for one in self._waiting if one.patient
                )
                self._note_away()
            self._changed.notify_all()
        for entry in refused:
            entry.done.set_exception(error)

    def _count_failure(self, entry: _Entry, *, alone: bool) -> None:
        entry.shared_failures += 1
        if alone and self._written > entry.failed_at:
            entry.lone_failures += 1
        entry.failed_at = self._written
        if entry.lone_failures > _MAX_LONE_FAILURES and entry.reduce():
            LOG.error('An operation cannot be stored; a part is left out')

    def _note_away(self) -> None:
        if not self._away:
            LOG.warning(
                'The registry is away; what becomes of operations is noted '
                'when it is back'
            )
        self._away = True


def _give_up(batch: list[_Entry]) -> None:
    """Fail the changes of a batch of which the outcome is not known."""
    for entry in batch:
        if not entry.done.done():
            entry.done.set_exception(errors.PassthruError())
