# SPDX-License-Identifier: Apache-2.0
"""Batched writes of operations to the registry."""

import collections
import dataclasses
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
# How long changes gather after a batch of several.
_GATHER_SECONDS = 0.002

# Larger results, in characters, have threads of their own: writing one takes
# as long as writing thousands of states.
_LARGE_RESULT = 64 * 1024
_LARGE_THREADS = 2

# Number of failures in batches after which a change is written alone, and
# number of failures alone, while other changes succeed, after which it is
# reduced.
_MAX_SHARED_FAILURES = 3
_MAX_LONE_FAILURES = 10

# For statements that run when the time of close() is over.
_JOIN_SECONDS = 5.0


@dataclasses.dataclass
class _Entry:
    """A change and the future of its outcome.

    :param shared_failures: number of failed transactions.
    :param lone_failures: number of those without other changes, between
        which another change was written.
    :param failed_at: number of changes written before the last failure.
    """

    change: operation.Change
    done: futures.Future[Any] = dataclasses.field(
        default_factory=futures.Future
    )
    shared_failures: int = 0
    lone_failures: int = 0
    failed_at: int = 0

    @property
    def is_retried(self) -> bool:
        """Whether it is retried until the database is available.

        A transition must be recorded; a new call can be refused.
        """
        return isinstance(self.change, operation.Transition)

    def reduce(self) -> bool:
        """Omit a part that the database may refuse, if there is one.

        :returns: whether the change is smaller now.
        """
        if not isinstance(self.change, operation.Transition):
            return False
        reduced = self.change.reduced()
        changed = reduced != self.change
        self.change = reduced
        self.lone_failures = 0
        return changed

    def fail(self, error: Exception) -> None:
        """Set the error of the future unless it has an outcome."""
        if not self.done.done():
            self.done.set_exception(error)


class OperationWriter:
    """Writes changes of operations, simultaneous ones in one transaction.

    Transactions are expensive for a database, rows are not: changes are
    collected while another transaction commits. Other threads write large
    results, so that changes of states do not wait for them.

    :param new_writer: returns the change writer of one thread.
    :param retry_seconds: pause while the database is unavailable.
    """

    def __init__(
        self,
        new_writer: Callable[[], operations.ChangeWriter],
        *,
        retry_seconds: float = _RETRY_SECONDS,
    ) -> None:
        self._small = _Queue(
            [new_writer()],
            name='operation-writer',
            max_batch=_MAX_BATCH,
            retry_seconds=retry_seconds,
        )
        self._large = _Queue(
            [new_writer() for _ in range(_LARGE_THREADS)],
            name='operation-writer-large',
            max_batch=1,
            retry_seconds=retry_seconds,
        )

    def start(self) -> None:
        """Start the threads."""
        self._small.start()
        self._large.start()

    def record(self, new: operation.NewOperation) -> None:
        """Return when an operation is committed.

        :raises: DuplicateCall, KeyInUse, ConductorStopping;
            RegistryUnavailable, though it may have been committed then.
        """
        self._small.add(new).result()

    def claim(self, operation_id: str, incarnation: str) -> bool:
        """Change an operation from queued to running.

        :returns: False if it was not queued, so that it must not run.
        :raises: ConductorStopping if the registry was not available in time.
        """
        claim = operation.Transition(
            operation_id,
            operation.State.QUEUED,
            operation.State.RUNNING,
            owner=incarnation,
        )
        return self.write(claim).result()

    def write(self, change: operation.Transition) -> futures.Future[bool]:
        """Write a transition.

        :returns: whether it was made, or False if the operation was not in
            its source state; or ConductorStopping if the registry was not
            available in time.
        """
        large = len(change.result or '') > _LARGE_RESULT
        return (self._large if large else self._small).add(change)

    def close(self, seconds: float) -> None:
        """Write what is queued, retry failures for ``seconds``, and end.

        A statement that the database does not answer is left to its thread.
        """
        closes_at = time.monotonic() + seconds
        for queue in (self._small, self._large):
            queue.close(closes_at)
        for queue in (self._small, self._large):
            queue.join(closes_at + _JOIN_SECONDS)


