# SPDX-License-Identifier: Apache-2.0
"""Method that reads and changes the boot device."""

from collections.abc import Mapping
from typing import Annotated
from typing import Literal
from typing import NotRequired
from typing import Unpack

import pydantic

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.drivers import base
from ironic_passthru.drivers.redfish import allowable
from ironic_passthru.drivers.redfish import bmc
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import partial_reader
from ironic_passthru.drivers.redfish import resource
from ironic_passthru.drivers.redfish import settings
from ironic_passthru.drivers.redfish.methods import fleet
from ironic_passthru.fleet import results
from ironic_passthru.fleet import selection

# Members of Boot (ComputerSystem) by parameter of the method.
_MEMBERS = {
    'device': 'BootSourceOverrideTarget',
    'enabled': 'BootSourceOverrideEnabled',
    'mode': 'BootSourceOverrideMode',
    'uefi_target': 'UefiTargetBootSourceOverride',
}

_Device = Annotated[
    Literal[
        'None',
        'Pxe',
        'Floppy',
        'Cd',
        'Usb',
        'Hdd',
        'BiosSetup',
        'Utilities',
        'Diags',
        'UefiShell',
        'UefiTarget',
        'SDCard',
        'UefiHttp',
        'RemoteDrive',
        'Recovery',
    ]
    | None,
    pydantic.Field(description='Device to boot from.'),
]
_Enabled = Annotated[
    Literal['Once', 'Continuous', 'Disabled'] | None,
    pydantic.Field(
        description='Duration of the override; by default Once, and Disabled '
        'for the device None.'
    ),
]
_Mode = Annotated[
    Literal['UEFI', 'Legacy'] | None,
    pydantic.Field(description='Boot mode; unchanged by default.'),
]
_UefiTarget = Annotated[
    str | None,
    pydantic.Field(
        max_length=255,
        description='UEFI device path for the device UefiTarget.',
    ),
]


class BootDeviceItem(results.TargetItem):
    """The override of the boot order."""

    device: str | None
    enabled: str | None
    """``Once``, ``Continuous`` or ``Disabled``."""
    mode: str | None
    """``UEFI`` or ``Legacy``."""
    uefi_target: str | None
    """UEFI device path."""
    allowed_devices: list[str]
    """Devices that the BMC offers; empty if it does not list them."""
    changed: NotRequired[bool]
    """Whether a change was sent; only with PUT."""


class BootDeviceMethods(fleet.FleetMethods):
    """The method ``boot_device``."""

    @base.driver_passthru(
        ['GET', 'PUT'], async_call=False, target=selection.NAMES
    )
    def boot_device(
        self,
        context: request_context.RequestContext,
        http_method: str,
        *,
        device: _Device = None,
        enabled: _Enabled = None,
        mode: _Mode = None,
        uefi_target: _UefiTarget = None,
        **options: Unpack[selection.FleetOptions],
    ) -> results.ChangeResult[BootDeviceItem]:
        """Return or change the override of the boot order of targets.

        An item has the pending ``device``, ``enabled``, ``mode`` and
        ``uefi_target``, ``allowed_devices`` and, with PUT, ``changed``.
        """
        wanted = _wanted(device, enabled, mode, uefi_target)
        act = _action(http_method, wanted)
        return self._each(context, options, act, change=http_method == 'PUT')


def read_boot(machine: bmc.Bmc) -> failures.Item:
    """Return the override that the next boot uses.

    :raises: NotSupported if the system has no override.
    """
    return _item(machine, _source(machine))


def set_boot(machine: bmc.Bmc, wanted: Mapping[str, str]) -> failures.Item:
    """Change the override if a member differs.

    Members that have the value are not sent, because some BMCs reject them;
    others reject a change without the device.

    :param wanted: values by parameter of the method.
    :raises: NotSupported; ValueNotAllowed.
    """
    source = _source(machine)
    differing = [
        name
        for name, value in wanted.items()
        if source.value('Boot', _MEMBERS[name]) != value
    ]
    for name in differing:
        allowable.check(name, wanted[name], _allowed(machine, source, name))
    if differing:
        change = {
            _MEMBERS[name]: value
            for name, value in wanted.items()
            if name in differing or name == 'device'
        }
        machine.client.patch(source, {'Boot': change})
        source = (
            partial_reader.read_back(machine.client, source.path) or source
        )
    return _item(machine, source) | {'changed': bool(differing)}


def _wanted(
    device: str | None,
    enabled: str | None,
    mode: str | None,
    uefi_target: str | None,
) -> dict[str, str]:
    """Return the given parameters, with the default of ``enabled``."""
    if device is not None and enabled is None:
        enabled = 'Disabled' if device == 'None' else 'Once'
    given = {
        'device': device,
        'enabled': enabled,
        'mode': mode,
        'uefi_target': uefi_target,
    }
    return {name: each for name, each in given.items() if each is not None}


def _action(http_method: str, wanted: Mapping[str, str]) -> fleet.Act:
    """Return the work of a call.

    :raises: InvalidParameterValue, MissingParameterValue
    """
    if http_method == 'GET':
        if wanted:
            raise errors.InvalidParameterValue(
                f'boot_device with GET does not take {", ".join(_MEMBERS)}; '
                'use PUT for a change'
            )
        return read_boot
    if not wanted:
        raise errors.MissingParameterValue(
            f'boot_device with PUT needs one of: {", ".join(_MEMBERS)}'
        )
    return lambda machine: set_boot(machine, wanted)


def _source(machine: bmc.Bmc) -> resource.Resource:
    """Return the system or its settings object, which has the override."""
    enabled = ('Boot', _MEMBERS['enabled'])
    found = settings.writable(machine.client, machine.system, *enabled)
    if not found.mapping('Boot').document:
        raise failures.NotSupported()
    return found


def _allowed(
    machine: bmc.Bmc, source: resource.Resource, name: str
) -> list[str]:
    """Return allowed values; settings objects often lack them."""
    member = f'{_MEMBERS[name]}@Redfish.AllowableValues'
    return source.texts('Boot', member) or machine.system.texts('Boot', member)


def _item(machine: bmc.Bmc, source: resource.Resource) -> failures.Item:
    return {
        'reachable': True,
        **{
            name: source.text('Boot', member)
            for name, member in _MEMBERS.items()
        },
        'allowed_devices': _allowed(machine, source, 'device'),
    }
