# SPDX-License-Identifier: Apache-2.0
"""Decoder of the chunked transfer coding (RFC 9112, section 7.1)."""

import re
from typing import IO

# Clients choose the length of lines and chunks: limit what is buffered.
_MAX_LINE = 4096
_MAX_TRAILERS = 64
_MAX_PART = 64 * 1024
_SIZE = re.compile(rb'([0-9A-Fa-f]{1,15})[ \t]*(;.*)?\r\n', re.DOTALL)


class ChunkedBody:
    """Stream of the decoded body.

    :param source: stream positioned at the first chunk.
    :ivar finished: whether the end of the body has been read.
    """

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._left = 0
        self.finished = False

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes, by default the rest of the body.

        :raises: ValueError if the encoding is invalid or the body truncated.
        """
        parts: list[bytes] = []
        while size and not self.finished:
            if not self._left:
                self._next_chunk()
                continue
            wanted = self._left if size < 0 else min(size, self._left)
            part = self._source.read(min(wanted, _MAX_PART))
            if not part:
                raise ValueError('the body ends within a chunk')
            parts.append(part)
            self._left -= len(part)
            if size > 0:
                size -= len(part)
            if not self._left and self._source.read(2) != b'\r\n':
                raise ValueError('a chunk is longer than its size')
        return b''.join(parts)

    def _next_chunk(self) -> None:
        match = _SIZE.fullmatch(self._source.readline(_MAX_LINE))
        if match is None:
            raise ValueError('the size of a chunk is invalid')
        self._left = int(match[1], 16)
        if not self._left:
            self._skip_trailers()
            self.finished = True

    def _skip_trailers(self) -> None:
        for _ in range(_MAX_TRAILERS):
            line = self._source.readline(_MAX_LINE)
            if line == b'\r\n':
                return
            if not line.endswith(b'\r\n'):
                break
        raise ValueError('the trailers are invalid')
