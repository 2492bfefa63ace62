# SPDX-License-Identifier: Apache-2.0
"""The door where everything that can go wrong with a BMC becomes an item.

A caller gets a code and a fixed sentence. What a library or a BMC says about
a failure may hold addresses and credentials, so that goes to the debug log.
"""

import dataclasses
from typing import Any

from sushy import exceptions as sushy_exceptions

Item = dict[str, Any]


class LinkFailure(sushy_exceptions.SushyError):
    """A request did not come to a usable answer."""

    message = 'The request did not come to a usable answer.'


class NotConnected(LinkFailure):
    """There was no connection, so nothing was sent."""


class Untrusted(LinkFailure):
    """The BMC could not prove who it is."""


class NoAnswer(LinkFailure):
    """The BMC stayed silent for too long, or the call's time is over."""


class Cut(LinkFailure):
    """The connection ended before the answer did."""


class BadAnswer(LinkFailure):
    """The answer is not what Redfish says it is."""


class Redirected(LinkFailure):
    """The BMC answered with a redirect."""


class OutcomeUnknown(LinkFailure):
    """A change was sent and no answer came."""


class NoSuchSystem(LinkFailure):
    """The BMC does not have the system that the inventory names."""


class NoSuchDevice(LinkFailure):
    """The system has no virtual media device of the kind asked for."""


@dataclasses.dataclass(frozen=True)
class BmcFailure:
    """What an item says of a failure.

    :param code: stable identifier.
    :param reachable: whether the BMC answered; ``None`` if it was not asked.
    :param message: the sentence for the caller.
    """

    code: str
    reachable: bool | None
    message: str

    def item(self) -> Item:
        """Return the item of a target that failed this way."""
        return {
            'reachable': self.reachable,
            'error': {'code': self.code, 'message': self.message},
        }


NOT_ATTEMPTED = BmcFailure(
    'not_attempted',
    None,
    "The call's time was over before this target's turn; nothing was sent.",
)
TIMEOUT = BmcFailure(
    'timeout', False, 'The BMC did not answer in time; nothing was changed.'
)
OUTCOME_UNKNOWN = BmcFailure(
    'outcome_unknown',
    False,
    'The change was sent to the BMC, but no answer came; whether it was '
    'made is not known.',
)
BAD_ANSWER = BmcFailure(
    'bad_answer', True, 'The answer of the BMC is not valid Redfish.'
)
NOT_SUPPORTED = BmcFailure(
    'not_supported', True, 'The BMC does not offer this for the system.'
)

# The first row whose class fits counts, so a subclass comes before its base.
_TABLE: tuple[tuple[type[Exception], BmcFailure], ...] = (
    (
        NotConnected,
        BmcFailure('unreachable', False, 'The BMC cannot be reached.'),
    ),
    (
        Untrusted,
        BmcFailure(
            'untrusted',
            False,
            'The TLS connection to the BMC failed; its certificate may not '
            'be one that is trusted.',
        ),
    ),
    (NoAnswer, TIMEOUT),
    (
        Cut,
        BmcFailure(
            'connection_lost',
            False,
            'The BMC ended the connection before it answered.',
        ),
    ),
    (OutcomeUnknown, OUTCOME_UNKNOWN),
    (
        Redirected,
        BmcFailure(
            'redirected',
            True,
            'The BMC answered with a redirect, which is not followed.',
        ),
    ),
    (
        NoSuchSystem,
        BmcFailure(
            'system_not_found',
            True,
            'The BMC does not have the system that the inventory names, or '
            'it has several and the inventory names none.',
        ),
    ),
    (
        NoSuchDevice,
        BmcFailure(
            'device_not_found',
            True,
            'The system has no virtual media device of this kind.',
        ),
    ),
    (BadAnswer, BAD_ANSWER),
    (
        sushy_exceptions.AccessError,
        BmcFailure(
            'access_denied',
            True,
            'The BMC does not accept the credentials of the inventory for '
            'this.',
        ),
    ),
    (
        sushy_exceptions.ResourceNotFoundError,
        BmcFailure(
            'not_found', True, 'The BMC does not have what it was asked for.'
        ),
    ),
    (
        sushy_exceptions.ServerSideError,
        BmcFailure(
            'bmc_error', True, 'The BMC reported an internal error of its own.'
        ),
    ),
    (
        sushy_exceptions.HTTPError,
        BmcFailure('refused', True, 'The BMC refused the request.'),
    ),
    (sushy_exceptions.MissingAttributeError, NOT_SUPPORTED),
    (sushy_exceptions.MissingActionError, NOT_SUPPORTED),
)


def classify(exc: Exception) -> BmcFailure:
    """Return what is said of ``exc``.

    Whatever the table does not know was raised while an answer was being
    read: sushy stumbles in many ways over a document of the wrong shape.
    """
    for kind, failure in _TABLE:
        if isinstance(exc, kind):
            return failure
    return BAD_ANSWER
