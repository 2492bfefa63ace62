# SPDX-License-Identifier: Apache-2.0
"""Operations: the durable records of calls, and their states.

::

    queued ──> running ──> succeeded
       │          ├──────> failed
       │          ├──────> cancelled   method stopped on request
       │          ├──────> expired     claimed too late, certainly not run
       │          └──────> unknown     started, outcome not known
       ├──> cancelled                  certainly not run
       └──> expired                    certainly not run
"""

import dataclasses
import datetime
import enum
from collections.abc import Mapping
from typing import Any


class State(enum.StrEnum):
    """State of an operation."""

    QUEUED = 'queued'
    RUNNING = 'running'
    SUCCEEDED = 'succeeded'
    FAILED = 'failed'
    UNKNOWN = 'unknown'
    CANCELLED = 'cancelled'
    EXPIRED = 'expired'


#: Host name and incarnation of an operation that several conductors run.
NO_CONDUCTOR = ''

ACTIVE = (State.QUEUED, State.RUNNING)
FINAL = tuple(state for state in State if state not in ACTIVE)


@dataclasses.dataclass(frozen=True)
class Owner:
    """The owner of an operation.

    It is the project of the caller, or the user if there is no project.
    False if both are unset.

    :param user_id: None if there is a project.
    """

    project_id: str | None = None
    user_id: str | None = None

    @classmethod
    def of(cls, project_id: str | None, user_id: str | None) -> 'Owner':
        """Return the owner for the project and the user of a caller."""
        if project_id:
            return cls(project_id=project_id)
        return cls(user_id=user_id or None)

    def __bool__(self) -> bool:
        return bool(self.project_id or self.user_id)


@dataclasses.dataclass(frozen=True)
class Key:
    """Digests of an Idempotency-Key and its request.

    :param digest: digest of the key and its owner; 64 characters.
    :param fingerprint: digest of the request; 64 characters.
    """

    digest: str
    fingerprint: str


@dataclasses.dataclass(frozen=True)
class NewOperation:
    """An operation to be created.

    :param id: the id of the call.
    :param parameters: JSON values by name, secrets masked.
    :param accepted: whether the response (202) precedes the run.
    :param attach: whether the result is an attachment.
    :param targets: targets of the parameters, without secrets.
    :param conductor: host name of the conductor.
    :param incarnation: incarnation of the conductor.
    :param state: ``queued``; or ``running`` if it starts at once, which saves
        the transition.
    """

    id: str
    driver: str
    method: str
    http_method: str
    parameters: Mapping[str, Any]
    user_id: str | None
    project_id: str | None
    request_id: str | None
    conductor: str
    incarnation: str
    accepted: bool
    attach: bool
    targets: tuple[str, ...] = ()
    key: Key | None = None
    state: State = State.QUEUED


@dataclasses.dataclass(frozen=True)
class Progress:
    """Reports of a running operation; None without a report.

    :param percent: 0 to 100.
    :param message: one line for users.
    :param targets: all targets of the call, including those of parameters.
    """

    percent: float | None = None
    message: str | None = None
    targets: tuple[str, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Error:
    """The error of a failed call.

    :param message: message for users.
    :param status: HTTP status code.
    :param code: stable identifier.
    """

    message: str
    status: int
    code: str


_NOT_STORED = 'The call failed, and its error message cannot be stored.'


@dataclasses.dataclass(frozen=True)
class Transition:
    """A change of the state of an operation.

    :param id: id of the operation.
    :param source: required present state.
    :param target: new state.
    :param owner: required incarnation of the conductor. No other process
        makes this transition: if the operation already has the state
        ``target``, the acknowledgement of an earlier attempt was lost.
    :param error: for ``failed``.
    :param result: for ``succeeded``: JSON text, or None for ``null``; for
        ``failed`` and ``cancelled``: a partial result, or None.
    :param progress: the last report.
    :param frees_key: whether the Idempotency-Key can be used again, because
        the call certainly did not run.
    :param keeps_result: whether the result is stored; otherwise it is marked
        as purged.
    """

    id: str
    source: State
    target: State
    owner: str | None = None
    error: Error | None = None
    result: str | None = None
    progress: Progress = Progress()
    frees_key: bool = False
    keeps_result: bool = True

    def reduced(self) -> 'Transition':
        """Return the same transition without one value that may be rejected.

        The values are, in this order: progress message, reported targets,
        result, and error message. Return an equal transition if it
        contains none of them.
        """
        for name in ('message', 'targets'):
            if getattr(self.progress, name) is not None:
                progress = dataclasses.replace(self.progress, **{name: None})
                return dataclasses.replace(self, progress=progress)
        if self.result is not None and self.keeps_result:
            return dataclasses.replace(self, keeps_result=False)
        if self.error is not None:
            error = dataclasses.replace(self.error, message=_NOT_STORED)
            return dataclasses.replace(self, error=error)
        return self


Change = NewOperation | Transition


@dataclasses.dataclass(frozen=True)
class Operation:
    """A recorded operation; times are aware, in UTC.

    :param parameters: None in lists.
    :param error: the error for a synchronous caller; None in lists.
    :param targets: targets of parameters and reports; None in lists.
    :param result_parts: number of parts of the result; 0 for ``null``.
    """

    id: str
    driver: str
    method: str
    http_method: str
    user_id: str | None
    project_id: str | None
    request_id: str | None
    conductor: str
    incarnation: str
    accepted: bool
    attach: bool
    state: State
    created_at: datetime.datetime
    started_at: datetime.datetime | None
    finished_at: datetime.datetime | None
    progress: Progress
    cancel_requested: bool
    parameters: dict[str, Any] | None = None
    error: Error | None = None
    targets: list[str] | None = None
    result_parts: int | None = None

    @property
    def final(self) -> bool:
        """Whether the state is final."""
        return self.state in FINAL


def end(operation_id: str, state: State) -> Transition:
    """Return the final transition of an operation without a conductor."""
    if state is State.QUEUED:
        return Transition(operation_id, state, State.EXPIRED, frees_key=True)
    return Transition(operation_id, state, State.UNKNOWN)
