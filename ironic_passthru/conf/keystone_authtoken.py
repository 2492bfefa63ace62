# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[keystone_authtoken]``, with other defaults.

keystonemiddleware and keystoneauth define them. They are registered only for
``auth_strategy = keystone``, since importing both libraries is expensive.
"""

from oslo_config import cfg

GROUP_NAME = 'keystone_authtoken'

DEFAULTS = {
    # The library has no timeout; this one is for each attempt.
    'http_connect_timeout': 5,
    # More attempts would block a worker thread longer than clients wait.
    'http_request_max_retries': 1,
    # For the access rules of application credentials.
    'service_type': 'baremetal',
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options on ``conf``, except those of the plugin."""
    from keystoneauth1 import loading
    from keystonemiddleware import auth_token

    for group, options in auth_token.list_opts():
        conf.register_opts(options, group=group)
    loading.register_auth_conf_options(conf, GROUP_NAME)
    for name, value in DEFAULTS.items():
        conf.set_default(name, value, group=GROUP_NAME)


def set_sample_defaults() -> None:
    """Change the defaults in the process of oslo-config-generator."""
    from keystonemiddleware import auth_token

    for _, options in auth_token.AUTH_TOKEN_OPTS:
        cfg.set_defaults(options, **DEFAULTS)
