# SPDX-License-Identifier: Apache-2.0
"""Errors of a BMC and their items in results.

A caller gets a code and a fixed message. Texts of libraries and BMCs may
contain addresses and credentials, so they are written to the debug log only.
"""

import dataclasses
from typing import Any

from sushy import exceptions as sushy_exceptions

Item = dict[str, Any]


class LinkFailure(sushy_exceptions.SushyError):
    """A request has no usable response."""

    message = 'The request has no usable response.'


class NotConnected(LinkFailure):
    """The connection failed, so nothing was sent."""


class Untrusted(LinkFailure):
    """The BMC cannot be authenticated."""


class NoAnswer(LinkFailure):
    """The BMC did not respond in time, or the deadline has passed."""


class Cut(LinkFailure):
    """The connection ended before the response."""


class BadAnswer(LinkFailure):
    """The response is not valid Redfish."""


class Redirected(LinkFailure):
    """The response is a redirect."""


class ChangeOutcomeUnknown(LinkFailure):
    """A change was sent without a response."""


class NoSuchSystem(LinkFailure):
    """The BMC does not have the system that the inventory names."""


class NoSuchDevice(LinkFailure):
    """The system has no virtual media device of the requested type."""


@dataclasses.dataclass(frozen=True)
class BmcFailure:
    """The error in the item of a target.

    :param code: stable identifier.
    :param reachable: whether the BMC responded; ``None`` if nothing was sent.
    :param message: the text for the caller.
    """

    code: str
    reachable: bool | None
    message: str

    def item(self) -> Item:
        """Return the item of a target with this error."""
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

# The first matching row applies, so a subclass precedes its base.
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
    (ChangeOutcomeUnknown, OUTCOME_UNKNOWN),
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
    """Return the failure for an exception.

    sushy raises many types of exceptions for invalid documents, so other
    exceptions mean a bad response.
    """
    for kind, failure in _TABLE:
        if isinstance(exc, kind):
            return failure
    return BAD_ANSWER
