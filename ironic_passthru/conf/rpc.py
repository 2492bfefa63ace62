# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[rpc]``: messages between API and conductors."""

from oslo_config import cfg

# 2 * [conductor] max_result_size, or 7 * [api] max_body_size, and 1 MiB.
_MAX_MESSAGE_SIZE = 33 * 1024**2

GROUP = cfg.OptGroup('rpc', title='Messages between API and conductors')

OPTS: list[cfg.Opt] = [
    cfg.ListOpt(
        'signing_keys',
        default=[],
        secret=True,
        help='Secrets for signing messages, each of at least 32 characters, '
        'and the same on all hosts. The first one signs; all are accepted. '
        'To replace a key, add the new key as the second on all hosts, then '
        'make it the first, then remove the old key. With keys, '
        'conductors drop unsigned messages. Without keys, every user of the '
        'message bus can call every method.',
    ),
    cfg.IntOpt(
        'max_message_size',
        default=_MAX_MESSAGE_SIZE,
        min=1024**2,
        max=2**30,
        help='Maximum size of a message from RabbitMQ, in bytes, also after '
        'decompression. Larger ones are dropped and logged, and the sender '
        'gets no reply. It must be at least 1 MiB more than both 2 * '
        '[conductor] max_result_size and 7 * [api] max_body_size of all '
        'hosts, and should equal max_message_size of RabbitMQ.',
    ),
]
