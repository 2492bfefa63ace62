# SPDX-License-Identifier: Apache-2.0
"""One connection of the built-in server.

No worker thread waits for the head of a request, nor for the TLS handshake
before it: a connection that has not sent it whole goes back to where idle
ones wait. So clients that are slow or silent cost a thread nothing until
they have logged in, since no body is read before that.
"""

import contextlib
import re
import select
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from cheroot import server
from oslo_log import log

from ironic_passthru.httpd import request_parser
from ironic_passthru.httpd import timeouts

LOG = log.getLogger(__name__)

_PART = 64 * 1024

# How much of a body that nobody wants is read away, and for how long.
_MAX_UNWANTED_BYTES = 16 * 1024 * 1024
LEAVING_SECONDS = 2.0

# How long a client that asks on may leave the answers before untaken.
_BEHIND_SECONDS = 1.0

# The empty line that ends a head. One that ends otherwise is refused then.
_END = re.compile(rb'\n\r?\n')

_PLAIN = (
    'The client sent a plain HTTP request, but this server speaks only HTTPS '
    'on this port.'
)


class Reader:
    """What comes from a client.

    :param max_head_bytes: how much to take before a head is whole.
    :ivar before_waiting: called once before :meth:`read` or
        :meth:`readline` waits for the client.
    """

    def __init__(
        self,
        source: Any,
        limits: timeouts.ConnectionTimeouts,
        *,
        max_head_bytes: int,
    ) -> None:
        self._socket = source
        self._limits = limits
        self._max_head_bytes = max_head_bytes
        self._buffer = bytearray()
        # How much of the buffer holds no end of a head.
        self._examined = 0
        self._ended = False
        self.before_waiting: Callable[[], None] | None = None
        self.bytes_read = 0
        self.closed = False

    def gather(self) -> bool:
        """Take what has come; tell whether there is a head to be served.

        There is one, too, where no more of it will come, or should.
        """
        self._socket.settimeout(0)
        while not self._has_head():
            try:
                part = self._socket.recv(_PART)
            except (BlockingIOError, ssl.SSLWantReadError):
                return False
            self._add(part)
        return True

    def _has_head(self) -> bool:
        if self._ended or len(self._buffer) > self._max_head_bytes:
            return True
        if _END.search(self._buffer, max(0, self._examined - 2)):
            return True
        self._examined = len(self._buffer)
        return False

    def has_data(self) -> bool:
        """Tell whether there is anything that was not looked at yet."""
        if len(self._buffer) > self._examined:
            return True
        # Decrypted already, so no selector would tell of it.
        return isinstance(self._socket, ssl.SSLSocket) and bool(
            self._socket.pending()
        )

    def read(self, size: int) -> bytes:
        """Return ``size`` bytes, or fewer if no more come.

        :raises: TooSlow, OSError.
        """
        while len(self._buffer) < size and not self._ended:
            self._wait()
        return self._take(max(0, size))

    def readline(self, size: int) -> bytes:
        """Return a line, or ``size`` bytes of it, or what there is.

        :raises: TooSlow, OSError.
        """
        while not self._ended and len(self._buffer) < size:
            if b'\n' in self._buffer:
                break
            self._wait()
        end = self._buffer.find(b'\n', 0, size)
        return self._take(size if end < 0 else end + 1)

    @property
    def empty(self) -> bool:
        """Whether all data that were received have been read."""
        return not self._buffer

    def _wait(self) -> None:
        if self.before_waiting is not None:
            notify, self.before_waiting = self.before_waiting, None
            notify()
        self._socket.settimeout(self._limits.to_receive())
        try:
            self._add(self._socket.recv(_PART))
        except TimeoutError:
            raise self._limits.too_slow() from None
        except ssl.SSLError:
            raise ConnectionAbortedError from None

    def _add(self, part: bytes) -> None:
        self._ended = not part
        self._buffer += part
        self.bytes_read += len(part)

    def _take(self, size: int) -> bytes:
        part = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._examined = 0
        return part

    def close(self) -> None:
        """Read no more."""
        self.closed = True
        self._buffer.clear()


class Writer:
    """What goes to a client."""

    def __init__(
        self, target: Any, limits: timeouts.ConnectionTimeouts
    ) -> None:
        self._socket = target
        self._limits = limits
        self.bytes_written = 0

    def write(self, data: bytes) -> int:
        """Send all of ``data``.

        :raises: TooSlow, OSError.
        """
        left = memoryview(data)
        while left:
            started = time.monotonic()
            self._socket.settimeout(self._limits.to_send())
            try:
                size = self._socket.send(left[:_PART])
            except TimeoutError:
                raise self._limits.too_slow() from None
            except ssl.SSLError:
                raise ConnectionAbortedError from None
            self._limits.sent(size, seconds=time.monotonic() - started)
            left = left[size:]
        self.bytes_written += len(data)
        return len(data)


