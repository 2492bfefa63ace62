# SPDX-License-Identifier: Apache-2.0
"""Retries of replies whose queue is missing, in one thread."""

import collections
import dataclasses
import threading
import time
from collections.abc import Callable

from oslo_log import log

LOG = log.getLogger(__name__)

_INTERVAL_SECONDS = 0.25


@dataclasses.dataclass(frozen=True)
class Reply:
    """A reply whose queue was missing at the first attempt.

    :param queue: name of the queue.
    :param send: sends the reply; returns False if the queue is missing.
    :param abandon: called if the queue is still missing at the deadline.
    :param deadline: ``time.monotonic()`` of the last attempt.
    """

    queue: str
    send: Callable[[], bool]
    abandon: Callable[[], None]
    deadline: float


class ReplyRetrier:
    """Retries replies until their queues exist or their deadlines pass.

    A queue is missing for a moment while a broker fails over, and permanently
    after its client has exited. oslo.messaging waits in the thread that ran
    the call; a number of exited clients would occupy all threads.

    :param capacity: number of pending replies; further ones are dropped.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._changed = threading.Condition()
        self._count = 0
        self._pending: dict[str, collections.deque[Reply]] = {}
        self._stopped = False
        self._thread: threading.Thread | None = None

    def add(self, reply: Reply) -> None:
        """Retry a reply, or drop it if too many are pending.

        :raises: RuntimeError if no thread can be started; the reply stays
            pending, and the next call starts the thread.
        """
        with self._changed:
            fits = self._count < self._capacity
            if fits:
                self._count += 1
                self._pending.setdefault(
                    reply.queue, collections.deque()
                ).append(reply)
                self._changed.notify()
            if self._thread is None:
                thread = threading.Thread(
                    target=self._run, name='reply-retrier', daemon=True
                )
                thread.start()
                self._thread = thread
        if not fits:
            LOG.warning(
                'Dropped a reply whose queue is missing: %d replies are '
                'pending',
                self._capacity,
            )

    def stop(self) -> None:
        """Wait for the pending replies, then stop the thread."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._pending:
                    if self._stopped:
                        return
                    self._changed.wait()
                queues = list(self._pending)
            for queue in queues:
                self._retry(queue)
            time.sleep(_INTERVAL_SECONDS)

    def _retry(self, queue: str) -> None:
        """Send the replies of a queue, in order, while the queue exists."""
        while True:
            with self._changed:
                replies = self._pending[queue]
                if not replies:
                    del self._pending[queue]
                    return
                reply = replies[0]
            if not _is_done(reply):
                return
            with self._changed:
                replies.popleft()
                self._count -= 1


def _is_done(reply: Reply) -> bool:
    """Send or abandon a reply; return False if it has to be retried."""
    try:
        if time.monotonic() < reply.deadline:
            return reply.send()
        reply.abandon()
    except Exception:
        LOG.exception('Cannot send a reply to queue %s', reply.queue)
    return True
