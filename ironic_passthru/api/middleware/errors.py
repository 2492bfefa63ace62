# SPDX-License-Identifier: Apache-2.0
"""Error responses of the layers behind this one."""

from collections.abc import Iterable
from wsgiref import types as wsgi_types

from ironic_passthru import errors
from ironic_passthru.api.http import error_responses


class ErrorWrapper:
    """Render every exception of the application."""

    def __init__(
        self,
        renderer: error_responses.ErrorRenderer,
        application: wsgi_types.WSGIApplication,
    ) -> None:
        self._renderer = renderer
        self._application = application

    def __call__(
        self,
        environ: wsgi_types.WSGIEnvironment,
        start_response: wsgi_types.StartResponse,
    ) -> Iterable[bytes]:
        try:
            if not environ.setdefault('REQUEST_METHOD', ''):
                # uWSGI passes on input that is not HTTP.
                raise errors.RequestError(reason='it has no HTTP method')
            return self._application(environ, start_response)
        except Exception as error:
            response: wsgi_types.WSGIApplication = self._renderer.render(
                error, environ
            )
            return response(environ, start_response)
