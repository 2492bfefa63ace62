# SPDX-License-Identifier: Apache-2.0
"""The path of a request as the client has written it."""

from collections.abc import Iterable
from typing import Any
from urllib import parse

_DOTS = {'.', '..'}


class RawPath:
    """Undoes what servers make of paths with empty or dotted segments.

    mod_wsgi makes one slash of many, and both Apache and uWSGI resolve dots,
    so that one resource would have names without number. Such a path is no
    resource here, whatever the server.
    """

    def __init__(self, application: Any) -> None:
        self._application = application

    def __call__(
        self, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        # Other servers do not have it, and leave the path alone.
        path = _path(environ.get('REQUEST_URI', ''))
        if '//' in path or not _DOTS.isdisjoint(path.split('/')):
            environ['PATH_INFO'] = path
        return self._application(environ, start_response)


def _path(target: str) -> str:
    """Return the path of a request's target, in the form of PEP 3333."""
    raw = target.partition('?')[0]
    if not raw.startswith('/'):
        # A whole URL, which a client may send as well.
        raw = '/' + raw.partition('://')[2].partition('/')[2]
    return parse.unquote_to_bytes(raw.encode('latin-1')).decode('latin-1')
