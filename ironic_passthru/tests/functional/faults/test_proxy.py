# SPDX-License-Identifier: Apache-2.0
"""Each fault of the proxy, and none without one."""

import socket
import socketserver
import threading
import time

from ironic_passthru.tests import base
from ironic_passthru.tests.functional.faults import proxy

_SILENCE_SECONDS = 0.2


class _Echo(socketserver.BaseRequestHandler):
    """An echo server that records the end of the stream."""

    def handle(self) -> None:
        try:
            while data := self.request.recv(1 << 16):
                self.request.sendall(data)
            self.request.sendall(b'bye')
        except ConnectionError:
            self.server.resets.release()


class _EchoServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(('127.0.0.1', 0), _Echo)
        self.resets = threading.Semaphore(0)


class TestProxy(base.TestCase):
    """Each fault at both ends of a connection."""

    def setUp(self) -> None:
        super().setUp()
        self.server = _EchoServer()
        thread = threading.Thread(
            target=self.server.serve_forever, kwargs={'poll_interval': 0.02}
        )
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.proxy = self.useFixture(
            proxy.Proxy(self.server.server_address[1])
        )

    def connect(self) -> socket.socket:
        """Return a connection that has transferred data in both directions."""
        link = socket.create_connection(('127.0.0.1', self.proxy.port), 10)
        self.addCleanup(link.close)
        self.assertEqual(b'hello', self.echo(link, b'hello'))
        return link

    def echo(self, link: socket.socket, data: bytes) -> bytes:
        link.sendall(data)
        return self.receive(link, len(data))

    def receive(self, link: socket.socket, count: int) -> bytes:
        data = b''
        while len(data) < count:
            more = link.recv(count - len(data))
            if not more:
                break
            data += more
        return data

    def assert_silent(self, link: socket.socket) -> None:
        link.settimeout(_SILENCE_SECONDS)
        self.assertRaises(TimeoutError, link.recv, 1)
        link.settimeout(10)

    def test_without_a_fault_nothing_is_lost(self) -> None:
        links = [self.connect() for _ in range(5)]
        data = bytes(range(256)) * 40
        for link in links:
            self.assertEqual(data, self.echo(link, data))
        self.assertEqual(5, self.proxy.connections)

    def test_the_end_of_one_side_reaches_the_other(self) -> None:
        link = self.connect()
        link.shutdown(socket.SHUT_WR)
        self.assertEqual(b'bye', self.receive(link, 3))
        self.assertEqual(b'', link.recv(1))
        self.wait_for(lambda: not self.proxy.connections, 'it is gone')

    def test_no_connection_without_a_server(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        # On connect, or immediately after it.
        self.assertRaises(ConnectionResetError, self.connect)

    def test_delay(self) -> None:
        link = self.connect()
        self.proxy.delay(0.2)
        began = time.monotonic()
        self.echo(link, b'slow')
        self.assertGreaterEqual(time.monotonic() - began, 0.4)
        self.assertEqual(2, self.proxy.delayed_chunks)
        self.proxy.recover()
        self.echo(link, b'fast')
        self.assertEqual(2, self.proxy.delayed_chunks)

    def test_delay_in_one_direction(self) -> None:
        link = self.connect()
        self.proxy.delay(0.2, [proxy.Way.DOWN])
        self.echo(link, b'slow')
        self.assertEqual(1, self.proxy.delayed_chunks)

    def test_hold_delivers_after_recovery(self) -> None:
        for way in proxy.Way:
            link = self.connect()
            self.proxy.hold([way])
            link.sendall(b'late')
            self.assert_silent(link)
            self.proxy.recover()
            self.assertEqual(b'late', self.receive(link, 4))
        self.assertEqual(0, self.proxy.swallowed_bytes)

    def test_drop_swallows_and_leaves_the_connection_silent(self) -> None:
        for way in proxy.Way:
            before = self.proxy.swallowed_bytes
            link = self.connect()
            self.proxy.drop([way])
            link.sendall(b'lost')
            self.assert_silent(link)
            self.assertEqual(before + 4, self.proxy.swallowed_bytes)
            self.proxy.recover()
            # No data may follow a gap.
            link.sendall(b'more')
            self.assert_silent(link)
            self.assertEqual(b'new', self.echo(self.connect(), b'new'))

    def test_drop_swallows_the_end_as_well(self) -> None:
        link = self.connect()
        self.proxy.drop([proxy.Way.UP])
        link.shutdown(socket.SHUT_WR)
        self.assert_silent(link)

    def test_half_close(self) -> None:
        link = self.connect()
        self.proxy.half_close()
        # The server sees the end of the stream and can still respond.
        self.assertEqual(b'bye', self.receive(link, 3))

    def test_reset_reaches_both_ends(self) -> None:
        link = self.connect()
        self.proxy.reset()
        self.assertRaises(ConnectionResetError, link.recv, 1)
        self.assertTrue(self.server.resets.acquire(timeout=10))
        self.assertEqual(1, self.proxy.reset_connections)
        self.assertEqual(b'new', self.echo(self.connect(), b'new'))

    def test_refuse_spares_present_connections(self) -> None:
        link = self.connect()
        self.proxy.refuse()
        self.assertRaises(ConnectionRefusedError, self.connect)
        self.assertEqual(b'still', self.echo(link, b'still'))
        self.proxy.recover()
        self.assertEqual(b'again', self.echo(self.connect(), b'again'))

    def test_its_end_leaves_nothing_behind(self) -> None:
        other = proxy.Proxy(self.server.server_address[1])
        other.setUp()
        link = socket.create_connection(('127.0.0.1', other.port), 10)
        self.addCleanup(link.close)
        self.echo(link, b'hello')
        other.hold()
        link.sendall(b'kept')
        other.cleanUp()
        self.assertEqual(b'', link.recv(1))
        with socket.socket() as late:
            self.assertNotEqual(0, late.connect_ex(link.getpeername()))
        names = {thread.name for thread in threading.enumerate()}
        self.assertNotIn(f'proxy-{other.port}', names)
