# SPDX-License-Identifier: Apache-2.0
"""TLS of the built-in server, with real certificates and real sockets."""

import contextlib
import http.client
import pathlib
import socket
import ssl
import subprocess
import time
import warnings
from urllib import parse

import fixtures

from ironic_passthru.tests import embedded
from ironic_passthru.tests.functional import certificates
from ironic_passthru.tests.functional import console
from ironic_passthru.tests.functional import envelope
from ironic_passthru.tests.functional import raw

_HELLO = raw.request('GET', '/v1/drivers/fake-hardware/vendor_passthru/hello')
_HOST = certificates.SERVER
_ECHO = '/v1/drivers/fake-hardware/vendor_passthru/echo'


class TestTls(envelope.EnvelopeCase):
    """Two threads, socket timeout 2 s, request timeout 3 s."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.certificates = cls.use_class_fixture(certificates.Certificates())
        cls.files = {
            'api__tls_cert_file': str(cls.certificates.server_cert),
            'api__tls_key_file': str(cls.certificates.server_key),
        }
        cls.service = cls.use_class_fixture(
            embedded.Embedded(
                **cls.files,
                api__threads=2,
                api__max_waiting=1,
                api__socket_timeout=2,
                api__request_timeout=3,
            )
        )
        cls.port = parse.urlsplit(cls.service.url).port or 0

    def setUp(self) -> None:
        super().setUp()
        self.logger = self.useFixture(fixtures.FakeLogger(level=0))
        self.trust = self.make_trust()

    def make_trust(self) -> ssl.SSLContext:
        """Return the TLS context of a client."""
        return ssl.create_default_context(cafile=self.certificates.ca)

    def connect(self) -> raw.Connection:
        connection = raw.Connection(_HOST, self.port, tls=self.trust)
        self.addCleanup(connection.close)
        return connection

    def dial(self) -> socket.socket:
        """Return a connection without any data."""
        client = socket.create_connection(('127.0.0.1', self.port), 10.0)
        self.addCleanup(client.close)
        return client

    def assert_serves_soon(self) -> None:
        started = time.monotonic()
        connection = self.connect()
        connection.send(_HELLO)
        self.assert_answer(connection.answer(), 200)
        self.assertLess(time.monotonic() - started, 8.0)

    def assert_no_traceback(self) -> None:
        self.assertNotIn('Traceback', self.logger.output)
        self.assertNotIn('ERROR', self.logger.output)

    def test_links_follow(self) -> None:
        self.assertEqual('https://', self.service.url[:8])
        connection = self.connect()
        for target in ('/', 'http://127.0.0.1/', 'javascript://127.0.0.1/'):
            connection.send(raw.request('GET', target, host='h'))
            answer = connection.answer()
            self.assert_answer(answer, 200)
            assert answer is not None
            link = answer.json['default_version']['links'][0]['href']
            self.assertEqual('https://h/v1/', link)

    def test_a_usual_client(self) -> None:
        client = http.client.HTTPSConnection(
            _HOST, self.port, context=self.trust, timeout=10
        )
        self.addCleanup(client.close)
        for _ in range(3):
            client.request('GET', '/v1/drivers')
            with client.getresponse() as response:
                self.assertEqual(200, response.status)
                response.read()
        self.assertEqual('http/1.1', self.protocol('http/1.1'))

    def protocol(self, *offered: str) -> str | None:
        self.trust.set_alpn_protocols([*offered])
        with self.trust.wrap_socket(
            self.dial(), server_hostname=_HOST
        ) as client:
            return client.selected_alpn_protocol()

    def test_clients_without_the_ca_reject_the_certificate(self) -> None:
        self.assertRaises(
            ssl.SSLCertVerificationError,
            ssl.create_default_context().wrap_socket,
            self.dial(),
            server_hostname=_HOST,
        )
        self.assert_serves_soon()
        self.assert_no_traceback()

    def test_large_bodies_both_ways(self) -> None:
        body = b'{"text": "%s"}' % (b'x' * 900_000)
        request = raw.request(
            'POST', _ECHO, f'Content-Length: {len(body)}', body=body
        )
        connection = self.connect()
        # Pipelined, so that one read decrypts more than one request.
        for _ in range(2):
            connection.send(request * 2 + _HELLO)
            for _ in range(2):
                answer = connection.answer()
                self.assert_answer(answer, 200)
                assert answer is not None
                self.assertEqual(len(body), len(answer.body))
            self.assert_answer(connection.answer(), 200)

    def test_many_requests_at_once(self) -> None:
        connection = self.connect()
        connection.send(_HELLO * 100)
        for _ in range(100):
            self.assert_answer(connection.answer(), 200)

    def test_the_end_of_a_connection_is_announced(self) -> None:
        """A client can distinguish an end from a truncation attack."""
        self.trust.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        for request in (
            raw.request('GET', '/', 'Connection: close'),
            raw.request('GET', '/v1', 'Content-Length: -1'),
            b'nonsense\r\n\r\n',
        ):
            with self.trust.wrap_socket(
                self.dial(),
                server_hostname=_HOST,
                suppress_ragged_eofs=False,
            ) as client:
                client.sendall(request)
                while client.recv(65536):
                    pass

    def test_silent_clients_do_not_block_others(self) -> None:
        silent = [self.dial() for _ in range(20)]
        self.assert_serves_soon()
        # They are closed after the timeout.
        for client in silent:
            self.assertEqual(b'', client.recv(1))
        self.assert_no_traceback()

    def test_incomplete_handshakes_do_not_block_others(self) -> None:
        hello = self.first_flight()
        for end in (1, 5, 100, len(hello) - 1, len(hello)) * 4:
            self.dial().sendall(hello[:end])
        self.assert_serves_soon()
        self.assert_no_traceback()

    def first_flight(self) -> bytes:
        outgoing = ssl.MemoryBIO()
        client = self.trust.wrap_bio(
            ssl.MemoryBIO(), outgoing, server_hostname=_HOST
        )
        self.assertRaises(ssl.SSLWantReadError, client.do_handshake)
        return outgoing.read()

    def test_a_handshake_must_end_in_time(self) -> None:
        hello = self.first_flight()
        client = self.dial()
        client.settimeout(0.3)
        started = time.monotonic()
        for number in range(len(hello)):
            try:
                client.sendall(hello[number : number + 1])
                if not client.recv(1):
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        seconds = time.monotonic() - started
        self.assertGreater(seconds, 2.5)
        self.assertLess(seconds, 20.0)

    def test_plain_http_gets_an_error(self) -> None:
        for request in (_HELLO, raw.request('POST', '/', body=b'x' * 9999)):
            with raw.Connection('127.0.0.1', self.port) as connection:
                connection.send(request)
                answer = connection.answer()
                assert answer is not None
                self.assertEqual(400, answer.status)
                self.assertIn(b'only HTTPS', answer.body)
        self.assert_serves_soon()
        self.assert_no_traceback()

    def test_other_protocols_are_closed(self) -> None:
        for data in (b'\0' * 100, b'\x16\x03\x01\x00\x05hello', b'SSH-2.0\n'):
            client = self.dial()
            client.sendall(data)
            with contextlib.suppress(ConnectionResetError):
                while client.recv(65536):
                    pass
        # Also after the handshake.
        with self.trust.wrap_socket(
            self.dial(), server_hostname=_HOST
        ) as client:
            client.sendall(_HELLO[:20])
            socket.socket.send(client, b'\x17\x03\x03\x00\x10' + b'x' * 16)
            with contextlib.suppress(OSError):
                self.assertEqual(b'', client.recv(1))
        self.assert_serves_soon()
        self.assert_no_traceback()
        self.assertNotIn('WARNING', self.logger.output)

    def test_the_certificate_of_the_documentation(self) -> None:
        script = console.ROOT / 'doc/source/examples/self-signed.sh'
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        subprocess.run(
            ['sh', '-e', str(script)],
            cwd=directory,
            check=True,
            capture_output=True,
        )
        service = self.useFixture(
            embedded.Embedded(
                api__tls_cert_file=str(directory / 'api.crt'),
                api__tls_key_file=str(directory / 'api.key'),
            )
        )
        self.port = parse.urlsplit(service.url).port or 0
        self.trust = ssl.create_default_context(
            cafile=str(directory / 'api.crt')
        )
        self.assert_serves_soon()

    def old(self, newest: ssl.TLSVersion) -> ssl.SSLContext:
        """Return a client with an old version of TLS."""
        context = self.make_trust()
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = newest
        # Otherwise the client would reject it.
        context.set_ciphers('ALL:@SECLEVEL=0')
        return context

    def assert_version_refused(self, version: ssl.TLSVersion) -> None:
        error = self.assertRaises(
            ssl.SSLError,
            self.old(version).wrap_socket,
            self.dial(),
            server_hostname=_HOST,
        )
        # The alert of the server.
        self.assertEqual('TLSV1_ALERT_PROTOCOL_VERSION', error.reason)

    def test_old_versions_are_refused(self) -> None:
        self.assert_version_refused(ssl.TLSVersion.TLSv1)
        self.assert_version_refused(ssl.TLSVersion.TLSv1_1)
        self.trust = self.old(ssl.TLSVersion.TLSv1_2)
        self.assert_serves_soon()
        self.assert_no_traceback()

    def test_the_minimum_can_be_raised(self) -> None:
        service = self.useFixture(
            embedded.Embedded(**self.files, api__tls_minimum_version='1.3')
        )
        self.port = parse.urlsplit(service.url).port or 0
        self.assert_version_refused(ssl.TLSVersion.TLSv1_2)
        self.assert_serves_soon()
