# SPDX-License-Identifier: Apache-2.0
"""Errors of a BMC and their items in results.

A caller gets a code, a fixed message and the identifiers of the BMC's own
messages. Texts of libraries may contain addresses and credentials, so they
are written to the debug log only.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

Item = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class BmcMessage:
    """A message of a BMC, without secrets.

    :param message_id: such as ``Base.1.8.PropertyNotWritable``.
    :param text: printable text, at most 255 characters; may be empty.
    """

    message_id: str
    text: str = ''


class BmcError(Exception):
    """A call on a BMC failed.

    :param messages: messages of the BMC about it.
    :param task: path of the BMC's task that the error is about.
    :ivar explanation: text for the caller instead of that of the class.
    """

    explanation: str | None = None
    #: Whether the BMC responded to an earlier request of the call.
    answered = False

    def __init__(
        self,
        *,
        messages: Sequence[BmcMessage] = (),
        task: str | None = None,
    ) -> None:
        super().__init__(', '.join(each.message_id for each in messages))
        self.messages = tuple(messages)
        self.task = task


class NotConnected(BmcError):
    """The connection failed, so nothing was sent."""


class Untrusted(BmcError):
    """The BMC cannot be authenticated; nothing was sent."""


class HandshakeFailed(BmcError):
    """The TLS handshake failed, but not for the certificate."""


class ProtocolVersionRejected(HandshakeFailed):
    """The BMC and the driver have no TLS version in common."""


class NoSharedCipher(HandshakeFailed):
    """The BMC and the driver have no cipher in common."""


class NoAnswer(BmcError):
    """The BMC did not respond in time, or the deadline has passed."""


class Cut(BmcError):
    """The connection ended before the response."""


class BadAnswer(BmcError):
    """The response is not valid Redfish."""


class DataLimitReached(BadAnswer):
    """The responses of a call exceed the limit of a target."""


class Redirected(BmcError):
    """The response is a redirect to another resource or address."""


class ChangeOutcomeUnknown(BmcError):
    """A change was sent without a response, or its task has not finished."""


class TaskScheduled(BmcError):
    """The task of a change waits for a restart or for its start time.

    :param waits_for: ``next_boot``, or the time in ISO 8601.
    """

    def __init__(
        self, task: str, messages: Sequence[BmcMessage], waits_for: str
    ) -> None:
        super().__init__(messages=messages, task=task)
        self.waits_for = waits_for


class NoSuchSystem(BmcError):
    """The BMC does not have the system that the inventory names."""


class NoSuchDevice(BmcError):
    """The system has no virtual media device of the requested type."""


class NotSupported(BmcError):
    """A resource lacks the property, link or action."""


class ValueNotAllowed(BmcError):
    """The BMC declares that it does not accept a value; nothing was sent."""

    def __init__(self, explanation: str) -> None:
        super().__init__()
        self.explanation = explanation


class MediumInserted(BmcError):
    """The devices for a medium have other media; nothing was sent."""


class StateNotReached(BmcError):
    """The effect of an accepted change was not seen until the deadline."""


class Rejected(BmcError):
    """The BMC rejected the request."""


class LoginRequired(Rejected):
    """The BMC rejected the credentials (401)."""


class MissingPrivilege(Rejected):
    """The user lacks a privilege (403)."""


class MissingResource(Rejected):
    """The BMC does not have the resource (404)."""


class ChangedMeanwhile(Rejected):
    """The resource has another ETag than the one that was read (412)."""


class PreconditionMissing(Rejected):
    """The BMC requires an ETag but has not sent one (428)."""


class RejectedAfterAcceptance(Rejected):
    """The response has a status of success and a message of failure."""


class NotApplied(BmcError):
    """The BMC returned the resource with its old value."""


class ServerError(BmcError):
    """The BMC reported an internal error (5xx)."""


class TaskFailed(BmcError):
    """The task of a change ended without success."""


@dataclasses.dataclass(frozen=True)
class BmcFailure:
    """The error in the item of a target.

    :param code: stable identifier.
    :param reachable: whether the BMC responded; ``None`` if nothing was sent.
    :param message: the text for the caller.
    :param messages: messages of the BMC.
    :param with_texts: whether the item has the texts of these messages.
    :param task: path of a task on the BMC.
    """

    code: str
    reachable: bool | None
    message: str
    messages: tuple[BmcMessage, ...] = ()
    with_texts: bool = False
    task: str | None = None

    def item(self) -> Item:
        """Return the item of a target with this error."""
        error: Item = {'code': self.code, 'message': self.message}
        if self.messages:
            error['message_ids'] = [each.message_id for each in self.messages]
        texts = [each.text for each in self.messages if each.text]
        if self.with_texts and texts:
            error['bmc_messages'] = texts
        if self.task is not None:
            error['task'] = self.task
        return {'reachable': self.reachable, 'error': error}


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
TASK_NOT_FINISHED = BmcFailure(
    'outcome_unknown',
    True,
    'The BMC accepted the change as a task, whose end was not seen; whether '
    'the change was made is not known.',
)
BAD_ANSWER = BmcFailure(
    'bad_answer', True, 'The answer of the BMC is not valid Redfish.'
)
INTERNAL_ERROR = BmcFailure(
    'internal_error',
    None,
    'The driver failed; a change may have been made. The log of the conductor '
    'contains the cause.',
)
NOT_SUPPORTED = BmcFailure(
    'not_supported', True, 'The BMC does not offer this for the system.'
)
_ACCESS_DENIED = BmcFailure(
    'access_denied',
    True,
    'The BMC does not accept the credentials of the inventory for this.',
)

# The row of the most derived class applies.
_TABLE: dict[type[BaseException], BmcFailure] = {
    NotConnected: BmcFailure(
        'unreachable', False, 'The BMC cannot be reached.'
    ),
    Untrusted: BmcFailure(
        'untrusted',
        False,
        'The certificate of the BMC is not trusted, or is for another host.',
    ),
    HandshakeFailed: BmcFailure(
        'tls_handshake',
        False,
        'The BMC ended the TLS handshake. It may offer no protocol version '
        'or cipher that the inventory allows, or no TLS at this address.',
    ),
    ProtocolVersionRejected: BmcFailure(
        'tls_handshake',
        False,
        'The TLS handshake with the BMC failed: no common protocol version. '
        'See tls_minimum of the inventory.',
    ),
    NoSharedCipher: BmcFailure(
        'tls_handshake',
        False,
        'The TLS handshake with the BMC failed: no shared cipher, or keys '
        'that are too weak. See ciphers and tls_minimum of the inventory.',
    ),
    NoAnswer: TIMEOUT,
    Cut: BmcFailure(
        'connection_lost',
        False,
        'The BMC ended the connection before it answered.',
    ),
    ChangeOutcomeUnknown: OUTCOME_UNKNOWN,
    Redirected: BmcFailure(
        'redirected',
        True,
        'The BMC answered with a redirect that is not followed.',
    ),
    NoSuchSystem: BmcFailure(
        'system_not_found',
        True,
        'The BMC does not have the system that the inventory names, or it '
        'has several and the inventory names none.',
    ),
    NoSuchDevice: BmcFailure(
        'device_not_found',
        True,
        'The system has no virtual media device of this kind.',
    ),
    MediumInserted: BmcFailure(
        'medium_inserted',
        True,
        'The virtual media devices for this medium contain other media; '
        'eject them first. Nothing was changed.',
    ),
    ValueNotAllowed: BmcFailure(
        'value_not_allowed', True, 'The BMC does not allow this value.'
    ),
    StateNotReached: BmcFailure(
        'state_not_reached',
        True,
        'The BMC accepted the change, but the system did not reach the '
        'requested state before the end of the call.',
    ),
    BadAnswer: BAD_ANSWER,
    NotSupported: NOT_SUPPORTED,
    LoginRequired: _ACCESS_DENIED,
    MissingPrivilege: _ACCESS_DENIED,
    MissingResource: BmcFailure(
        'not_found', True, 'The BMC does not have what it was asked for.'
    ),
    ChangedMeanwhile: BmcFailure(
        'changed_meanwhile',
        True,
        'The resource was changed after it was read; nothing was changed.',
    ),
    PreconditionMissing: BmcFailure(
        'precondition_required',
        True,
        'The BMC requires an ETag for a change but sent none; nothing was '
        'changed.',
    ),
    Rejected: BmcFailure('refused', True, 'The BMC refused the request.'),
    RejectedAfterAcceptance: BmcFailure(
        'refused', True, 'The BMC refused the request.', with_texts=True
    ),
    NotApplied: BmcFailure(
        'not_applied',
        True,
        'The BMC accepted the change but still reports the old value.',
    ),
    ServerError: BmcFailure(
        'bmc_error', True, 'The BMC reported an internal error of its own.'
    ),
    TaskScheduled: BmcFailure(
        'task_scheduled',
        True,
        'The BMC accepted the change as a task, which waits for a restart of '
        'the system or for its start time.',
    ),
    TaskFailed: BmcFailure(
        'task_failed',
        True,
        'The BMC accepted the change as a task, which failed.',
        with_texts=True,
    ),
}


def classify(exc: BmcError) -> BmcFailure:
    """Return the failure for an exception."""
    if exc.task is not None and isinstance(exc, ChangeOutcomeUnknown):
        found = TASK_NOT_FINISHED
    else:
        found = next(
            (_TABLE[kind] for kind in type(exc).__mro__ if kind in _TABLE),
            BAD_ANSWER,
        )
    return dataclasses.replace(
        found,
        reachable=True if exc.answered else found.reachable,
        message=exc.explanation or found.message,
        messages=exc.messages,
        task=exc.task,
    )


# Statuses with a meaning of their own; other 4xx are Rejected.
_BY_STATUS: dict[int, type[BmcError]] = {
    401: LoginRequired,
    403: MissingPrivilege,
    404: MissingResource,
    412: ChangedMeanwhile,
    428: PreconditionMissing,
}


def for_status(
    status: int, messages: Sequence[BmcMessage] = ()
) -> BmcError | None:
    """Return the error of a status; ``None`` for a status of success."""
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return Redirected()
    kind = ServerError if status >= 500 else _BY_STATUS.get(status, Rejected)
    return kind(messages=messages)
