# SPDX-License-Identifier: Apache-2.0
"""Test cases of request bodies and disconnects, for any server."""

import contextlib
import json
import uuid

from ironic_passthru.tests.functional import raw
from ironic_passthru.tests.functional import wire

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

OTHER_CODINGS = (
    *('gzip, chunked', 'gzip', 'identity', 'xchunked', ','),
    # An empty coding, and whitespace that HTTP does not allow.
    *('', '\x0bchunked'),
)


class BodyCases(wire.WireCase):
    """Framing of bodies, size limits and disconnects."""

    # Chunked bodies

    def test_chunks_make_up_one_body(self) -> None:
        for http_method in ('POST', 'PUT', 'DELETE', 'GET'):
            for target in (f'{wire.MARKS}/mark', f'{wire.MARKS}?method=mark'):
                parts = [self.body[:5], self.body[5:6], self.body[6:]]
                answer = self.ask(
                    self.request(
                        http_method,
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
        # The second method would also run without parameters.
        for target in (f'{wire.MARKS}/mark', f'{wire.FAKE}/echo'):
            for coding in OTHER_CODINGS:
                header = f'Transfer-Encoding: {coding}'
                body = raw.chunked(self.body)
                with self.connect() as connection:
                    connection.send(
                        self.request('POST', target, header, body=body)
                    )
                    connection.finish_sending()
                    self.assert_refused(connection.answer(), 400, 411)

    def test_http_1_0_has_no_chunks(self) -> None:
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
        """A server that uses the length sees one request, others see two."""
        hidden = self.mark(f'Content-Length: {len(self.body)}', body=self.body)
        chunks = raw.chunked(b'{"slot": 3}')
        for length in (0, len(chunks), len(chunks) + len(hidden)):
            with self.connect() as connection:
                connection.send(
                    self.request(
                        'POST',
                        f'{wire.FAKE}/echo',
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

    def test_a_client_that_sends_too_much_gets_an_error(self) -> None:
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

    def test_a_client_that_disconnects_runs_nothing(self) -> None:
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

    def test_a_disconnect_during_a_call_costs_no_thread(self) -> None:
        """The call completes, once, and its thread serves other requests."""
        # In total more than the threads of a server as it is shipped, but
        # not at once.
        keys: list[str] = []
        for _ in range(5):
            keys.extend(uuid.uuid4().hex for _ in range(14))
            self.call_and_leave(keys[-14:])
        self.assert_serves()
        # No call was sent again.
        for key in keys:
            self.assertEqual(
                ['began', 'ended'],
                [note.partition(':')[2] for note in self.marked(key)],
            )

    def call_and_leave(self, keys: list[str]) -> None:
        """Call a method with each key, and disconnect while it runs."""
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

    def test_a_disconnect_during_a_response_is_harmless(self) -> None:
        # Larger than the buffers of a connection.
        body = b'{"size": 12582912}'
        for _ in range(4):
            with raw.Connection(self.host, self.port) as connection:
                connection.send(
                    self.request(
                        'GET',
                        f'{wire.FAKE}/firmware',
                        f'Content-Length: {len(body)}',
                        body=body,
                    )
                )
                connection.wait()
        self.assert_serves()
        self.assertNotIn('Unhandled error', self.server_log())

    def ask_and_leave(self, data: bytes) -> None:
        """Send bytes and close the connection at once."""
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
