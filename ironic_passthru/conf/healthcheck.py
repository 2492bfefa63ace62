# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[healthcheck]``: those of oslo.middleware but one.

``detailed`` would show the stacks of all threads to whoever asks.

To be imported late: the library brings a template engine along.
"""

from oslo_config import cfg
from oslo_middleware.healthcheck import opts

from ironic_passthru.conf import groups

GROUP = cfg.OptGroup('healthcheck', title='The short health check')

_LEFT_OUT = 'detailed'


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options on ``conf``, with no details whatever it says."""
    groups.register(conf, GROUP, opts.HEALTHCHECK_OPTS)
    conf.set_override(_LEFT_OUT, False, group=GROUP.name)


def set_sample_defaults() -> None:
    """Have oslo-config-generator leave it out, in its process alone."""
    opts.HEALTHCHECK_OPTS[:] = [
        option for option in opts.HEALTHCHECK_OPTS if option.name != _LEFT_OUT
    ]
