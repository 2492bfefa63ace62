# SPDX-License-Identifier: Apache-2.0
"""Native threads: the choice of them, and a pool that survives a shortage."""

import logging
import sys
from concurrent import futures

from oslo_service import backend

# Not oslo.log: it must not be imported before the backend is chosen.
LOG = logging.getLogger(__name__)


def init() -> None:
    """Make oslo use native threads; further calls change nothing.

    Libraries of oslo load eventlet unless this is done before they are
    imported.  Some probe for it merely to learn whether it is in use; a
    process that never runs it need not pay 20 MiB and a warning for that,
    so the probe finds nothing.
    """
    sys.modules.setdefault('eventlet', None)  # type: ignore[arg-type]
    backend.init_backend(backend.BackendType.THREADING)


class ThreadPool(futures.ThreadPoolExecutor):
    """Thread pool for hosts that may refuse to start a thread.

    The pool starts its first thread at once, so submitted work always has a
    thread that runs it. A thread that cannot be started later delays the
    work but does not make :meth:`submit` fail: concurrent.futures raises
    there although the work is queued and may run; futurist counts the
    thread as a worker for ever.

    :raises: RuntimeError if the first thread cannot be started.
    """

    def __init__(self, max_workers: int, name: str = 'worker') -> None:
        super().__init__(max_workers, thread_name_prefix=name)
        self._short = False
        super()._adjust_thread_count()

    def recover(self) -> bool:
        """Start threads for waiting work that lacks them.

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
                    # Refused, or a thread is idle and takes the work.
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
