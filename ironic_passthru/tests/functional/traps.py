# SPDX-License-Identifier: Apache-2.0
"""A TCP server that must not receive any data."""

import contextlib
import socket
import threading

import fixtures


class Trap(fixtures.Fixture):
    """A TCP server that must not receive any data.

    :param greeting: data that it sends on connect.
    :param reply: data that it sends after the first received data.
    :ivar address: host and port.
    :ivar visits: received data of each connection.
    """

    def __init__(self, *, greeting: bytes = b'', reply: bytes = b'') -> None:
        super().__init__()
        self._greeting = greeting
        self._reply = reply

    def _setUp(self) -> None:
        self.visits: list[bytes] = []
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.address = f'127.0.0.1:{self._listener.getsockname()[1]}'
        thread = threading.Thread(target=self._listen, daemon=True)
        thread.start()
        self.addCleanup(thread.join, 10)
        self.addCleanup(self._listener.shutdown, socket.SHUT_RDWR)

    def _listen(self) -> None:
        with self._listener:
            while True:
                try:
                    link, _ = self._listener.accept()
                except OSError:
                    return
                with link:
                    self.visits.append(self._converse(link))

    def _converse(self, link: socket.socket) -> bytes:
        link.settimeout(1)
        received = b''
        with contextlib.suppress(OSError):
            link.sendall(self._greeting)
            received = link.recv(4096)
            link.sendall(self._reply)
            while self._reply and (more := link.recv(4096)):
                received += more
        return received
