# SPDX-License-Identifier: Apache-2.0
"""Connection manager of the built-in server; uses private parts of cheroot.

cheroot offers no public way to limit connections, to survive errors of
``accept()`` or to expire connections by the monotonic clock. No other module
uses its private attributes. requirements.txt has the upper bound of tested
versions.
"""

import select
import selectors
import time
from typing import Any

from cheroot import connections
from cheroot import server as cheroot_server
from oslo_log import log

LOG = log.getLogger(__name__)

# Interval of the warnings about a lasting error.
_LOG_INTERVAL_SECONDS = 60.0


def replace(
    server: cheroot_server.HTTPServer, max_connections: int
) -> 'ConnectionManager':
    """Replace the manager of a prepared server that does not serve yet."""
    server._connections._selector.close()  # type: ignore[attr-defined]
    manager = ConnectionManager(server, max_connections)
    server._connections = manager  # type: ignore[attr-defined]
    return manager


class ConnectionManager(connections.ConnectionManager):
    """Accept connections within a limit.

    At the limit an idle connection is closed for each new one. If none is
    idle, and after an error of ``accept()``, new connections wait in the
    listen queue until the next expiration. cheroot repeats a failed
    ``accept()`` at once with a traceback in the log, and measures idle time
    by the wall clock, which can be set back.

    :param max_connections: maximum number of open connections.
    """

    # cheroot's stubs lack these private names.
    _selector: Any
    _num_connections: int
    _remove_invalid_sockets: Any
    _stop_requested: bool

    def __init__(
        self, server: cheroot_server.HTTPServer, max_connections: int
    ) -> None:
        super().__init__(server)
        self._max_connections = max_connections
        self._paused = False
        self._next_log = 0.0

    def put(self, conn: Any) -> None:
        """Wait for data of an idle connection."""
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
        number = self._num_connections + self.server.requests.qsize
        if number >= self._max_connections and not self._close_idle():
            self._pause()
            return None
        try:
            return super()._from_server_socket(  # type: ignore[misc]
                server_socket
            )
        except OSError as error:
            self._log_error(error)
            # The process may have run out of file descriptors.
            self._close_idle()
            self._pause()
            return None

    def _close_idle(self) -> bool:
        """Close one idle connection; return whether there was one.

        Connections with received data stay open. Connections between two
        requests are closed first, since their clients expect it, then the
        longest idle one.
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

    def _log_error(self, error: OSError) -> None:
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
        """Accept no connections until the next expiration."""
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
