# SPDX-License-Identifier: Apache-2.0
"""The body of an answer, which may be hostile, with a bound on its size."""

import zlib

from ironic_passthru.drivers.redfish import failures

# With the header of gzip or of zlib, whichever it turns out to have.
_ANY_HEADER = 32 + zlib.MAX_WBITS

_PLAIN = frozenset({'', 'identity'})
_COMPRESSED = frozenset({'gzip', 'x-gzip', 'deflate'})


class Body:
    """What came of a body so far, unpacked.

    The driver asks for bodies that are not compressed, and some BMCs
    compress them all the same. One layer of that is undone, not several.

    :param encoding: the answer's Content-Encoding.
    :param limit: how many bytes it may have, on the wire and unpacked.
    :raises: BadAnswer for an encoding that is not known.
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
        """How many bytes it has, on the wire or unpacked, what is more."""
        return max(self._received, len(self._content))

    def add(self, chunk: bytes) -> None:
        """Take a further piece of it.

        :raises: BadAnswer if it is too long or cannot be unpacked.
        """
        self._received += len(chunk)
        self._content += self._unpacked(chunk)
        if self.size > self._limit:
            raise failures.BadAnswer()

    def end(self) -> bytes:
        """Return the whole body.

        :raises: BadAnswer if it is not whole.
        """
        if self._decoder is not None and not self._decoder.eof:
            raise failures.BadAnswer()
        return bytes(self._content)

    def _unpacked(self, chunk: bytes) -> bytes:
        if self._decoder is None:
            return chunk
        room = self._limit - len(self._content)
        try:
            # One more than there is room for tells that it is too long.
            return self._decoder.decompress(chunk, room + 1)
        except zlib.error as exc:
            raise failures.BadAnswer() from exc
