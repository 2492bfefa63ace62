# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[oslo_policy]``: those of oslo.policy."""

from oslo_config import cfg
from oslo_policy import opts

from ironic_passthru.conf import groups

GROUP = cfg.OptGroup('oslo_policy', title='The files of the policy')

((_, OPTS),) = opts.list_opts()


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options of oslo.policy on ``conf``."""
    groups.register(conf, GROUP, OPTS)
