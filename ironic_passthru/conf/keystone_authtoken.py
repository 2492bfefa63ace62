# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[keystone_authtoken]``: checking tokens.

They are keystonemiddleware's and keystoneauth's own; only some defaults are
others here. They are registered for ``auth_strategy = keystone`` alone,
since both libraries are much to load.
"""

from oslo_config import cfg

GROUP_NAME = 'keystone_authtoken'

DEFAULTS = {
    # Without it a server that hangs would be waited for without end. Five
    # seconds are plenty for checking a token; each try waits so long.
    'http_connect_timeout': 5,
    # More tries would keep a worker thread of the API waiting for longer
    # than clients do.
    'http_request_max_retries': 1,
    # Tokens of application credentials may be limited to some requests to a
    # service of this type.
    'service_type': 'baremetal',
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options on ``conf``, those of the plugin excepted."""
    from keystoneauth1 import loading
    from keystonemiddleware import auth_token

    for group, options in auth_token.list_opts():
        conf.register_opts(options, group=group)
    loading.register_auth_conf_options(conf, GROUP_NAME)
    for name, value in DEFAULTS.items():
        conf.set_default(name, value, group=GROUP_NAME)


def set_sample_defaults() -> None:
    """Tell oslo-config-generator our defaults.

    Called in the generator's process alone: it changes the library's list.
    """
    from keystonemiddleware import auth_token

    for _, options in auth_token.AUTH_TOKEN_OPTS:
        cfg.set_defaults(options, **DEFAULTS)
