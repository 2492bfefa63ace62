# SPDX-License-Identifier: Apache-2.0
"""Tolerant readers of Redfish documents.

BMCs send null, empty and mistyped members, and bytes that are not JSON. The
accessors return ``None`` or an empty value for those, so that an invalid
member matters only to a method that needs it.
"""

import dataclasses
import datetime
import json
import math
import re
import ssl
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import urllib3

from ironic_passthru.drivers.redfish import failures

# Longest text of a BMC in a result, in characters.
MAX_TEXT = 255

# strict=False: control characters inside strings.
_DECODER = json.JSONDecoder(strict=False)

# An entity tag (RFC 9110), also unquoted, with several quotes, or with text
# after it.
_ETAG = re.compile(r'\s*([Ww]/)?(?:"+([^"\x00-\x20\x7f]+)|([^"\s,;]+))')


def printable(value: object) -> str | None:
    """Return a string or number as text; ``None`` for any other type.

    Terminals of callers show it: unprintable characters are removed, and a
    long text is truncated.
    """
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, int | float):
        value = str(value)
    if not isinstance(value, str):
        return None
    return ''.join(filter(str.isprintable, value[:MAX_TEXT]))


def printable_url(value: object) -> str | None:
    """Return a URL without credentials, query and fragment.

    Queries may contain tokens; those of object stores are signatures.
    """
    if not isinstance(value, str):
        return None
    # Not urlsplit(): it takes the credentials of an invalid URL for a path.
    shown = re.split('[?#]', ''.join(filter(str.isprintable, value)))[0]
    return printable(re.sub('^([^/]*//)[^/]*@', r'\1', shown))


def time(value: object) -> datetime.datetime | None:
    """Return a time in UTC; ``None`` if it is unreadable.

    Redfish requires ISO 8601; some BMCs send the form of OpenSSL, such as
    ``Sep  7 13:22:05 2028 GMT``. A time without offset is in UTC.
    """
    text = (printable(value) or '').strip()
    try:
        found = datetime.datetime.fromisoformat(text)
        if found.tzinfo is None:
            return found.replace(tzinfo=datetime.UTC)
        return found.astimezone(datetime.UTC)
    except OverflowError:
        return None
    except ValueError:
        pass
    try:
        seconds = ssl.cert_time_to_seconds(text)
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    except (ValueError, OverflowError):
        return None


