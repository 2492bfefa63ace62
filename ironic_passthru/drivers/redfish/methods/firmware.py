# SPDX-License-Identifier: Apache-2.0
"""Method that reads and compares versions of firmware."""

import fnmatch
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Annotated
from typing import NotRequired
from typing import Unpack

import pydantic
from typing_extensions import TypedDict

from ironic_passthru import context as request_context
from ironic_passthru.drivers import base
from ironic_passthru.drivers.redfish import bmc
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import partial_reader
from ironic_passthru.drivers.redfish import resource
from ironic_passthru.drivers.redfish.methods import fleet
from ironic_passthru.fleet import results
from ironic_passthru.fleet import selection

#: Maximum number of requests for one target.
MAX_REQUESTS = 200

_Text = Annotated[str, pydantic.Field(min_length=1, max_length=255)]
_Baseline = Annotated[
    Annotated[dict[_Text, _Text], pydantic.Field(min_length=1, max_length=200)]
    | None,
    pydantic.Field(
        description='Expected versions by id, name or pattern of components.'
    ),
]


class FirmwareComponent(TypedDict):
    """An item of the firmware inventory."""

    id: str
    name: str | None
    version: str | None
    updateable: bool | None
    software_id: str | None


class DifferingComponent(TypedDict):
    """A component that does not have the expected version."""

    component: str
    """The key in ``compare_to``."""
    id: str
    name: str | None
    version: str | None
    expected: str


class FirmwareItem(results.PartialItem):
    """The firmware of a target."""

    components: list[FirmwareComponent]
    matches: NotRequired[bool | None]
    """Whether all is as expected; null if components were unreadable."""
    matching: NotRequired[list[str]]
    """Keys of ``compare_to`` with the expected version."""
    differing: NotRequired[list[DifferingComponent]]
    missing: NotRequired[list[str]]
    """Keys of ``compare_to`` without a component."""


class FirmwareMethods(fleet.FleetMethods):
    """The method ``firmware``."""

    @base.driver_passthru(['GET'], async_call=False, target=selection.NAMES)
    def firmware(
        self,
        context: request_context.RequestContext,
        *,
        compare_to: _Baseline = None,
        **options: Unpack[selection.FleetOptions],
    ) -> results.FleetResult[FirmwareItem]:
        """Return the firmware of targets; compare it with a baseline.

        Items have ``components`` and ``warnings`` and, with ``compare_to``,
        ``matches`` (true, false or null), ``matching``, ``differing`` and
        ``missing``.
        """
        return self._each(
            context, options, lambda machine: read(machine, compare_to)
        )


def read(
    machine: bmc.Bmc, baseline: Mapping[str, str] | None
) -> failures.Item:
    """Return the item with all components.

    :raises: NotSupported if the BMC has no firmware inventory.
    """
    client = machine.client
    service = client.follow(client.root(), 'UpdateService')
    if service.link('FirmwareInventory') is None:
        raise failures.NotSupported()
    reader = partial_reader.PartialReader(client, max_requests=MAX_REQUESTS)
    components = [
        _component(each)
        for each in reader.members(service, 'FirmwareInventory')
    ]
    return {
        'reachable': True,
        'components': components,
        **(
            {}
            if baseline is None
            else compare(components, baseline, is_complete=not reader.warnings)
        ),
        'warnings': reader.warnings,
    }


def compare(
    components: Sequence[failures.Item],
    baseline: Mapping[str, str],
    *,
    is_complete: bool,
) -> failures.Item:
    """Compare versions with the expected ones.

    A key is the id of a component, else a name, else a pattern of ids and
    names.

    :param is_complete: whether all components could be read.
    :returns: ``matching`` and ``missing`` keys; ``differing`` components;
        ``matches`` is null if unreadable components may differ.
    """
    matching: list[str] = []
    missing: list[str] = []
    differing: list[failures.Item] = []
    for key, expected in baseline.items():
        found = _named(components, key)
        wrong = [each for each in found if each['version'] != expected]
        if not found:
            missing.append(key)
        elif not wrong:
            matching.append(key)
        differing += [
            {
                'component': key,
                'id': each['id'],
                'name': each['name'],
                'version': each['version'],
                'expected': expected,
            }
            for each in wrong
        ]
    matches = None if not is_complete else not missing
    return {
        'matches': False if differing else matches,
        'matching': matching,
        'differing': differing,
        'missing': missing,
    }


def _component(found: resource.Resource) -> failures.Item:
    """Return a component (SoftwareInventory 1.0, 2016)."""
    return {
        'id': found.identity,
        'name': found.text('Name'),
        'version': found.text('Version'),
        'updateable': found.flag('Updateable'),
        'software_id': found.text('SoftwareId'),
    }


def _named(
    components: Sequence[failures.Item], key: str
) -> list[failures.Item]:
    for member in ('id', 'name'):
        if found := [each for each in components if each[member] == key]:
            return found
    return [
        each
        for each in components
        if fnmatch.fnmatchcase(each['id'], key)
        or fnmatch.fnmatchcase(each['name'] or '', key)
    ]
