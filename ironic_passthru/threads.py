# SPDX-License-Identifier: Apache-2.0
"""Native threads, and a pool that tolerates failing thread starts."""

import contextlib
import gc
import logging
import sys
from collections.abc import Iterator
from concurrent import futures

from oslo_service import backend

# Not oslo.log: it must not be imported before the backend is selected.
LOG = logging.getLogger(__name__)


def init() -> None:
    """Select native threads for oslo; idempotent.

    Call it before importing oslo libraries, which import eventlet otherwise.
    Some import eventlet only to detect it, which costs 20 MiB and logs a
    warning, so that import is disabled.
    """
    sys.modules.setdefault('eventlet', None)  # type: ignore[arg-type]
    backend.init_backend(backend.BackendType.THREADING)


@contextlib.contextmanager
def imports() -> Iterator[None]:
    """Call :func:`init`, and pause the garbage collection in the context.

    Imported modules contain no garbage: without the pause a quarter of the
    time of a start is spent on searches for it.
    """
    init()
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()


class ThreadPool(futures.ThreadPoolExecutor):
    """Thread pool for hosts that limit the number of threads.

    The first thread is started by the constructor, so that submitted work
    always runs. A later thread that cannot be started delays the work, but
    :meth:`submit` does not fail: concurrent.futures raises an error there
    although the work is queued and may run; futurist counts the thread as a
    worker forever.

    :raises: RuntimeError if the first thread cannot be started.
    """

    def __init__(self, max_workers: int, name: str = 'worker') -> None:
        super().__init__(max_workers, thread_name_prefix=name)
        self._short = False
        super()._adjust_thread_count()

    def recover(self) -> bool:
        """Start missing threads for queued work.

        :returns: False if work waits for a thread that cannot be started.
        """
        with self._shutdown_lock:
            while (
                not self._shutdown
                and self._work_queue.qsize()
                and len(self._threads) < self._max_workers
            ):
                before = len(self._threads)
                self._adjust_thread_count()
                if len(self._threads) == before:
                    # The start failed, or an idle thread takes the work.
                    break
            waiting = self._work_queue.qsize()
            return self._shutdown or not (self._short and waiting)

    def _adjust_thread_count(self) -> None:
        try:
            super()._adjust_thread_count()
        except (MemoryError, RuntimeError) as error:
            if not self._short:
                LOG.warning(
                    'Cannot start a thread: %s; work waits for the %d threads '
                    'of %d that run',
                    error,
                    len(self._threads),
                    self._max_workers,
                )
            self._short = True
        else:
            self._short = False