class _Queue:
    """A queue of changes, and the threads that write them.

    A change that fails neither stops nor delays later ones: it is kept
    apart, and written again after a pause.

    :param writers: one for each thread.
    :param max_batch: number of changes in one transaction.
    """

    def __init__(
        self,
        writers: Sequence[operations.ChangeWriter],
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
        # When waiting and failed changes may be written again.
        self._pause_until = float('-inf')
        self._retry_at = float('-inf')
        self._retry_alone = False
        self._written = 0
        self._closes_at: float | None = None
        self._is_available = True
        self._threads = [
            threading.Thread(
                target=self._run, args=[writer], name=name, daemon=True
            )
            for writer in writers
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def add(self, change: operation.Change) -> futures.Future[Any]:
        """Queue a change; the future is ConductorStopping after close()."""
        entry = _Entry(change)
        with self._changed:
            if self._closes_at is None:
                self._waiting.append(entry)
                self._changed.notify()
                return entry.done
        entry.fail(errors.ConductorStopping())
        return entry.done

    def close(self, closes_at: float) -> None:
        """Refuse further changes; retry failed ones until ``closes_at``."""
        with self._changed:
            self._closes_at = closes_at
            self._changed.notify_all()

    def join(self, until: float) -> None:
        """Wait for the threads, until then, and fail what they left."""
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, until - time.monotonic()))
        with self._changed:
            left = [*self._waiting, *self._failed]
            self._waiting.clear()
            self._failed.clear()
        if any(thread.is_alive() for thread in self._threads):
            LOG.error(
                'The registry database does not answer; the conductor stops '
                'before all operations are recorded'
            )
        for entry in left:
            entry.fail(errors.ConductorStopping())

    def _run(self, writer: operations.ChangeWriter) -> None:
        while batch := self._take():
            try:
                self._write(writer, batch)
            except Exception as error:
                # Without this thread no call could be accepted or finished.
                LOG.error(
                    'Operations cannot be written: %s', session.cause(error)
                )
                for entry in batch:
                    entry.fail(errors.PassthruError())
            if len(batch) > 1 and self._closes_at is None:
                # More changes are likely to follow soon.
                time.sleep(_GATHER_SECONDS)
        writer.close()

    def _take(self) -> list[_Entry]:
        """Wait for the next batch; an empty one is the last."""
        with self._changed:
            while True:
                now = time.monotonic()
                if self._failed and now >= self._retry_at:
                    return self._take_failed()
                if self._waiting and (
                    self._closes_at is not None or now >= self._pause_until
                ):
                    size = min(self._max_batch, len(self._waiting))
                    return [self._waiting.popleft() for _ in range(size)]
                if self._closes_at is not None and self._is_finished():
                    return []
                self._changed.wait(self._wait_seconds())

    def _wait_seconds(self) -> float | None:
        """Return the time until the next change may be written."""
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

    def _is_finished(self) -> bool:
        """Return whether a closed queue needs no more attempts."""
        if self._failed and time.monotonic() >= (self._closes_at or 0.0):
            for entry in self._failed:
                entry.fail(errors.ConductorStopping())
            self._failed.clear()
        return not self._failed and not self._waiting

    def _take_failed(self) -> list[_Entry]:
        """Return changes to write again; after a failure a single one.

        So a change that fails every time is finally written alone.
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
        # Until the outcome of this batch is known.
        self._retry_at = time.monotonic() + self._retry_seconds
        return batch

    def _write(
        self, writer: operations.ChangeWriter, batch: list[_Entry]
    ) -> None:
        """Write a batch, or keep it to be written again."""
        try:
            outcomes = writer.apply([entry.change for entry in batch])
        except errors.RegistryUnavailable as error:
            self._keep(batch, error)
            return
        except (errors.DuplicateCall, errors.KeyInUse) as error:
            batch[0].fail(error)
            return
        except Exception as error:
            if len(batch) > 1:
                # Only the change that cannot be stored must fail.
                for entry in batch:
                    self._write(writer, [entry])
            else:
                self._write_reduced(writer, batch[0], error)
            return
        with self._changed:
            self._written += 1
            self._is_available = True
            self._pause_until = float('-inf')
            if batch[0].shared_failures:
                self._retry_alone = False
                self._retry_at = float('-inf')
            self._changed.notify_all()
        for entry, outcome in zip(batch, outcomes, strict=True):
            entry.done.set_result(outcome)

    def _write_reduced(
        self,
        writer: operations.ChangeWriter,
        entry: _Entry,
        error: Exception,
    ) -> None:
        """Write the parts of a change that the database accepts."""
        # Not its text or traceback, which may contain data of a driver.
        LOG.error('An operation cannot be stored: %s', session.cause(error))
        if entry.reduce():
            self._write(writer, [entry])
        else:
            entry.fail(errors.PassthruError())

    def _keep(
        self, batch: list[_Entry], error: errors.RegistryUnavailable
    ) -> None:
        """Keep transitions to be written again, and fail new operations."""
        again = batch[0].shared_failures > 0
        with self._changed:
            for entry in batch:
                self._count_failure(entry, alone=again and len(batch) == 1)
            refused = [entry for entry in batch if not entry.is_retried]
            self._failed += [entry for entry in batch if entry.is_retried]
            self._retry_alone = True
            self._retry_at = time.monotonic() + self._retry_seconds
            if not again:
                # The database seems to be unavailable for all changes.
                self._pause_until = self._retry_at
                refused += [one for one in self._waiting if not one.is_retried]
                self._waiting = collections.deque(
                    entry for entry in self._waiting if entry.is_retried
                )
                if self._is_available:
                    LOG.warning(
                        'Registry database unavailable; operation updates '
                        'will be retried'
                    )
                self._is_available = False
            self._changed.notify_all()
        for entry in refused:
            entry.fail(error)

    def _count_failure(self, entry: _Entry, *, alone: bool) -> None:
        entry.shared_failures += 1
        if alone and self._written > entry.failed_at:
            entry.lone_failures += 1
        entry.failed_at = self._written
        if entry.lone_failures > _MAX_LONE_FAILURES and entry.reduce():
            LOG.error('An operation cannot be stored; a part is omitted')
