# SPDX-License-Identifier: Apache-2.0
"""Slow clients and limits of the built-in server."""

import concurrent.futures
import contextlib
import errno
import logging
import os
import resource
import socket
import threading
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any
from urllib import parse

import fixtures

from ironic_passthru.httpd import server
from ironic_passthru.tests import embedded
from ironic_passthru.tests.functional import certificates
from ironic_passthru.tests.functional import envelope
from ironic_passthru.tests.functional import marks
from ironic_passthru.tests.functional import raw

_HELLO_PATH = '/v1/drivers/fake-hardware/vendor_passthru/hello'
_HELLO = raw.request('GET', _HELLO_PATH)
_ROOT = raw.request('GET', '/')
_MARK = '/v1/drivers/marks/vendor_passthru/mark'

# Less than the time of threads that would wait for each slow client.
_SOON_SECONDS = 8.0


class TestSlowClients(envelope.EnvelopeCase):
    """Two threads, socket timeout 2 s, request timeout 3 s."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        service = cls.use_class_fixture(
            embedded.Embedded(
                drivers={'marks': marks.MarksVendor()},
                api__threads=2,
                api__max_waiting=1,
                api__socket_timeout=2,
                api__request_timeout=3,
            )
        )
        cls.port = parse.urlsplit(service.url).port or 0

    def connect(self, port: int = 0) -> raw.Connection:
        connection = raw.Connection('127.0.0.1', port or self.port)
        self.addCleanup(connection.close)
        return connection

    def assert_serves_soon(self) -> None:
        started = time.monotonic()
        connection = self.connect()
        connection.send(_HELLO)
        self.assert_answer(connection.answer(), 200)
        self.assertLess(time.monotonic() - started, _SOON_SECONDS)

    def test_silent_clients_do_not_block_others(self) -> None:
        for _ in range(20):
            self.connect()
        self.assert_serves_soon()

    def test_incomplete_requests_do_not_block_others(self) -> None:
        for end in (1, 5, 20, len(_HELLO) - 2, len(_HELLO) - 1) * 4:
            self.connect().send(_HELLO[:end])
        self.assert_serves_soon()

    def test_idle_clients_do_not_block_others(self) -> None:
        # More connections than cheroot keeps by default.
        idle = [self.connect() for _ in range(12)]
        for connection in idle:
            connection.send(_HELLO)
            self.assert_answer(connection.answer(), 200)
        self.assert_serves_soon()
        # All of them are still open.
        for connection in idle:
            connection.send(_HELLO)
            self.assert_answer(connection.answer(), 200)

    def test_a_head_in_pieces_is_one(self) -> None:
        connection = self.connect()
        for data in (b'\r\n' + _HELLO, _HELLO):
            for start in range(0, len(data), 7):
                connection.send(data[start : start + 7])
                time.sleep(0.005)
            self.assert_answer(connection.answer(), 200)

    def drip(self, head: bytes, drop: bytes) -> tuple[float, bytes]:
        """Send ``drop`` repeatedly until the server responds or closes.

        Return the duration and the response.
        """
        with socket.create_connection(('127.0.0.1', self.port)) as client:
            client.settimeout(0.3)
            started = time.monotonic()
            client.sendall(head)
            while time.monotonic() < started + 20.0:
                with contextlib.suppress(TimeoutError):
                    answer = client.recv(65536)
                    seconds = time.monotonic() - started
                    while part := client.recv(65536):
                        answer += part
                    return seconds, answer
                with contextlib.suppress(OSError):
                    client.sendall(drop)
            self.fail('still open after 20 seconds')

    def drip_all(
        self, heads: Iterable[tuple[bytes, bytes]]
    ) -> list[tuple[float, bytes]]:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            return list(pool.map(lambda pair: self.drip(*pair), heads))

    def test_a_head_must_come_in_time(self) -> None:
        heads = (
            (b'GET / HTTP/1.1\r\n', b'X: y\r\n'),
            (b'', b'G'),
            (b'\r\n', b'\0'),
        )
        for seconds, answer in self.drip_all(heads):
            self.assertGreater(seconds, 2.5)
            self.assertIn(b' 408 ', answer)

    def test_silence_within_a_head_is_ended(self) -> None:
        connection = self.connect()
        started = time.monotonic()
        connection.send(_HELLO[:20])
        self.assertIsNone(connection.answer())
        self.assertLess(time.monotonic() - started, 10.0)

    def test_a_body_must_come_in_time(self) -> None:
        framings = ('Content-Length: 999', 'Transfer-Encoding: chunked')
        heads = [raw.request('POST', _MARK, framing) for framing in framings]
        for seconds, answer in self.drip_all(
            (head, b'1\r\n \r\n') for head in heads
        ):
            self.assertGreater(seconds, 2.5)
            self.assertIn(b' 408 ', answer)
            self.assertIn(b'within 3 seconds', answer)
            self.assertIn(b'openstack-request-id', answer)
        self.assert_serves_soon()

    def test_rejected_bodies_do_not_block_others(self) -> None:
        head = raw.request(
            'POST',
            '/v1/drivers',
            'Content-Length: 99999',
            'X-OpenStack-Ironic-API-Version: 9.9',
        )
        refused = [self.connect() for _ in range(20)]
        for connection in refused:
            connection.send(head)
        for connection in refused:
            self.assert_answer(connection.answer(), 406)
        self.assert_serves_soon()
        # It is read for a while, but not forever.
        deadline = time.monotonic() + 20.0
        with socket.create_connection(('127.0.0.1', self.port)) as client:
            client.sendall(head)
            with contextlib.suppress(OSError):
                while time.monotonic() < deadline:
                    client.sendall(b'x')
                    time.sleep(0.05)
        self.assertLess(time.monotonic(), deadline)

    def test_timeouts_do_not_add_up(self) -> None:
        """The server does not wait for further data."""
        service = self.useFixture(
            embedded.Embedded(api__threads=2, api__socket_timeout=6)
        )
        head = raw.request('POST', _HELLO_PATH, 'Content-Length: 999')
        port = parse.urlsplit(service.url).port or 0
        connections = [self.connect(port) for _ in range(2)]
        started = time.monotonic()
        for connection in connections:
            connection.send(head)
        for connection in connections:
            self.assert_answer(connection.answer(), 408)
        # The timeout once, not twice.
        self.assertLess(time.monotonic() - started, 11.0)


class TestSlowReaders(envelope.EnvelopeCase):
    """One thread, socket timeout 1 s."""

    def serve(
        self, application: Callable[..., Any], **options: int
    ) -> server.HTTPServer:
        conf = self.make_conf(
            api__port=0,
            api__threads=1,
            api__max_waiting=1,
            api__request_timeout=2,
            **{'api__socket_timeout': 1} | options,
        )
        started = server.HTTPServer(conf, application)
        started.bind()
        started.start()
        self.addCleanup(started.stop)
        return started

    def ask_for_much(
        self, size: int, **options: int
    ) -> tuple[socket.socket, list[float]]:
        """Request ``size`` bytes; return the client and the end times."""
        ends: list[float] = []

        def much(environ: Any, start_response: Any) -> Iterator[bytes]:
            start_response('200 OK', [('Content-Length', str(size))])
            return Ending([b'x' * size])

        class Ending(list):
            def close(self) -> None:
                ends.append(time.monotonic())

        client = self.connect(self.serve(much, **options))
        client.sendall(_ROOT)
        return client, ends

    def connect(self, to: server.HTTPServer) -> socket.socket:
        client = socket.socket()
        self.addCleanup(client.close)
        # Small, so that the client limits the speed.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(('127.0.0.1', parse.urlsplit(to.url).port))
        return client

    def test_requests_without_reading_are_ended(self) -> None:
        """Long before the timeout of one response."""
        served = []

        def small(environ: Any, start_response: Any) -> list[bytes]:
            served.append(time.monotonic())
            start_response('200 OK', [('Content-Length', '10000')])
            return [b'x' * 10_000]

        started = self.serve(small, api__socket_timeout=20)
        greedy = self.connect(started)
        greedy.sendall(_ROOT * 1000)
        # Until the buffers are full.
        self.wait_for(
            lambda: served and time.monotonic() > served[-1] + 0.5,
            'the buffers are full',
        )
        self.assertLess(len(served), 1000)
        began = time.monotonic()
        other = self.connect(started)
        other.settimeout(20.0)
        other.sendall(_ROOT)
        self.assertTrue(other.recv(1))
        self.assertLess(time.monotonic() - began, 15.0)

    def test_a_client_that_reads_nothing_is_ended(self) -> None:
        _, ends = self.ask_for_much(16 << 20)
        self.wait_for(lambda: ends, 'the thread is free')

    def test_a_client_that_reads_too_slowly_is_ended(self) -> None:
        client, ends = self.ask_for_much(16 << 20)
        started = time.monotonic()
        taken = 0
        while not ends:
            self.assertLess(time.monotonic() - started, 60.0)
            taken += len(client.recv(1024))
            time.sleep(0.1)
        self.assertLess(taken, 1 << 20)

    def test_a_steady_client_gets_everything(self) -> None:
        """Slow reads within the limits, longer than the timeouts."""
        size = 5 << 18
        client, ends = self.ask_for_much(size, api__socket_timeout=3)
        started = time.monotonic()
        left = size
        while left > 0:
            data = client.recv(16 * 1024)
            self.assertTrue(data, 'the server has closed the connection')
            left -= len(data)
            time.sleep(len(data) / (256 * 1024))
        self.assertGreater(time.monotonic() - started, 3.0)
        self.wait_for(lambda: ends, 'the thread is free')


class TestManyConnections(envelope.EnvelopeCase):
    """A server with a limit of connections."""

    def limit(self, connections: int) -> None:
        self.useFixture(
            fixtures.MonkeyPatch(
                f'{server.__name__}._MAX_CONNECTIONS', connections
            )
        )
        # Connections of other tests may log, too.
        self.log = self.useFixture(
            fixtures.FakeLogger('ironic_passthru.httpd', level=logging.WARNING)
        )

    def bind(
        self, application: Callable[..., Any], **options: object
    ) -> server.HTTPServer:
        conf = self.make_conf(
            **{'api__port': 0, 'api__threads': 1, 'api__max_waiting': 1}
            | options
        )
        started = server.HTTPServer(conf, application)
        started.bind()
        self.addCleanup(started.stop)
        self.port = parse.urlsplit(started.url).port or 0
        return started

    def connect(self) -> raw.Connection:
        connection = raw.Connection('127.0.0.1', self.port)
        self.addCleanup(connection.close)
        return connection

    def test_of_too_many_the_oldest_idle_one_goes(self) -> None:
        self.limit(10)
        service = self.useFixture(embedded.Embedded())
        self.port = parse.urlsplit(service.url).port or 0
        first = self.connect()
        others = [self.connect() for _ in range(30)]
        self.assertIsNone(first.answer())
        for connection in others[-9:]:
            connection.send(_HELLO)
            self.assert_answer(connection.answer(), 200)

    def test_a_request_that_has_arrived_is_answered(self) -> None:
        """Whether its connection waits for the selector or for a thread."""
        for connections in (1, 3):
            self.limit(connections)
            started = self.bind(_small)
            clients = [self.connect() for _ in range(6)]
            for client in clients:
                client.send(_ROOT)
                client.finish_sending()
            started.start()
            for client in clients:
                answer = client.answer()
                assert answer is not None
                self.assertEqual(200, answer.status)
            self.assertEqual('', self.log.output)

    def test_connections_between_requests_are_closed_first(self) -> None:
        self.limit(3)
        started = self.bind(_small)
        started.start()
        part, served, silent = (self.connect() for _ in range(3))
        part.send(_ROOT[:9])
        served.send(_ROOT)
        self.assertIsNotNone(served.answer())
        # It is idle after its worker has returned the connection.
        manager = started._server._connections
        self.wait_for(
            lambda: any(
                getattr(connection, 'between_requests', False)
                for _, connection in manager._selector.connections
            ),
            'the connection is idle',
        )
        newcomer = self.connect()
        newcomer.send(_ROOT)
        self.assertIsNotNone(newcomer.answer())
        self.assertIsNone(served.answer())
        part.send(_ROOT[9:])
        silent.send(_ROOT)
        for client in (part, silent):
            answer = client.answer()
            assert answer is not None
            self.assertEqual(200, answer.status)

    def test_handshakes_make_room_after_idle_connections(self) -> None:
        made = self.useFixture(certificates.Certificates())
        self.limit(2)
        self.bind(
            _small,
            api__tls_cert_file=str(made.server_cert),
            api__tls_key_file=str(made.server_key),
        ).start()
        begun = socket.create_connection(('127.0.0.1', self.port))
        self.addCleanup(begun.close)
        context = made.client_context()
        for _ in range(3):
            # Each replaces the previous, idle one.
            client = raw.Connection('localhost', self.port, tls=context)
            self.addCleanup(client.close)
            client.send(_ROOT)
            answer = client.answer()
            assert answer is not None
            self.assertEqual(200, answer.status)
        tls = context.wrap_socket(begun, server_hostname='localhost')
        self.addCleanup(tls.close)
        tls.sendall(_ROOT)
        self.assertIn(b' 200 ', tls.recv(65536))

    def test_without_descriptors_clients_wait(self) -> None:
        self.limit(1000)
        started = self.bind(_small)
        started.start()
        served = self.connect()
        served.send(_ROOT)
        self.assertIsNotNone(served.answer())
        waiting = socket.socket()
        self.addCleanup(waiting.close)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        with socket.socket() as lowest:
            number = lowest.fileno()
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, limits[1]))
        try:
            waiting.connect(('127.0.0.1', self.port))
            waiting.sendall(_ROOT)
            self.wait_for(lambda: self.log.output, 'the error is logged')
            # An idle connection was closed to free a descriptor.
            waiting.settimeout(10.0)
            self.assertIn(b' 200 ', waiting.recv(65536))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        self.assertEqual(1, self.log.output.count('\n'), self.log.output)
        self.assertIn('Too many open files', self.log.output)
        self.assertIsNone(served.answer())

    def test_an_error_of_accept_is_logged_once(self) -> None:
        """Simulated errors; the server recovers."""
        for number in (errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
            self.limit(1000)
            started = self.bind(_small)
            listening = started._server.socket
            failing = _Failing(listening, number, times=3)
            started._server.socket = failing
            started.start()
            client = self.connect()
            client.send(_ROOT)
            answer = client.answer()
            assert answer is not None
            self.assertEqual(200, answer.status)
            self.assertEqual(0, failing.left)
            self.assertEqual(1, self.log.output.count('\n'), self.log.output)
            self.assertIn(os.strerror(number), self.log.output)

    def set_clock(self, seconds: float) -> None:
        """Set the wall clock."""
        real = time.time
        self.useFixture(
            fixtures.MonkeyPatch('time.time', lambda: real() + seconds)
        )

    def test_accepting_goes_on_after_the_clock_was_set_back(self) -> None:
        self.limit(1000)
        started = self.bind(_small)
        started.start()
        served = self.connect()
        served.send(_ROOT)
        self.assertIsNotNone(served.answer())
        self.set_clock(-3600)
        started._server.socket = _Failing(
            started._server.socket, errno.EMFILE, times=1
        )
        client = self.connect()
        client.send(_ROOT)
        self.assertIsNotNone(client.answer())

    def test_idle_clients_expire_after_the_clock_was_set_back(self) -> None:
        self.limit(1000)
        started = self.bind(_small, api__socket_timeout=1)
        started.start()
        served = self.connect()
        served.send(_ROOT)
        self.assertIsNotNone(served.answer())
        self.set_clock(-3600)
        self.assertIsNone(served.answer())

    def test_idle_clients_stay_after_the_clock_was_set_forward(self) -> None:
        self.limit(1000)
        started = self.bind(_small)
        expired = threading.Semaphore(0)
        expire = started._server._connections._expire

        def count(**kwargs: float) -> None:
            expire(**kwargs)
            expired.release()

        started._server._connections._expire = count
        started.start()
        served = self.connect()
        served.send(_ROOT)
        self.assertIsNotNone(served.answer())
        self.set_clock(3600)
        for _ in range(2):
            self.assertTrue(expired.acquire(timeout=10))
        served.send(_ROOT)
        self.assertIsNotNone(served.answer())

    def test_it_serves_without_further_threads(self) -> None:
        self.limit(1000)
        started = self.bind(_small)
        start = threading.Thread.start

        def refuse(thread: threading.Thread) -> None:
            if threading.current_thread() is not threading.main_thread():
                raise RuntimeError("can't start new thread")
            start(thread)

        self.useFixture(fixtures.MonkeyPatch('threading.Thread.start', refuse))
        started.start()
        client = self.connect()
        client.send(_ROOT)
        self.assertIsNotNone(client.answer())

    def test_a_client_that_went_before_accept_is_ignored(self) -> None:
        self.limit(1000)
        started = self.bind(_small)
        started._server.socket = _Failing(
            started._server.socket, errno.ECONNABORTED, times=1
        )
        started.start()
        client = self.connect()
        client.send(_ROOT)
        self.assertIsNotNone(client.answer())
        self.assertEqual('', self.log.output)


def _small(environ: Any, start_response: Any) -> list[bytes]:
    start_response('200 OK', [('Content-Length', '2')])
    return [b'ok']


class _Failing:
    """A listening socket whose accept() fails a few times."""

    def __init__(
        self, listening: socket.socket, number: int, *, times: int
    ) -> None:
        self._listening = listening
        self._number = number
        self.left = times

    def accept(self) -> Any:
        if self.left:
            self.left -= 1
            raise OSError(self._number, os.strerror(self._number))
        return self._listening.accept()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._listening, name)
