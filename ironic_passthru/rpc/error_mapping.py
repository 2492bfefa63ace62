# SPDX-License-Identifier: Apache-2.0
"""Mapping of errors of the message bus and of conductors to ``errors``."""

import amqp
import kombu.exceptions
import oslo_messaging
from oslo_log import log

from ironic_passthru import errors
from ironic_passthru.rpc import rabbit
from ironic_passthru.rpc import rejections

LOG = log.getLogger(__name__)

#: Errors that oslo.messaging raises while it sends a message or waits for
#: the reply.
BUS_ERRORS = (
    oslo_messaging.MessageUndeliverable,
    oslo_messaging.MessagingTimeout,
    oslo_messaging.MessageDeliveryFailure,
    kombu.exceptions.OperationalError,
)

# Errors of a conductor of an older release, raised before dispatch. Errors of
# drivers never have these names.
_OLDER_RELEASE = ('UnsupportedVersion', 'NoSuchMethod')


def of_bus(error: Exception, request_id: str | None) -> errors.PassthruError:
    """Return the error of a call for one of :data:`BUS_ERRORS`."""
    if isinstance(
        error, oslo_messaging.MessageUndeliverable
    ) or is_missing_exchange(error):
        return errors.CallNotDelivered()
    if isinstance(error, rabbit.NothingSent) or rejections.is_rejected(
        error, amqp.exceptions.AccessRefused
    ):
        return errors.BusUnavailable()
    limit = rejections.size_limit(error)
    if limit is not None:
        return errors.RequestError(
            reason='the message is larger than max_message_size of RabbitMQ, '
            f'{limit} bytes'
        )
    return errors.OutcomeUnknown(request_id=request_id)


def is_missing_exchange(error: Exception) -> bool:
    """Return whether the broker has no exchange: no conductor ever started."""
    return rejections.is_rejected(error, amqp.exceptions.NotFound)


def of_conductor(name: str, request_id: str | None) -> errors.PassthruError:
    """Log an unexpected exception of a conductor; return the error.

    :param name: class name of the exception.
    """
    if name in _OLDER_RELEASE:
        LOG.warning('A conductor is too old for request %s', request_id)
        return errors.CallNotDelivered()
    LOG.error(
        'A conductor failed with %s in request %s', _shown(name), request_id
    )
    return errors.PassthruError()


def of_unproven(name: str, request_id: str | None) -> errors.OutcomeUnknown:
    """Log an error reply without a valid proof; return the error.

    :param name: class name of the exception in the reply.
    """
    LOG.warning(
        'Ignored the unproven reply %s to request %s; [rpc] signing_keys must '
        'be the same on all hosts',
        _shown(name),
        request_id,
    )
    return errors.OutcomeUnknown(request_id=request_id)


def _shown(name: str) -> str:
    return name if name.isidentifier() else 'an error'
