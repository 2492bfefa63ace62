# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[cors]``, defined by oslo.middleware.

Only the API registers them.
"""

from oslo_config import cfg
from oslo_middleware import cors

GROUP = cfg.OptGroup('cors', title='Cross-origin resource sharing')

OPTS: list[cfg.Opt] = cors.OPTS

# Methods and headers of this API that browsers do not allow by default.
DEFAULTS: dict[str, object] = {
    'allow_methods': ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH'],
    'allow_headers': [
        'Authorization',
        'Idempotency-Key',
        'OpenStack-API-Version',
        'Passthru-Conductor-Group',
        'Prefer',
        'X-Auth-Token',
        'X-OpenStack-Ironic-API-Version',
        'X-OpenStack-Request-ID',
    ],
    'expose_headers': [
        'Allow',
        'Content-Disposition',
        'Location',
        'Preference-Applied',
        'Retry-After',
        'WWW-Authenticate',
        'X-OpenStack-Ironic-API-Maximum-Version',
        'X-OpenStack-Ironic-API-Minimum-Version',
        'X-OpenStack-Ironic-API-Version',
        'openstack-request-id',
        'x-openstack-request-id',
    ],
}


def set_sample_defaults() -> None:
    """Change the defaults in the process of oslo-config-generator."""
    cfg.set_defaults(OPTS, **DEFAULTS)
