# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[healthcheck]``, defined by oslo.middleware.

Without ``detailed``, which would show the stacks of all threads to every
client. Import it late: the library imports a template engine.
"""

import sys

from oslo_config import cfg
from oslo_middleware.healthcheck import opts

from ironic_passthru import conf as project_conf

GROUP = cfg.OptGroup('healthcheck', title='The short health check')

OPTS: list[cfg.Opt] = opts.HEALTHCHECK_OPTS


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options on ``conf`` and disable details."""
    project_conf.register_opts(conf, [sys.modules[__name__]])
    conf.set_override('detailed', False, group=GROUP.name)
