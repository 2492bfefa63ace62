# SPDX-License-Identifier: Apache-2.0
"""Options and defaults for the sample configuration."""

from oslo_config import cfg
from oslo_policy import opts as policy_opts

from ironic_passthru import conf as project_conf
from ironic_passthru.conf import cors
from ironic_passthru.conf import database
from ironic_passthru.conf import keystone_authtoken
from ironic_passthru.conf import oslo_policy


def list_opts() -> list[tuple[str | cfg.OptGroup, list[cfg.Opt]]]:
    """Return the options by group, without those of libraries."""
    return [
        (getattr(module, 'GROUP', 'DEFAULT'), module.OPTS)
        for module in project_conf.MODULES
        if module not in (database, oslo_policy)
    ]


def set_sample_defaults() -> None:
    """Change the defaults of libraries for the sample.

    An entry point of ``oslo.config.opts.defaults``, called only in the
    process of oslo-config-generator.
    """
    cors.set_sample_defaults()
    cfg.set_defaults(database.OPTS, **database.DEFAULTS)
    keystone_authtoken.set_sample_defaults()
    policy_opts.set_defaults(cfg.ConfigOpts(), **oslo_policy.DEFAULTS)
