# SPDX-License-Identifier: Apache-2.0
"""Deadlines of calls."""

import contextlib
import socket
import threading
import time
import weakref


class Deadline:
    """A deadline ``seconds`` from now."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._over = False

    def left_seconds(self, grace_seconds: float = 0.0) -> float:
        """Return the remaining seconds, at least 0.

        :param grace_seconds: time after the deadline that counts, too.
        """
        return max(0.0, self._end + grace_seconds - time.monotonic())

    def cut_at_end(self, connection: socket.socket) -> None:
        """Let :meth:`end` shut down a connection, at once if ended."""
        with self._lock:
            self._sockets.add(connection)
            over = self._over
        if over:
            _cut(connection)

    def end(self) -> None:
        """Shut down every connection."""
        with self._lock:
            self._over = True
            sockets = list(self._sockets)
        for connection in sockets:
            _cut(connection)


def _cut(connection: socket.socket) -> None:
    # The method of a TLS socket would remove the state of the connection
    # while another thread reads; this one wakes that thread.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
