# SPDX-License-Identifier: Apache-2.0
"""Outcomes of requests to Ironic: not sent, lost, or answered."""

import socket
import ssl
import time
from concurrent import futures

import fixtures
import trustme

from ironic_passthru import errors
from ironic_passthru.api.forwarding import exchange
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.api.forwarding import stub

_HEADER = b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n'
_CHUNKED = _HEADER + b'Transfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n'


class ExchangeCase(base.TestCase):
    def endpoint(
        self, url: str | None, **options: object
    ) -> exchange.IronicEndpoint:
        values = {'endpoint_override': url, 'max_response_size': 1024}
        return exchange.IronicEndpoint(
            self.make_conf(
                **{f'ironic__{k}': v for k, v in (values | options).items()}
            )
        )

    def stub(self, answer: stub.Answer) -> stub.StubIronic:
        return self.useFixture(stub.StubIronic(answer))

    def send(
        self,
        endpoint: exchange.IronicEndpoint,
        seconds: float = 5.0,
        **headers: str,
    ) -> exchange.IronicResponse:
        return endpoint.send(
            exchange.IronicRequest('POST', '/v1/drivers/d', headers, b'{}'),
            timeout_seconds=seconds,
        )


class TestNotSent(ExchangeCase):
    def check(self, url: str, reason: str, **headers: str) -> None:
        error = self.assertRaises(
            exchange.RequestNotSent,
            self.send,
            self.endpoint(url, connect_timeout=0.5),
            **headers,
        )
        self.assertRegex(str(error), reason)

    def test_nothing_listens(self) -> None:
        # Ports of loopback below 10 have no server.
        self.check('http://127.0.0.1:9', 'Connection refused')

    def test_no_such_host(self) -> None:
        self.check('http://ironic.invalid', 'resol')

    def test_not_tls(self) -> None:
        plain = self.stub(lambda request: request.send(b'what?'))
        self.check(plain.url.replace('http:', 'https:'), '(?i)ssl')

    def test_invalid_header(self) -> None:
        server = self.stub(lambda request: request.send_json({}))
        self.check(server.url, 'header', Accept='a\nb')
        self.assertEqual([], server.requests)

    def test_too_many_requests(self) -> None:
        server = self.stub(lambda request: server.release.wait(30) and None)
        endpoint = self.endpoint(server.url, max_requests=1)
        started = time.monotonic()
        with futures.ThreadPoolExecutor() as pool:
            running = pool.submit(self.send, endpoint, 20.0)
            self.wait_for(lambda: server.requests, 'the first request')
            error = self.assertRaises(
                exchange.RequestNotSent, self.send, endpoint
            )
            server.release.set()
        self.assertLess(time.monotonic() - started, 15)
        self.assertIn('max_requests (1)', str(error))
        self.assertIsInstance(running.exception(), exchange.ResponseLost)

    def test_endless_handshake(self) -> None:
        """Each part of the TLS handshake is in time, but not all of them."""

        def answer(request: stub.StubRequest) -> None:
            # A record of 16 KiB.
            request.send(b'\x16\x03\x03\x40\x00')
            try:
                for _ in range(400):
                    request.send(b'\0')
                    time.sleep(0.05)
            except OSError:
                return

        plain = self.stub(answer)
        started = time.monotonic()
        self.check(plain.url.replace('http:', 'https:'), 'SSL handshake')
        self.assertLess(time.monotonic() - started, 12)


class TestLost(ExchangeCase):
    def check(self, answer: stub.Answer, reason: str) -> None:
        server = self.stub(answer)
        error = self.assertRaises(
            exchange.ResponseLost, self.send, self.endpoint(server.url), 1.0
        )
        self.assertRegex(str(error), reason)
        # It is not repeated.
        self.assertEqual(1, len(server.requests))

    def test_closed_without_a_response(self) -> None:
        self.check(lambda request: None, 'RemoteDisconnected')

    def test_cut_body(self) -> None:
        cut = _HEADER + b'Content-Length: 9\r\n\r\nfour'
        self.check(lambda request: request.send(cut), 'IncompleteRead')

    def test_cut_chunks(self) -> None:
        self.check(lambda request: request.send(_CHUNKED), 'IncompleteRead')

    def test_not_http(self) -> None:
        self.check(lambda request: request.send(b'220 smtp\r\n'), 'BadStatus')

    def test_text_that_is_not_http(self) -> None:
        """It may repeat the token of the caller, and is not logged."""
        token = b'X-Auth-Token: secret\r\n'
        self.check(lambda request: request.send(token), 'is not HTTP$')

    def test_reason_is_one_short_line(self) -> None:
        lengths = b'Content-Length: 1\x1b\r\nContent-Length: %b\r\n\r\n'
        text = _HEADER + lengths % (b'2' * 9000)
        self.check(lambda request: request.send(text), r'^[ -~]{10,200}$')

    def test_body_without_a_known_end(self) -> None:
        for header in (
            b'Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
            b'Content-Length: -4\r\n\r\nfour',
            b'Content-Length: four\r\n\r\nfour',
        ):
            text = _HEADER + header
            self.check(lambda request, text=text: request.send(text), 'an ')

    def test_interim_response_alone(self) -> None:
        switch = b'HTTP/1.1 101 Switching Protocols\r\n\r\n'
        self.check(lambda request: request.send(switch), 'status 101')

    def test_slow(self) -> None:
        """Each part is in time, but not all of them."""
        for start, part in (
            (b'HTTP/1.1 200 OK\r\n', b'X: y\r\n'),
            (b'HTTP/1.1 200 OK\r\nX: ', b'y'),
            (_CHUNKED, b'1\r\ny\r\n'),
            # A body that ends with the connection.
            (_HEADER + b'\r\n', b'y'),
        ):

            def answer(
                request: stub.StubRequest, start: bytes = start, part=part
            ) -> None:
                request.send(start)
                try:
                    for _ in range(400):
                        request.send(part)
                        time.sleep(0.05)
                except OSError:
                    return

            started = time.monotonic()
            self.check(answer, 'timeout of 1 seconds')
            self.assertLess(time.monotonic() - started, 12, start)


