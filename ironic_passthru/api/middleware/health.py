# SPDX-License-Identifier: Apache-2.0
"""``/healthcheck``: whether the process lives."""

from collections.abc import Iterable
from typing import Any

import webob
from oslo_config import cfg

from ironic_passthru import errors

_PATH = '/healthcheck'
_VERBS = ('GET', 'HEAD', 'OPTIONS')


class HealthCheck:
    """Answers the health check before anything of a request is examined.

    It is oslo.middleware's, for load balancers, which have no login: it is
    healthy while the process can answer. ``/healthcheck/detailed``, which
    asks each dependency, is a route like others.

    :param retry_after_seconds: what a 503 names.
    """

    def __init__(
        self,
        application: Any,
        conf: cfg.ConfigOpts,
        *,
        retry_after_seconds: int,
    ) -> None:
        self._application = application
        self._conf = conf
        self._retry_after_seconds = retry_after_seconds
        self._oslo: Any = None

    def __call__(
        self, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        path = environ.get('PATH_INFO', '').removesuffix('/')
        if path != _PATH:
            return self._application(environ, start_response)
        http_method = environ['REQUEST_METHOD']
        if http_method not in _VERBS:
            raise errors.VerbNotAllowed(
                http_method=http_method, allow=list(_VERBS)
            )
        if http_method == 'OPTIONS':
            response = webob.Response()
            del response.headers['Content-Type']
        else:
            response = self._short(environ)
        if response.status_int == 503:
            response.retry_after = self._retry_after_seconds
        return response(environ, start_response)

    def _short(self, environ: dict[str, Any]) -> webob.Response:
        if self._oslo is None:
            # It brings a template engine along, so it is not loaded before
            # somebody asks.
            from oslo_middleware import healthcheck

            from ironic_passthru.conf import healthcheck as options

            options.register_opts(self._conf)
            self._oslo = healthcheck.Healthcheck(_not_for_you, self._conf)
        # As GET, since it has other status codes for HEAD.
        request = webob.Request({**environ, 'REQUEST_METHOD': 'GET'})
        response = request.get_response(self._oslo)
        if not response.body:
            # Its text form holds nothing but the phrases of its plugins.
            response.text = 'OK' if response.status_int == 200 else 'not OK'
        return response


def _not_for_you(
    environ: dict[str, Any], start_response: Any
) -> Iterable[bytes]:
    """Stand where oslo's middleware sends those that it does not answer."""
    raise errors.RouteNotFound()
