# SPDX-License-Identifier: Apache-2.0
"""Cases of HTTP at the level of bytes, to be held against any server."""

import collections.abc
import contextlib
import json
import uuid
from typing import Any

from ironic_passthru.tests.functional import envelope
from ironic_passthru.tests.functional import raw
from ironic_passthru.tests.functional import web

_MARKS = '/v1/drivers/marks/vendor_passthru'
_FAKE = '/v1/drivers/fake-hardware/vendor_passthru'
_LATEST = 'X-OpenStack-Ironic-API-Version: 1.115'

# What only differs from one answer to the next.
_OWN = {'date', 'x-openstack-request-id', 'openstack-request-id'}

READING_PATHS = (
    '/',
    '/v1',
    '/v1/',
    '/v1/drivers',
    '/v1/drivers/',
    '/v1/drivers?detail=True',
    '/v1/drivers/fake-hardware',
    '/v1/drivers/fake-hardware/',
    '/v1/drivers/fake-hardware/properties',
    '/v1/drivers/fake-hardware/properties/',
    '/v1/drivers/fake-hardware/vendor_passthru/methods',
    '/v1/drivers/fake-hardware/vendor_passthru/methods/',
    '/v1/conductors',
    '/v1/conductors/',
    '/v1/conductors?detail=True',
    '/v1/operations',
    '/v1/operations/',
    '/v1/operations?limit=1',
    '/healthcheck',
    '/healthcheck/',
    '/healthcheck/detailed',
    # These are errors, which HEAD shows in the same way.
    '/v1/drivers/nobody',
    '/v1/drivers?detail=perhaps',
    '/v1/operations/nothing',
    '/v1/operations/nothing/result',
    '/v1/nothing',
)

PATHS = {
    b'/v1/drivers/fake-hardware': 200,
    b'/v1/drivers/fake%2Dhardware': 200,
    b'/v1/drivers%2Ffake-hardware': 200,
    b'/v1/drivers%2ffake-hardware/': 200,
    b'/v1%2Fdrivers?type=dynamic': 200,
    b'/v1/drivers/fake%2Fhardware': 404,
    b'/v1/drivers/fake%252Dhardware': 404,
    b'/v1/drivers%252Ffake-hardware': 404,
    b'/v2': 404,
    b'/V1': 404,
    b'/v1.json': 404,
    b'/v1/drivers.json': 404,
    b'/v1/drivers/fake-hardware.json': 404,
    b'/v1/drivers/fake-hardware/properties.json': 404,
    _FAKE.encode() + b'/hello.json': 400,
    _FAKE.encode() + b'/methods.json': 400,
    _FAKE.encode() + b'/hello': 200,
    _FAKE.encode() + b'/hello/': 200,
    _FAKE.encode() + b'/?method=hello': 200,
    _FAKE.encode() + b'/hello//': 404,
    _FAKE.encode() + b'/hello/more': 404,
    _FAKE.encode() + b'/methods/more': 404,
    _FAKE.encode() + b'//hello': 404,
    _FAKE.encode() + b'//': 404,
    _FAKE.encode() + b'/%2F': 404,
    b'/v1//': 404,
    b'/v1//drivers': 404,
    b'/v1/drivers//': 404,
    b'/v1/drivers//properties': 404,
    b'/v1/drivers/fake-hardware//': 404,
    b'/v1/drivers/fake-hardware//properties': 404,
    b'/v1/drivers/fake-hardware/properties/more': 404,
    b'/v1/drivers/fake-hardware/nothing': 404,
    b'/v1/drivers/%00': 404,
    b'/v1/drivers/%0A': 404,
    b'/v1/drivers/fake-hardware%0A': 404,
    b'/v1/drivers/%ff': 404,
    b'/v1/drivers/%C3%A4': 404,
    b'/v1/drivers/%ED%A0%80': 404,
    b'/v1/conductors/%ff': 404,
    b'/v1/conductors/nobody': 404,
    b'/v1/operations/%ff': 404,
    b'/v1/operations/%00': 404,
    b'/v1/operations/nothing': 404,
    b'/v1/operations//result': 404,
    b'/v1/operations/nothing/result/more': 404,
    b'/v1/operations?marker=%ff': 400,
    b'/v1/operations?driver=%00': 400,
    b'/v1/operations?limit=%C2%B2': 400,
    b'/v1/operations?limit=' + b'9' * 5000: 400,
    b'/%ff': 404,
    b'/healthcheck/more': 404,
    b'/healthcheck//': 404,
    b'/healthchecks': 404,
    _FAKE.encode() + b'/%ff': 404,
    b'/v1/drivers?%ff': 400,
    b'/v1/drivers?detail=%ff': 400,
    b'/v1/drivers?detail=True&detail=True': 400,
    b'/v1/drivers?bogus': 400,
    _FAKE.encode() + b'?method=%ff': 400,
    _FAKE.encode() + b'?%ff=hello': 400,
    _FAKE.encode() + b'?method=hello&name=%ff': 400,
    _FAKE.encode() + b'?method=hello&name=%C3%A4': 200,
    _FAKE.encode() + b'?method=hello&name=%00': 200,
    _FAKE.encode() + b'?method=hello&name=%zz': 200,
    _FAKE.encode() + b'?method=hello&name=%': 200,
    _FAKE.encode() + b'?method=hello&name=a;b=c': 200,
    _FAKE.encode() + b'?method=hello&': 200,
    _FAKE.encode() + b'?&method=hello': 200,
    _FAKE.encode() + b'?method=hello&=': 400,
    _FAKE.encode() + b'?' + b'a&' * 3000: 400,
}

