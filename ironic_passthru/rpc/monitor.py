# SPDX-License-Identifier: Apache-2.0
"""Heartbeats to the clients of running calls."""

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

from oslo_log import log

LOG = log.getLogger(__name__)

# Upper bound of the timeout of a message: a wait of years would raise
# OverflowError in the thread.
_MAX_SECONDS = 3600

# Pause after an unexpected error.
_RETRY_SECONDS = 1.0


class CallMonitor:
    """Sends the heartbeats of all running calls from one thread.

    oslo.messaging would start, wake and join a thread for each call, which
    takes longer than the rest of a short call.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        # Next heartbeat and interval, in monotonic seconds, by message.
        self._due: dict[Any, tuple[float, float]] = {}
        self._max_wait: float = _MAX_SECONDS
        self._stopped = False
        self._thread = threading.Thread(
            target=self._run, name='call-monitor', daemon=True
        )

    def start(self) -> None:
        """Start the thread.

        :raises: RuntimeError if no thread can be started.
        """
        self._thread.start()

    @contextlib.contextmanager
    def watch(self, incoming: Any) -> Iterator[None]:
        """Send heartbeats for a message, if it requests them."""
        timeout = incoming.client_timeout
        # Without a timeout oslo.messaging starts no thread of its own.
        incoming.client_timeout = None
        if not isinstance(timeout, int | float) or not timeout >= 1:
            yield
            return
        self.add(incoming, float(min(timeout, _MAX_SECONDS)))
        try:
            yield
        finally:
            self.remove(incoming)

    def add(self, incoming: Any, timeout_seconds: float) -> None:
        """Start sending heartbeats, two in each timeout."""
        interval = timeout_seconds / 2
        with self._changed:
            self._due[incoming] = (time.monotonic() + interval, interval)
            if interval < self._max_wait:
                # The thread may be waiting for longer than this interval.
                self._max_wait = interval
                self._changed.notify()

    def remove(self, incoming: Any) -> None:
        """Stop sending heartbeats for a message."""
        with self._changed:
            self._due.pop(incoming, None)

    def stop(self) -> None:
        """Stop the thread."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def _run(self) -> None:
        while not self._stopped:
            try:
                self._send_due()
                with self._changed:
                    if not self._stopped:
                        self._changed.wait(self._seconds_to_next())
            except Exception:
                # Clients of running calls time out without this thread.
                LOG.exception('Heartbeats of running calls failed')
                with self._changed:
                    self._changed.wait(_RETRY_SECONDS)

    def _send_due(self) -> None:
        with self._changed:
            now = time.monotonic()
            late = [i for i, (due, _) in self._due.items() if due <= now]
            for incoming in late:
                interval = self._due[incoming][1]
                self._due[incoming] = (now + interval, interval)
        for incoming in late:
            try:
                incoming.heartbeat()
            except Exception as error:
                # The client has disconnected, or the broker is unavailable.
                LOG.debug('Cannot send a heartbeat to a client: %s', error)
                self.remove(incoming)

    def _seconds_to_next(self) -> float:
        """Return the time to the next heartbeat, new calls included."""
        first = min((due for due, _ in self._due.values()), default=None)
        if first is None:
            return self._max_wait
        return min(self._max_wait, max(0.0, first - time.monotonic()))
