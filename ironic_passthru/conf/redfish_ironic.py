# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[redfish_ironic]``: access to an existing Ironic.

keystoneauth defines them. They are registered only for ``[redfish] inventory =
ironic``, since importing the library is expensive.
"""

from oslo_config import cfg

GROUP = cfg.OptGroup(
    'redfish_ironic', title='The Ironic whose nodes are Redfish targets'
)

DEFAULTS = {
    'service_type': 'baremetal',
    # The library has no timeout; this one is for each request.
    'timeout': 30,
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options on ``conf``, except those of the plugin."""
    from keystoneauth1 import loading

    loading.register_auth_conf_options(conf, GROUP.name)
    loading.register_session_conf_options(conf, GROUP.name)
    loading.register_adapter_conf_options(conf, GROUP.name)
    for name, value in DEFAULTS.items():
        conf.set_default(name, value, group=GROUP.name)


def list_opts() -> list[tuple[cfg.OptGroup, list[cfg.Opt]]]:
    """Return the options for the sample, with those of two plugins."""
    from keystoneauth1 import loading

    options = [
        *loading.get_auth_common_conf_options(),
        *loading.get_session_conf_options(),
        *loading.get_adapter_conf_options(),
        *loading.get_auth_plugin_conf_options('password'),
        *loading.get_auth_plugin_conf_options('none'),
    ]
    unique = list(
        {
            option.dest: option
            for option in options
            # Nothing reads the times.
            if option.dest != 'collect_timing'
        }.values()
    )
    cfg.set_defaults(unique, **DEFAULTS)
    return [(GROUP, unique)]
