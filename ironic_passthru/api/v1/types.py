# SPDX-License-Identifier: Apache-2.0
"""WSME types of responses and of query parameters."""

import datetime
import re
from typing import Any

from oslo_utils import strutils
from wsme import types as wtypes

from ironic_passthru import errors


class Boolean(wtypes.UserType):
    """A boolean in any of the usual spellings."""

    basetype = str
    name = 'boolean'

    def frombasetype(self, value: str) -> bool:
        try:
            return strutils.bool_from_string(value, strict=True)
        except ValueError:
            raise ValueError('it must be True or False') from None


class NameList(wtypes.UserType):
    """Names separated by commas."""

    basetype = str
    name = 'list of names'

    def frombasetype(self, value: str) -> list[str]:
        names = [name.strip() for name in value.split(',')]
        if not all(names):
            raise ValueError('it must be names separated by commas')
        return list(dict.fromkeys(names))


class Text(wtypes.UserType):
    """Text that a database query can contain."""

    basetype = str
    name = 'text'

    def frombasetype(self, value: str) -> str:
        if '\x00' in value:
            raise ValueError('it must not contain the character NUL')
        return value


class Count(wtypes.UserType):
    """An integer of at least 0."""

    basetype = str
    name = 'count'

    def frombasetype(self, value: str) -> int:
        if not _COUNT.fullmatch(value):
            raise ValueError('it must be an integer of at least 0')
        return int(value)


class Time(wtypes.UserType):
    """A time in ISO 8601 format; UTC if it has no offset."""

    basetype = str
    name = 'time'

    def frombasetype(self, value: str) -> datetime.datetime:
        # In a query, an unquoted plus sign is a space.
        text = _SPACE_OFFSET.sub(r'\1+', value.upper())
        try:
            found = datetime.datetime.fromisoformat(text)
            if found.tzinfo is None:
                found = found.replace(tzinfo=datetime.UTC)
            return found.astimezone(datetime.UTC)
        except (OverflowError, ValueError):
            raise ValueError(
                'it must be a time in ISO 8601 format, such as '
                '2026-11-30T12:00:00Z'
            ) from None


class OneOf(wtypes.UserType):
    """One of several texts."""

    basetype = str
    name = 'choice'

    def __init__(self, *values: str) -> None:
        self.values = values

    def frombasetype(self, value: str) -> str:
        if value not in self.values:
            raise ValueError(f'it must be one of {", ".join(self.values)}')
        return value


class JSONObject(wtypes.UserType):
    """An object with any JSON values."""

    basetype = str
    name = 'JSON object'

    def tobasetype(self, value: dict[str, Any]) -> dict[str, Any]:
        return value


# Python does not read longer numbers.
_COUNT = re.compile('[0-9]{1,4000}')
_SPACE_OFFSET = re.compile(r'(T\S+) (?=\d\d:?\d\d$)')

boolean = Boolean()
name_list = NameList()
text = Text()
count = Count()
time = Time()
json_object = JSONObject()


class BaseResource(wtypes.Base):
    """Base class of resources.

    It keeps the order of the attributes. WSME would parse the source code for
    it, once for each class, which takes a tenth of the time of a start.
    """

    def __init_subclass__(cls) -> None:
        cls._wsme_attr_order = [
            name for name in vars(cls) if not name.startswith('_')
        ]


class LinkResource(BaseResource):
    """A link to a resource."""

    href = str
    rel = str


class VersionResource(BaseResource):
    """A major version of the API."""

    id = str
    links = [LinkResource]
    status = str
    min_version = str
    version = str


class RootResource(BaseResource):
    """The version discovery document."""

    name = str
    description = str
    default_version = VersionResource
    versions = [VersionResource]


class V1Resource(BaseResource):
    """The document of version 1."""

    id = str
    links = [LinkResource]
    version = VersionResource
    drivers = [LinkResource]
    conductors = [LinkResource]
    operations = [LinkResource]


class DriverResource(BaseResource):
    """A driver."""

    name = str
    hosts = [str]
    type = str
    links = [LinkResource]
    properties = [LinkResource]
    default_vendor_interface = str
    enabled_vendor_interfaces = [str]


class DriverCollection(BaseResource):
    """Several drivers."""

    drivers = [DriverResource]


class ConductorResource(BaseResource):
    """A conductor."""

    hostname = str
    conductor_group = str
    alive = bool
    links = [LinkResource]
    drivers = [str]
    created_at = datetime.datetime
    updated_at = datetime.datetime


class ConductorCollection(BaseResource):
    """Several conductors."""

    conductors = [ConductorResource]


class ProgressResource(BaseResource):
    """Progress of an operation."""

    percent = float
    message = str


class OperationError(BaseResource):
    """Error of an operation."""

    status = int
    code = str
    message = str


class OperationResource(BaseResource):
    """An operation."""

    id = str
    driver = str
    method = str
    http_method = str
    state = str
    user_id = str
    project_id = str
    request_id = str
    conductor = str
    incarnation = str
    created_at = datetime.datetime
    started_at = datetime.datetime
    finished_at = datetime.datetime
    progress = ProgressResource
    cancel_requested = bool
    links = [LinkResource]
    parameters = json_object
    targets = [str]
    error = OperationError


class OperationCollection(BaseResource):
    """A page of operations, with a link to the next one."""

    operations = [OperationResource]
    next = str


#: Fields of every resource, whatever ``fields`` selects.
ALWAYS = ('links',)


def select(resource: wtypes.Base, fields: list[str]) -> None:
    """Unset all fields of a resource except some, and its links."""
    for attribute in wtypes.list_attributes(type(resource)):
        if attribute.name not in (*fields, *ALWAYS):
            setattr(resource, attribute.key, wtypes.Unset)


def check_fields(
    kind: type[wtypes.Base],
    fields: list[str] | None,
    *,
    without: tuple[str, ...] = (),
    detail: bool | None = False,
) -> None:
    """Check the argument ``fields``.

    :param without: fields that only the resource itself has, not a list.
    :param detail: value of the argument ``detail``, which excludes it.
    :raises: InvalidArgument.
    """
    known = [
        attribute.name
        for attribute in wtypes.list_attributes(kind)
        if attribute.name not in without
    ]
    unknown = [name for name in fields or () if name not in known]
    if unknown:
        raise errors.InvalidArgument(
            name='fields',
            reason=f'unknown: {", ".join(unknown)}; known: {", ".join(known)}',
        )
    if detail and fields:
        raise errors.InvalidArgument(
            name='fields', reason='it cannot be combined with detail'
        )
