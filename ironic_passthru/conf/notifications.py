# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[notifications]``: events for other services."""

from oslo_config import cfg

from ironic_passthru.conf import groups

GROUP = cfg.OptGroup('notifications', title='Events for other services')

OPTS: list[cfg.Opt] = [
    cfg.BoolOpt(
        'enabled',
        default=False,
        help='Whether conductors send a notification when a call starts and '
        'ends, and when an operation changes its state. How they are sent '
        'is set in the group [oslo_messaging_notifications].',
    ),
    cfg.IntOpt(
        'backlog',
        default=1000,
        min=1,
        max=1000000,
        help='Number of notifications that may wait to be sent while the '
        'message bus is slow or away; further ones are dropped, which the '
        'log tells.',
    ),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options of this module on ``conf``."""
    groups.register(conf, GROUP, OPTS)
