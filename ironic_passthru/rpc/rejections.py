# SPDX-License-Identifier: Apache-2.0
"""Rejections of published messages by RabbitMQ."""

import re

import amqp

# The text is the same in RabbitMQ 3 and 4.
_TOO_LARGE = re.compile(r'message size \d+ is larger than .* (\d+)')


def is_rejected(error: Exception, reason: type[amqp.AMQPError]) -> bool:
    """Return whether the broker rejected the publication of a message.

    :param error: the error that oslo.messaging raised.
    """
    cause = error.__context__
    return (
        isinstance(cause, reason)
        and cause.method_sig == amqp.spec.Basic.Publish
    )


def size_limit(error: Exception) -> int | None:
    """Return ``max_message_size`` of the broker if a message exceeded it.

    Such a message has no receiver: the broker closes the channel instead.

    :param error: the error that oslo.messaging raised.
    :returns: bytes; None for another error.
    """
    if not is_rejected(error, amqp.exceptions.PreconditionFailed):
        return None
    found = _TOO_LARGE.search(str(error.__context__))
    return int(found[1]) if found else None
