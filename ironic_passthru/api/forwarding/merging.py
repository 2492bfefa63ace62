# SPDX-License-Identifier: Apache-2.0
"""Rules that merge resources of this service with those of Ironic."""

import dataclasses
from collections.abc import Callable
from collections.abc import Collection
from typing import Any

from wsme import types as wtypes

from ironic_passthru.api.v1 import types

# JSON objects.
Resource = dict[str, Any]


class NotMergeable(Exception):
    """A response of Ironic has another structure; ``str()`` is why."""


@dataclasses.dataclass(frozen=True)
class MergeRule:
    """The rule of one kind of resources.

    :param key: the field that identifies a resource.
    :param fields: fields of this service.
    :param names: field with a list of names, which is joined.
    :param collection: name of the list; empty for a single resource.
    :param join: returns a resource of both services; it gets that of this
        service, that of Ironic, and whether Ironic takes precedence.
    """

    key: str
    fields: Collection[str]
    names: str
    collection: str
    join: Callable[[Resource, Resource, bool], Resource]

    def merge(
        self, own: Resource, other: Resource, by_ironic: Collection[str]
    ) -> Resource:
        """Return the resources of both services, sorted by name.

        :param by_ironic: names with which Ironic takes precedence.
        """
        if not self.collection:
            return self.join(own, other, own.get(self.key) in by_ironic)
        merged = {one[self.key]: one for one in other[self.collection]}
        for one in own[self.collection]:
            name = one[self.key]
            if name in merged:
                one = self.join(one, merged[name], name in by_ironic)
            merged[name] = one
        return {self.collection: [merged[name] for name in sorted(merged)]}

    def append(self, pages: Resource, page: Resource) -> Resource:
        """Return the first pages of a list together with the next one."""
        if not pages:
            return page
        name = self.collection
        return {**pages, name: [*pages[name], *page[name]]}

    def check(self, other: object) -> Resource:
        """Return a response of Ironic, if it can be merged.

        :raises: NotMergeable.
        """
        if not isinstance(other, dict):
            raise NotMergeable('the response is not a JSON object')
        found = other.get(self.collection) if self.collection else [other]
        if not isinstance(found, list) or not all(map(self._is_valid, found)):
            raise NotMergeable(
                f'the response is not a list of {self.collection}'
                if self.collection
                else 'the response is not a resource of this kind'
            )
        return other

    def _is_valid(self, one: object) -> bool:
        """Return whether one resource of Ironic can be merged."""
        if not isinstance(one, dict):
            return False
        names = one.get(self.names)
        return not self.key or (
            isinstance(one.get(self.key), str)
            and (not isinstance(names, list) or _are_texts(names))
        )

    def select(self, merged: Resource, fields: Collection[str]) -> Resource:
        """Return merged resources without fields that were not requested."""
        if self.key in fields:
            return merged
        for one in merged[self.collection] if self.collection else [merged]:
            one.pop(self.key, None)
        return merged


def _are_texts(values: list[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def _union(one: Resource, other: Resource, field: str) -> Resource:
    """Return the sorted union of a list in both, if both contain it."""
    if not all(isinstance(each.get(field), list) for each in (one, other)):
        return {}
    return {field: sorted({*one[field], *other[field]})}


def _join_drivers(own: Resource, other: Resource, by_ironic: bool) -> Resource:
    first, second = (other, own) if by_ironic else (own, other)
    return {**second, **first, **_union(own, other, 'hosts')}


def _join_conductors(
    own: Resource, other: Resource, _by_ironic: bool
) -> Resource:
    joined = {**other, **own, **_union(own, other, 'drivers')}
    if 'alive' in own:
        # Monitoring must notice either of them.
        joined['alive'] = own['alive'] and other.get('alive', True) is True
    return joined


def _join_properties(
    own: Resource, other: Resource, _by_ironic: bool
) -> Resource:
    return {**other, **own}


def _fields(kind: type[wtypes.Base]) -> tuple[str, ...]:
    return tuple(each.name for each in wtypes.list_attributes(kind))


_DRIVER = MergeRule(
    'name', _fields(types.DriverResource), 'hosts', '', _join_drivers
)
_CONDUCTOR = MergeRule(
    'hostname',
    _fields(types.ConductorResource),
    'drivers',
    '',
    _join_conductors,
)

#: Rules by controller in the table of routes.
RULES = {
    'drivers.get_all': dataclasses.replace(_DRIVER, collection='drivers'),
    'drivers.get_one': _DRIVER,
    'drivers.properties': MergeRule('', (), '', '', _join_properties),
    'conductors.get_all': dataclasses.replace(
        _CONDUCTOR, collection='conductors'
    ),
    'conductors.get_one': _CONDUCTOR,
}
