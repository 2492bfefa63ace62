# SPDX-License-Identifier: Apache-2.0
"""Tests of the decoder of the chunked transfer coding."""

import io

import hypothesis
from hypothesis import strategies

from ironic_passthru.httpd import chunked
from ironic_passthru.tests import base


def _read(data: bytes, *sizes: int) -> bytes:
    body = chunked.ChunkedBody(io.BytesIO(data))
    return b''.join(body.read(size) for size in sizes or (-1,))


class TestChunkedBody(base.TestCase):
    """Valid and invalid bodies."""

    def test_valid(self) -> None:
        for data, expected in (
            (b'0\r\n\r\n', b''),
            (b'000\r\n\r\n', b''),
            (b'3\r\nabc\r\n0\r\n\r\n', b'abc'),
            (b'1\r\na\r\n2\r\nbc\r\n0\r\n\r\n', b'abc'),
            (b'A\r\n0123456789\r\n0\r\n\r\n', b'0123456789'),
            (b'1;x="y"\r\na\r\n0;z\r\n\r\n', b'a'),
            (b'1 \r\na\r\n0\r\nX: 1\r\nY: 2\r\n\r\n', b'a'),
        ):
            self.assertEqual(expected, _read(data))

    def test_invalid(self) -> None:
        for data in (
            b'',
            b'\r\n',
            b'z\r\n',
            b'-1\r\na\r\n0\r\n\r\n',
            b'+1\r\na\r\n0\r\n\r\n',
            b'0x1\r\na\r\n0\r\n\r\n',
            b'1_0\r\na\r\n0\r\n\r\n',
            b'1\na\r\n0\r\n\r\n',
            b'1\r\nab\r\n0\r\n\r\n',
            b'2\r\na',
            b'1\r\na',
            b'1\r\na\r\n',
            b'1\r\na\r\n0\r\n',
            b'1\r\na\r\n0\r\nX: 1\r\n',
            b'0\r\n' + b'X: 1\r\n' * 100 + b'\r\n',
            b'1;' + b'x' * 5000 + b'\r\na\r\n0\r\n\r\n',
            b'f' * 16 + b'\r\na',
        ):
            self.assertRaises(ValueError, _read, data)

    def test_reads_no_more_than_requested(self) -> None:
        source = io.BytesIO(b'7fffffff\r\n' + b'x' * 100_000)
        body = chunked.ChunkedBody(source)
        self.assertEqual(b'x' * 10, body.read(10))
        self.assertEqual(20, source.tell())
        self.assertFalse(body.finished)

    def test_leaves_the_next_request(self) -> None:
        source = io.BytesIO(b'1\r\na\r\n0\r\n\r\nGET')
        body = chunked.ChunkedBody(source)
        body.read()
        self.assertTrue(body.finished)
        self.assertEqual(b'', body.read())
        self.assertEqual(b'GET', source.read())

    @hypothesis.given(
        parts=strategies.lists(strategies.binary(min_size=1, max_size=20)),
        size=strategies.integers(1, 30),
    )
    @hypothesis.settings(max_examples=50, deadline=None)
    def test_any_body_is_decoded(self, parts: list[bytes], size: int) -> None:
        framed = [b'%x\r\n%s\r\n' % (len(part), part) for part in parts]
        body = chunked.ChunkedBody(io.BytesIO(b''.join(framed) + b'0\r\n\r\n'))
        found = b''
        while not body.finished:
            part = body.read(size)
            self.assertLessEqual(len(part), size)
            found += part
        self.assertEqual(b''.join(parts), found)
