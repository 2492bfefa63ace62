# SPDX-License-Identifier: Apache-2.0
"""Per-connection timeouts of the built-in HTTP server."""

import time
from collections.abc import Callable

from ironic_passthru import wsgi_server

# Minimum rate of receiving a response, beyond the idle timeout. The slowest
# management links provide it.
_MIN_BYTES_PER_SECOND = 32 * 1024


class ConnectionTimeouts:
    """The time limits of one connection.

    A client could keep a thread busy for hours with one byte per idle
    timeout; the limit of the whole request and the minimum rate of the
    response prevent it.

    :param idle_seconds: maximum time without any progress.
    :param request_seconds: maximum time to receive a whole request.
    :param clock: a monotonic clock, in seconds.
    """

    def __init__(
        self,
        idle_seconds: float,
        request_seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._idle_seconds = idle_seconds
        self._request_seconds = request_seconds
        self._clock = clock
        self._deadline: float | None = None
        self._send_seconds = 0.0
        self._sent_bytes = 0

    def start_request(self) -> None:
        """Start the time of a request unless it has started."""
        if self._deadline is None:
            self._deadline = self._clock() + self._request_seconds
            self._send_seconds, self._sent_bytes = 0.0, 0

    def finish_request(self) -> None:
        """End the time of a request."""
        self._deadline = None

    @property
    def is_expired(self) -> bool:
        """Whether the request has exceeded its time."""
        return self._deadline is not None and self._clock() >= self._deadline

    def receive_timeout(self) -> float:
        """Return the socket timeout for receiving, in seconds.

        :raises: ClientTooSlow.
        """
        if self._deadline is None:
            return self._idle_seconds
        left = self._deadline - self._clock()
        if left <= 0:
            raise self.error()
        return min(self._idle_seconds, left)

    def send_timeout(self) -> float:
        """Return the socket timeout for sending, in seconds.

        :raises: ClientTooSlow.
        """
        allowed = self._idle_seconds + self._sent_bytes / _MIN_BYTES_PER_SECOND
        if self._send_seconds >= allowed:
            raise self.error()
        return min(self._idle_seconds, allowed - self._send_seconds)

    def add_sent(self, size: int, *, seconds: float) -> None:
        """Record that sending ``size`` bytes took ``seconds``."""
        self._sent_bytes += size
        self._send_seconds += seconds

    def error(self) -> wsgi_server.ClientTooSlow:
        """Return the error for the limit that is exceeded now."""
        return wsgi_server.ClientTooSlow(
            self._request_seconds if self.is_expired else self._idle_seconds
        )
