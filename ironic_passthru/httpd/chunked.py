# SPDX-License-Identifier: Apache-2.0
"""A body in chunks (RFC 9112, section 7.1), read in bounded pieces."""

import re
from typing import Any

# A client chooses how long a line or a chunk is, so none is read whole.
_MAX_LINE = 4096
_MAX_TRAILERS = 64
_SIZE = re.compile(rb'([0-9A-Fa-f]{1,15})[ \t]*(;.*)?\r\n', re.DOTALL)


class ChunkedBody:
    """Reads what the chunks of a body hold.

    :param source: binary stream that stands at the first chunk.
    :ivar finished: whether the end of the body has been read.
    """

    def __init__(self, source: Any) -> None:
        self._source = source
        self._left = 0
        self.finished = False

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes, by default all that are left.

        :raises: ValueError if the chunks are broken or end too early.
        """
        parts: list[bytes] = []
        while size and not self.finished:
            if not self._left:
                self._next_chunk()
                continue
            wanted = self._left if size < 0 else min(size, self._left)
            part = self._source.read(min(wanted, 64 * 1024))
            if not part:
                raise ValueError('the body ends within a chunk')
            parts.append(part)
            self._left -= len(part)
            if size > 0:
                size -= len(part)
            if not self._left and self._source.read(2) != b'\r\n':
                raise ValueError('a chunk is longer than it says')
        return b''.join(parts)

    def _next_chunk(self) -> None:
        match = _SIZE.fullmatch(self._source.readline(_MAX_LINE))
        if match is None:
            raise ValueError('a chunk does not say its size')
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
        raise ValueError('the body does not end as it should')
