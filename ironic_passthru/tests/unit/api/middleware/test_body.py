# SPDX-License-Identifier: Apache-2.0
"""Tests of request bodies."""

import io
import types
from collections.abc import Callable
from typing import Any

import fixtures
import webob
from webob import multidict

from ironic_passthru import errors
from ironic_passthru import wsgi_server
from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.middleware import body
from ironic_passthru.tests import base

_LIMIT = 100


class Piecemeal(io.BytesIO):
    """A stream that returns a few bytes at a time, as sockets do."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(3 if size is None or size < 0 else min(size, 3))


class Broken(io.RawIOBase):
    """A stream with a closed connection."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def read(self, size: int = -1) -> bytes:
        raise self._error


class TestBodyReader(base.TestCase):
    """The environment behind the layer."""

    def read(self, stream: Any = b'', **environ: Any) -> dict[str, Any]:
        seen: list[dict[str, Any]] = []

        def below(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            seen.append(environ)
            return []

        if isinstance(stream, bytes):
            stream = Piecemeal(stream)
        guard = body.BodyReader(below, max_size=_LIMIT, max_query_size=20)
        guard({'wsgi.input': stream} | environ, None)
        return seen[0]

    def test_a_body_of_known_length(self) -> None:
        environ = self.read(b'0123456789more', CONTENT_LENGTH='10')
        self.assertEqual(b'0123456789', environ[environ_keys.BODY])

    def test_no_body(self) -> None:
        for length in ({}, {'CONTENT_LENGTH': ''}, {'CONTENT_LENGTH': '0'}):
            self.assertEqual(
                b'', self.read(b'more', **length)[environ_keys.BODY]
            )

    def test_below_nothing_looks_like_a_form(self) -> None:
        environ = self.read(
            b'a=1',
            CONTENT_LENGTH='3',
            CONTENT_TYPE='application/x-www-form-urlencoded',
            QUERY_STRING='b=2',
            HTTP_ACCEPT='text/html',
        )
        self.assertEqual('0', environ['CONTENT_LENGTH'])
        self.assertEqual('', environ['QUERY_STRING'])
        self.assertEqual(b'', environ['wsgi.input'].read())
        self.assertNotIn('HTTP_ACCEPT', environ)
        request = webob.Request({'REQUEST_METHOD': 'POST'} | environ)
        # WebOb's word for what it has not even tried to parse.
        self.assertIsInstance(request.POST, multidict.NoVars)
        self.assertEqual('b=2', environ[environ_keys.QUERY])
        self.assertEqual('text/html', environ[environ_keys.ACCEPT])
        self.assertIn('form', environ[environ_keys.CONTENT_TYPE])

    def test_broken_lengths(self) -> None:
        for length in ('-1', '+1', 'x', '1 ', '1_0', '0x1', '1.0', '1,1', '١'):
            self.assertRaises(
                errors.InvalidContentLength,
                self.read,
                b'x' * 20,
                CONTENT_LENGTH=length,
            )

    def test_a_body_that_ends_too_early(self) -> None:
        self.assertRaises(
            errors.InvalidContentLength, self.read, b'x', CONTENT_LENGTH='2'
        )

    def test_too_much_is_not_read(self) -> None:
        for length in (str(_LIMIT + 1), '9' * 30, '9' * 5000):
            self.assertRaises(
                errors.BodyTooLarge,
                self.read,
                Broken(AssertionError('it was read')),
                CONTENT_LENGTH=length,
            )

    def test_a_closed_connection(self) -> None:
        for error in (OSError(), ConnectionResetError(), ValueError()):
            self.assertRaises(
                errors.InvalidBody,
                self.read,
                Broken(error),
                CONTENT_LENGTH='2',
            )

    def test_a_client_that_takes_too_long(self) -> None:
        for framing in (
            {'CONTENT_LENGTH': '2'},
            {
                'HTTP_TRANSFER_ENCODING': 'chunked',
                'wsgi.input_terminated': True,
            },
        ):
            error = self.assertRaises(
                errors.RequestTimeout,
                self.read,
                Broken(wsgi_server.ClientTooSlow(7)),
                **framing,
            )
            self.assertIn('within 7 seconds', error.message)

    def test_queries_that_are_too_long(self) -> None:
        environ = self.read(QUERY_STRING='x' * 20)
        self.assertEqual('x' * 20, environ[environ_keys.QUERY])
        error = self.assertRaises(
            errors.QueryTooLong,
            self.read,
            Broken(AssertionError('the body was read')),
            QUERY_STRING='x' * 21,
            CONTENT_LENGTH='2',
        )
        self.assertIn('20 bytes', error.message)

    def test_chunks_where_the_server_reads_them(self) -> None:
        chunked = {
            'HTTP_TRANSFER_ENCODING': 'chunked',
            'wsgi.input_terminated': True,
        }
        self.assertEqual(
            b'x' * _LIMIT,
            self.read(b'x' * _LIMIT, **chunked)[environ_keys.BODY],
        )
        stream = Piecemeal(b'x' * 1000)
        self.assertRaises(errors.BodyTooLarge, self.read, stream, **chunked)
        self.assertEqual(_LIMIT + 1, stream.tell())

    def test_undecoded_chunks(self) -> None:
        self.assertRaises(
            errors.LengthRequired,
            self.read,
            b'',
            HTTP_TRANSFER_ENCODING='chunked',
        )

    def test_chunks_that_may_mean_something_else_to_a_proxy(self) -> None:
        for environ, error in (
            ({'CONTENT_LENGTH': '2'}, errors.InvalidContentLength),
            ({'CONTENT_LENGTH': '0'}, errors.InvalidContentLength),
            ({'SERVER_PROTOCOL': 'HTTP/1.0'}, errors.LengthRequired),
        ):
            self.assertRaises(
                error,
                self.read,
                b'{}',
                HTTP_TRANSFER_ENCODING='chunked',
                **{'wsgi.input_terminated': True},
                **environ,
            )

    def read_from_uwsgi(self, chunked_read: Callable[[], bytes]) -> bytes:
        server = types.SimpleNamespace(chunked_read=chunked_read)
        with fixtures.MonkeyPatch(f'{body.__name__}.uwsgi', server):
            environ = self.read(HTTP_TRANSFER_ENCODING='chunked')
        return environ[environ_keys.BODY]

    def test_chunks_that_uwsgi_hands_out(self) -> None:
        parts = iter([b'ab', b'c', b''])
        self.assertEqual(b'abc', self.read_from_uwsgi(lambda: next(parts)))

    def test_nothing_that_uwsgi_hands_out_may_be_a_broken_chunk(self) -> None:
        self.assertRaises(
            errors.LengthRequired, self.read_from_uwsgi, lambda: b''
        )

    def test_other_codings_than_chunks(self) -> None:
        for coding in (
            'gzip',
            'gzip, chunked',
            'identity',
            'xchunked',
            ',',
            '',
            '\x0bchunked',
            'chunked\xa0',
        ):
            self.assertRaises(
                errors.LengthRequired,
                self.read,
                b'{}',
                HTTP_TRANSFER_ENCODING=coding,
                **{'wsgi.input_terminated': True},
            )

    def test_chunks_without_end(self) -> None:
        self.assertRaises(
            errors.BodyTooLarge, self.read_from_uwsgi, lambda: b'x' * 30
        )

    def test_chunks_that_uwsgi_cannot_read(self) -> None:
        def broken() -> bytes:
            raise OSError

        self.assertRaises(errors.InvalidBody, self.read_from_uwsgi, broken)
