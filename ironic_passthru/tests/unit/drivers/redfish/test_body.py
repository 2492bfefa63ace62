# SPDX-License-Identifier: Apache-2.0
"""Bodies: compressed, incomplete, too long."""

import gzip
import zlib

from ironic_passthru.drivers.redfish import body
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.tests import base

TEXT = b'{"Id": "1"}'


class BodyTest(base.TestCase):
    def read(self, *chunks: bytes, encoding: str = '', limit: int = 100):
        made = body.Body(encoding, limit=limit)
        for chunk in chunks:
            made.add(chunk)
        return made.end()

    def test_good(self) -> None:
        packed = gzip.compress(TEXT)
        for encoding, chunks in (
            ('', (TEXT,)),
            ('identity', (TEXT[:3], TEXT[3:])),
            ('gzip', (packed,)),
            ('X-GZIP ', (packed[:7], packed[7:])),
            ('deflate', (zlib.compress(TEXT),)),
        ):
            self.assertEqual(TEXT, self.read(*chunks, encoding=encoding))

    def test_bad(self) -> None:
        packed = gzip.compress(TEXT)
        for encoding, content in (
            ('gzip', TEXT),
            ('gzip', packed[:-1]),
            ('gzip', b''),
            ('gzip, gzip', gzip.compress(packed)),
            ('br', TEXT),
            ('zstd', TEXT),
        ):
            self.assertRaises(
                failures.BadAnswer, self.read, content, encoding=encoding
            )

    def test_limit(self) -> None:
        for size, limit in ((100, 100), (0, 0)):
            text = b'x' * size
            self.assertEqual(text, self.read(text, limit=limit))
            packed = gzip.compress(text)
            enough = max(size, len(packed))
            self.assertEqual(
                text, self.read(packed, encoding='gzip', limit=enough)
            )
        for encoding, content in (
            ('', b'x' * 101),
            ('gzip', gzip.compress(b'x' * 101)),
            ('gzip', gzip.compress(b'') + b'x' * 100),
        ):
            self.assertRaises(
                failures.BadAnswer, self.read, content, encoding=encoding
            )

    def test_size(self) -> None:
        made = body.Body('gzip', limit=10_000)
        made.add(gzip.compress(b'x' * 9_000))
        self.assertEqual(9_000, made.size)
