# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[rpc]``: messages between API and conductors."""

from oslo_config import cfg

from ironic_passthru.conf import groups

GROUP = cfg.OptGroup('rpc', title='Messages between API and conductors')

OPTS: list[cfg.Opt] = [
    cfg.ListOpt(
        'signing_keys',
        default=[],
        secret=True,
        help='Secrets that messages are signed with, each of at least 32 '
        'characters and the same on all hosts. The first one signs; all are '
        'accepted, so that a new one can be introduced: first as the second '
        'everywhere, then as the first, then alone. Once it is set, '
        'conductors refuse what is not signed. Without it everybody who can '
        'log in to the message bus can call every method.',
    ),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options of this module on ``conf``."""
    groups.register(conf, GROUP, OPTS)
