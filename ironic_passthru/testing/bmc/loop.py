# SPDX-License-Identifier: Apache-2.0
"""The event loop thread that all simulated BMCs of a process share."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any
from typing import TypeVar

_T = TypeVar('_T')


class SharedLoop:
    """An event loop in a thread, which runs while it has users."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def acquire(self) -> None:
        """Start the thread for its first user."""
        with self._lock:
            self._users += 1
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name='bmc', daemon=True
                )
                self._thread.start()

    def release(self) -> None:
        """End the thread after its last user."""
        with self._lock:
            self._users -= 1
            if self._users or self._loop is None or self._thread is None:
                return
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            self._loop = self._thread = None

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine in the thread; return its result."""
        if self._loop is None:
            work.close()
            raise RuntimeError('The event loop of the BMCs is not running.')
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


SHARED = SharedLoop()
