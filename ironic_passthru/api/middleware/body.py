# SPDX-License-Identifier: Apache-2.0
"""Request bodies: size limits and transfer codings."""

import io
import sys
from collections.abc import Callable
from collections.abc import Iterable
from wsgiref import types as wsgi_types

from ironic_passthru import errors
from ironic_passthru import wsgi_server
from ironic_passthru.api.http import environ_keys

try:
    # Exists only in uWSGI, whose WSGI input contains no chunked bodies.
    import uwsgi
except ImportError:
    uwsgi = None

_CHUNK_BYTES = 64 * 1024


class BodyReader:
    """Read the body into the environment.

    Pecan parses a body as a form if its Content-Type is that of a form, but
    every body is JSON here. The application therefore receives an empty body
    without a form's type, no query and no Accept header; the originals are in
    the environment.

    :param max_size: of the body, in bytes.
    :param max_query_size: in bytes.
    """

    def __init__(
        self,
        application: wsgi_types.WSGIApplication,
        *,
        max_size: int,
        max_query_size: int,
    ) -> None:
        self._application = application
        self._max_size = max_size
        self._max_query_size = max_query_size

    def __call__(
        self,
        environ: wsgi_types.WSGIEnvironment,
        start_response: wsgi_types.StartResponse,
    ) -> Iterable[bytes]:
        query = environ.get('QUERY_STRING', '')
        if len(query) > self._max_query_size:
            raise errors.QueryTooLong(limit=self._max_query_size)
        environ[environ_keys.BODY] = self._read(environ)
        environ[environ_keys.QUERY] = query
        environ[environ_keys.ACCEPT] = environ.pop('HTTP_ACCEPT', None)
        environ['QUERY_STRING'] = ''
        environ['wsgi.input'] = io.BytesIO()
        environ['CONTENT_LENGTH'] = '0'
        environ[environ_keys.CONTENT_TYPE] = environ.get('CONTENT_TYPE', '')
        # Without a type WebOb would parse even an empty body as a form.
        environ['CONTENT_TYPE'] = 'application/octet-stream'
        return self._application(environ, start_response)

    def _read(self, environ: wsgi_types.WSGIEnvironment) -> bytes:
        # An empty Transfer-Encoding is rejected there.
        if 'HTTP_TRANSFER_ENCODING' in environ:
            return self._read_chunked(environ)
        length = _content_length(environ)
        if length > self._max_size:
            raise errors.BodyTooLarge(limit=self._max_size)
        body = _read_up_to(environ['wsgi.input'].read, length)
        if len(body) < length:
            raise errors.InvalidContentLength(reason='the body is shorter')
        return body

    def _read_chunked(self, environ: wsgi_types.WSGIEnvironment) -> bytes:
        coding = environ['HTTP_TRANSFER_ENCODING'].strip(' \t').lower()
        if coding != 'chunked':
            # Other codings are not decoded.
            raise errors.LengthRequired()
        if environ.get('CONTENT_LENGTH'):
            # Request smuggling: a proxy may have used the length.
            raise errors.InvalidContentLength(
                reason='the body has a Transfer-Encoding as well'
            )
        if environ.get('SERVER_PROTOCOL') == 'HTTP/1.0':
            # HTTP/1.0 has no chunks, so a proxy may not have decoded them.
            raise errors.LengthRequired()
        if environ.get('wsgi.input_terminated'):
            body = _read_up_to(environ['wsgi.input'].read, self._max_size + 1)
        elif uwsgi is not None:
            body = self._read_from_uwsgi()
        else:
            # Without an end of input the body would seem to be empty, and
            # the call to have no parameters.
            raise errors.LengthRequired()
        if len(body) > self._max_size:
            raise errors.BodyTooLarge(limit=self._max_size)
        return body

    def _read_from_uwsgi(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        try:
            while size <= self._max_size:
                part = uwsgi.chunked_read()
                if not part:
                    break
                parts.append(part)
                size += len(part)
        except OSError:
            raise errors.InvalidBody(
                reason='its chunks cannot be read'
            ) from None
        if not parts:
            # uWSGI treats an invalid chunk size as the end, so parameters
            # may have been lost.
            raise errors.LengthRequired()
        return b''.join(parts)


def _content_length(environ: wsgi_types.WSGIEnvironment) -> int:
    text = environ.get('CONTENT_LENGTH') or '0'
    if not (text.isascii() and text.isdigit()):
        raise errors.InvalidContentLength(
            reason='it must be a whole number of bytes'
        )
    # int() rejects very long numbers.
    return int(text) if len(text) < 100 else sys.maxsize


def _read_up_to(read: Callable[[int], bytes], size: int) -> bytes:
    """Read ``size`` bytes, or fewer if the body ends before."""
    parts: list[bytes] = []
    left = size
    try:
        while left > 0:
            part = read(min(left, _CHUNK_BYTES))
            if not part:
                break
            parts.append(part)
            left -= len(part)
    except wsgi_server.ClientTooSlow as error:
        raise errors.RequestTimeout(limit=error.limit_seconds) from None
    except Exception:
        # Servers raise different exceptions for invalid chunks and closed
        # connections.
        raise errors.InvalidBody(reason='it cannot be read') from None
    return b''.join(parts)