class TestAnswered(ExchangeCase):
    def test_too_large(self) -> None:
        server = self.stub(lambda request: request.send_json('x' * 2000))
        self.assertRaises(
            exchange.ResponseTooLarge, self.send, self.endpoint(server.url)
        )

    def test_body_is_not_decoded(self) -> None:
        coded = _HEADER + b'Content-Encoding: gzip\r\n\r\n\x1f\x8b'
        server = self.stub(lambda request: request.send(coded))
        answer = self.send(self.endpoint(f'{server.url}/baremetal/v1/'))
        self.assertEqual(b'\x1f\x8b', answer.body)
        self.assertEqual(
            'POST /baremetal/v1/drivers/d HTTP/1.1', server.requests[0].line
        )

    def test_response_before_the_end_of_the_request(self) -> None:
        """A server refuses a body without reading it."""
        body = b'x' * (8 << 20)

        def answer(request: stub.StubRequest) -> None:
            request.send_json({}, '413 Too Large')
            request.connection.shutdown(socket.SHUT_RDWR)

        server = self.stub(answer)
        server.reads_body = False
        answer = self.endpoint(server.url).send(
            exchange.IronicRequest('POST', '/v1/drivers/d', {}, body),
            timeout_seconds=5.0,
        )
        self.assertEqual(413, answer.status)

    def test_redirects_are_answers(self) -> None:
        server = self.stub(
            lambda request: request.send_json(
                {}, '302 Found', Location='http://127.0.0.1:9/'
            )
        )
        self.assertEqual(302, self.send(self.endpoint(server.url)).status)


class TestTLS(ExchangeCase):
    def test_certificates(self) -> None:
        authority = trustme.CA()
        server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert('127.0.0.1').configure_cert(server_tls)
        authority.configure_trust(server_tls)
        server_tls.verify_mode = ssl.CERT_REQUIRED
        # With later versions a client notices a refusal only when it reads.
        server_tls.maximum_version = ssl.TLSVersion.TLSv1_2
        server = self.useFixture(
            stub.StubIronic(lambda request: request.send_json({}), server_tls)
        )
        directory = self.useFixture(fixtures.TempDir())
        cafile, certfile = directory.join('ca'), directory.join('client')
        authority.cert_pem.write_to_path(cafile)
        issued = authority.issue_cert('client').private_key_and_cert_chain_pem
        issued.write_to_path(certfile)
        for options, accepted in (
            ({'cafile': cafile, 'certfile': certfile}, True),
            ({'insecure': True, 'certfile': certfile}, True),
            ({'cafile': cafile}, False),
            ({'certfile': certfile}, False),
        ):
            endpoint = self.endpoint(server.url, **options)
            if accepted:
                self.assertEqual(200, self.send(endpoint).status, options)
            else:
                self.assertRaises(exchange.RequestNotSent, self.send, endpoint)


class TestOptions(ExchangeCase):
    def test_mistakes(self) -> None:
        url = 'https://ironic.example.com'
        for pattern, endpoint, options in (
            ('endpoint_override is required', None, {}),
            ('endpoint_override is not', 'http://ironic:99999', {}),
            ('endpoint_override is not', 'http://ironic:0', {}),
            ('endpoint_override is not', 'http://user:secret@ironic', {}),
            ('endpoint_override is not', 'http://ironic/a b', {}),
            ('endpoint_override must not', 'http://ironic/?a=b', {}),
            ('cafile: /nope: .*No such file', url, {'cafile': '/nope'}),
            ('certfile, keyfile: /nope', url, {'certfile': '/nope'}),
        ):
            error = self.assertRaises(
                errors.ConfigError, self.endpoint, endpoint, **options
            )
            self.assertRegex(error.message, rf'\[ironic\] {pattern}')
            self.assertNotIn('secret', error.message)
