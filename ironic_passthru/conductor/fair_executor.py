# SPDX-License-Identifier: Apache-2.0
"""The workers of asynchronous calls, of which no driver gets them all."""

import collections
import threading
from collections.abc import Callable
from typing import Any

from ironic_passthru import threads


class FairExecutor:
    """Runs work in threads, in order, but for the excess of one driver.

    What a driver has beyond its share waits aside, so that the work of
    others does not wait behind calls that hang.

    :param workers: number of threads.
    :param share: how many of them one driver may occupy.
    :raises: RuntimeError if no thread can be started.
    """

    def __init__(self, workers: int, share: int) -> None:
        self._share = share
        self._lock = threading.Lock()
        self._running: collections.Counter[str] = collections.Counter()
        self._aside: dict[str, collections.deque[Callable[[], None]]] = {}
        self._pool = threads.ThreadPool(workers, 'call')

    def submit(
        self, driver: str, function: Callable[..., None], *args: Any
    ) -> None:
        """Run a function once there is a worker for its driver.

        :raises: RuntimeError after :meth:`close`.
        """

        def work() -> None:
            try:
                function(*args)
            finally:
                self._next(driver)

        with self._lock:
            if self._running[driver] >= self._share:
                aside = self._aside.setdefault(driver, collections.deque())
                aside.append(work)
                return
            self._running[driver] += 1
            try:
                self._pool.submit(work)
            except BaseException:
                self._leave(driver)
                raise

    def recover(self) -> bool:
        """Start threads for waiting work that lacks them.

        :returns: False if work waits for a thread that cannot be started.
        """
        return self._pool.recover()

    def close(self) -> None:
        """Begin nothing further; what runs is left alone."""
        with self._lock:
            self._aside.clear()
            self._pool.shutdown(wait=False)

    def _next(self, driver: str) -> None:
        """Let the next work of a driver follow one that has ended."""
        with self._lock:
            aside = self._aside.get(driver)
            if aside:
                self._pool.submit(aside.popleft())
                return
            self._aside.pop(driver, None)
            self._leave(driver)

    def _leave(self, driver: str) -> None:
        self._running[driver] -= 1
        if not self._running[driver]:
            del self._running[driver]
