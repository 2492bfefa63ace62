# SPDX-License-Identifier: Apache-2.0
"""Accepting connections within the limits of the built-in server."""

import select
import selectors
import time
from typing import Any

from cheroot import connections
from oslo_log import log

LOG = log.getLogger(__name__)

# An error that lasts is not logged more often.
_LOG_INTERVAL_SECONDS = 60.0


class Acceptor(connections.ConnectionManager):
    """Accepts connections while there is room for them.

    At the limit an idle connection is closed for each new one. Without one,
    and after an error of ``accept()``, new connections wait in the queue of
    the kernel until the next round of expiration. cheroot's own loop repeats
    a failed ``accept()`` at once and logs a traceback each time. It also
    measures time by the wall clock: after a step back it would expire
    nothing, and accept nothing, until the clock has caught up.

    :param max_connections: number of connections that are open at once.
    """

    # The stubs of cheroot lack its private names.
    _selector: Any
    _num_connections: int
    _remove_invalid_sockets: Any
    _stop_requested: bool

    def __init__(self, server: Any, max_connections: int) -> None:
        super().__init__(server)
        self._max_connections = max_connections
        self._paused = False
        self._next_log = 0.0

    def put(self, conn: Any) -> None:
        """Have an idle connection wait for its client."""
        conn.last_used = time.monotonic()
        if conn.rfile.has_data():
            self.server.process_conn(conn)
        else:
            self._selector.register(
                conn.socket.fileno(), selectors.EVENT_READ, data=conn
            )

    def _run(self, expiration_interval: float) -> None:
        expire_at = time.monotonic() + expiration_interval
        while not self._stop_requested:
            try:
                ready = self._selector.select(timeout=expiration_interval)
            except OSError:
                self._remove_invalid_sockets()
                continue
            for descriptor, connection in ready:
                if connection is self.server:
                    connection = self._from_server_socket(self.server.socket)
                else:
                    self._selector.unregister(descriptor)
                if connection is not None:
                    self.server.process_conn(connection)
            now = time.monotonic()
            if now >= expire_at:
                self._expire(threshold=now - self.server.timeout)
                expire_at = now + expiration_interval

    def _from_server_socket(self, server_socket: Any) -> Any:
        if not (self._has_room() or self._close_idle()):
            self._pause()
            return None
        try:
            return super()._from_server_socket(  # type: ignore[misc]
                server_socket
            )
        except OSError as error:
            self._report(error)
            # The descriptors that are missing may be those of idle clients.
            self._close_idle()
            self._pause()
            return None

    def _has_room(self) -> bool:
        number = self._num_connections + self.server.requests.qsize
        return bool(number < self._max_connections)

    def _close_idle(self) -> bool:
        """Close one connection that waits for its client, if there is one.

        A connection whose data have arrived will be served. Of the others,
        those between two requests are closed first, because their clients
        expect that; then the one that has waited for the longest time.

        :return: whether a connection was closed.
        """
        idle = {
            descriptor: connection
            for descriptor, connection in self._selector.connections
            if connection is not self.server
        }
        poller = select.poll()
        for descriptor in idle:
            poller.register(descriptor, select.POLLIN)
        for descriptor, _ in poller.poll(0):
            del idle[descriptor]
        if not idle:
            return False
        descriptor, chosen = min(
            idle.items(),
            key=lambda pair: (not pair[1].between_requests, pair[1].last_used),
        )
        self._selector.unregister(descriptor)
        chosen.close()
        return True

    def _report(self, error: OSError) -> None:
        now = time.monotonic()
        if now < self._next_log:
            return
        self._next_log = now + _LOG_INTERVAL_SECONDS
        LOG.warning(
            'Cannot accept connections: %s; new clients wait until it is '
            'possible again',
            error.strerror or error,
        )

    def _pause(self) -> None:
        """Do not accept connections until the next round of expiration."""
        self._selector.unregister(self.server.socket.fileno())
        self._paused = True

    def _expire(self, threshold: float) -> None:
        super()._expire(threshold)  # type: ignore[misc]
        if self._paused:
            self._paused = False
            self._selector.register(
                self.server.socket.fileno(),
                selectors.EVENT_READ,
                data=self.server,
            )
