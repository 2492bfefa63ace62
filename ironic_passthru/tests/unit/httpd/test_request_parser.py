# SPDX-License-Identifier: Apache-2.0
"""Tests of the strict header parser."""

import io

from cheroot import errors as cheroot_errors

from ironic_passthru.httpd import request_parser
from ironic_passthru.tests import base


class TestHeaderReader(base.TestCase):
    """Valid and invalid headers."""

    def read(self, *lines: bytes) -> dict[bytes, bytes]:
        text = b''.join(line + b'\r\n' for line in [*lines, b''])
        return request_parser.HeaderReader()(io.BytesIO(text))

    def test_valid(self) -> None:
        self.assertEqual({}, self.read())
        for line, name, value in (
            (b'Accept: a/b', b'Accept', b'a/b'),
            (b'x-auth-token:secret', b'X-Auth-Token', b'secret'),
            (b'X:\t y \t', b'X', b'y'),
            (b'X:', b'X', b''),
            (b'X: a:b', b'X', b'a:b'),
            (b'X: \xff\x0b', b'X', b'\xff\x0b'),
        ):
            self.assertEqual({name: value}, self.read(line))

    def test_invalid(self) -> None:
        for lines in (
            [b'no colon'],
            [b': no name'],
            [b'X : y'],
            [b' X: y'],
            [b'X: y', b' goes on'],
            [b'X: y', b'\tgoes on'],
            [b'X\xff: y'],
            [b'X\0: y'],
            [b'X: y\0'],
            [b'X: y\rZ: a'],
            [b'Content-Length: 1', b'Content-Length: 2'],
            [b'Content-Length: 1', b'content-length: 2'],
            [b'Host: a', b'Host: a'],
            [b'Content-Length: 4', b'Transfer-Encoding: chunked'],
            [b'transfer-encoding: chunked', b'content-length: 4'],
            [b'Content-Length: 4', b'Transfer-Encoding:'],
        ):
            self.assertRaises(ValueError, self.read, *lines)

    def test_invalid_end(self) -> None:
        for text in (b'', b'X: y\r\n', b'X: y\n\n', b'\n', b'X: y\r\n\n'):
            self.assertRaises(
                ValueError, request_parser.HeaderReader(), io.BytesIO(text)
            )

    def test_repeated(self) -> None:
        for lines, name, value in (
            ([b'Content-Length: 1'] * 2, b'Content-Length', b'1'),
            ([b'Accept: a', b'accept: b'], b'Accept', b'a, b'),
            # Neither of two tokens is valid.
            (
                [b'X-Auth-Token: a', b'X-Auth-Token: b'],
                b'X-Auth-Token',
                b'a, b',
            ),
        ):
            self.assertEqual({name: value}, self.read(*lines))

    def test_names_with_underscores_are_dropped(self) -> None:
        self.assertEqual(
            {b'X-Forwarded-Proto': b'https'},
            self.read(
                b'X-Forwarded-Proto: https',
                b'X_Forwarded_Proto: http',
                b'Content_Length: 7',
            ),
        )

    def test_too_many(self) -> None:
        lines = [b'X-%d: y' % number for number in range(100)]
        self.assertEqual(100, len(self.read(*lines)))
        for more in (b'X-100: y', b'X-0: y', b'X_0: y'):
            self.assertRaises(
                cheroot_errors.MaxSizeExceeded, self.read, *lines, more
            )
