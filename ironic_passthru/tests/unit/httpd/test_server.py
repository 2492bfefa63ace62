# SPDX-License-Identifier: Apache-2.0
"""Tests of the built-in HTTP server; bytes are tested with other servers."""

import socket
from urllib import request

from ironic_passthru import errors
from ironic_passthru.httpd import server
from ironic_passthru.tests import base


def _hello(environ: dict, start_response: object) -> list[bytes]:
    start_response(  # type: ignore[operator]
        '200 OK', [('Content-Type', 'text/plain')]
    )
    return [environ['PATH_INFO'].encode('latin-1')]


class TestServer(base.TestCase):
    """Where it listens."""

    def start(self, **options: object) -> server.HTTPServer:
        conf = self.make_conf(**{'api__port': 0} | options)
        started = server.HTTPServer(conf, _hello)
        started.bind()
        started.start()
        self.addCleanup(started.stop)
        return started

    def test_it_serves_on_a_free_port_of_loopback(self) -> None:
        started = self.start()
        self.assertRegex(started.url, r'^http://127\.0\.0\.1:[1-9][0-9]*$')
        with request.urlopen(f'{started.url}/a%2Fb%20c') as answer:
            self.assertEqual(b'/a/b c', answer.read())

    def test_its_url_can_be_followed_from_here(self) -> None:
        started = self.start(api__host_ip='0.0.0.0')
        self.assertRegex(started.url, r'^http://127\.0\.0\.1:')

    def test_an_address_in_use_is_told(self) -> None:
        with socket.socket() as taken:
            taken.bind(('127.0.0.1', 0))
            taken.listen()
            port = taken.getsockname()[1]
            error = self.assertRaises(
                errors.ConfigError, self.start, api__port=port
            )
        self.assertIn(f'127.0.0.1 port {port}', error.message)
        self.assertIn('Address already in use', error.message)
