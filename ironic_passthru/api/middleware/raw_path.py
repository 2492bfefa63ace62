# SPDX-License-Identifier: Apache-2.0
"""Original path of a request."""

from collections.abc import Iterable
from urllib import parse
from wsgiref import types as wsgi_types

_DOTS = {'.', '..'}


class RawPath:
    """Restore paths with empty or dotted segments.

    mod_wsgi merges slashes, and Apache and uWSGI resolve dots, which would
    give each resource many paths. Such paths are not found with any server.
    """

    def __init__(self, application: wsgi_types.WSGIApplication) -> None:
        self._application = application

    def __call__(
        self,
        environ: wsgi_types.WSGIEnvironment,
        start_response: wsgi_types.StartResponse,
    ) -> Iterable[bytes]:
        # Servers that do not set it do not change the path.
        path = _path(environ.get('REQUEST_URI', ''))
        if '//' in path or not _DOTS.isdisjoint(path.split('/')):
            environ['PATH_INFO'] = path
        return self._application(environ, start_response)


def _path(target: str) -> str:
    """Return the path of a request target, as PEP 3333 encodes it."""
    raw = target.partition('?')[0]
    if not raw.startswith('/'):
        # The target may be a complete URL.
        raw = '/' + raw.partition('://')[2].partition('/')[2]
    return parse.unquote_to_bytes(raw.encode('latin-1')).decode('latin-1')
