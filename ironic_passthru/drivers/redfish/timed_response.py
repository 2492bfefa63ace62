# SPDX-License-Identifier: Apache-2.0
"""HTTP responses of a possibly hostile BMC, with limited time."""

import http.client
import io
import socket
import time
from typing import Any

# Interim responses (1xx) before the final one, such as one each few seconds
# while the BMC checks a firmware image.
_MAX_INTERIM = 200


class TimedResponse(http.client.HTTPResponse):
    """A response that must be complete in a number of seconds.

    A timeout of the socket would start again with each received byte.
    Interim responses are skipped. No exception contains text of the BMC,
    which may repeat the credentials of the request.

    :param seconds: time from now for header and body.
    :raises: TimeoutError from every method that receives.
    """

    def __init__(
        self, sock: socket.socket, *, method: str | None, seconds: float
    ) -> None:
        self._count = 0
        # The base class only calls makefile().
        source: Any = _TimedSource(sock, time.monotonic() + seconds)
        super().__init__(source, method=method)

    def begin(self) -> None:
        """Receive the header of the final response.

        :raises: HTTPException for a malformed header, too many interim
            responses, or a change of the protocol (101).
        """
        super().begin()
        while self.status < http.HTTPStatus.OK:
            if self.status == http.HTTPStatus.SWITCHING_PROTOCOLS:
                raise http.client.HTTPException('Protocol switched')
            # The base class returns at once if it has a header.
            self.headers = self.msg = None  # type: ignore[assignment]
            super().begin()
        # urllib3 would log malformed fields.
        self.headers.defects.clear()
        self.headers.set_payload('')

    def _read_status(self) -> tuple[str, int, str]:
        self._count += 1
        if self._count > _MAX_INTERIM + 1:
            raise http.client.HTTPException('Too many interim responses')
        read_status: Any = getattr(super(), '_read_status')  # noqa: B009
        try:
            found: tuple[str, int, str] = read_status()
        except http.client.RemoteDisconnected:
            raise
        except http.client.BadStatusLine:
            raise http.client.BadStatusLine('') from None
        if not found[0].startswith('HTTP/1.'):
            raise http.client.UnknownProtocol('')
        return found


class _TimedSource:
    """A socket as :class:`http.client.HTTPResponse` needs it."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._socket = sock
        self._until = until

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._socket, self._until))


class _TimedReader(io.RawIOBase):
    """Reads from a socket until a monotonic time in seconds."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        super().__init__()
        self._socket = sock
        self._until = until
        self._raw = sock.makefile('rb', buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError('The response is not complete in time')
        self._socket.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