class JsonObject:
    """A JSON object of a BMC, of whatever content.

    The accessors take the names of nested members, as in
    ``text('Status', 'Health')``, and never raise.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document

    def value(self, *names: str) -> Any:
        """Return a member of any type; ``None`` if it is missing."""
        found: Any = self.document
        for name in names:
            if not isinstance(found, Mapping):
                return None
            found = found.get(name)
        return found

    def text(self, *names: str) -> str | None:
        """Return printable text of at most 255 characters.

        A number or boolean is returned as its JSON text.
        """
        return printable(self.value(*names))

    def number(self, *names: str) -> float | None:
        """Return a finite number, also one that the BMC sends as a string."""
        found = self.value(*names)
        if isinstance(found, str) and len(found) <= MAX_TEXT:
            try:
                found = float(found) if '_' not in found else None
            except ValueError:
                return None
        if isinstance(found, bool) or not isinstance(found, int | float):
            return None
        try:
            return found if math.isfinite(found) else None
        except OverflowError:
            # An integer beyond the numbers of floating point.
            return None

    def time(self, *names: str) -> datetime.datetime | None:
        """Return a time in UTC, of ISO 8601 or the form of OpenSSL."""
        return time(self.value(*names))

    def flag(self, *names: str) -> bool | None:
        """Return a boolean, also one that the BMC sends as a string."""
        found = self.value(*names)
        if isinstance(found, str):
            return {'true': True, 'false': False}.get(found.strip().lower())
        return found if isinstance(found, bool) else None

    def mapping(self, *names: str) -> 'JsonObject':
        """Return a member that is an object; an empty one by default."""
        found = self.value(*names)
        return JsonObject(found if isinstance(found, Mapping) else {})

    def array(self, *names: str) -> list[Any]:
        """Return the items of an array other than null."""
        found = self.value(*names)
        if not isinstance(found, list):
            return []
        return [item for item in found if item is not None]

    def mappings(self, *names: str) -> list['JsonObject']:
        """Return those items of an array that are objects."""
        return [
            JsonObject(item)
            for item in self.array(*names)
            if isinstance(item, Mapping)
        ]

    def texts(self, *names: str) -> list[str]:
        """Return those items of an array that are text or numbers."""
        found = map(printable, self.array(*names))
        return [item for item in found if item is not None]

    def link(self, *names: str) -> str | None:
        """Return the path of a link ``{"@odata.id": path}``."""
        return _link(self.value(*names))

    def links(self, *names: str) -> list[str]:
        """Return the paths of an array of links."""
        found = map(_link, self.array(*names))
        return [item for item in found if item is not None]

    def action(self, name: str) -> 'ActionInfo | None':
        """Return an action, such as ``#ComputerSystem.Reset``.

        Actions of vendors are below ``Oem``; their names are as unique.
        """
        for parent in (('Actions',), ('Actions', 'Oem')):
            found = self.mapping(*parent, name)
            target = found.value('target')
            if isinstance(target, str) and target:
                return ActionInfo(target, found)
        return None


@dataclasses.dataclass(frozen=True)
class ActionInfo:
    """An action of a resource.

    :param target: path to POST to.
    :param info: the object that describes the action.
    """

    target: str
    info: JsonObject

    def allowable(self, parameter: str) -> list[str]:
        """Return the values that a parameter accepts; empty if unknown."""
        return self.info.texts(f'{parameter}@Redfish.AllowableValues')


class Resource(JsonObject):
    """A resource, or the response to a change.

    :ivar path: path that was requested.
    :ivar document: the decoded body; empty if a change has none.
    :ivar status: HTTP status.
    :ivar headers: header fields; empty for a part of another resource.
    :ivar etag: valid entity tag; ``None`` if the BMC sent none.
    :ivar task: path of the task of a change; ``None`` without a task.
    """

    def __init__(
        self,
        path: str,
        document: Mapping[str, Any],
        status: int = 200,
        headers: urllib3.HTTPHeaderDict | None = None,
        *,
        task: str | None = None,
    ) -> None:
        super().__init__(document)
        self.path = path
        self.status = status
        self.headers = urllib3.HTTPHeaderDict() if headers is None else headers
        self.etag = _etag(self.headers, document)
        self.task = task

    @property
    def identity(self) -> str:
        """The ``Id``, or the last part of the path."""
        last = self.path.rstrip('/').rpartition('/')[2]
        return self.text('Id') or printable(last) or ''

    def allows(self, http_method: str) -> bool:
        """Return whether the field Allow lists an HTTP method."""
        fields = self.headers.getlist('Allow')
        methods = ','.join(fields).upper().split(',')
        return http_method in {each.strip() for each in methods}


def decode(content: bytes) -> dict[str, Any]:
    """Return a body that must be a JSON object.

    Accepts a byte order mark, NUL at the end, control characters in strings,
    and bytes that are not UTF-8, which are replaced.

    :raises: BadAnswer.
    """
    text = content.decode('utf-8', errors='replace')
    try:
        document = _DECODER.decode(text.lstrip('\ufeff').rstrip('\x00 \r\n'))
    except (ValueError, RecursionError) as exc:
        raise failures.BadAnswer() from exc
    if not isinstance(document, dict):
        raise failures.BadAnswer()
    return document


def _link(value: object) -> str | None:
    found = value.get('@odata.id') if isinstance(value, Mapping) else None
    return found if isinstance(found, str) and found else None


def _etag(
    headers: urllib3.HTTPHeaderDict, document: Mapping[str, Any]
) -> str | None:
    """Return the first usable ETag in the form that HTTP requires."""
    for found in _etag_sources(headers, document):
        match = _ETAG.match(found)
        if match and (tag := match[2] or match[3]).isascii():
            return f'{"W/" if match[1] else ""}"{tag}"'
    return None


def _etag_sources(
    headers: urllib3.HTTPHeaderDict, document: Mapping[str, Any]
) -> Iterator[str]:
    yield from headers.getlist('ETag')
    inside = document.get('@odata.etag')
    if isinstance(inside, str):
        yield inside
