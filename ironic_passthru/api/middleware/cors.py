# SPDX-License-Identifier: Apache-2.0
"""Cross-origin resource sharing (CORS)."""

from wsgiref import types as wsgi_types

import webob
from oslo_config import cfg
from oslo_middleware import cors

from ironic_passthru import conf as project_conf
from ironic_passthru.conf import cors as options


def make(
    conf: cfg.ConfigOpts, application: wsgi_types.WSGIApplication
) -> wsgi_types.WSGIApplication:
    """Return the application, behind CORS if any origin is allowed."""
    return Cors(application, conf) if origins(conf) else application


def origins(conf: cfg.ConfigOpts) -> list[str]:
    """Return the origins whose scripts may read responses."""
    project_conf.register_opts(conf, [options])
    return conf.cors.allowed_origin or []


class Cors(cors.CORS):
    """oslo's middleware, except that it responds to preflights by itself.

    Browsers send preflights without credentials. oslo's middleware would pass
    each to the application, which rejects them, and would turn every rejected
    OPTIONS request into a 200.
    """

    def process_request(self, req: webob.Request) -> webob.Response | None:
        """Return the response to a preflight; pass on other requests."""
        if not (
            req.method == 'OPTIONS'
            and 'Origin' in req.headers
            and 'Access-Control-Request-Method' in req.headers
        ):
            return None
        response = webob.Response()
        del response.headers['Content-Type']
        return super().process_response(response, req)

    def process_response(
        self, response: webob.Response, request: webob.Request | None = None
    ) -> webob.Response:
        """Return the response with CORS headers."""
        if request is not None and request.method == 'OPTIONS':
            return response
        return super().process_response(response, request)
