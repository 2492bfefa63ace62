# SPDX-License-Identifier: Apache-2.0
"""HTTP on the level of bytes, with the built-in server."""

import pathlib
from urllib import parse

import fixtures

from ironic_passthru.tests import embedded
from ironic_passthru.tests.functional import body_cases
from ironic_passthru.tests.functional import marks
from ironic_passthru.tests.functional import raw
from ironic_passthru.tests.functional import web
from ironic_passthru.tests.functional import wire_cases

_MARKS = '/v1/drivers/marks/vendor_passthru'


class TestBuiltInServer(wire_cases.WireCases):
    """The cases of every server, and cases of the built-in server."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        directory = cls.use_class_fixture(fixtures.TempDir()).path
        cls.marks = pathlib.Path(directory) / 'marks'
        cls.use_class_fixture(
            fixtures.EnvironmentVariable(marks.FILE, str(cls.marks))
        )
        cls.service = cls.use_class_fixture(
            embedded.Embedded(drivers={'marks': marks.MarksVendor()})
        )
        cls.port = parse.urlsplit(cls.service.url).port

    def marked(self, key: str) -> list[str]:
        return marks.read(self.marks, key)

    def test_refused_bodies_are_refused_in_the_envelope(self) -> None:
        for header, status in (
            ('Content-Length: -1', 400),
            ('Content-Length: +2', 400),
            (f'Content-Length: {10**15}', 413),
        ):
            answer = self.ask(self.mark(header, body=self.body))
            self.assert_answer(answer, status)

    def test_broken_chunks_are_refused_in_the_envelope(self) -> None:
        for broken in body_cases.BROKEN_CHUNKS[:-1]:
            with self.connect() as connection:
                connection.send(
                    self.mark('Transfer-Encoding: chunked', body=broken)
                )
                connection.finish_sending()
                self.assert_answer(connection.answer(), 400)

    def test_a_large_chunk_gets_413_before_its_end(self) -> None:
        with self.connect() as connection:
            connection.send(
                self.mark(
                    'Transfer-Encoding: chunked',
                    body=b'7fffffff\r\n' + b' ' * ((1 << 20) + 1),
                )
            )
            self.assert_answer(connection.answer(), 413)

    def test_two_slashes_at_the_start_are_404(self) -> None:
        for path in ('//', '//v1/drivers', '///', '//v1%2Fdrivers'):
            self.assert_answer(self.ask(raw.request('GET', path)), 404)

    def test_a_name_that_resolves_to_loopback(self) -> None:
        """DNS rebinding: evil.example resolves to the loopback address."""
        body = self.body
        for host in ('evil.example', f'evil.example:{self.port}', '192.0.2.1'):
            for target in (f'{_MARKS}/mark', f'http://{host}{_MARKS}/mark'):
                answer = self.ask(
                    raw.request(
                        'POST',
                        target,
                        'Content-Type: text/plain',
                        f'Origin: http://{host}',
                        'Sec-Fetch-Site: same-origin',
                        f'Content-Length: {len(body)}',
                        body=body,
                        host=host,
                    )
                )
                self.assert_answer(answer, 403)
            public = self.ask(raw.request('GET', '/v1', host=host))
            self.assert_answer(public, 200)
        self.assertEqual([], self.marked(self.key))

    def test_a_page_of_another_site(self) -> None:
        length = f'Content-Length: {len(self.body)}'
        for header in ('Origin: http://evil.example', 'Origin: null'):
            answer = self.ask(self.mark(length, header, body=self.body))
            self.assert_answer(answer, 403)
        # The request of an image in the page.
        image = raw.request('GET', '/v1/drivers', 'Sec-Fetch-Site: cross-site')
        self.assert_answer(self.ask(image), 403)
        self.assertEqual([], self.marked(self.key))

    def test_targets_that_are_no_url(self) -> None:
        for target in ('//[', '//[::1', 'http://[', '*', 'v1', '/#x'):
            answer = self.ask(raw.request('GET', target))
            assert answer is not None
            self.assertEqual(400, answer.status, target)

    def test_a_target_may_be_a_whole_url(self) -> None:
        target = 'http://localhost/v1/drivers%2Ffake-hardware?fields=name'
        answer = self.ask(
            raw.request(
                'GET', target, 'X-OpenStack-Ironic-API-Version: latest'
            )
        )
        self.assert_answer(answer, 200)

    def test_two_lengths_of_a_body(self) -> None:
        """A proxy may use the other one."""
        inner = self.mark(f'Content-Length: {len(self.body)}', body=self.body)
        chunks = raw.chunked()
        for coding in ('chunked', 'Chunked', 'chunked, chunked', 'gzip', ''):
            for length in (0, len(chunks), len(chunks) + len(inner)):
                framing = [
                    f'Content-Length: {length}',
                    f'Transfer-Encoding: {coding}',
                ]
                for headers in (framing, framing[::-1]):
                    with self.connect() as connection:
                        connection.send(
                            self.mark(*headers, body=chunks) + inner
                        )
                        answer = connection.answer()
                        assert answer is not None
                        self.assertEqual(400, answer.status)
                        self.assertIsNone(connection.answer())
        self.assertEqual([], self.marked(self.key))

    def test_the_connection_is_kept_after_an_error(self) -> None:
        with self.connect() as connection:
            for _ in range(3):
                connection.send(self.mark('Content-Length: 1', body=b'{'))
                self.assert_answer(connection.answer(), 400)

    def test_a_client_that_stalls_is_ended(self) -> None:
        service = self.useFixture(
            embedded.Embedded(
                drivers={'marks': marks.MarksVendor()}, api__socket_timeout=1
            )
        )
        port = parse.urlsplit(service.url).port or 0
        for header in ('Content-Length: 999', 'Transfer-Encoding: chunked'):
            with raw.Connection(self.host, port) as connection:
                connection.send(self.mark(header, body=b'5\r\n{'))
                answer = connection.answer()
                self.assert_answer(answer, 408)
                self.assertIsNone(connection.answer())
        self.assertEqual([], self.marked(self.key))

    def test_heads_that_are_too_large(self) -> None:
        for head, status in (
            (['X-Long: ' + 'x' * 32_000], 200),
            (['X-Long: ' + 'x' * 33_000], 431),
            ([f'X-{number}: y' for number in range(99)], 200),
            ([f'X-{number}: y' for number in range(100)], 431),
        ):
            answer = self.ask(raw.request('GET', '/v1/drivers', *head))
            assert answer is not None
            self.assertEqual(status, answer.status)
            self.assertEqual(
                'nosniff', answer.headers['X-Content-Type-Options']
            )

    def test_an_endless_first_line(self) -> None:
        for size in (30_000, 300_000):
            for data in (b'x' * size, b'GET /' + b'x' * size):
                with self.connect() as connection:
                    connection.send(data)
                    connection.finish_sending()
                    answer = connection.answer()
                    assert answer is not None
                    self.assertIn(answer.status, (400, 414))

    def test_headers_that_go_on_are_refused(self) -> None:
        for lines in ([' X: y'], ['X: y', ' z'], ['X : y']):
            answer = self.ask(raw.request('GET', '/', *lines))
            assert answer is not None
            self.assertEqual(400, answer.status)

    def test_the_server_software_is_not_shown(self) -> None:
        answer = web.Client(self.service.url).get('/')
        self.assertEqual('ironic-passthru', answer.headers['Server'])

    def expecting(self, *headers: str, protocol: str = 'HTTP/1.1') -> bytes:
        """Return the head of a call with a body."""
        length = f'Content-Length: {len(self.body)}'
        return self.mark(length, *headers, protocol=protocol)

    def test_an_expectation_is_met_before_the_body(self) -> None:
        chunked = self.mark(
            'Transfer-Encoding: chunked', 'Expect: 100-Continue'
        )
        for head, body in (
            (self.expecting('Expect: 100-continue'), self.body),
            (self.expecting('Expect: 100-Continue'), self.body),
            (self.expecting('expect: 100-CONTINUE'), self.body),
            (self.expecting(*['Expect: 100-continue'] * 2), self.body),
            (chunked, raw.chunked(self.body)),
        ):
            with self.connect() as connection:
                # Twice: the second request must be a different one.
                for number in (1, 2):
                    connection.send(head)
                    connection.wait()
                    connection.send(body)
                    self.assert_answer(connection.answer(), 200)
                    self.assertEqual(number, connection.interim)
                connection.send(raw.request('GET', '/'))
                self.assert_answer(connection.answer(), 200)
                self.assertEqual(2, connection.interim)

    def test_100_is_sent_only_if_a_body_is_awaited(self) -> None:
        expect = 'Expect: 100-continue'
        for request, status in (
            (self.expecting(expect, protocol='HTTP/1.0') + self.body, 200),
            (self.expecting(expect) + self.body, 200),
            (raw.request('GET', '/v1/drivers', expect), 200),
            (raw.request('GET', '/', expect, 'Content-Length: 0'), 200),
            (self.mark(f'Content-Length: {10**9}', expect), 413),
            (self.expecting(expect, 'Origin: http://evil.example'), 403),
            (
                self.expecting(expect, 'X-OpenStack-Ironic-API-Version: 9.9'),
                406,
            ),
        ):
            with self.connect() as connection:
                connection.send(request)
                self.assert_answer(connection.answer(), status)
                self.assertEqual(b'', self.end_of(connection))
                self.assertEqual(0, connection.interim)

    def end_of(self, connection: raw.Connection) -> bytes:
        connection.finish_sending()
        return connection.rest()

    def test_an_http_1_0_client_gets_no_100_before_its_body(self) -> None:
        with self.connect() as connection:
            connection.send(
                self.expecting('Expect: 100-continue', protocol='HTTP/1.0')
            )
            self.assertTrue(connection.is_silent(0.3))
            connection.send(self.body)
            self.assert_answer(connection.answer(), 200)
            self.assertEqual(0, connection.interim)

    def test_other_expectations_are_417(self) -> None:
        for headers in (
            ['Expect: 200-ok'],
            ['Expect: 100-continue, 200-ok'],
            ['Expect: 100-continue', 'Expect: 200-ok'],
            ['Expect: 100-continue;x=y'],
        ):
            for protocol in ('HTTP/1.1', 'HTTP/1.0'):
                request = self.expecting(*headers, protocol=protocol)
                answer = self.ask(request + self.body)
                assert answer is not None
                self.assertEqual(417, answer.status)
        self.assertEqual([], self.marked(self.key))

    def test_a_host_is_needed_from_http_1_1_on(self) -> None:
        for protocol, host, status in (
            ('HTTP/1.1', None, 400),
            ('HTTP/1.1', '', 400),
            ('HTTP/1.1', ' ', 400),
            ('HTTP/1.1', 'a b', 400),
            ('HTTP/1.0', 'a b', 400),
            ('HTTP/1.1', 'a, b', 400),
            ('HTTP/1.1', 'a\r\nHost: a', 400),
            ('HTTP/1.0', 'a\r\nHost: a', 400),
            ('HTTP/1.1', 'localhost:80:80', 400),
            ('HTTP/1.0', None, 200),
            ('HTTP/1.0', '', 200),
            ('HTTP/1.1', 'LOCALHOST:6385', 200),
            ('HTTP/1.1', '[::1]', 200),
        ):
            answer = self.ask(
                raw.request('GET', '/v1/drivers', protocol=protocol, host=host)
            )
            assert answer is not None
            self.assertEqual(status, answer.status, (protocol, host))

    def test_connection_options_are_read_in_any_case(self) -> None:
        for protocol, value, kept in (
            ('HTTP/1.1', 'Close', False),
            ('HTTP/1.1', 'TE, close', False),
            ('HTTP/1.1', 'keep-alive', True),
            ('HTTP/1.0', 'keep-alive', True),
            ('HTTP/1.0', 'Keep-Alive, TE', True),
            ('HTTP/1.0', 'TE', False),
        ):
            request = raw.request(
                'GET', '/', f'Connection: {value}', protocol=protocol
            )
            with self.connect() as connection:
                connection.send(request)
                self.assert_answer(connection.answer(), 200)
                connection.send(request)
                again = connection.answer()
                self.assertEqual(kept, again is not None, (protocol, value))
