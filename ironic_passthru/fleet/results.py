# SPDX-License-Identifier: Apache-2.0
"""Types of results and of their items.

The published JSON Schema of a result is made of them; the text after a member
is its description. Values that a BMC does not report are null.
"""

from typing import Annotated
from typing import Any
from typing import Generic
from typing import NotRequired
from typing import TypeVar

import pydantic
from typing_extensions import TypedDict

ItemT = TypeVar('ItemT')


class ReadWarning(TypedDict):
    """A resource that could not be read; the others are in the item."""

    path: str
    """Path of the resource on the BMC."""
    code: str
    """Code of the error."""


# Members of base classes cannot have a text, only an annotation.
_Reachable = Annotated[
    bool, pydantic.Field(description='Whether the BMC responded.')
]
_Changed = Annotated[
    bool, pydantic.Field(description='Whether a change was sent.')
]
_Warnings = Annotated[
    list[ReadWarning],
    pydantic.Field(description='Resources that could not be read.'),
]


class TargetItem(TypedDict):
    """Members of each item of a target that succeeded."""

    reachable: _Reachable


class ChangedItem(TargetItem):
    """Members of each item of a change."""

    changed: _Changed


class PartialItem(TargetItem):
    """Members of each item of several resources."""

    warnings: _Warnings


class BmcMessageItem(TypedDict):
    """A message of the BMC."""

    id: str
    """Such as ``Base.1.8.Success``."""
    text: str
    """Printable text, at most 255 characters."""


class TargetError(TypedDict):
    """The error of one target."""

    code: str
    """Stable identifier, such as ``timeout``."""
    message: str
    """Text for people."""
    message_ids: NotRequired[list[str]]
    """Identifiers of the messages of the BMC."""
    bmc_messages: NotRequired[list[str]]
    """Texts of these messages."""
    task: NotRequired[str]
    """Path of the task on the BMC."""


class FailedItem(TypedDict):
    """The item of a target that failed.

    It may have members of the method that are known in spite of the error.
    """

    reachable: bool | None
    """Whether the BMC responded; null if nothing was sent."""
    error: TargetError
    """The error."""
    changed: NotRequired[bool | None]
    """Whether a change was made; null if that is unknown."""


class PlannedChange(TypedDict):
    """A change that would be sent."""

    http_method: str
    """Such as ``PATCH``."""
    path: str
    """Path on the BMC."""
    body: Any
    """The body, without passwords."""


class DryRunItem(TypedDict):
    """The item of a target with ``dry_run``."""

    reachable: bool
    """Whether the BMC responded."""
    would_send: list[PlannedChange]
    """The changes in their order."""
    warning: NotRequired[str]
    """That of the method."""


class Summary(TypedDict):
    """Numbers of targets."""

    total: int
    """Number of all targets."""
    succeeded: int
    """Number of targets without an error."""
    failed: int
    """Number of targets with an error."""
    not_attempted: int
    """Number of targets to which nothing was sent."""


# The configuration also applies to the types of members.
@pydantic.with_config(pydantic.ConfigDict(use_attribute_docstrings=True))
class FleetResult(TypedDict, Generic[ItemT]):
    """The items of targets by name, and their numbers."""

    items: dict[str, ItemT | FailedItem]
    """Item of each target by its name."""
    summary: Summary
    """Numbers of targets."""


#: The result of a method that changes targets.
ChangeResult = FleetResult[ItemT | DryRunItem]
