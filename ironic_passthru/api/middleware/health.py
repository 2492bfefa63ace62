# SPDX-License-Identifier: Apache-2.0
"""``/healthcheck``: liveness of the process."""

from collections.abc import Iterable
from typing import Any
from wsgiref import types as wsgi_types

import webob
from oslo_config import cfg

from ironic_passthru import errors
from ironic_passthru.api.http import error_responses
from ironic_passthru.api.http import expose
from ironic_passthru.api.http import routes


class HealthCheck:
    """Respond to load balancers, which have no login.

    oslo.middleware's health check is used. The response is 200 while the
    process can respond; ``/healthcheck/detailed`` checks the dependencies.
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        renderer: error_responses.ErrorRenderer,
        application: wsgi_types.WSGIApplication,
    ) -> None:
        self._conf = conf
        self._renderer = renderer
        self._application = application
        self._oslo: Any = None

    def __call__(
        self,
        environ: wsgi_types.WSGIEnvironment,
        start_response: wsgi_types.StartResponse,
    ) -> Iterable[bytes]:
        match = routes.match(environ)
        if match.path != routes.HEALTHCHECK:
            return self._application(environ, start_response)
        route = match.require(environ['REQUEST_METHOD'])
        if route.controller == routes.OPTIONS:
            response = expose.options_response()
        else:
            response = self._check(environ)
        if response.status_int == 503:
            response.retry_after = self._renderer.retry_after_seconds
        body: Iterable[bytes] = response(environ, start_response)
        return body

    def _check(self, environ: wsgi_types.WSGIEnvironment) -> webob.Response:
        if self._oslo is None:
            # Imports a template engine: load it for the first request only.
            from oslo_middleware import healthcheck

            from ironic_passthru.conf import healthcheck as options

            options.register_opts(self._conf)
            self._oslo = healthcheck.Healthcheck(_no_application, self._conf)
        # oslo.middleware uses other status codes for HEAD.
        request = webob.Request({**environ, 'REQUEST_METHOD': 'GET'})
        response = request.get_response(self._oslo)
        if not response.body:
            # The text form contains only the messages of plugins.
            response.text = 'OK' if response.status_int == 200 else 'not OK'
        return response


def _no_application(
    environ: wsgi_types.WSGIEnvironment,
    start_response: wsgi_types.StartResponse,
) -> Iterable[bytes]:
    """Reject requests that oslo's middleware passes on."""
    del environ, start_response
    raise errors.RouteNotFound()
