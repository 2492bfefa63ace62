# SPDX-License-Identifier: Apache-2.0
"""Holding an answer back until an operation is final."""

import threading
import time

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.db import operations

# Many operations take no time, and most of the others a long one.
_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.25
_GROWTH = 1.5


class LongPoll:
    """Holds a bounded number of answers for a bounded time.

    :param max_seconds: how long one answer is held at most.
    :param max_waiting: how many are held at once; each holds a thread.
    """

    def __init__(
        self,
        operations: operations.OperationStore,
        *,
        max_seconds: int,
        max_waiting: int,
    ) -> None:
        self._operations = operations
        self._max_seconds = max_seconds
        self._places = threading.BoundedSemaphore(max_waiting)

    def hold(self, operation_id: str, seconds: int | None) -> int | None:
        """Return once an operation is final, or its time is over.

        :param seconds: how long the client would wait, if it said so.
        :returns: how long this would have waited; None if that cannot be
            promised now, or the database has gone away.
        """
        bound = min(seconds or 0, self._max_seconds)
        if not bound:
            return None
        deadline = time.monotonic() + bound
        try:
            if self._is_over(operation_id):
                return bound
            if not self._places.acquire(blocking=False):
                return None
            try:
                self._poll(operation_id, deadline)
            finally:
                self._places.release()
        except errors.RegistryUnavailable:
            return None
        return bound

    def _poll(self, operation_id: str, deadline: float) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(pause, left))
            if self._is_over(operation_id):
                return
            pause = min(pause * _GROWTH, _LONGEST_PAUSE_SECONDS)

    def _is_over(self, operation_id: str) -> bool:
        # One that is not there will not come.
        return self._operations.state(operation_id) not in operation.ACTIVE
