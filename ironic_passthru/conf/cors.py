# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[cors]``: those of oslo.middleware.

The API alone registers them, when it is built.
"""

from oslo_config import cfg
from oslo_middleware import cors

from ironic_passthru.conf import groups

GROUP = cfg.OptGroup('cors', title='Scripts of other sites')

OPTS: list[cfg.Opt] = cors.OPTS

# What this API takes and tells beyond what browsers let through anyway.
DEFAULTS: dict[str, object] = {
    'allow_methods': ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH'],
    'allow_headers': [
        'Authorization',
        'Idempotency-Key',
        'OpenStack-API-Version',
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


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options on ``conf`` with our defaults."""
    groups.register(conf, GROUP, OPTS)
    for name, value in DEFAULTS.items():
        conf.set_default(name, value, group=GROUP.name)


def set_sample_defaults() -> None:
    """Tell oslo-config-generator our defaults, in its process alone."""
    cfg.set_defaults(OPTS, **DEFAULTS)
