# SPDX-License-Identifier: Apache-2.0
"""Strict parser of the request line and headers."""

import contextlib
import re
from typing import Any

from cheroot import errors
from cheroot import server

# Room for two tokens of any type of Keystone, and other headers.
MAX_HEADER_BYTES = 32 * 1024
# As in other servers.
_MAX_HEADERS = 100
# Room for the path, and for a query beyond its limit: the application
# reports that error.
_LINE_BYTES = 16 * 1024

_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Servers and proxies differ in which of two values they use.
_SINGLE = (b'Content-Length', b'Host')
# Servers and proxies differ in which of both they use, and find the next
# request at different places (RFC 9112, section 6.3).
_FRAMING = {b'Content-Length', b'Transfer-Encoding'}
# Host and port of a URL (RFC 3986, section 3.2).
_HOST = re.compile(
    rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]+)(:[0-9]*)?"
)
_CONTINUE = b'100-continue'
_TOO_LARGE = '431 Request Header Fields Too Large'


def max_line_bytes(max_query_size: int) -> int:
    """Return the maximum length of a request line."""
    return max_query_size + _LINE_BYTES


class HeaderReader(server.HeaderReader):
    """Read headers strictly by RFC 9112.

    cheroot accepts any name, fails on folded lines, and uses the last of
    repeated headers.
    """

    def __call__(
        self, rfile: Any, hdict: dict[bytes, bytes] | None = None
    ) -> dict[bytes, bytes]:
        """Read the headers of a request into ``hdict``.

        :raises: ValueError if they are invalid, MaxSizeExceeded if there
            are too many.
        """
        headers = {} if hdict is None else hdict
        for _ in range(_MAX_HEADERS + 1):
            line = rfile.readline()
            if line == b'\r\n':
                if headers.keys() >= _FRAMING:
                    raise ValueError(
                        'Content-Length and Transfer-Encoding exclude each '
                        'other'
                    )
                return headers
            self._add(line, headers)
        raise errors.MaxSizeExceeded

    def _add(self, line: bytes, headers: dict[bytes, bytes]) -> None:
        if not line.endswith(b'\r\n'):
            raise ValueError('A header does not end with CR LF')
        name, colon, value = line[:-2].partition(b':')
        if not colon or not _NAME.fullmatch(name):
            raise ValueError('A header has an invalid name')
        value = value.strip(b' \t')
        if b'\0' in value or b'\r' in value:
            raise ValueError('A header has an invalid value')
        if b'_' in name:
            # WSGI does not distinguish it from a hyphen: it could replace a
            # header that a proxy removes.
            return
        name = name.title()
        known = headers.get(name)
        if known is None:
            headers[name] = value
        elif name not in _SINGLE:
            headers[name] = known + b', ' + value
        elif name != b'Content-Length' or known != value:
            raise ValueError(f'The header {name.decode()} is repeated')


class Request(server.HTTPRequest):
    """A request whose complete head has been received."""

    _read_headers = HeaderReader()

    def __init__(self, server: Any, connection: Any) -> None:
        # Servers must accept absolute URLs (RFC 9112, section 3.2.2), which
        # cheroot accepts in this mode only.
        super().__init__(server, connection, proxy_mode=True)
        self._expectations: set[bytes] = set()

    def header_reader(
        self, rfile: Any, headers: dict[bytes, bytes]
    ) -> dict[bytes, bytes]:
        """Read the headers of this request into ``headers``.

        :raises: ValueError, MaxSizeExceeded.
        """
        self._read_headers(rfile, headers)
        _check_host(headers, required=self.response_protocol == 'HTTP/1.1')
        # cheroot sends 100 whatever the protocol and the other headers.
        self._expectations = _members(headers.pop(b'Expect', b''))
        options = _members(headers.get(b'Connection', b''))
        # cheroot compares the whole value, case included.
        if b'close' in options:
            headers[b'Connection'] = b'close'
        elif b'keep-alive' in options:
            headers[b'Connection'] = b'Keep-Alive'
        return headers

    def parse_request(self) -> None:
        """Read the head; respond to an invalid one."""
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
        """Read the request line; return whether it is valid."""
        try:
            return bool(super().read_request_line())
        except ValueError:
            # From urllib.parse, such as for '//['.
            self.simple_response('400 Bad Request', 'Malformed Request-URI')
            return False

    def read_request_headers(self) -> bool:
        """Read the headers; return whether the request can be served.

        100 is sent when the application starts to wait for the body, so not
        for a request that it refuses before.
        """
        if not super().read_request_headers():
            return False
        if self._expectations - {_CONTINUE}:
            self.simple_response(
                '417 Expectation Failed',
                'The only supported expectation is 100-continue.',
            )
            return False
        self.conn.expects_continue = (
            bool(self._expectations) and self.response_protocol == 'HTTP/1.1'
        )
        return True

    def simple_response(self, status: str, msg: str = '') -> None:
        """Respond without the application and close the connection."""
        self.conn.has_unread_body = True
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
        # The client may have disconnected.
        with contextlib.suppress(OSError):
            self.conn.wfile.write('\r\n'.join(lines).encode('latin-1'))


def _check_host(headers: dict[bytes, bytes], *, required: bool) -> None:
    """Check the Host header (RFC 9112, section 3.2).

    :raises: ValueError.
    """
    host = headers.get(b'Host', b'')
    if not host and required:
        raise ValueError('The Host header is missing')
    if host and not _HOST.fullmatch(host):
        raise ValueError('The Host header is invalid')


def _members(value: bytes) -> set[bytes]:
    """Return the members of a list header in lower case."""
    members = (member.strip(b' \t').lower() for member in value.split(b','))
    return {member for member in members if member}
