# SPDX-License-Identifier: Apache-2.0
"""An Ironic with faults that a real one cannot be made to have."""

import json
import socketserver
import ssl
import threading
from collections.abc import Callable
from typing import Any

import fixtures

# Writes the response to a request.
Answer = Callable[['StubRequest'], None]


class StubRequest(socketserver.StreamRequestHandler):
    """One request on a connection of its own.

    :ivar line: the request line.
    :ivar headers: values by lower-case name.
    :ivar body: the body.
    """

    server: '_Server'

    def handle(self) -> None:
        """Read the request, and let the stub answer it."""
        self.line = self.rfile.readline().decode('latin-1').strip()
        self.headers = {}
        while line := self.rfile.readline().strip():
            name, _, value = line.decode('latin-1').partition(':')
            self.headers[name.lower()] = value.strip()
        self.body = b''
        if self.server.stub.reads_body:
            length = int(self.headers.get('content-length', 0))
            self.body = self.rfile.read(length)
        if self.line:
            self.server.stub.requests.append(self)
            self.server.stub.answer(self)

    def send(self, data: bytes) -> None:
        """Send a part of the response."""
        self.wfile.write(data)

    def send_json(
        self, value: Any, status: str = '200 OK', **headers: str
    ) -> None:
        """Send a complete response."""
        body = json.dumps(value).encode()
        lines = [f'HTTP/1.1 {status}', 'Content-Type: application/json']
        lines += [f'{k.replace("_", "-")}: {v}' for k, v in headers.items()]
        lines += [f'Content-Length: {len(body)}', '', '']
        self.send('\r\n'.join(lines).encode() + body)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    stub: 'StubIronic'


class StubIronic(fixtures.Fixture):
    """A server whose responses a test writes byte by byte.

    :param answer: writes the response to a request.
    :param tls: context of a server with TLS.
    :ivar url: its URL.
    :ivar reads_body: whether bodies of requests are read.
    :ivar requests: the received requests.
    :ivar release: set at the end of the test, for answers that wait.
    """

    def __init__(
        self, answer: Answer, tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__()
        self.answer = answer
        self.reads_body = True
        self._tls = tls

    def _setUp(self) -> None:
        self.requests: list[StubRequest] = []
        self.release = threading.Event()
        self._server = _Server(('127.0.0.1', 0), StubRequest)
        self._server.stub = self
        scheme = 'http'
        if self._tls is not None:
            scheme = 'https'
            self._server.socket = self._tls.wrap_socket(
                self._server.socket, server_side=True
            )
        self.url = f'{scheme}://127.0.0.1:{self._server.server_address[1]}'
        thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        thread.start()
        self.addCleanup(self._server.server_close)
        self.addCleanup(self._server.shutdown)
        self.addCleanup(self.release.set)
