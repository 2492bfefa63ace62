# SPDX-License-Identifier: Apache-2.0
"""A connection of the built-in server.

Worker threads never wait for the TLS handshake or the head of a request: a
connection without a complete head returns to the idle connections. As the
application reads a body only after authentication, slow clients occupy no
thread before it.
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

_BUFFER_SIZE = 64 * 1024

# Limits of discarded input after the final response of a connection.
_MAX_DISCARDED_BYTES = 16 * 1024 * 1024
LINGER_SECONDS = 2.0

# Maximum time for a pipelining client to receive its earlier responses.
_WRITABLE_SECONDS = 1.0

# The end of a head. The parser rejects other line ends than CR LF.
_HEAD_END = re.compile(rb'\n\r?\n')

_PLAIN_HTTP = (
    'The client sent a plain HTTP request, but this server supports only '
    'HTTPS on this port.'
)


class RequestStream:
    """Buffered input of a connection.

    :param max_head_bytes: maximum size of a head.
    :param before_wait: called before :meth:`read` or :meth:`readline` waits
        for the client.
    """

    def __init__(
        self,
        source: socket.socket,
        limits: timeouts.ConnectionTimeouts,
        *,
        max_head_bytes: int,
        before_wait: Callable[[], None],
    ) -> None:
        self._socket = source
        self._limits = limits
        self._max_head_bytes = max_head_bytes
        self._before_wait = before_wait
        self._buffer = bytearray()
        # Number of buffered bytes that were searched for the end of a head.
        self._searched = 0
        self._at_eof = False
        self.bytes_read = 0
        self.closed = False

    def receive_head(self) -> bool:
        """Receive available data; return whether the head can be parsed.

        It can be parsed if it is complete, too large or truncated.
        """
        self._socket.settimeout(0)
        while not self._has_head():
            try:
                part = self._socket.recv(_BUFFER_SIZE)
            except (BlockingIOError, ssl.SSLWantReadError):
                return False
            self._add(part)
        return True

    def _has_head(self) -> bool:
        if self._at_eof or len(self._buffer) > self._max_head_bytes:
            return True
        if _HEAD_END.search(self._buffer, max(0, self._searched - 2)):
            return True
        self._searched = len(self._buffer)
        return False

    def has_data(self) -> bool:
        """Return whether there are data that were not searched yet."""
        if len(self._buffer) > self._searched:
            return True
        # Selectors do not report data that are decrypted already.
        return isinstance(self._socket, ssl.SSLSocket) and bool(
            self._socket.pending()
        )

    def read(self, size: int) -> bytes:
        """Return ``size`` bytes, or fewer at the end of the input.

        :raises: ClientTooSlow, OSError.
        """
        while len(self._buffer) < size and not self._at_eof:
            self._wait()
        return self._take(max(0, size))

    def readline(self, size: int) -> bytes:
        """Return a line, truncated to ``size`` bytes or at the end of input.

        :raises: ClientTooSlow, OSError.
        """
        while not self._at_eof and len(self._buffer) < size:
            if b'\n' in self._buffer:
                break
            self._wait()
        end = self._buffer.find(b'\n', 0, size)
        return self._take(size if end < 0 else end + 1)

    @property
    def is_empty(self) -> bool:
        """Whether all received data have been read."""
        return not self._buffer

    def _wait(self) -> None:
        self._before_wait()
        self._socket.settimeout(self._limits.receive_timeout())
        try:
            self._add(self._socket.recv(_BUFFER_SIZE))
        except TimeoutError:
            raise self._limits.error() from None
        except ssl.SSLError:
            raise ConnectionAbortedError from None

    def _add(self, part: bytes) -> None:
        self._at_eof = not part
        self._buffer += part
        self.bytes_read += len(part)

    def _take(self, size: int) -> bytes:
        part = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._searched = 0
        return part

    def close(self) -> None:
        """Discard the buffer; cheroot expects the attribute ``closed``."""
        self.closed = True
        self._buffer.clear()


class ResponseStream:
    """Unbuffered output of a connection."""

    def __init__(
        self,
        target: 'socket.socket | _RawSocket',
        limits: timeouts.ConnectionTimeouts,
    ) -> None:
        self._socket = target
        self._limits = limits
        self.bytes_written = 0

    def write(self, data: bytes) -> int:
        """Send all of ``data``.

        :raises: ClientTooSlow, OSError.
        """
        left = memoryview(data)
        while left:
            started = time.monotonic()
            self._socket.settimeout(self._limits.send_timeout())
            try:
                size = self._socket.send(left[:_BUFFER_SIZE])
            except TimeoutError:
                raise self._limits.error() from None
            except ssl.SSLError:
                raise ConnectionAbortedError from None
            self._limits.add_sent(size, seconds=time.monotonic() - started)
            left = left[size:]
        self.bytes_written += len(data)
        return len(data)


class Connection(server.HTTPConnection):
    """A connection with a lingering close (RFC 9112, section 9.6).

    Closing a socket with unread data resets the connection, and a client
    that still sends can lose the response. So input is discarded for some
    time after the final response.

    :ivar has_unread_body: whether a request was refused before its end.
    :ivar expects_continue: whether the client waits for a 100 (Continue).
    :ivar lingering: whether the final response has been sent.
    """

    RequestHandlerClass = request_parser.Request
    has_unread_body = False
    expects_continue = False
    lingering = False
    _has_served = False
    _discarded_bytes = 0

    def __init__(self, server: Any, sock: Any, _makefile: Any = None) -> None:
        limits = timeouts.ConnectionTimeouts(
            server.timeout, server.request_timeout
        )
        self._limits = limits
        self._in_handshake = isinstance(sock, ssl.SSLSocket)

        def make_stream(
            sock: Any, mode: str, _size: int
        ) -> RequestStream | ResponseStream:
            if 'w' in mode:
                return ResponseStream(sock, limits)
            return RequestStream(
                sock,
                limits,
                max_head_bytes=server.max_head_bytes,
                before_wait=self._send_continue,
            )

        super().__init__(server, sock, make_stream)

    def communicate(self) -> bool:
        """Serve a received request; return whether to keep the connection."""
        if self.lingering:
            return self._discard_input()
        if not self._is_writable():
            return False
        self._limits.start_request()
        try:
            if not self._receive_head():
                if not self._limits.is_expired:
                    return True
                self._refuse('408 Request Timeout')
                return self._linger()
        except OSError as error:
            # The client has disconnected, or does not use TLS.
            LOG.debug('%s: %s', self.remote_addr, error)
            return self.has_unread_body and self._linger()
        keep = self._has_served = super().communicate()
        self._limits.finish_request()
        return self._linger() if self.has_unread_body else keep

    @property
    def between_requests(self) -> bool:
        """Whether all requests have responses and no other has started."""
        return self.lingering or (self._has_served and self.rfile.is_empty)

    def _is_writable(self) -> bool:
        """Return whether the client has received its earlier responses."""
        poller = select.poll()
        poller.register(self.socket, select.POLLOUT)
        return bool(poller.poll(_WRITABLE_SECONDS * 1000))

    def _receive_head(self) -> bool:
        if self._in_handshake:
            self.socket.settimeout(0)
            try:
                self.socket.do_handshake()
            except ssl.SSLWantReadError:
                return False
            except ssl.SSLError as error:
                if error.reason == 'HTTP_REQUEST':
                    self.wfile = ResponseStream(
                        _RawSocket(self.socket), self._limits
                    )
                    self._refuse('400 Bad Request', _PLAIN_HTTP)
                raise
            self._in_handshake = False
        return bool(self.rfile.receive_head())

    def _refuse(self, status: str, message: str = '') -> None:
        self.RequestHandlerClass(self.server, self).simple_response(
            status, message
        )

    def _send_continue(self) -> None:
        if self.expects_continue:
            self.expects_continue = False
            self.wfile.write(b'HTTP/1.1 100 Continue\r\n\r\n')

    def _linger(self) -> bool:
        """End the output; return whether the client may still send."""
        self.lingering = True
        self._linger_until = time.monotonic() + LINGER_SECONDS
        self.rfile.close()
        self._send_close_notify()
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            return False
        return self._discard_input()

    def _discard_input(self) -> bool:
        """Discard received data; return whether there may be more."""
        raw = _RawSocket(self.socket)
        raw.settimeout(0)
        try:
            while self._discarded_bytes < _MAX_DISCARDED_BYTES:
                part = raw.recv(_BUFFER_SIZE)
                if not part:
                    return False
                self._discarded_bytes += len(part)
        except BlockingIOError:
            return time.monotonic() < self._linger_until
        except OSError as error:
            LOG.debug('%s: %s', self.remote_addr, error)
        return False

    def _send_close_notify(self) -> None:
        """Send the close_notify alert of TLS, which proves the end."""
        if isinstance(self.socket, ssl.SSLSocket):
            with contextlib.suppress(OSError, ValueError):
                self.socket.settimeout(0)
                self.socket.unwrap()

    def close(self) -> None:
        """Close the connection."""
        self._send_close_notify()
        # An error here would end a worker thread, and the server with it.
        with contextlib.suppress(OSError):
            super().close()
        self.socket.close()


class _RawSocket:
    """A socket without its TLS layer."""

    def __init__(self, tls: socket.socket) -> None:
        self._socket = tls
        self.settimeout = tls.settimeout

    def recv(self, size: int) -> bytes:
        return socket.socket.recv(self._socket, size)

    def send(self, data: bytes | memoryview) -> int:
        return socket.socket.send(self._socket, data)
