# SPDX-License-Identifier: Apache-2.0
"""The HTTP listener of metrics."""

import socket
import threading
import time
import urllib.error
import urllib.request
from unittest import mock

import fixtures

from ironic_passthru.metrics import listener
from ironic_passthru.tests import base


class TestListener(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(listener.__name__))
        self.enterContext(mock.patch.object(listener, '_RETRY_SECONDS', 0.05))
        # Its port is free afterwards.
        with socket.create_server(('127.0.0.1', 0)) as reserved:
            self.port = reserved.getsockname()[1]

    def listener(self, claimed: bool = True) -> listener.Listener:
        def fail(*_: object) -> list[bytes]:
            raise ValueError('hunter2')

        found = listener.Listener(
            fail, '127.0.0.1', self.port, lambda: claimed
        )
        self.addCleanup(found.stop)
        return found

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + 10
        while text not in self.log.output and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertIn(text, self.log.output)

    def test_the_port_of_another_service_is_logged(self) -> None:
        with socket.create_server(('127.0.0.1', self.port)):
            self.listener(claimed=False).start()
            self.listener().start()
            self.wait_for(
                f'Cannot serve metrics on 127.0.0.1 port {self.port}: '
                'Address already in use'
            )
        self.assertEqual(1, self.log.output.count('Cannot serve'))

    def test_an_unexpected_error_is_one_line(self) -> None:
        found = self.listener()
        found.bind()
        found.start()
        for _ in range(2):
            error = self.assertRaises(
                urllib.error.HTTPError,
                urllib.request.urlopen,
                f'http://127.0.0.1:{self.port}/metrics',
            )
            self.assertEqual(500, error.code)
            error.close()
        self.assertEqual(
            'Cannot read the metrics: ValueError\n', self.log.output
        )

    def test_idle_clients_take_few_threads(self) -> None:
        found = self.listener()
        found.bind()
        found.start()
        before = threading.active_count()
        clients = [
            socket.create_connection(('127.0.0.1', self.port))
            for _ in range(40)
        ]
        try:
            # It has been accepted, and closed.
            clients[-1].settimeout(5)
            self.assertEqual(b'', clients[-1].recv(1))
            self.assertLessEqual(threading.active_count() - before, 9)
        finally:
            for client in clients:
                client.close()
