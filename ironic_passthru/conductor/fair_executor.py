# SPDX-License-Identifier: Apache-2.0
"""Executor of asynchronous calls that limits the share of each driver."""

import collections
import contextlib
import functools
import threading
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

from ironic_passthru import threads

_Work = Callable[[], None]


class FairExecutor:
    """Runs functions in threads, in order of submission within each driver.

    Functions beyond the share of their driver wait in a queue of the driver,
    so that calls that hang do not delay those of other drivers.

    :param workers: number of threads.
    :param share: number of threads that one driver may occupy.
    :raises: RuntimeError if no thread can be started.
    """

    def __init__(self, workers: int, share: int) -> None:
        self._workers = workers
        self._share = share
        self._lock = threading.Lock()
        self._closed = False
        self._running: collections.Counter[str] = collections.Counter()
        self._waiting: dict[str, collections.deque[_Work]] = {}
        self._pool = threads.ThreadPool(workers, 'call')

    @contextlib.contextmanager
    def reserve(self, driver: str) -> Iterator['Reservation']:
        """Reserve a worker for a driver, if one is free.

        It is released at the end of the context unless it was used.
        """
        reservation = Reservation(self, driver)
        with self._lock:
            if (
                self._running[driver] < self._share
                and self._running.total() < self._workers
            ):
                self._running[driver] += 1
                reservation.has_worker = True
        try:
            yield reservation
        finally:
            if reservation.has_worker:
                self._run(driver, _do_nothing)

    def submit(
        self, driver: str, function: Callable[..., None], *args: Any
    ) -> None:
        """Run a function once a worker is free for its driver.

        :param function: handles its own errors: they are ignored.
        :raises: RuntimeError after :meth:`close`; MemoryError. The function
            does not run then.
        """
        work = functools.partial(function, *args)
        with self._lock:
            self._require_open()
            if self._running[driver] >= self._share:
                self._waiting.setdefault(driver, collections.deque()).append(
                    work
                )
                return
            self._running[driver] += 1
            try:
                self._pool.submit(self._run, driver, work)
            except BaseException:
                self._leave(driver)
                raise

    def _use(self, driver: str, work: _Work) -> None:
        """Run a function in the worker that was reserved for it."""
        with self._lock:
            self._require_open()
            self._pool.submit(self._run, driver, work)

    def _require_open(self) -> None:
        if self._closed:
            raise RuntimeError('the executor is closed')

    def recover(self) -> bool:
        """Start threads for waiting work that lacks them.

        :returns: False if work waits for a thread that cannot be started.
        """
        return self._pool.recover()

    def close(self) -> None:
        """Start no further function; do not wait for running ones."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            self._pool.shutdown(wait=False)

    def _run(self, driver: str, work: _Work) -> None:
        following: _Work | None = work
        while following is not None:
            with contextlib.suppress(BaseException):
                following()
            following = self._submit_next(driver)

    def _submit_next(self, driver: str) -> _Work | None:
        """Queue the next function of a driver behind those of others.

        :returns: the function if it cannot be queued, for lack of memory:
            this thread runs it at once.
        """
        with self._lock:
            waiting = self._waiting.get(driver)
            if not waiting:
                self._waiting.pop(driver, None)
                self._leave(driver)
                return None
            work = waiting.popleft()
            try:
                self._pool.submit(self._run, driver, work)
            except Exception:
                return work
            return None

    def _leave(self, driver: str) -> None:
        self._running[driver] -= 1
        if not self._running[driver]:
            del self._running[driver]


class Reservation:
    """A worker that is reserved for one function, or none.

    :ivar has_worker: whether it holds a worker.
    """

    def __init__(self, executor: FairExecutor, driver: str) -> None:
        self._executor = executor
        self._driver = driver
        self.has_worker = False

    def submit(self, function: Callable[..., None], *args: Any) -> None:
        """Run a function in the worker, or else once one is free.

        See :meth:`FairExecutor.submit`.
        """
        if not self.has_worker:
            self._executor.submit(self._driver, function, *args)
            return
        self._executor._use(self._driver, functools.partial(function, *args))
        self.has_worker = False


def _do_nothing() -> None:
    """Do nothing."""
