# SPDX-License-Identifier: Apache-2.0
"""Secrets among the converted arguments that a driver receives."""

import collections
import dataclasses
import datetime
import enum
import json
import uuid
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Set
from typing import Any
from urllib import parse

import pydantic
import pydantic_core

from ironic_passthru.redaction import credentials
from ironic_passthru.redaction import masking

#: Types of pydantic that hide their value.
SECRETS = (pydantic.SecretStr, pydantic.SecretBytes, pydantic.Secret)

_SEQUENCES = (list, tuple, set, frozenset, collections.deque)
# A member and its name; None for an item of a sequence.
_Part = tuple[str | None, Any]


def secrets(
    masker: masking.Masker,
    arguments: Mapping[str, Any],
    *,
    parameters: Mapping[str, Any],
) -> set[str]:
    """Return the texts of secrets that conversion has changed or added.

    A type strips, decodes or parses a parameter, or a default takes the
    place of one. Only ``str()`` of a secret may run code of the driver.

    :param arguments: values of any type by the name of the parameter.
    :param parameters: JSON values by name, as received.
    """
    changed = {
        name: value
        for name, value in arguments.items()
        if name not in parameters or not _is_same(parameters[name], value)
    }
    found: set[str] = set()
    seen: set[int] = set()
    waiting: list[tuple[Any, Iterable[Any], bool]] = [
        (changed, masker.schemas, False)
    ]
    while waiting:
        value, schemas, secret = waiting.pop()
        secret = secret or isinstance(value, SECRETS)
        applying = [] if secret else masker.walker.applying(schemas)
        if secret or any(masker.walker.hides(one, value) for one in applying):
            found |= of_value(value, public=masker.declared)
            continue
        value = unwrapped(value)
        members = parts(value)
        if members is None:
            found |= _logins(value) if masker.guess else set()
        elif id(value) not in seen:
            seen.add(id(value))
            waiting.extend(_members(masker, members, applying))
    return found


def _members(
    masker: masking.Masker,
    members: Iterable[_Part],
    applying: list[Mapping[str, Any]],
) -> Iterator[tuple[Any, list[Any], bool]]:
    """Yield each member with its schemas, and if its name is secret."""
    aliases = list(masker.walker.of_aliases(applying))
    for index, (name, part) in enumerate(members):
        if name is None:
            yield part, list(masker.walker.of_item(applying, index)), False
            continue
        found = list(masker.walker.of_property(applying, name))
        # The schema of a field lists its own name among its aliases.
        found += (schema for path, schema in aliases if path == (name,))
        yield part, found, masker.is_named(name)


def _logins(value: Any) -> set[str]:
    """Return the passwords of a URL."""
    text = str(value) if isinstance(value, str) or _is_url(value) else ''
    if '://' not in text:
        return set()
    masked = credentials.without_logins(text, masking.MASK)
    return masking.hidden_parts(text, masked)


def of_value(value: Any, *, public: Set[str] = frozenset()) -> set[str]:
    """Return the texts of a secret value of any type, at any depth.

    :param public: names of members that every caller knows.
    """
    found: set[str] = set()
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        one = unwrapped(waiting.pop())
        members = parts(one)
        if members is None:
            found |= _of_leaf(one)
        elif id(one) not in seen:
            seen.add(id(one))
            waiting.extend(part for _, part in members)
            if isinstance(one, Mapping):
                waiting.extend(name for name in one if name not in public)
    return found


def unwrapped(value: Any) -> Any:
    """Return the value of a secret or of a model that has one value."""
    while isinstance(value, (*SECRETS, pydantic.RootModel)):
        if isinstance(value, pydantic.RootModel):
            value = value.root
        else:
            value = value.get_secret_value()
    return value


def parts(value: Any) -> Iterator[_Part] | None:
    """Return the members of a value, or None if it has no members.

    No code of the value's class runs.
    """
    if isinstance(value, Mapping):
        return ((str(name), part) for name, part in value.items())
    if isinstance(value, _SEQUENCES):
        return ((None, part) for part in value)
    if isinstance(value, pydantic.BaseModel):
        return _of_model(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _of_dataclass(value)
    return None


def _of_model(model: pydantic.BaseModel) -> Iterator[_Part]:
    yield from vars(model).items()
    yield from (model.__pydantic_extra__ or {}).items()


def _of_dataclass(value: Any) -> Iterator[_Part]:
    for field in dataclasses.fields(value):
        yield field.name, getattr(value, field.name, None)


def _is_url(value: Any) -> bool:
    # The URL types of pydantic have no public base class.
    return hasattr(type(value), 'unicode_string')


def _of_leaf(value: Any) -> set[str]:
    if value is None or isinstance(value, bool):
        return set()
    if type(value) is str:
        return {value}
    if type(value) in (int, float):
        return masking.texts_of_number(value)
    if isinstance(value, enum.Enum):
        return {value.name, *of_value(value.value)}
    if isinstance(value, bytes | bytearray):
        data = bytes(value)
        return {
            data.decode('utf-8', 'surrogateescape'),
            # So repr() shows octets that are not UTF-8.
            data.decode('latin-1'),
            data.hex(),
        }
    found = {_text(value)}
    if isinstance(value, uuid.UUID):
        found |= {value.hex, value.urn}
    elif isinstance(value, datetime.date | datetime.time):
        found.add(value.isoformat())
    elif _is_url(value):
        found |= _passwords(value)
    return found | _json_text(value)


def _passwords(value: Any) -> set[str]:
    """Return the passwords of a URL, which a driver may use alone."""
    hosts = value.hosts() if hasattr(value, 'hosts') else []
    found = [host.get('password') for host in hosts]
    found.append(getattr(value, 'password', None))
    return {text for one in found if one for text in (one, parse.unquote(one))}


def _json_text(value: Any) -> set[str]:
    try:
        shown = pydantic_core.to_jsonable_python(value)
    except BaseException:
        # The class of a driver may fail in any way.
        return set()
    return {str(shown)} if isinstance(shown, str | int | float) else set()


def _text(value: Any) -> str:
    try:
        return str(value)
    except BaseException:
        # It may be a class of the driver.
        return ''


def _is_same(given: Any, converted: Any) -> bool:
    """Return whether conversion left a JSON value as it was."""
    try:
        # 7 and 7.0 are equal, but have different texts.
        return json.dumps(given) == json.dumps(converted)
    except BaseException:
        # It may contain objects of the driver's classes.
        return False
