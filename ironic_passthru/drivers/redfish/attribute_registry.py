# SPDX-License-Identifier: Apache-2.0
"""Checks of attributes by the registry that a BMC publishes for them."""

import contextlib
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from ironic_passthru.drivers.redfish import client as bmc_client
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import partial_reader
from ironic_passthru.drivers.redfish import resource

_MAX_SHOWN = 20

# Files of registries that are read to find one.
_MAX_FILES = 5

_TEXT = frozenset({'String', 'Password', 'Enumeration'})


class AttributeRegistry:
    """Types and limits of attributes (AttributeRegistry 1.0, 2016).

    :param found: the registry; an empty one accepts everything.
    """

    def __init__(self, found: resource.JsonObject) -> None:
        self._entries = {
            each.text('AttributeName'): each
            for each in found.mappings('RegistryEntries', 'Attributes')
        }

    def check(
        self, wanted: Mapping[str, Any], current: Mapping[str, Any]
    ) -> None:
        """Check attributes before they are sent.

        An entry that contradicts the current value is not used.

        :param current: the values of the BMC.
        :raises: ValueNotAllowed.
        """
        problems = list(self._problems(wanted, current))
        if problems:
            more = ', ...' if problems[_MAX_SHOWN:] else ''
            raise failures.ValueNotAllowed(
                'The BMC does not allow these BIOS attributes: '
                f'{"; ".join(problems[:_MAX_SHOWN])}{more}. Nothing was '
                'changed.'
            )

    def _problems(
        self, wanted: Mapping[str, Any], current: Mapping[str, Any]
    ) -> Iterator[str]:
        for name, value in wanted.items():
            entry = self._entries.get(name)
            if entry is None:
                if self._entries and name not in current:
                    yield f'{name} is unknown'
            elif entry.flag('ReadOnly') or entry.flag('Immutable'):
                yield f'{name} is read-only'
            elif (problem := _problem(entry, value)) and not _problem(
                entry, current.get(name)
            ):
                yield f'{name} must be {problem}'


def read(
    client: bmc_client.BmcClient, source: resource.JsonObject
) -> AttributeRegistry:
    """Read the registry that a resource names.

    :param source: a resource with ``AttributeRegistry``.
    :returns: an empty registry if the BMC does not publish one.
    """
    name = source.value('AttributeRegistry')
    path = client.root().link('Registries')
    empty = resource.JsonObject({})
    if not isinstance(name, str) or not name or path is None:
        return AttributeRegistry(empty)
    collection = partial_reader.read_optional(client, path)
    location = None
    if collection is not None:
        location = _location(client, collection, name)
    found = location and partial_reader.read_optional(client, location)
    return AttributeRegistry(found or empty)


def _location(
    client: bmc_client.BmcClient, collection: resource.Resource, name: str
) -> str | None:
    """Return the path of a registry (MessageRegistryFile 1.0, 2015)."""
    prefix = name.partition('.')[0]
    paths: list[str] = []
    with contextlib.suppress(*partial_reader.OF_ONE_RESOURCE):
        paths = [
            path
            for path in client.member_paths(collection)
            if path.rstrip('/').rpartition('/')[2].startswith(prefix)
        ]
    for path in paths[:_MAX_FILES]:
        file = partial_reader.read_optional(client, path)
        if file is None or file.value('Registry') not in (None, name):
            continue
        uris = {
            each.text('Language'): each.value('Uri')
            for each in file.mappings('Location')
        }
        uri = uris.get('en') or next(iter(uris.values()), None)
        if isinstance(uri, str) and uri.startswith('/'):
            return uri
    return None


def _problem(entry: resource.JsonObject, value: Any) -> str:
    """Return the values that an attribute can have, if not this one."""
    kind = entry.text('Type')
    if value is None:
        return ''
    if kind == 'Boolean':
        return '' if isinstance(value, bool) else 'true or false'
    if kind == 'Integer':
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        if not is_integer and not (
            isinstance(value, float) and value.is_integer()
        ):
            return 'an integer'
        return _out_of(entry, value, 'LowerBound', 'UpperBound')
    if kind not in _TEXT:
        return ''
    if not isinstance(value, str):
        return 'a string'
    if kind != 'Enumeration':
        length = _out_of(entry, len(value), 'MinLength', 'MaxLength')
        return length and f'a string with a length of {length}'
    allowed = [each.value('ValueName') for each in entry.mappings('Value')]
    if not allowed or value in allowed:
        return ''
    shown = ', '.join(
        resource.printable(each) or '' for each in allowed[:_MAX_SHOWN]
    )
    more = ', ...' if allowed[_MAX_SHOWN:] else ''
    return f'one of {shown}{more}'


def _out_of(
    entry: resource.JsonObject, value: float, lower: str, upper: str
) -> str:
    """Return the bounds that a number exceeds, if it does."""
    low, high = entry.number(lower), entry.number(upper)
    if (low is None or value >= low) and (high is None or value <= high):
        return ''
    if low is None:
        return f'at most {high:g}'
    return f'at least {low:g}' if high is None else f'{low:g} to {high:g}'
