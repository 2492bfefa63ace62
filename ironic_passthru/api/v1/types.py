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


boolean = Boolean()
name_list = NameList()


# What stands for a type until there is an instance, and for a value then,
# is Any for a checker of types.


class Link(wtypes.Base):
    """Where a resource is found."""

    href: Any = str
    rel: Any = str


class Version(wtypes.Base):
    """A major version of the API."""

    id: Any = str
    links: Any = [Link]
    status: Any = str
    min_version: Any = str
    version: Any = str


class Root(wtypes.Base):
    """The document that clients discover versions by."""

    name: Any = str
    description: Any = str
    default_version: Any = Version
    versions: Any = [Version]


class V1(wtypes.Base):
    """The document of version 1."""

    id: Any = str
    links: Any = [Link]
    version: Any = Version
    drivers: Any = [Link]
    conductors: Any = [Link]


class Driver(wtypes.Base):
    """A driver."""

    name: Any = str
    hosts: Any = [str]
    type: Any = str
    links: Any = [Link]
    properties: Any = [Link]
    default_vendor_interface: Any = str
    enabled_vendor_interfaces: Any = [str]


class DriverCollection(wtypes.Base):
    """Several drivers."""

    drivers: Any = [Driver]


class Conductor(wtypes.Base):
    """A conductor."""

    hostname: Any = str
    conductor_group: Any = str
    alive: Any = bool
    links: Any = [Link]
    drivers: Any = [str]
    created_at: Any = datetime.datetime
    updated_at: Any = datetime.datetime


class ConductorCollection(wtypes.Base):
    """Several conductors."""

    conductors: Any = [Conductor]


class MethodSummary(wtypes.Base):
    """A vendor passthru method as Ironic's list shows it."""

    http_methods: Any = [str]
    # 'async' is a keyword of Python, so the attribute needs another name.
    async_call: Any = wtypes.wsattr(bool, name='async')
    description: Any = str
    attach: Any = bool


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
