# SPDX-License-Identifier: Apache-2.0
"""Deadlines of calls."""

import contextlib
import socket
import threading
import time
import weakref

from ironic_passthru.drivers.redfish import failures


class Deadline:
    """A deadline ``seconds`` from now, and changes before it.

    :ivar has_changes: whether a change may have been sent; final after
        :meth:`end`.
    :ivar is_cancelled: whether to wait no longer for effects of changes.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._over = False
        self.has_changes = False
        self.is_cancelled = False

    def begin_change(self) -> None:
        """Record that a change will be sent; none begins after the end.

        :raises: NoAnswer if it is too late and no change has been sent;
            ChangeOutcomeUnknown if one has.
        """
        with self._lock:
            if self._over or not self.left_seconds():
                raise (
                    failures.ChangeOutcomeUnknown()
                    if self.has_changes
                    else failures.NoAnswer()
                )
            self.has_changes = True

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
        """Shut down every connection, and let no further change begin."""
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
