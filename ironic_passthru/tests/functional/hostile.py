# SPDX-License-Identifier: Apache-2.0
"""A malicious BMC that aims at time, memory and passwords."""

import collections.abc
import contextlib
import gzip
import json
import socket
import threading
import zlib

import fixtures

from ironic_passthru.tests.functional import bmc

MIB = 1024 * 1024

# Created once: tests measure the memory of the client.
_BOMB = gzip.compress(b' ' * 64 * MIB)


class Handler(bmc.Handler):
    """Request handler of :class:`HostileBmc`."""

    def _drip_header(self) -> None:
        self._write_until_over(b'HTTP/1.1 200 OK\r\nX-A: ', b'a', 0.05)

    def _drip_chunks(self) -> None:
        self._write_until_over(
            b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;', b'x'
        )

    def _continues(self) -> None:
        self._write_until_over(b'', b'HTTP/1.1 100 Continue\r\n\r\n', 0.01)

    def _endless_chunks(self) -> None:
        chunk = b'10000\r\n' + b' ' * 65536 + b'\r\n'
        self._write_until_over(
            b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', chunk, 0
        )

    def _bomb(self) -> None:
        self._packed(_BOMB, 'gzip')

    def _bombs_in_one_another(self) -> None:
        self._packed(gzip.compress(_BOMB), 'gzip, gzip')

    def _endless_packed_nothing(self) -> None:
        # Empty blocks: the input grows, the output does not.
        packer = zlib.compressobj()
        self._write_until_over(
            b'HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n'
            + packer.compress(b'')
            + packer.flush(zlib.Z_FULL_FLUSH),
            b'\x00\x00\x00\xff\xff' * 4096,
            0,
        )

    def _cut_short(self) -> None:
        self._packed(gzip.compress(b'{"Id": "R"}' * 100)[:-20], 'gzip')

    def _not_packed(self) -> None:
        self._packed(b'{"Id": "R"}', 'gzip')

    def _packed_well(self) -> None:
        document = self.bmc.documents[self.path.rstrip('/')]
        self._packed(gzip.compress(json.dumps(document).encode()), 'gzip')

    def _deep(self) -> None:
        self._send(b'{"Systems": ' + b'[' * 400_000 + b']' * 400_000 + b'}')

    def _large_number(self) -> None:
        self._send(b'{"Systems": ' + b'9' * 500_000 + b'}')

    def _echo(self) -> None:
        lines = [f'{name}: {value}' for name, value in self.headers.items()]
        message = '\n'.join([*lines, bmc.PASSWORD])
        self.answer(400, {'error': {'message': message}})

    def _moved(self) -> None:
        self.answer(307, Location=self.bmc.elsewhere)

    def _packed(self, content: bytes, encoding: str) -> None:
        self._send(content, {'Content-Encoding': encoding})

    def _send(
        self,
        content: bytes,
        headers: collections.abc.Mapping[str, str] | None = None,
    ) -> None:
        self.send_response(200)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        # The client may have closed the connection.
        with contextlib.suppress(OSError):
            self.wfile.write(content)

    def _write_until_over(
        self, first: bytes, then: bytes, pause: float = 0.05
    ) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.wfile.write(first)
            while not self.bmc.over.wait(pause):
                self.wfile.write(then)
        self.bmc.cut.set()


class HostileBmc(bmc.FaultyBmc):
    """A BMC with malicious responses in addition to its base class.

    Additional faults: ``drip_header``, ``drip_chunks``, ``continues``,
    ``endless_chunks``, ``bomb``, ``bombs_in_one_another``,
    ``endless_packed_nothing``, ``cut_short``, ``not_packed``,
    ``packed_well``, ``deep``, ``large_number``, ``echo``, ``moved``.

    :ivar elsewhere: URL that ``moved`` redirects to.
    :ivar cut: set when a client has closed an endless response.
    """

    handler = Handler
    elsewhere = ''

    def _setUp(self) -> None:
        self.cut = threading.Event()
        super()._setUp()


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
