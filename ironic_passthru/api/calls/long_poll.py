# SPDX-License-Identifier: Apache-2.0
"""Long polling for the final states of operations."""

import threading
import time

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.db import operations

# Many operations finish immediately; most others take long.
_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.25
_GROWTH = 1.5


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
        deadline = time.monotonic() + limit
        try:
            if self._is_final(operation_id):
                return limit
            if not self._slots.acquire(blocking=False):
                return None
            try:
                self._poll(operation_id, deadline)
            finally:
                self._slots.release()
        except errors.RegistryUnavailable:
            return None
        return limit

    def _poll(self, operation_id: str, deadline: float) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(pause, left))
            if self._is_final(operation_id):
                return
            pause = min(pause * _GROWTH, _LONGEST_PAUSE_SECONDS)

    def _is_final(self, operation_id: str) -> bool:
        # An unknown operation has the state None.
        return self._operations.state(operation_id) not in operation.ACTIVE
