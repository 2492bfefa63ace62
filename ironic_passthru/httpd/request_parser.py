# SPDX-License-Identifier: Apache-2.0
"""The head of a request: its first line and its headers, read strictly."""

import contextlib
import re
from typing import Any

from cheroot import errors
from cheroot import server

# Room for two tokens of any kind that Keystone issues, and the rest.
MAX_HEADER_BYTES = 32 * 1024
# As many as other servers take.
_MAX_HEADERS = 100
# Room beside the query: for the path, and for a query that is too long, so
# that it is the application that says so.
_LINE_BYTES = 16 * 1024

_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Two of these are two requests for whoever believes the other one.
_ONCE = (b'Content-Length', b'Host')
# Who believes one of these finds the next request elsewhere than who believes
# the other (RFC 9112, section 6.3).
_FRAMING = {b'Content-Length', b'Transfer-Encoding'}
# Host and port of a URL (RFC 3986, section 3.2).
_HOST = re.compile(
    rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]+)(:[0-9]*)?"
)
_CONTINUE = b'100-continue'
_TOO_LARGE = '431 Request Header Fields Too Large'


def max_line_bytes(max_query_size: int) -> int:
    """Return how long the first line of a request may be."""
    return max_query_size + _LINE_BYTES


class HeaderReader(server.HeaderReader):
    """Reads headers as RFC 9112 has them, and nothing else.

    cheroot's own lets a name have any form and a line go on in the next
    one, fails over the latter, and takes the last of headers that repeat.
    """

    def __call__(
        self, rfile: Any, hdict: dict[bytes, bytes] | None = None
    ) -> dict[bytes, bytes]:
        """Read the headers of a request into ``hdict``.

        :raises: ValueError if they are not valid, MaxSizeExceeded if there
            are too many.
        """
        headers = {} if hdict is None else hdict
        for _ in range(_MAX_HEADERS + 1):
            line = rfile.readline()
            if line == b'\r\n':
                if headers.keys() >= _FRAMING:
                    raise ValueError('The length of the body is told twice')
                return headers
            self._add(line, headers)
        raise errors.MaxSizeExceeded

    def _add(self, line: bytes, headers: dict[bytes, bytes]) -> None:
        if not line.endswith(b'\r\n'):
            raise ValueError('A header does not end as it should')
        name, colon, value = line[:-2].partition(b':')
        if not colon or not _NAME.fullmatch(name):
            raise ValueError('A header has no valid name')
        value = value.strip(b' \t')
        if b'\0' in value or b'\r' in value:
            raise ValueError('A header has no valid value')
        if b'_' in name:
            # WSGI writes a hyphen as one, so it could stand for a header
            # that a proxy before this server has removed.
            return
        name = name.title()
        known = headers.get(name)
        if known is None:
            headers[name] = value
        elif name not in _ONCE:
            headers[name] = known + b', ' + value
        elif name != b'Content-Length' or known != value:
            raise ValueError('A header stands twice')


class Request(server.HTTPRequest):
    """A request whose head has come already."""

    _read_headers = HeaderReader()

    def __init__(self, server: Any, connection: Any) -> None:
        # A server must accept URLs in absolute form (RFC 9112, section
        # 3.2.2), which cheroot thinks is for proxies alone.
        super().__init__(server, connection, proxy_mode=True)
        self._expectations: set[bytes] = set()

    def header_reader(
        self, rfile: Any, headers: dict[bytes, bytes]
    ) -> dict[bytes, bytes]:
        """Read the headers of this request into ``headers``.

        :raises: as :class:`HeaderReader`.
        """
        self._read_headers(rfile, headers)
        _check_host(headers, required=self.response_protocol == 'HTTP/1.1')
        # cheroot's own 100 ignores protocol, framing and refusals.
        self._expectations = _members(headers.pop(b'Expect', b''))
        options = _members(headers.get(b'Connection', b''))
        # cheroot compares the whole value, case included.
        if b'close' in options:
            headers[b'Connection'] = b'close'
        elif b'keep-alive' in options:
            headers[b'Connection'] = b'Keep-Alive'
        return headers

    def parse_request(self) -> None:
        """Read the head; answer by itself if it cannot be served."""
        self.rfile = server.SizeCheckWrapper(
            self.conn.rfile, self.server.max_line_bytes
        )
        too_large = '414 URI Too Long'
        try:
            if not self.read_request_line():
                return
            self.rfile = server.SizeCheckWrapper(
                self.conn.rfile, MAX_HEADER_BYTES
            )
            too_large = _TOO_LARGE
            self.ready = self.read_request_headers()
        except errors.MaxSizeExceeded:
            self.simple_response(too_large)

    def read_request_line(self) -> bool:
        """Read the first line; tell whether it can be served."""
        try:
            return super().read_request_line()
        except ValueError:
            # Python's parser of URLs, about '//[', for one.
            self.simple_response('400 Bad Request', 'Malformed Request-URI')
            return False

    def read_request_headers(self) -> bool:
        """Read the headers; tell whether the request can be served.

        100 is sent when the application begins to wait for the body, so
        not for a request that it refuses before.
        """
        if not super().read_request_headers():
            return False
        if self._expectations - {_CONTINUE}:
            self.simple_response(
                '417 Expectation Failed',
                'The only expectation that is supported is 100-continue.',
            )
            return False
        if self._expectations and self.response_protocol == 'HTTP/1.1':
            self.conn.rfile.before_waiting = self._send_continue
        return True

    def _send_continue(self) -> None:
        self.conn.wfile.write(
            f'{self.server.protocol} 100 Continue\r\n\r\n'.encode('ascii')
        )

    def simple_response(self, status: str, msg: str = '') -> None:
        """Answer what is refused before the application sees it."""
        self.conn.unread = True
        self.close_connection = True
        lines = [
            f'{self.server.protocol} {status}',
            f'Content-Length: {len(msg)}',
            'Content-Type: text/plain',
            'X-Content-Type-Options: nosniff',
            'Connection: close',
            '',
            msg,
        ]
        # Whoever cannot be told has gone.
        with contextlib.suppress(OSError):
            self.conn.wfile.write('\r\n'.join(lines).encode('latin-1'))


def _check_host(headers: dict[bytes, bytes], *, required: bool) -> None:
    """Make sure that the Host header is valid (RFC 9112, section 3.2).

    :raises: ValueError.
    """
    host = headers.get(b'Host', b'')
    if not host and required:
        raise ValueError('A request needs a Host header')
    if host and not _HOST.fullmatch(host):
        raise ValueError('The Host header is not valid')


def _members(value: bytes) -> set[bytes]:
    """Return the members of a header that is a list, in lower case."""
    members = (member.strip(b' \t').lower() for member in value.split(b','))
    return {member for member in members if member}
