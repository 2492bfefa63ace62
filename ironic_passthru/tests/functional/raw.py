# SPDX-License-Identifier: Apache-2.0
"""HTTP requests as bytes, for requests that no client library sends."""

import contextlib
import http.client
import select
import socket
import ssl
import time
from typing import Any

from ironic_passthru.tests.functional import web


class Connection:
    """One TCP connection to a server.

    :param seconds: timeout of each read.
    :param tls: TLS context; without one, plain TCP.
    :ivar interim: number of 100 responses that :meth:`answer` has read.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        seconds: float = 20.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._socket = socket.create_connection((host, port), timeout=seconds)
        if tls is not None:
            self._socket = tls.wrap_socket(self._socket, server_hostname=host)
        self._stream = self._socket.makefile('rb')
        self.interim = 0

    def __enter__(self) -> 'Connection':
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()
        self._socket.close()

    def finish_sending(self) -> None:
        """Close the sending direction."""
        # The server may have closed the connection.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def send(self, data: bytes) -> None:
        """Send bytes; ignore that the server stops reading."""
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return

    def wait(self) -> None:
        """Wait for data without reading them."""
        self._stream.peek()

    def is_silent(self, seconds: float) -> bool:
        """Return whether the server sends nothing for some seconds."""
        return not select.select([self._socket], [], [], seconds)[0]

    def answer(self, http_method: str = 'GET') -> web.Answer | None:
        """Read one response; return None if the connection was closed."""
        started = time.monotonic()
        try:
            line = self._stream.readline()
            while line.startswith(b'HTTP/1.1 100'):
                self.interim += 1
                self._stream.readline()
                line = self._stream.readline()
            if not line:
                return None
            status = int(line.split()[1])
            headers = http.client.parse_headers(self._stream)
            body = self._body(http_method, headers)
        except ConnectionResetError:
            return None
        return web.Answer(
            status=status,
            headers=headers,
            body=body,
            started=started,
            seconds=time.monotonic() - started,
        )

    def _body(
        self, http_method: str, headers: http.client.HTTPMessage
    ) -> bytes:
        if http_method == 'HEAD':
            return b''
        length = headers['Content-Length']
        if length is None:
            return self._stream.read()
        return self._stream.read(int(length))

    def rest(self) -> bytes:
        """Read until the server closes the connection."""
        try:
            return self._stream.read()
        except ConnectionResetError:
            return b''


def request(
    http_method: str,
    target: str | bytes,
    *headers: str | bytes,
    body: bytes = b'',
    protocol: str = 'HTTP/1.1',
    host: str | bytes | None = 'localhost',
) -> bytes:
    """Return a request as bytes, with only the Host header added."""
    lines = [b' '.join([_raw(http_method), _raw(target), _raw(protocol)])]
    if host is not None:
        lines.append(b'Host: ' + _raw(host))
    lines.extend(_raw(header) for header in headers)
    return b'\r\n'.join(lines) + b'\r\n\r\n' + body


def chunked(*parts: bytes) -> bytes:
    """Return a chunked body."""
    framed = [b'%x\r\n%s\r\n' % (len(part), part) for part in parts]
    return b''.join(framed) + b'0\r\n\r\n'


def _raw(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode('ascii')
