# SPDX-License-Identifier: Apache-2.0
"""Long polling for the final states of operations."""

import collections
import threading

from ironic_passthru import errors
from ironic_passthru.api.calls import watch
from ironic_passthru.db import operations


class LongPoll:
    """Waits of requests for final states, limited in time and number.

    :param max_seconds: limit of one request.
    :param max_waiting: number of waiting requests; each occupies a thread.
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
        self._slots = threading.BoundedSemaphore(max_waiting)

    def wait(self, operation_id: str, seconds: int | None) -> int | None:
        """Wait until an operation is final or the time limit has passed.

        :param seconds: preference of the client; None without a preference.
        :returns: the limit that was applied, in seconds; None if all slots
            are in use or the registry is unavailable.
        """
        limit = min(seconds or 0, self._max_seconds)
        if not limit:
            return None
        try:
            reads = watch.reads(self._operations, operation_id, limit)
            found = next(reads)
            if found is None or found.final:
                return limit
            if not self._slots.acquire(blocking=False):
                return None
            try:
                # Each read but the first follows a pause.
                collections.deque(reads, maxlen=0)
            finally:
                self._slots.release()
        except errors.RegistryUnavailable:
            return None
        return limit
