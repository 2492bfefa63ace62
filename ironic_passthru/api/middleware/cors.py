# SPDX-License-Identifier: Apache-2.0
"""What scripts of other sites may do from within a browser."""

from typing import Any

import webob
from oslo_config import cfg
from oslo_middleware import cors

from ironic_passthru import conf as project_conf
from ironic_passthru.conf import cors as options


def make(conf: cfg.ConfigOpts, application: Any) -> Any:
    """Return the application, behind CORS if any origin is allowed."""
    return Cors(application, conf) if origins(conf) else application


def origins(conf: cfg.ConfigOpts) -> list[str]:
    """Return the origins whose scripts may read what is answered."""
    project_conf.register_opts(conf, [options])
    return conf.cors.allowed_origin or []


class Cors(cors.CORS):
    """oslo's middleware, which answers preflights by itself.

    Browsers send those without a login. oslo's would have the application
    refuse each first, and make a 200 of every OPTIONS that it refuses.
    """

    def process_request(self, req: Any) -> webob.Response | None:
        """Return the answer to a preflight; pass on all else."""
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
        self, response: Any, request: Any = None
    ) -> webob.Response:
        """Return the answer with what lets a browser show it."""
        if request.method == 'OPTIONS':
            return response
        return super().process_response(response, request)
