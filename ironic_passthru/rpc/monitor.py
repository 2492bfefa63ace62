# SPDX-License-Identifier: Apache-2.0
"""Signs of life to the callers of calls that are running."""

import threading
import time
from typing import Any

import oslo_messaging
from oslo_log import log

LOG = log.getLogger(__name__)

# The longest time-out that a message may state; no client needs signs more
# seldom, and a wait of years would end the thread that sends them.
_MAX_SECONDS = 3600

# Pause after an unexpected error.
_RETRY_SECONDS = 1.0


class CallMonitor:
    """Sends the signs of life of all running calls from one thread.

    oslo.messaging would start, wake and join a thread for every call that
    asks for them; that costs a short call more than all else that the
    conductor does for it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due: dict[Any, tuple[float, float]] = {}
        self._longest_wait: float = _MAX_SECONDS
        self._stopped = False
        self._thread = threading.Thread(
            target=self._run, name='call-monitor', daemon=True
        )

    def start(self) -> None:
        """Start the thread.

        :raises: RuntimeError if no thread can be started.
        """
        self._thread.start()

    def add(self, incoming: Any, timeout_seconds: float) -> None:
        """Begin to send signs for a message, every half of its time-out."""
        interval = timeout_seconds / 2
        with self._changed:
            self._due[incoming] = (time.monotonic() + interval, interval)
            if interval < self._longest_wait:
                # A call with a shorter interval than the thread sleeps for.
                self._longest_wait = interval
                self._changed.notify()

    def remove(self, incoming: Any) -> None:
        """Send no further sign for a message."""
        with self._changed:
            self._due.pop(incoming, None)

    def stop(self) -> None:
        """End the thread."""
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
                # Without this thread callers would give up calls that run.
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
            self._send(incoming)

    def _seconds_to_next(self) -> float:
        """Return how long nothing will be due, whatever call comes next."""
        first = min((due for due, _ in self._due.values()), default=None)
        if first is None:
            return self._longest_wait
        return min(self._longest_wait, max(0.0, first - time.monotonic()))

    def _send(self, incoming: Any) -> None:
        try:
            incoming.heartbeat()
        except Exception as error:
            # The caller or the broker is gone: nobody is left to be told.
            LOG.debug('A sign of life could not be sent: %s', error)
            self.remove(incoming)


class Dispatcher(oslo_messaging.RPCDispatcher):
    """Dispatches messages under the eyes of one :class:`CallMonitor`.

    :param monitor: sends the signs of life.
    :param kwargs: as for its base class.
    """

    def __init__(self, monitor: CallMonitor, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._monitor = monitor

    def dispatch(self, incoming: Any) -> Any:
        """Run the method that a message names and return its result."""
        timeout = _seconds(incoming.client_timeout)
        # Without a time-out the base class starts no thread of its own.
        incoming.client_timeout = None
        if timeout is None:
            return super().dispatch(incoming)
        self._monitor.add(incoming, timeout)
        try:
            return super().dispatch(incoming)
        finally:
            self._monitor.remove(incoming)


def _seconds(value: Any) -> float | None:
    """Return the time-out that a message states, if it is a usable one."""
    if isinstance(value, int | float) and value >= 1:
        return float(min(value, _MAX_SECONDS))
    return None
