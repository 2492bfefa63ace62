# SPDX-License-Identifier: Apache-2.0
"""How long the built-in server bears with one client."""

import time
from collections.abc import Callable

# What a client must take of an answer each second, once it has used up its
# pause; the slowest links that anybody manages machines over carry it.
_MIN_BYTES_PER_SECOND = 32 * 1024


class ClientTooSlow(TimeoutError):
    """A client has used up its time.

    :ivar limit_seconds: the limit that it met.
    """

    def __init__(self, limit_seconds: float) -> None:
        # The text by which cheroot knows a time-out.
        super().__init__('timed out')
        self.limit_seconds = limit_seconds


class ConnectionTimeouts:
    """The time limits of one connection.

    A limit on each pause alone lets a client hold a thread for hours with a
    byte now and then, so there is one on the whole, too.

    :param pause_seconds: for which a client may do nothing at all.
    :param request_seconds: in which a request must have come whole.
    """

    def __init__(
        self,
        pause_seconds: float,
        request_seconds: float,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pause = pause_seconds
        self._whole = request_seconds
        self._now = now
        self._deadline: float | None = None
        self._waited = 0.0
        self._sent = 0

    def begin(self) -> None:
        """Note that a request begins, unless one has begun."""
        if self._deadline is None:
            self._deadline = self._now() + self._whole
            self._waited, self._sent = 0.0, 0

    def end(self) -> None:
        """Note that the request is done with."""
        self._deadline = None

    @property
    def over(self) -> bool:
        """Whether the request should have come by now."""
        return self._deadline is not None and self._now() >= self._deadline

    def to_receive(self) -> float:
        """Return for how many seconds to wait for more of a request.

        :raises: TooSlow.
        """
        if self._deadline is None:
            return self._pause
        left = self._deadline - self._now()
        if left <= 0:
            raise self.too_slow()
        return min(self._pause, left)

    def to_send(self) -> float:
        """Return for how many seconds to wait for a client to take more.

        :raises: TooSlow.
        """
        allowed = self._pause + self._sent / _MIN_BYTES_PER_SECOND
        if self._waited >= allowed:
            raise self.too_slow()
        return min(self._pause, allowed - self._waited)

    def sent(self, size: int, *, seconds: float) -> None:
        """Note that a client took ``size`` bytes after ``seconds``."""
        self._sent += size
        self._waited += seconds

    def too_slow(self) -> ClientTooSlow:
        """Return the error that names the limit which is met now."""
        return ClientTooSlow(self._whole if self.over else self._pause)
