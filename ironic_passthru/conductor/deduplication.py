# SPDX-License-Identifier: Apache-2.0
"""A short memory of the calls that a conductor has taken."""

import heapq
import threading
import time


class CallDeduplication:
    """Remembers call ids until their deadline has passed.

    A message that comes later is refused for its deadline, so nothing needs
    to be remembered longer.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: set[str] = set()
        # The one to be forgotten first is first.
        self._order: list[tuple[float, str]] = []

    def add(self, call_id: str, keep_seconds: float) -> bool:
        """Note a call; return False if it was there already."""
        now = time.monotonic()
        with self._lock:
            while self._order and self._order[0][0] < now:
                self._ids.discard(heapq.heappop(self._order)[1])
            if call_id in self._ids:
                return False
            self._ids.add(call_id)
            heapq.heappush(self._order, (now + keep_seconds, call_id))
            return True

    def __contains__(self, call_id: str) -> bool:
        return call_id in self._ids

    def __len__(self) -> int:
        return len(self._ids)
