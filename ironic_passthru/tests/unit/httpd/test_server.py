# SPDX-License-Identifier: Apache-2.0
"""Tests of the built-in HTTP server; see also the functional tests."""

import socket
from collections.abc import Iterable
from urllib import request
from wsgiref.types import StartResponse
from wsgiref.types import WSGIEnvironment

import fixtures

from ironic_passthru import errors
from ironic_passthru.httpd import server
from ironic_passthru.tests import base


def _application(
    environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [environ['PATH_INFO'].encode('latin-1')]


class TestServer(base.TestCase):
    """Addresses of the server."""

    def start(self, **options: object) -> server.HTTPServer:
        conf = self.make_conf(**{'api__port': 0} | options)
        started = server.HTTPServer(conf, _application)
        started.bind()
        started.start()
        self.addCleanup(started.stop)
        return started

    def test_serves_on_a_free_port_of_loopback(self) -> None:
        started = self.start()
        self.assertRegex(started.url, r'^http://127\.0\.0\.1:[1-9][0-9]*$')
        with request.urlopen(f'{started.url}/a%2Fb%20c') as response:
            self.assertEqual(b'/a/b c', response.read())

    def test_url_of_an_unspecified_address(self) -> None:
        started = self.start(api__host_ip='0.0.0.0')
        self.assertRegex(started.url, r'^http://127\.0\.0\.1:')

    def test_address_in_use(self) -> None:
        with socket.socket() as taken:
            taken.bind(('127.0.0.1', 0))
            taken.listen()
            port = taken.getsockname()[1]
            error = self.assertRaises(
                errors.ConfigError, self.start, api__port=port
            )
        self.assertIn(f'127.0.0.1 port {port}', error.message)
        self.assertIn('Address already in use', error.message)


class TestAddressWithoutAuthentication(base.TestCase):
    """The check of the address with auth_strategy noauth."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())

    def make(self, host: str, strategy: str = 'noauth', **api: bool) -> None:
        options = {f'api__{name}': value for name, value in api.items()}
        conf = self.make_conf(
            auth_strategy=strategy, api__host_ip=host, **options
        )
        server.HTTPServer(conf, _application)

    def test_loopback(self) -> None:
        for host in (
            '127.0.0.1',
            '127.255.255.254',
            '::1',
            '::ffff:127.0.0.1',
            'localhost',
            'LocalHost',
        ):
            self.make(host)
        self.assertEqual('', self.log.output)

    def test_other_addresses(self) -> None:
        for host in (
            '0.0.0.0',
            '::',
            '192.0.2.1',
            '128.0.0.1',
            '::ffff:192.0.2.1',
            'fe80::1',
            'localhost.example.com',
            '127.0.0.1.example.com',
            'api.example.com',
        ):
            error = self.assertRaises(errors.ConfigError, self.make, host)
            for word in (
                host,
                'host_ip',
                '[api]',
                'auth_strategy',
                'allow_insecure_bind',
            ):
                self.assertIn(word, error.message)

    def test_allow_insecure_bind(self) -> None:
        self.make('192.0.2.1', allow_insecure_bind=True)
        self.assertIn('192.0.2.1', self.log.output)
        self.assertIn('auth_strategy', self.log.output)

    def test_other_strategies(self) -> None:
        for strategy in ('keystone', 'http_basic'):
            self.make('0.0.0.0', strategy)
        self.assertEqual('', self.log.output)
