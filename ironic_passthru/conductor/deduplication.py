# SPDX-License-Identifier: Apache-2.0
"""Deduplication of calls by their ids."""

import heapq
import threading
import time


class CallDeduplication:
    """Keeps call ids until their deadlines have passed.

    A message that arrives later is refused because of its deadline.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: set[str] = set()
        # A heap of the times at which ids are removed.
        self._order: list[tuple[float, str]] = []

    def add(self, call_id: str, keep_seconds: float) -> bool:
        """Add the id of a call; return False if it is present already."""
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
