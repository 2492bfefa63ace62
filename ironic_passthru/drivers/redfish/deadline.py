# SPDX-License-Identifier: Apache-2.0
"""The moment by which a call must have its answer."""

import contextlib
import socket
import threading
import time
import weakref


class Deadline:
    """A moment ``seconds`` from now."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._over = False

    def left_seconds(self) -> float:
        """Return the seconds that are left, 0 when there are none."""
        return max(0.0, self._end - time.monotonic())

    def cut_at_end(self, connection: socket.socket) -> None:
        """Let :meth:`end` cut a connection, at once if that was before."""
        with self._lock:
            self._sockets.add(connection)
            over = self._over
        if over:
            _cut(connection)

    def end(self) -> None:
        """Cut every connection: nobody waits for what would still come."""
        with self._lock:
            self._over = True
            open_ones = list(self._sockets)
        for connection in open_ones:
            _cut(connection)


def _cut(connection: socket.socket) -> None:
    # Not by the method of a TLS socket, which would take the connection's
    # state away from under the thread that reads. That thread wakes up.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
