# SPDX-License-Identifier: Apache-2.0
"""WSME types of what the API answers and of what queries hold."""

import datetime
from typing import Any

from oslo_utils import strutils
from wsme import types as wtypes


class Boolean(wtypes.UserType):
    """A truth value, spelt in any of the usual ways."""

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
    """Text that a database can look for."""

    basetype = str
    name = 'text'

    def frombasetype(self, value: str) -> str:
        if '\x00' in value:
            raise ValueError('it must not hold the character NUL')
        return value


class JSONObject(wtypes.UserType):
    """An object of any JSON values."""

    basetype = str
    name = 'JSON object'

    def tobasetype(self, value: dict[str, Any]) -> dict[str, Any]:
        return value


boolean = Boolean()
name_list = NameList()
text = Text()
json_object = JSONObject()


class LinkResource(wtypes.Base):
    """Where a resource is found."""

    href = str
    rel = str


class VersionResource(wtypes.Base):
    """A major version of the API."""

    id = str
    links = [LinkResource]
    status = str
    min_version = str
    version = str


class RootResource(wtypes.Base):
    """The document that clients discover versions by."""

    name = str
    description = str
    default_version = VersionResource
    versions = [VersionResource]


class V1Resource(wtypes.Base):
    """The document of version 1."""

    id = str
    links = [LinkResource]
    version = VersionResource
    drivers = [LinkResource]
    conductors = [LinkResource]
    operations = [LinkResource]


class DriverResource(wtypes.Base):
    """A driver."""

    name = str
    hosts = [str]
    type = str
    links = [LinkResource]
    properties = [LinkResource]
    default_vendor_interface = str
    enabled_vendor_interfaces = [str]


class DriverCollection(wtypes.Base):
    """Several drivers."""

    drivers = [DriverResource]


class ConductorResource(wtypes.Base):
    """A conductor."""

    hostname = str
    conductor_group = str
    alive = bool
    links = [LinkResource]
    drivers = [str]
    created_at = datetime.datetime
    updated_at = datetime.datetime


class ConductorCollection(wtypes.Base):
    """Several conductors."""

    conductors = [ConductorResource]


class ProgressResource(wtypes.Base):
    """How far an operation has come."""

    percent = float
    message = str


class OperationError(wtypes.Base):
    """Why an operation failed."""

    status = int
    code = str
    message = str


class OperationResource(wtypes.Base):
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


class OperationCollection(wtypes.Base):
    """Several operations, and where more of them are found."""

    operations = [OperationResource]
    next = str


class MethodSummary(wtypes.Base):
    """A vendor passthru method as Ironic's list shows it."""

    http_methods = [str]
    # 'async' is a keyword of Python, so the attribute needs another name.
    async_call = wtypes.wsattr(bool, name='async')
    description = str
    attach = bool


def select(
    resource: wtypes.Base, fields: list[str], always: frozenset[str]
) -> None:
    """Leave only some fields of a resource.

    :param fields: names of those asked for.
    :param always: names of those that stay in any case.
    """
    keep = {*fields, *always}
    for attribute in wtypes.list_attributes(type(resource)):
        if attribute.name not in keep:
            setattr(resource, attribute.key, wtypes.Unset)


def unknown_fields(kind: type[wtypes.Base], fields: list[str]) -> list[str]:
    """Return those of ``fields`` that resources of ``kind`` do not have."""
    known = {attribute.name for attribute in wtypes.list_attributes(kind)}
    return [name for name in fields if name not in known]