class Connection(server.HTTPConnection):
    """A connection that lets a client hear why it is ended.

    One that is closed over unread data is reset, which can take the answer
    away from a client that still sends. So what it sends is read, for a
    while.

    :ivar unread: whether a request has been refused before its end.
    :ivar leaving: whether nothing more is sent.
    """

    RequestHandlerClass = request_parser.Request
    unread = False
    leaving = False
    _served = False
    _unwanted = 0

    def __init__(self, server: Any, sock: Any, makefile: Any = None) -> None:
        limits = timeouts.ConnectionTimeouts(
            server.timeout, server.request_timeout
        )
        self._limits = limits
        self._shaking_hands = isinstance(sock, ssl.SSLSocket)

        def make(sock: Any, mode: str, size: int) -> Reader | Writer:
            if 'w' in mode:
                return Writer(sock, limits)
            return Reader(sock, limits, max_head_bytes=server.max_head_bytes)

        super().__init__(server, sock, make)

    def communicate(self) -> bool:
        """Serve one request if it is there; tell whether to go on."""
        if self.leaving:
            return self._listen_on()
        if self._behind():
            return False
        self._limits.begin()
        try:
            if not self._gather():
                if not self._limits.over:
                    return True
                self._refuse('408 Request Timeout')
                return self._leave()
        except OSError as error:
            # Whoever has gone, or speaks something else than TLS.
            LOG.debug('%s: %s', self.remote_addr, error)
            return self.unread and self._leave()
        keep = self._served = super().communicate()
        self._limits.end()
        return self._leave() if self.unread else keep

    @property
    def between_requests(self) -> bool:
        """Whether the client has its answers and no request has begun."""
        return self.leaving or (self._served and self.rfile.empty)

    def _behind(self) -> bool:
        """Tell whether the client asks for more while it takes nothing.

        To answer it would make the thread wait for longer.
        """
        poller = select.poll()
        poller.register(self.socket, select.POLLOUT)
        return not poller.poll(_BEHIND_SECONDS * 1000)

    def _gather(self) -> bool:
        if self._shaking_hands:
            self.socket.settimeout(0)
            try:
                self.socket.do_handshake()
            except ssl.SSLWantReadError:
                return False
            except ssl.SSLError as error:
                if error.reason == 'HTTP_REQUEST':
                    self.wfile = Writer(_Plain(self.socket), self._limits)
                    self._refuse('400 Bad Request', _PLAIN)
                raise
            self._shaking_hands = False
        return self.rfile.gather()

    def _refuse(self, status: str, message: str = '') -> None:
        self.RequestHandlerClass(self.server, self).simple_response(
            status, message
        )

    def _leave(self) -> bool:
        """Send nothing more, and tell whether the client still may."""
        self.leaving = True
        self._deadline = time.monotonic() + LEAVING_SECONDS
        self.rfile.close()
        self._part()
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            return False
        return self._listen_on()

    def _listen_on(self) -> bool:
        """Read away what has come; tell whether there may be more."""
        plain = _Plain(self.socket)
        plain.settimeout(0)
        try:
            while self._unwanted < _MAX_UNWANTED_BYTES:
                part = plain.recv(_PART)
                if not part:
                    return False
                self._unwanted += len(part)
        except BlockingIOError:
            return time.monotonic() < self._deadline
        except OSError:
            LOG.debug('A client went away over the rest of its request')
        return False

    def _part(self) -> None:
        """Tell a TLS client that nothing more comes, as it can verify."""
        if isinstance(self.socket, ssl.SSLSocket):
            with contextlib.suppress(OSError, ValueError):
                self.socket.settimeout(0)
                self.socket.unwrap()

    def close(self) -> None:
        """End the connection."""
        self._part()
        # An error here would end a worker thread, and the server with it.
        with contextlib.suppress(OSError):
            super().close()
        self.socket.close()


class _Plain:
    """A socket without the TLS that it may have."""

    def __init__(self, tls: socket.socket) -> None:
        self._socket = tls
        self.settimeout = tls.settimeout

    def recv(self, size: int) -> bytes:
        return socket.socket.recv(self._socket, size)

    def send(self, data: bytes) -> int:
        return socket.socket.send(self._socket, data)
