# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[notifications]``."""

from oslo_config import cfg

GROUP = cfg.OptGroup('notifications', title='Notifications for other services')

OPTS: list[cfg.Opt] = [
    cfg.BoolOpt(
        'enabled',
        default=False,
        help='Send notifications when a call starts and finishes, and when '
        'an operation changes its state. The group '
        '[oslo_messaging_notifications] configures the transport.',
    ),
    cfg.IntOpt(
        'backlog',
        default=1000,
        min=1,
        max=1000000,
        help='Maximum number of unsent notifications while the message bus '
        'is slow or unavailable; further ones are dropped and logged.',
    ),
]
