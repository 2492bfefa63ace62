# SPDX-License-Identifier: Apache-2.0
"""Reading the request body: bounded, whole, whatever its coding."""

import io
import sys
from collections.abc import Iterable
from typing import Any

from ironic_passthru import errors
from ironic_passthru import wsgi_server
from ironic_passthru.api.http import environ_keys as keys

try:
    # Only there inside uWSGI, which hands out chunked bodies in its own way.
    import uwsgi
except ImportError:
    uwsgi = None

_CHUNK = 64 * 1024


class BodyGuard:
    """Reads the body once and leaves it in the environment.

    Pecan would take a body for a form where its Content-Type says so, while
    here every body is JSON; so what lies below sees an empty body of no such
    type, no query and no Accept header, and the originals stand under keys of
    their own.

    :param max_size: of the body, in bytes.
    :param max_query_size: in bytes.
    """

    def __init__(
        self, application: Any, max_size: int, *, max_query_size: int
    ) -> None:
        self._application = application
        self._max_size = max_size
        self._max_query_size = max_query_size

    def __call__(
        self, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        query = environ.get('QUERY_STRING', '')
        if len(query) > self._max_query_size:
            raise errors.QueryTooLong(limit=self._max_query_size)
        environ[keys.BODY] = self._read(environ)
        environ[keys.QUERY] = query
        environ[keys.ACCEPT] = environ.pop('HTTP_ACCEPT', None)
        environ['QUERY_STRING'] = ''
        environ['wsgi.input'] = io.BytesIO()
        environ['CONTENT_LENGTH'] = '0'
        environ[keys.CONTENT_TYPE] = environ.get('CONTENT_TYPE', '')
        # WebOb would parse what has no type as a form, be it empty.
        environ['CONTENT_TYPE'] = 'application/octet-stream'
        return self._application(environ, start_response)

    def _read(self, environ: dict[str, Any]) -> bytes:
        # An empty one is no chunked body either: it is refused below.
        if 'HTTP_TRANSFER_ENCODING' in environ:
            return self._read_chunked(environ)
        length = _content_length(environ)
        if length > self._max_size:
            raise errors.BodyTooLarge(limit=self._max_size)
        body = _read_up_to(environ['wsgi.input'].read, length)
        if len(body) < length:
            raise errors.InvalidContentLength(
                reason='the body is shorter than it says'
            )
        return body

    def _read_chunked(self, environ: dict[str, Any]) -> bytes:
        coding = environ['HTTP_TRANSFER_ENCODING'].strip(' \t').lower()
        if coding != 'chunked':
            # Whatever else was done to the body, nobody has undone it.
            raise errors.LengthRequired()
        if environ.get('CONTENT_LENGTH'):
            # Whatever stands before this server may have believed the other.
            raise errors.InvalidContentLength(
                reason='the body has a Transfer-Encoding as well'
            )
        if environ.get('SERVER_PROTOCOL') == 'HTTP/1.0':
            # It knows no chunks, so neither may what stands in between.
            raise errors.LengthRequired()
        if environ.get('wsgi.input_terminated'):
            body = _read_up_to(environ['wsgi.input'].read, self._max_size + 1)
        elif uwsgi is not None:
            body = self._read_from_uwsgi()
        else:
            # A server that does not say where the body ends would make this
            # look like a call without parameters.
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
            # uWSGI takes a size that is none for the end, so this may be
            # what is left of parameters.
            raise errors.LengthRequired()
        return b''.join(parts)


def _content_length(environ: dict[str, Any]) -> int:
    text = environ.get('CONTENT_LENGTH') or '0'
    if not (text.isascii() and text.isdigit()):
        raise errors.InvalidContentLength(
            reason='it must be a whole number of bytes'
        )
    # Python refuses to read very long numbers.
    return int(text) if len(text) < 100 else sys.maxsize


def _read_up_to(read: Any, size: int) -> bytes:
    """Read ``size`` bytes, or fewer if the body ends before."""
    parts: list[bytes] = []
    left = size
    try:
        while left > 0:
            part = read(min(left, _CHUNK))
            if not part:
                break
            parts.append(part)
            left -= len(part)
    except wsgi_server.ClientTooSlow as error:
        raise errors.RequestTimeout(limit=error.limit_seconds) from None
    except Exception:
        # Each server raises something else for a broken chunk or a client
        # that is gone.
        raise errors.InvalidBody(reason='it cannot be read') from None
    return b''.join(parts)
