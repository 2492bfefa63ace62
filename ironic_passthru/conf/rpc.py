# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[rpc]``: messages between API and conductors."""

from oslo_config import cfg

from ironic_passthru.conf import groups

# 2 * [conductor] max_result_size, or 7 * [api] max_body_size, and 1 MiB.
_MAX_MESSAGE_SIZE = 33 * 1024**2

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
        'conductors drop what is not signed. Without it everybody who can '
        'log in to the message bus can call every method.',
    ),
    cfg.IntOpt(
        'max_message_size',
        default=_MAX_MESSAGE_SIZE,
        min=1024**2,
        max=2**30,
        help='Maximum size of a message from RabbitMQ, in bytes, also after '
        'decompression. Larger ones are dropped with a line in the log, and '
        'their senders get no answer. It must be at least 2 * [conductor] '
        'max_result_size and 7 * [api] max_body_size, and 1 MiB more, by the '
        'values of all hosts, and should be max_message_size of RabbitMQ.',
    ),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options of this module on ``conf``."""
    groups.register(conf, GROUP, OPTS)
