# SPDX-License-Identifier: Apache-2.0
"""Default version of paths without a version."""

from collections.abc import Iterable
from wsgiref import types as wsgi_types

from ironic_passthru.api.http import routes

_PREFIX = '/v1'


class DefaultVersion:
    """Add ``/v1`` to the paths of resources that lack it, as Ironic does.

    Layers behind this one receive only paths with a version.
    """

    def __init__(self, application: wsgi_types.WSGIApplication) -> None:
        self._application = application

    def __call__(
        self,
        environ: wsgi_types.WSGIEnvironment,
        start_response: wsgi_types.StartResponse,
    ) -> Iterable[bytes]:
        path = environ.get('PATH_INFO', '')
        root, _, rest = path.partition('/')
        if not root and rest.partition('/')[0] in routes.RESOURCES:
            environ['PATH_INFO'] = _PREFIX + path
        return self._application(environ, start_response)
