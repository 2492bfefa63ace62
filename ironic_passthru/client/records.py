# SPDX-License-Identifier: Apache-2.0
"""Records of the REST API as Python objects.

Unknown members are ignored. Members that the service does not send are unset:
None or empty.
"""

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any
from typing import Self

#: States in which an operation has not finished.
ACTIVE = frozenset({'queued', 'running'})


@dataclasses.dataclass(frozen=True)
class Record:
    """Base class of records."""

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Return the record of a JSON object."""
        names = {field.name for field in dataclasses.fields(cls)}
        return cls(**{k: v for k, v in document.items() if k in names})


@dataclasses.dataclass(frozen=True)
class DriverInfo(Record):
    """A driver.

    :ivar hosts: host names of the live conductors that offer it.
    """

    name: str
    hosts: list[str] = dataclasses.field(default_factory=list)
    type: str | None = None


@dataclasses.dataclass(frozen=True)
class MethodInfo(Record):
    """A method of a driver.

    :ivar parameters: JSON Schema of the parameters, an object.
    :ivar result: JSON Schema of the result; empty if it is unknown.
    :ivar is_async: whether a call is an operation.
    :ivar attach: whether the result is a file.
    :ivar target: names of the parameters that identify the hardware.
    :ivar secret: names of secret parameters and result fields, in addition to
        those that the schemas mark.
    :ivar timeout: timeout of a call in seconds; None for the default.
    :ivar deprecated: what to use instead; None if it is not deprecated.
    :ivar forwarded: whether Ironic runs the method, without an operation.
    """

    name: str
    http_methods: list[str]
    description: str = ''
    is_async: bool = False
    attach: bool = False
    long_description: str = ''
    parameters: dict[str, Any] = dataclasses.field(default_factory=dict)
    result: dict[str, Any] = dataclasses.field(default_factory=dict)
    examples: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    target: list[str] = dataclasses.field(default_factory=list)
    secret: list[str] = dataclasses.field(default_factory=list)
    timeout: float | None = None
    dangerous: bool = False
    deprecated: str | None = None
    forwarded: bool = False

    @classmethod
    def of(cls, name: str, document: Mapping[str, Any]) -> Self:
        """Return the record of one member of the list of methods."""
        return cls.from_json(
            {**document, 'name': name, 'is_async': document['async']}
        )


@dataclasses.dataclass(frozen=True)
class OperationInfo(Record):
    """An operation.

    :ivar progress: members ``percent`` and ``message``, None if unset.
    :ivar error: members ``status``, ``code`` and ``message``.
    """

    id: str
    state: str | None = None
    driver: str | None = None
    method: str | None = None
    http_method: str | None = None
    parameters: dict[str, Any] | None = None
    targets: list[str] | None = None
    progress: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    user_id: str | None = None
    project_id: str | None = None
    request_id: str | None = None
    conductor: str | None = None
    created_at: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    cancel_requested: bool | None = None

    @property
    def final(self) -> bool:
        """Whether the operation has finished."""
        return self.state not in ACTIVE

    @property
    def seconds(self) -> float | None:
        """Duration of the run in seconds; None before it has finished."""
        if not self.started_at or not self.finished_at:
            return None
        started, finished = (
            datetime.datetime.fromisoformat(text)
            for text in (self.started_at, self.finished_at)
        )
        return (finished - started).total_seconds()


@dataclasses.dataclass(frozen=True)
class ConductorInfo(Record):
    """A conductor."""

    hostname: str
    conductor_group: str = ''
    alive: bool = False
    drivers: list[str] = dataclasses.field(default_factory=list)
    created_at: str | None = None
    updated_at: str | None = None


@dataclasses.dataclass(frozen=True)
class HealthInfo(Record):
    """Health of the service.

    :ivar checks: members ``healthy`` and ``detail`` by name of the check.
    """

    healthy: bool
    checks: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class DownloadedFile:
    """A result that is a file.

    :ivar media_type: value of the Content-Type header.
    :ivar filename: name that the driver recommends.
    :ivar size: in bytes.
    :ivar data: the content; None if it was written to a file.
    """

    media_type: str
    filename: str | None
    size: int
    data: bytes | None = dataclasses.field(default=None, repr=False)
