# SPDX-License-Identifier: Apache-2.0
"""What an operation is: the durable record of a call, and its states.

::

    queued ──> running ──> succeeded
       │          ├──────> failed
       │          ├──────> cancelled   its method stopped on request
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
    """Where an operation stands."""

    QUEUED = 'queued'
    RUNNING = 'running'
    SUCCEEDED = 'succeeded'
    FAILED = 'failed'
    UNKNOWN = 'unknown'
    CANCELLED = 'cancelled'
    EXPIRED = 'expired'


ACTIVE = (State.QUEUED, State.RUNNING)
FINAL = tuple(state for state in State if state not in ACTIVE)


@dataclasses.dataclass(frozen=True)
class Owner:
    """Whose an operation is.

    It belongs to the project of its caller, so that a user who calls for
    another project, or with system scope, is somebody else. Only without a
    project it belongs to the user; with neither it is nobody's.

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
        """Whether it is somebody."""
        return self != _NOBODY


_NOBODY = Owner()


@dataclasses.dataclass(frozen=True)
class Key:
    """What is kept of an Idempotency-Key.

    :param digest: identifies the key and its owner; 64 characters.
    :param fingerprint: identifies the request; 64 characters.
    """

    digest: str
    fingerprint: str


@dataclasses.dataclass(frozen=True)
class NewOperation:
    """A call that is to be recorded, queued.

    :param id: the id of the call.
    :param parameters: JSON values by name, secret ones masked.
    :param accepted: whether its caller is answered before it runs.
    :param attach: whether its result is an attachment.
    :param targets: that its parameters name, without secrets.
    :param conductor: host name of the conductor that has it.
    :param incarnation: the run of that conductor.
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


@dataclasses.dataclass(frozen=True)
class Progress:
    """Reports of a running operation; None where there is no report.

    :param percent: 0 to 100.
    :param message: one line for people.
    :param targets: all targets of the call, those of its parameters included.
    """

    percent: float | None = None
    message: str | None = None
    targets: tuple[str, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Error:
    """What a client is told of a call that failed.

    :param message: for people.
    :param status: HTTP status code.
    :param code: stable identifier.
    """

    message: str
    status: int
    code: str


_NOT_STORED = 'The call failed, and its error message cannot be stored.'


@dataclasses.dataclass(frozen=True)
class Transition:
    """One step of one operation.

    :param id: of the operation.
    :param source: the state that it must have.
    :param target: the state that it gets.
    :param owner: incarnation of the conductor whose it must be. Nobody else
        takes this step, so an operation that is found at ``target`` has
        taken it: the acknowledgement of an earlier attempt was lost.
    :param error: for ``failed``: sentence, status and code for a client.
    :param result: for ``succeeded``: JSON text, or None for ``null``.
    :param progress: the last that was reported.
    :param frees_key: whether its Idempotency-Key may be used anew, because
        the call has certainly not run.
    :param keeps_result: whether the result is stored; if not, it counts as
        purged.
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
        """Return the same step with less of what a database may refuse.

        First without a message of progress, then without result and text of
        the error; itself if there is nothing to leave out.
        """
        if self.progress.message is not None:
            progress = Progress(percent=self.progress.percent)
            return dataclasses.replace(self, progress=progress)
        if self.error is not None:
            error = dataclasses.replace(self.error, message=_NOT_STORED)
            return dataclasses.replace(self, error=error)
        if self.result is not None:
            return dataclasses.replace(self, keeps_result=False)
        return self


Change = NewOperation | Transition


@dataclasses.dataclass(frozen=True)
class Operation:
    """An operation as it is recorded; times are aware, in UTC.

    :param parameters: None in lists.
    :param error: what a synchronous caller would have got; None in lists.
    :param targets: named by parameters or reported; None in lists.
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
        """Whether its state can no longer change."""
        return self.state in FINAL


def end(operation_id: str, state: State) -> Transition:
    """Return the move that ends an operation which nobody will finish."""
    if state is State.QUEUED:
        return Transition(operation_id, state, State.EXPIRED, frees_key=True)
    return Transition(operation_id, state, State.UNKNOWN)
