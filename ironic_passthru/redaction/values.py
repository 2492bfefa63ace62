# SPDX-License-Identifier: Apache-2.0
"""Members and texts of values of any type: converted arguments and results.

Only ``str()`` and JSON serialization of a secret may run code of a driver.
"""

import collections
import dataclasses
import datetime
import enum
import uuid
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Set
from typing import Any
from urllib import parse

import pydantic
import pydantic_core

from ironic_passthru.redaction import masking

#: Types of pydantic that hide their value.
SECRETS = (pydantic.SecretStr, pydantic.SecretBytes, pydantic.Secret)

_SEQUENCES = (list, tuple, set, frozenset, collections.deque)


def unwrapped(value: Any) -> Any:
    """Return the value of a secret or of a model that has one value."""
    while isinstance(value, (*SECRETS, pydantic.RootModel)):
        if isinstance(value, pydantic.RootModel):
            value = value.root
        else:
            value = value.get_secret_value()
    return value


def members(value: Any) -> Iterator[tuple[str | None, Any]] | None:
    """Return names and members of a value, or None if it has no members.

    Items of a sequence have the name None. No code of the value's class
    runs.
    """
    if isinstance(value, Mapping):
        return ((str(name), part) for name, part in value.items())
    if isinstance(value, _SEQUENCES):
        return ((None, part) for part in value)
    if isinstance(value, pydantic.BaseModel):
        extra = value.__pydantic_extra__ or {}
        return iter([*vars(value).items(), *extra.items()])
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return (
            (field.name, getattr(value, field.name, None))
            for field in dataclasses.fields(value)
        )
    return None


def texts(value: Any, *, public: Set[str] = frozenset()) -> set[str]:
    """Return the texts of a secret value: all of its parts as strings.

    :param public: names of members that every caller knows.
    """
    found: set[str] = set()
    seen: set[int] = set()
    pending = [value]
    while pending:
        part = unwrapped(pending.pop())
        parts = members(part)
        if parts is None:
            found |= _texts_of_leaf(part)
        elif id(part) not in seen:
            seen.add(id(part))
            pending.extend(member for _, member in parts)
            if isinstance(part, Mapping):
                pending.extend(name for name in part if name not in public)
    return found


def _texts_of_leaf(value: Any) -> set[str]:
    if value is None or isinstance(value, bool):
        return set()
    if type(value) is str:
        return {value}
    if type(value) in (int, float):
        return masking.texts_of_number(value)
    if isinstance(value, enum.Enum):
        return {value.name, *texts(value.value)}
    if isinstance(value, bytes | bytearray):
        data = bytes(value)
        return {
            data.decode('utf-8', 'surrogateescape'),
            # The form of repr() for bytes that are not UTF-8.
            data.decode('latin-1'),
            data.hex(),
        }
    found = _shown(value)
    if isinstance(value, uuid.UUID):
        found |= {value.hex, value.urn}
    elif isinstance(value, datetime.date | datetime.time):
        found.add(value.isoformat())
    elif _is_url(value):
        found |= _passwords(value)
    return found


def _shown(value: Any) -> set[str]:
    """Return the forms that ``str()`` and JSON have for a value."""
    found: set[str] = set()
    for convert in (str, pydantic_core.to_jsonable_python):
        try:
            shown = convert(value)
        except BaseException:  # noqa: S112
            # The class of a driver may fail in any way.
            continue
        if isinstance(shown, str | int | float):
            found.add(str(shown))
    return found


def text_of_url(value: Any) -> str:
    """Return a string or URL as a string; empty for other types."""
    return str(value) if isinstance(value, str) or _is_url(value) else ''


def _is_url(value: Any) -> bool:
    # These types have no public base class.
    return hasattr(type(value), 'unicode_string')


def _passwords(url: Any) -> set[str]:
    """Return the passwords of a URL, which a driver may use separately."""
    hosts = url.hosts() if hasattr(url, 'hosts') else []
    found = [host.get('password') for host in hosts]
    found.append(getattr(url, 'password', None))
    return {
        text
        for password in found
        if password
        for text in (password, parse.unquote(password))
    }
