# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[oslo_policy]``: those of oslo.policy."""

from typing import Any

from oslo_config import cfg
from oslo_policy import opts

from ironic_passthru.conf import groups

GROUP = cfg.OptGroup('oslo_policy', title='The files of the policy')

((_, OPTS),) = opts.list_opts()

DEFAULTS: dict[str, Any] = {
    # What answers an ``https:`` check decides who may do what, and hears who
    # the caller is; the library would believe anybody.
    'remote_ssl_verify_server_crt': True,
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options of oslo.policy on ``conf`` with our defaults."""
    groups.register(conf, GROUP, OPTS)
    for name, value in DEFAULTS.items():
        conf.set_default(name, value, group=GROUP.name)


def set_sample_defaults() -> None:
    """Tell oslo-config-generator our defaults, in its process alone."""
    opts.set_defaults(cfg.ConfigOpts(), **DEFAULTS)
