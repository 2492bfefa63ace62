# SPDX-License-Identifier: Apache-2.0
"""Writing the operations of many calls in few transactions."""

import collections
import dataclasses
import threading
import time
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
# How long a busy journal lets changes gather; one that is not busy does not.
_GATHER_SECONDS = 0.002


@dataclasses.dataclass(frozen=True)
class _Entry:
    """A change, and who waits for it."""

    change: operation.Change
    done: futures.Future[Any] = dataclasses.field(
        default_factory=futures.Future
    )

    @property
    def patient(self) -> bool:
        """Whether it is tried until the database is back.

        What has happened must be noted; a new call can be refused instead.
        """
        return isinstance(self.change, operation.Move)


class Journal:
    """Commits changes of operations, those that come together at once.

    A transaction costs a database several times what a row in it does, so
    while one is committed the next ones gather.

    :param recorder: writes them; it is this thread's alone.
    :param retry_seconds: pause while the database is away.
    """

    def __init__(
        self,
        recorder: operations.Recorder,
        *,
        retry_seconds: float = _RETRY_SECONDS,
    ) -> None:
        self._recorder = recorder
        self._retry_seconds = retry_seconds
        self._changed = threading.Condition()
        self._waiting: collections.deque[_Entry] = collections.deque()
        self._open = True
        self._closes_at = float('inf')
        self._away = False
        self._thread = threading.Thread(
            target=self._run, name='journal', daemon=True
        )

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def record(self, new: operation.NewOperation) -> None:
        """Return when an operation is committed, queued.

        :raises: RegistryUnavailable, DuplicateCall, KeyInUse; on the first
            it may have been committed all the same.
        """
        self._add(new).result()

    def claim(self, operation_id: str, incarnation: str) -> bool:
        """Return whether a queued operation may now be run.

        :raises: ConductorStopping if that could not be found out in time.
        """
        claim = operation.Move(
            operation_id,
            operation.State.QUEUED,
            operation.State.RUNNING,
            owner=incarnation,
        )
        return self._add(claim).result()

    def move(self, move: operation.Move) -> futures.Future[bool]:
        """Move an operation; the future tells whether it was moved.

        :raises: ConductorStopping, as the future does, if there is or was
            no time for it.
        """
        return self._add(move)

    def close(self, seconds: float) -> None:
        """Write what there is, but no longer than so; then end."""
        with self._changed:
            self._open = False
            self._closes_at = time.monotonic() + seconds
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def _add(self, change: operation.Change) -> futures.Future[Any]:
        entry = _Entry(change)
        with self._changed:
            if not self._open:
                raise errors.ConductorStopping()
            self._waiting.append(entry)
            self._changed.notify()
        return entry.done

    def _run(self) -> None:
        batch: list[_Entry] = []
        while batch := self._take(gather=len(batch) > 1):
            late = self._write(batch)
            if late and not self._pause():
                for entry in late:
                    entry.done.set_exception(errors.ConductorStopping())
            elif late:
                with self._changed:
                    # They are written in the order in which they came.
                    self._waiting.extendleft(reversed(late))
        self._recorder.close()

    def _take(self, *, gather: bool) -> list[_Entry]:
        """Wait for entries; none means that there will be no more.

        :param gather: whether others are likely to follow the first.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or not self._open)
        if gather and self._open:
            time.sleep(_GATHER_SECONDS)
        with self._changed:
            count = min(len(self._waiting), _MAX_BATCH)
            return [self._waiting.popleft() for _ in range(count)]

    def _pause(self) -> bool:
        """Wait before another attempt; tell whether there is time for it."""
        with self._changed:
            self._changed.wait_for(
                lambda: not self._open, timeout=self._retry_seconds
            )
        if self._open:
            return True
        time.sleep(max(0.0, min(self._retry_seconds, self._closes_in())))
        return self._closes_in() > 0

    def _closes_in(self) -> float:
        return self._closes_at - time.monotonic()

    def _write(self, batch: list[_Entry]) -> list[_Entry]:
        """Write a batch; return those that must be tried again."""
        try:
            outcomes = self._recorder.apply([entry.change for entry in batch])
        except errors.RegistryUnavailable as error:
            self._note(away=True)
            for entry in self._impatient(batch):
                entry.done.set_exception(error)
            return [entry for entry in batch if entry.patient]
        except Exception as error:
            if len(batch) > 1:
                # One that cannot be stored must not stand for all.
                return [e for one in batch for e in self._write([one])]
            # Its text and its traceback may hold what a driver returned.
            LOG.error(
                'An operation cannot be stored: %s', session.cause(error)
            )
            batch[0].done.set_exception(errors.PassthruError())
            return []
        self._note(away=False)
        for entry, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, errors.PassthruError):
                entry.done.set_exception(outcome)
            else:
                entry.done.set_result(outcome)
        return []

    def _impatient(self, batch: list[_Entry]) -> list[_Entry]:
        """Return all that can be refused now, in the batch or waiting."""
        with self._changed:
            refused = [one for one in self._waiting if not one.patient]
            self._waiting = collections.deque(
                one for one in self._waiting if one.patient
            )
        return refused + [entry for entry in batch if not entry.patient]

    def _note(self, *, away: bool) -> None:
        if away and not self._away:
            LOG.warning(
                'The registry is away; what becomes of operations is noted '
                'when it is back'
            )
        self._away = away