BROKEN_CHUNKS = (
    b'zz\r\n{}\r\n0\r\n\r\n',
    b'-1\r\n',
    b'-2\r\n{}\r\n0\r\n\r\n',
    b'0x2\r\n{}\r\n0\r\n\r\n',
    b'+2\r\n{}\r\n0\r\n\r\n',
    b'0_2\r\n{}\r\n0\r\n\r\n',
    b'\r\n{}\r\n0\r\n\r\n',
    b'2\r\n{} too long\r\n0\r\n\r\n',
    b'fffffffffffffffffffff\r\n{}',
)

BROKEN_LENGTHS = (
    '-1',
    '-0',
    '+2',
    '1_0',
    '0x2',
    '2.0',
    '2, 2',
    'two',
    '1' * 5000,
    '9' * 30,
)


class WireCases(envelope.EnvelopeCase):
    """Cases for a server that runs the drivers fake-hardware and marks.

    A subclass says where the server is and what ran; ``assert_refused``
    leaves room for what a server refuses before the application sees it.
    """

    host = '127.0.0.1'
    port = 0
    # What each request carries, for servers that want to know who asks.
    login: collections.abc.Mapping[str, str] = {}
    # Whether it keeps from applications a length that chunks overrule.
    drops_lengths = False
    # What the server may answer to what it refuses by itself.
    own_refusals = frozenset({400, 411, 413, 431, 501})

    def marked(self, key: str) -> list[str]:
        """Return what methods of ``marks`` that ran with ``key`` noted."""
        raise NotImplementedError

    def server_log(self) -> str:
        """Return what the server has written about itself."""
        return ''

    def setUp(self) -> None:
        super().setUp()
        self.key = uuid.uuid4().hex
        self.body = json.dumps({'key': self.key}).encode()

    def connect(self) -> raw.Connection:
        """Return a new connection, closed at the end of the test."""
        connection = raw.Connection(self.host, self.port)
        self.addCleanup(connection.close)
        return connection

    def ask(self, data: bytes, verb: str = 'GET') -> web.Answer | None:
        """Send bytes on a connection of their own; return the answer."""
        with raw.Connection(self.host, self.port) as connection:
            connection.send(data)
            return connection.answer(verb)

    def request(
        self,
        verb: str,
        target: str | bytes,
        *headers: str | bytes,
        **parts: Any,
    ) -> bytes:
        """Return a request as bytes, of somebody who may do everything."""
        login = (f'{name}: {value}' for name, value in self.login.items())
        return raw.request(verb, target, *headers, *login, **parts)

    def assert_refused(
        self, answer: web.Answer | None, *statuses: int
    ) -> None:
        """Check that neither the method nor anything else has run.

        :param statuses: which ones the application answers with.
        """
        self.assertEqual([], self.marked(self.key))
        if answer is None:
            return
        if 'openstack-request-id' in answer.headers:
            self.assert_answer(answer, *statuses)
        else:
            # The server has refused it by itself.
            self.assertIn(answer.status, self.own_refusals.union(statuses))

    def assert_serves(self) -> None:
        """Check that the server is as it was before."""
        answer = self.ask(self.request('GET', f'{_FAKE}/hello'))
        self.assert_answer(answer, 200)

    def mark(self, *headers: str, body: bytes = b'', **kwargs: str) -> bytes:
        """Return a request that would run a method."""
        return self.request(
            'POST', f'{_MARKS}/mark', *headers, body=body, **kwargs
        )

    # Bodies in chunks

    def test_chunks_make_up_one_body(self) -> None:
        for verb in ('POST', 'PUT', 'DELETE', 'GET'):
            for target in (f'{_MARKS}/mark', f'{_MARKS}?method=mark'):
                parts = [self.body[:5], self.body[5:6], self.body[6:]]
                answer = self.ask(
                    self.request(
                        verb,
                        target,
                        'Transfer-Encoding: chunked',
                        body=raw.chunked(*parts),
                    )
                )
                self.assert_answer(answer, 200)
                self.assertEqual('began', self.marked(self.key)[-2][-5:])
        self.assertEqual(16, len(self.marked(self.key)))

    def test_chunks_may_have_extensions_and_trailers(self) -> None:
        self.assert_answer(self.ask(self.extended_chunks()), 200)
        self.assertEqual(2, len(self.marked(self.key)))

    def extended_chunks(self) -> bytes:
        """Return a request whose chunks have extensions and a trailer."""
        body = b'%x;a=b\r\n%s\r\n0;c\r\nX-Sum: 1\r\n\r\n'
        return self.mark(
            'Transfer-Encoding: chunked',
            body=body % (len(self.body), self.body),
        )

    def test_no_chunks_at_all_are_no_parameters(self) -> None:
        answer = self.ask(
            self.mark('Transfer-Encoding: chunked', body=raw.chunked())
        )
        self.assert_refused(answer, 400)
        assert answer is not None
        self.assertIn("missing parameter 'key'", answer.fault)

    def test_broken_chunks_run_nothing(self) -> None:
        good = b'%x\r\n%s\r\n' % (len(self.body), self.body)
        for broken in BROKEN_CHUNKS:
            for before in (b'', good):
                with self.connect() as connection:
                    connection.send(
                        self.mark(
                            'Transfer-Encoding: chunked', body=before + broken
                        )
                    )
                    connection.finish_sending()
                    self.assert_refused(connection.answer(), 400, 411)
        self.assert_serves()

    def test_chunks_that_end_too_early_run_nothing(self) -> None:
        whole = raw.chunked(self.body[:5], self.body[5:])
        for end in range(0, len(whole) - 2):
            with self.connect() as connection:
                connection.send(
                    self.mark('Transfer-Encoding: chunked', body=whole[:end])
                )
                connection.finish_sending()
                self.assert_refused(connection.answer(), 400, 411)
        self.assert_serves()

    def test_chunks_that_are_too_much_are_413(self) -> None:
        space = b' ' * 64 * 1024
        many = raw.chunked(self.body, *[space] * 17)
        large = raw.chunked(self.body, b' ' * (2 << 20))
        by_one = raw.chunked(self.body.ljust((1 << 20) + 1))
        for body in (many, large, by_one):
            answer = self.ask(
                self.mark('Transfer-Encoding: chunked', body=body)
            )
            self.assert_refused(answer, 413, 411)
            self.assertIsNotNone(answer)

    def test_one_chunk_of_enormous_size_is_refused_at_once(self) -> None:
        with self.connect() as connection:
            connection.send(
                self.mark(
                    'Transfer-Encoding: chunked',
                    body=b'fffffffffff\r\n' + self.body + b' ' * (3 << 20),
                )
            )
            self.assert_refused(connection.answer(), 413, 411)

    def test_other_transfer_codings_run_nothing(self) -> None:
        for coding in ('gzip, chunked', 'gzip', 'identity', 'xchunked', ','):
            with self.connect() as connection:
                connection.send(
                    self.mark(
                        f'Transfer-Encoding: {coding}',
                        body=raw.chunked(self.body),
                    )
                )
                connection.finish_sending()
                self.assert_refused(connection.answer(), 400, 411)

    def test_http_1_0_knows_no_chunks(self) -> None:
        answer = self.ask(
            self.mark(
                'Transfer-Encoding: chunked',
                'Connection: Keep-Alive',
                body=raw.chunked(self.body),
                protocol='HTTP/1.0',
            )
        )
        self.assert_refused(answer, 400, 411)

    def test_chunks_beside_a_length_hide_no_request(self) -> None:
        """Who believes the length sees one request, others see two."""
        hidden = self.mark(f'Content-Length: {len(self.body)}', body=self.body)
        chunks = raw.chunked(b'{"slot": 3}')
        for length in (0, len(chunks), len(chunks) + len(hidden)):
            with self.connect() as connection:
                connection.send(
                    self.request(
                        'POST',
                        f'{_FAKE}/echo',
                        'Transfer-Encoding: chunked',
                        f'Content-Length: {length}',
                        body=chunks,
                    )
                    + hidden
                )
                answer = connection.answer()
                if self.drops_lengths and answer and answer.status == 200:
                    self.assertEqual({'slot': 3}, answer.json)
                else:
                    self.assert_refused(answer, 400)
                self.assertIsNone(connection.answer())
        self.assertEqual([], self.marked(self.key))

    # Content-Length

    def test_a_body_of_known_length_is_read(self) -> None:
        answer = self.ask(
            self.mark(f'Content-Length: {len(self.body)}', body=self.body)
        )
        self.assert_answer(answer, 200)
        self.assertEqual(2, len(self.marked(self.key)))

    def test_broken_lengths_run_nothing(self) -> None:
        for length in BROKEN_LENGTHS:
            with self.connect() as connection:
                connection.send(
                    self.mark(f'Content-Length: {length}', body=self.body)
                )
                connection.finish_sending()
                answer = connection.answer()
                self.assert_refused(answer, 400, 413)
                self.assertIsNotNone(answer, length)
        self.assert_serves()

    def test_two_lengths_run_nothing(self) -> None:
        length = len(self.body)
        for lengths in ((length, 2), (length, 0), (0, length)):
            headers = [f'Content-Length: {one}' for one in lengths]
            answer = self.ask(self.mark(*headers, body=self.body))
            self.assert_refused(answer, 400)

    def test_a_missing_length_means_no_body(self) -> None:
        for headers in ((), ('Content-Length: 0',)):
            answer = self.ask(self.mark(*headers, body=self.body))
            self.assert_refused(answer, 400)

    def test_a_length_that_is_too_short_cuts_the_body(self) -> None:
        answer = self.ask(self.mark('Content-Length: 9', body=self.body))
        self.assert_refused(answer, 400)

    def test_a_length_that_is_too_large_is_413(self) -> None:
        limit = 1 << 20
        for length in (limit + 1, 2 * limit, 10**15, 2**63, 2**64):
            answer = self.ask(
                self.mark(f'Content-Length: {length}', body=self.body)
            )
            self.assert_refused(answer, 413)

    def test_a_client_that_sends_too_much_hears_why(self) -> None:
        body = self.body + b' ' * (8 << 20)
        answer = self.ask(self.mark(f'Content-Length: {len(body)}', body=body))
        self.assert_answer(answer, 413)

    def test_a_body_of_the_largest_size_is_read(self) -> None:
        limit = 1 << 20
        body = self.body + b' ' * (limit - len(self.body))
        answer = self.ask(self.mark(f'Content-Length: {limit}', body=body))
        self.assert_answer(answer, 200)
        for parts in ([body], [body[:1], body[1:]]):
            answer = self.ask(
                self.mark(
                    'Transfer-Encoding: chunked', body=raw.chunked(*parts)
                )
            )
            self.assert_answer(answer, 200)

    def test_a_client_that_goes_away_runs_nothing(self) -> None:
        length = f'Content-Length: {len(self.body) + 1}'
        connection = self.connect()
        connection.send(self.mark(length, body=self.body))
        connection.finish_sending()
        self.assert_refused(connection.answer(), 400)
        self.ask_and_leave(self.mark(length, body=self.body))
        self.ask_and_leave(
            self.mark('Transfer-Encoding: chunked', body=self.body)
        )
        self.assert_serves()
        self.assertEqual([], self.marked(self.key))

    def test_who_goes_away_during_a_call_costs_no_thread(self) -> None:
        """It runs to its end, once, and its thread serves others."""
        # More in all than a server as it is shipped has threads, but not
        # more at once than all of them.
        keys: list[str] = []
        for _ in range(5):
            keys.extend(uuid.uuid4().hex for _ in range(14))
            self.call_and_leave(keys[-14:])
        self.assert_serves()
        # Nothing has been sent again meanwhile.
        for key in keys:
            self.assertEqual(
                ['began', 'ended'],
                [note.partition(':')[2] for note in self.marked(key)],
            )

    def call_and_leave(self, keys: list[str]) -> None:
        """Call a method with each key, and leave while it runs."""
        with contextlib.ExitStack() as connections:
            for key in keys:
                body = json.dumps({'key': key, 'seconds': 0.3}).encode()
                connection = raw.Connection(self.host, self.port)
                connections.enter_context(connection)
                connection.send(
                    self.mark(f'Content-Length: {len(body)}', body=body)
                )
            for key in keys:
                self.wait_for(lambda key=key: self.marked(key), 'it runs')
        for key in keys:
            self.wait_for(
                lambda key=key: len(self.marked(key)) == 2, 'it ends'
            )

    def test_who_goes_away_during_an_answer_harms_nobody(self) -> None:
        # More than the buffers of a connection take.
        body = b'{"size": 12582912}'
        for _ in range(4):
            with raw.Connection(self.host, self.port) as connection:
                connection.send(
                    self.request(
                        'GET',
                        f'{_FAKE}/firmware',
                        f'Content-Length: {len(body)}',
                        body=body,
                    )
                )
                connection.wait()
        self.assert_serves()
        self.assertNotIn('Unhandled error', self.server_log())

    def ask_and_leave(self, data: bytes) -> None:
        """Send bytes and end the connection without waiting."""
        with raw.Connection(self.host, self.port) as connection:
            connection.send(data)

    def test_100_continue_is_sent_before_the_body(self) -> None:
        with self.connect() as connection:
            connection.send(
                self.mark(
                    f'Content-Length: {len(self.body)}', 'Expect: 100-continue'
                )
            )
            connection.send(self.body)
            self.assert_answer(connection.answer(), 200)

    # More than one request on a connection

    def test_requests_in_a_pipeline_are_answered_in_order(self) -> None:
        hello = f'{_FAKE}?method=hello&name='
        with self.connect() as connection:
            connection.send(
                b''.join(
                    self.request('GET', f'{hello}{name}') for name in 'abc'
                )
            )
            for name in 'abc':
                answer = connection.answer()
                if answer is None:
                    # The server may end the connection after any answer.
                    break
                self.assert_answer(answer, 200)
                self.assertEqual(f'Hello, {name}!', answer.json['greeting'])

    def test_an_error_does_not_spoil_the_next_request(self) -> None:
        with self.connect() as connection:
            connection.send(
                self.mark('Content-Length: 1', body=b'{')
                + self.request('GET', '/nothing')
                + self.request('HEAD', '/nothing')
                + self.request('GET', f'{_FAKE}/hello')
            )
            for verb, status in (
                ('POST', 400),
                ('GET', 404),
                ('HEAD', 404),
                ('GET', 200),
            ):
                answer = connection.answer(verb)
                if answer is None:
                    break
                self.assert_answer(answer, status)

    def test_a_refused_body_is_not_taken_for_a_request(self) -> None:
        length = len(self.body)
        inner = self.mark(f'Content-Length: {length}', body=self.body)
        wrong = 'X-OpenStack-Ironic-API-Version: 9.9'
        for headers, body in (
            ([wrong, f'Content-Length: {len(inner)}'], inner),
            ([wrong, 'Transfer-Encoding: chunked'], raw.chunked(inner)),
            ([wrong, 'Transfer-Encoding: chunked'], inner),
            ([wrong, 'Content-Length: -1'], inner),
            (['Transfer-Encoding: chunked'], b'zz\r\n' + inner),
            (['Content-Length: -1'], inner),
            ([f'Content-Length: {2 << 20}'], inner),
        ):
            with self.connect() as connection:
                connection.send(
                    self.request('POST', f'{_FAKE}/echo', *headers, body=body)
                )
                connection.finish_sending()
                connection.answer()
                connection.rest()
                self.assertEqual([], self.marked(self.key), headers)

    # Verbs

    def test_head_shows_what_get_would(self) -> None:
        for path in READING_PATHS:
            got = self.ask(self.request('GET', path, _LATEST))
            head = self.ask_head(self.request('HEAD', path, _LATEST))
            assert got is not None and head is not None
            self.assertEqual(got.status, head.status, path)
            self.assertEqual(_plain(got), _plain(head), path)
            self.assert_headers(head)

    def ask_head(self, data: bytes) -> web.Answer | None:
        """Send a HEAD request, and make sure that no body comes."""
        with self.connect() as connection:
            connection.send(data)
            connection.finish_sending()
            answer = connection.answer('HEAD')
            self.assertEqual(b'', connection.rest())
            return answer

    def test_head_never_runs_a_method(self) -> None:
        for target in (
            f'{_MARKS}/mark?key={self.key}',
            f'{_MARKS}?method=mark&key={self.key}',
            f'{_MARKS}?method=methods',
            f'{_MARKS}?method=mark',
        ):
            answer = self.ask_head(self.request('HEAD', target))
            self.assert_answer(answer, 400)
        self.assertEqual([], self.marked(self.key))

    def test_options_is_empty(self) -> None:
        calls = (f'{_MARKS}/mark', f'{_MARKS}?method=mark&key={self.key}')
        for path in (*READING_PATHS[:-1], *calls):
            answer = self.ask(self.request('OPTIONS', path))
            self.assert_answer(answer, 200)
            assert answer is not None
            self.assertEqual(b'', answer.body)
            self.assertIsNone(answer.headers['Content-Type'])
        self.assertEqual([], self.marked(self.key))

    def test_verbs_that_a_resource_does_not_take_are_405(self) -> None:
        for verb in ('POST', 'PUT', 'DELETE', 'PATCH', 'BREW'):
            for path in READING_PATHS[:-3]:
                if verb != 'BREW' and 'methods' in path:
                    # This is a call of a method of that name.
                    continue
                answer = self.ask(self.request(verb, path, _LATEST))
                if 'methods' in path:
                    self.assert_answer(answer, 400)
                    continue
                self.assert_answer(answer, 405)
                assert answer is not None
                self.assertEqual('GET, HEAD, OPTIONS', answer.headers['Allow'])

    def test_verbs_that_a_method_does_not_take_are_400(self) -> None:
        for verb in ('PATCH', 'TRACE', 'BREW', 'HEAD'):
            answer = self.ask(
                self.request(verb, f'{_MARKS}/mark?key={self.key}'), verb
            )
            self.assert_refused(answer, 400)

    def test_verbs_in_lower_case_are_others(self) -> None:
        answer = self.ask(self.request('get', f'{_MARKS}/mark?key={self.key}'))
        self.assert_refused(answer, 400)

    # Paths, queries and headers

    def test_paths(self) -> None:
        for path, status in PATHS.items():
            answer = self.ask(self.request('GET', path, _LATEST))
            self.assertIsNotNone(answer, path)
            assert answer is not None
            self.assertEqual(status, answer.status, (path, answer.body))
            if status == 200 or 'openstack-request-id' in answer.headers:
                self.assert_answer(answer, status)
            else:
                # The server has refused it by itself.
                self.assert_fault(answer)

    def test_paths_of_odd_bytes_are_refused(self) -> None:
        for path in (
            b'/v1/drivers/\xff',
            b'/v1/drivers/\xc3\xa4',
            b'//',
            b'//v1/drivers',
            b'//v1%2Fdrivers',
            b'///',
            b'/%2F',
            b'/./v1',
            b'/v1/../v1/drivers',
        ):
            answer = self.ask(self.request('GET', path))
            self.assert_refused(answer, 404)
            self.assertIsNotNone(answer, path)

    def test_queries_of_odd_bytes(self) -> None:
        target = f'{_FAKE}/hello?name='.encode()
        self.assert_refused(
            self.ask(self.request('GET', target + b'\xff')), 400
        )
        answer = self.ask(self.request('GET', target + b'\xc3\xa4'))
        if answer is not None and answer.status == 200:
            self.assertEqual('Hello, ä!', answer.json['greeting'])

    def test_queries_that_are_too_long(self) -> None:
        for size, status in ((8000, 200), (8193, 414), (12_000, 414)):
            query = 'name='.ljust(size, 'x')
            answer = self.ask(self.request('GET', f'{_FAKE}/hello?{query}'))
            if answer and 'openstack-request-id' in answer.headers:
                self.assert_answer(answer, status)
            else:
                # A server may take less by itself.
                self.assert_refused(answer, 414)
        self.assert_serves()

    def test_hostile_hosts_never_get_into_links(self) -> None:
        for host in (
            b'evil"><script>',
            b'a b',
            b'a/b',
            b'a@b',
            b'a, b',
            b'\xff\xfe',
            b'[::1',
            b'h:port',
            b'h#',
            b'x' * 5000 + b'/',
        ):
            answer = self.ask(self.request('GET', '/', host=host))
            self.assert_refused(answer, 400)

    def test_links_follow_the_host(self) -> None:
        for host in ('bmc.example', 'bmc.example:99', '[::1]:99', '192.0.2.1'):
            answer = self.ask(self.request('GET', '/', host=host))
            self.assert_answer(answer, 200)
            assert answer is not None
            link = answer.json['default_version']['links'][0]['href']
            self.assertEqual(f'http://{host}/v1/', link)

    def test_without_a_host_links_name_the_server(self) -> None:
        answer = self.ask(b'GET / HTTP/1.0\r\n\r\n')
        self.assert_answer(answer, 200)
        assert answer is not None
        link = answer.json['default_version']['links'][0]['href']
        self.assertEndsWith(link, f':{self.port}/v1/')

    def assertEndsWith(self, text: str, end: str) -> None:
        """Check how a text ends."""
        self.assertEqual(end, text[-len(end) :])

    def test_huge_headers_cost_one_refusal(self) -> None:
        for size in (10_000, 200_000, 2_000_000):
            answer = self.ask(
                self.request('GET', '/v1/drivers', f'X-Long: {"x" * size}')
            )
            if answer is not None and answer.status != 200:
                self.assert_refused(answer, 400, 413, 431)
        self.assert_serves()

    def test_many_headers_cost_one_refusal(self) -> None:
        many = [f'X-{number}: {number}' for number in range(20_000)]
        answer = self.ask(self.request('GET', '/v1/drivers', *many))
        if answer is not None and answer.status != 200:
            self.assert_refused(answer, 400, 413, 431)
        self.assert_serves()

    def test_odd_headers_are_no_bug(self) -> None:
        names = (
            'Accept',
            'Content-Type',
            'OpenStack-API-Version',
            'X-OpenStack-Ironic-API-Version',
            'X-OpenStack-Request-ID',
            'X-Auth-Token',
            'X-Forwarded-Host',
            'Forwarded',
            'Range',
            'If-None-Match',
            'Cookie',
        )
        values = (
            b'\xff',
            b'\xc3\xa4',
            b',',
            b';',
            b'=',
            b'"',
            b'*/',
            b'a/b;q=x',
            b'\x0b',
            b'x' * 5000,
        )
        for name in names:
            for value in values:
                header = f'{name}: '.encode() + value
                answer = self.ask(self.request('GET', '/v1/drivers', header))
                if answer is None:
                    continue
                self.assertLess(answer.status, 500, (header, answer.body))
                # As a second token it spoils the first one.
                expected = (
                    (400, 401) if name in self.login else (200, 400, 406)
                )
                if 'openstack-request-id' in answer.headers:
                    self.assert_answer(answer, *expected)

    def test_what_is_no_http_is_refused(self) -> None:
        for data in (
            b'\x16\x03\x01\x02\x00',
            b'GET\r\n\r\n',
            b'GET / HTTP/9.9\r\n\r\n',
            b'GET / JUNK\r\n\r\n',
            b'\r\n\r\n\r\n',
            b'GET / HTTP/1.1\r\nno colon\r\n\r\n',
        ):
            with self.connect() as connection:
                connection.send(data)
                connection.finish_sending()
                answer = connection.answer()
                if answer is not None:
                    self.assertIn(answer.status, (400, 500, 505, 408))
        self.assert_serves()


def _plain(answer: web.Answer) -> dict[str, str]:
    """Return the headers of an answer without those of it alone."""
    return {
        name.lower(): value
        for name, value in answer.headers.items()
        if name.lower() not in _OWN
    }
