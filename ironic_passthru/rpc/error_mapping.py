# SPDX-License-Identifier: Apache-2.0
"""What failures of the bus, and of conductors, say about a call."""

from typing import Any

import amqp
import kombu.exceptions
import oslo_messaging
from oslo_log import log

from ironic_passthru import errors
from ironic_passthru.rpc import rabbit

LOG = log.getLogger(__name__)

# What sending a message and waiting for its answer raises by itself.
OF_THE_BUS = (
    oslo_messaging.MessageUndeliverable,
    oslo_messaging.MessagingTimeout,
    oslo_messaging.MessageDeliveryFailure,
    kombu.exceptions.OperationalError,
)

# What a conductor of an older release says before it looks at a message any
# further. No error of a driver crosses the bus under these names.
_OTHER_RELEASE = ('UnsupportedVersion', 'NoSuchMethod')


def of_the_bus(error: Exception, context: Any) -> errors.PassthruError:
    """Return what one of ``OF_THE_BUS`` means for the call."""
    if isinstance(error, oslo_messaging.MessageUndeliverable):
        return errors.CallNotDelivered()
    if isinstance(error, rabbit.NothingSent):
        return errors.BusUnavailable()
    if no_exchange(error):
        return errors.CallNotDelivered()
    if _refused(error, amqp.exceptions.AccessRefused):
        return errors.BusUnavailable()
    return outcome_unknown(context)


def no_exchange(error: Exception) -> bool:
    """Tell whether there is a bus, though no conductor was there yet."""
    return _refused(error, amqp.exceptions.NotFound)


def of_a_conductor(name: str, context: Any) -> errors.PassthruError:
    """Log what else a conductor answers with, and return what it means.

    :param name: of the class of what it raised.
    """
    request_id = _request_id(context)
    if name in _OTHER_RELEASE:
        LOG.warning('A conductor is too old for request %s', request_id)
        return errors.CallNotDelivered()
    LOG.error(
        'A conductor failed with %s in request %s', _shown(name), request_id
    )
    return errors.PassthruError()


def unproven(name: str, context: Any) -> errors.OutcomeUnknown:
    """Log what anybody may have answered, and return what it means.

    :param name: of the class of the error that is not believed.
    """
    LOG.warning(
        'Nothing proves that a conductor answered request %s with %s; all '
        'need the same [rpc] signing_keys',
        _request_id(context),
        _shown(name),
    )
    return outcome_unknown(context)


def outcome_unknown(context: Any) -> errors.OutcomeUnknown:
    """Return the error for a call that may have run."""
    return errors.OutcomeUnknown(request_id=_request_id(context))


def _request_id(context: Any) -> str | None:
    return getattr(context, 'request_id', None)


def _shown(name: str) -> str:
    return name if name.isidentifier() else 'an error'


def _refused(error: Exception, reason: type[amqp.AMQPError]) -> bool:
    """Tell whether the broker says of a message itself that it refuses it."""
    cause = error.__context__
    return (
        isinstance(cause, reason)
        and cause.method_sig == amqp.spec.Basic.Publish
    )
