# SPDX-License-Identifier: Apache-2.0
"""The body of a possibly hostile response, with limited size."""

import zlib

from ironic_passthru.drivers.redfish import failures

# Detect the header of gzip or zlib.
_ANY_HEADER = 32 + zlib.MAX_WBITS

_PLAIN = frozenset({'', 'identity'})
_COMPRESSED = frozenset({'gzip', 'x-gzip', 'deflate'})


class Body:
    """The decompressed part of a body that has been received.

    Some BMCs compress bodies although the driver requests ``identity``. Only
    one layer is decompressed.

    :param encoding: Content-Encoding of the response.
    :param limit: maximum number of bytes, on the wire and decompressed.
    :raises: BadAnswer for an unknown encoding.
    """

    def __init__(self, encoding: str, *, limit: int) -> None:
        coding = encoding.strip().lower()
        if coding not in _PLAIN | _COMPRESSED:
            raise failures.BadAnswer()
        self._decoder = (
            zlib.decompressobj(_ANY_HEADER) if coding in _COMPRESSED else None
        )
        self._limit = limit
        self._received = 0
        self._content = bytearray()

    @property
    def size(self) -> int:
        """Number of bytes on the wire or decompressed, the larger."""
        return max(self._received, len(self._content))

    def add(self, chunk: bytes) -> None:
        """Add a chunk.

        :raises: BadAnswer if the body is too long or corrupt.
        """
        self._received += len(chunk)
        self._content += self._unpacked(chunk)
        if self.size > self._limit:
            raise failures.BadAnswer()

    def end(self) -> bytes:
        """Return the whole body.

        :raises: BadAnswer if it is incomplete.
        """
        if self._decoder is not None and not self._decoder.eof:
            raise failures.BadAnswer()
        return bytes(self._content)

    def _unpacked(self, chunk: bytes) -> bytes:
        if self._decoder is None:
            return chunk
        room = self._limit - len(self._content)
        try:
            # One byte more than allowed shows that it is too long.
            return self._decoder.decompress(chunk, room + 1)
        except zlib.error as exc:
            raise failures.BadAnswer() from exc
