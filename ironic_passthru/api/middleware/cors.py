# SPDX-License-Identifier: Apache-2.0
"""What scripts of other sites may do from within a browser."""

from typing import Any

import webob
from oslo_config import cfg
from oslo_middleware import cors

from ironic_passthru.api import versions

_GROUP = 'cors'

# What this API takes and tells beyond what browsers let through anyway.
DEFAULTS: dict[str, object] = {
    'allow_methods': ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH'],
    'allow_headers': [
        'Authorization',
        'Idempotency-Key',
        'OpenStack-API-Version',
        'Prefer',
        'X-Auth-Token',
        versions.HEADER,
        'X-OpenStack-Request-ID',
    ],
    'expose_headers': [
        'Allow',
        'Content-Disposition',
        'Location',
        'Preference-Applied',
        'Retry-After',
        'WWW-Authenticate',
        versions.HEADER,
        'X-OpenStack-Ironic-API-Maximum-Version',
        'X-OpenStack-Ironic-API-Minimum-Version',
        'openstack-request-id',
        'x-openstack-request-id',
    ],
}


def make(conf: cfg.ConfigOpts, application: Any) -> Any:
    """Return the application, behind CORS if any origin is allowed."""
    # A group of its own: oslo.config keeps values in the group.
    conf.register_group(cfg.OptGroup(_GROUP))
    conf.register_opts(cors.OPTS, group=_GROUP)
    for name, value in DEFAULTS.items():
        conf.set_default(name, value, group=_GROUP)
    return Cors(application, conf) if conf.cors.allowed_origin else application


def set_sample_defaults() -> None:
    """Tell oslo-config-generator our defaults.

    An entry point of ``oslo.config.opts.defaults``, called in the
    generator's process alone: it changes oslo.middleware's own list.
    """
    cfg.set_defaults(cors.OPTS, **DEFAULTS)


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
