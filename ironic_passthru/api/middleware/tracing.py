# SPDX-License-Identifier: Apache-2.0
"""A span for each request."""

from collections.abc import Iterable
from typing import Any
from wsgiref import types as wsgi_types

from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.http import routes
from ironic_passthru.tracing import configuration
from ironic_passthru.tracing import spans

# Of HTTP and Ironic; a name must not contain what a client has made up.
_METHODS = frozenset(
    {'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'}
)


def make(
    application: wsgi_types.WSGIApplication,
) -> wsgi_types.WSGIApplication:
    """Return the application, behind a layer if requests are traced.

    :raises: ConfigError.
    """
    tracer = configuration.make('ironic-passthru-api')
    return Tracing(tracer, application) if tracer.enabled else application


class Tracing:
    """Make a span for each request, named by its route.

    It ends when the response starts. Paths, queries and addresses are left
    out: they may contain names of targets, and parameters. The short health
    check has no span: load balancers send it every few seconds.
    """

    def __init__(
        self, tracer: spans.Tracer, application: wsgi_types.WSGIApplication
    ) -> None:
        self._tracer = tracer
        self._application = application

    def __call__(
        self,
        environ: wsgi_types.WSGIEnvironment,
        start_response: wsgi_types.StartResponse,
    ) -> Iterable[bytes]:
        path = routes.match(environ).path
        if path == routes.HEALTHCHECK:
            return self._application(environ, start_response)
        with self._span(environ, path) as span:

            def start(
                status: str, headers: list[tuple[str, str]], *rest: Any
            ) -> Any:
                number = status.partition(' ')[0]
                span.set({'http.response.status_code': int(number)})
                if number >= '500':
                    span.fail(number)
                return start_response(status, headers, *rest)

            return self._application(environ, start)

    def _span(
        self, environ: wsgi_types.WSGIEnvironment, path: str
    ) -> spans.Span:
        method = environ.get('REQUEST_METHOD', '')
        known = method if method in _METHODS else '_OTHER'
        attributes = {'http.request.method': known}
        if path:
            attributes['http.route'] = path
        if request_id := environ.get(environ_keys.REQUEST_ID):
            attributes['openstack.request_id'] = request_id
        return self._tracer.span(
            f'{known} {path}'.strip(),
            {
                spans.TRACEPARENT: environ.get('HTTP_TRACEPARENT', ''),
                spans.TRACESTATE: environ.get('HTTP_TRACESTATE', ''),
            },
            attributes,
        )
