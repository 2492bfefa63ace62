# SPDX-License-Identifier: Apache-2.0
"""Method that reads and changes UEFI Secure Boot."""

from typing import Annotated
from typing import Literal
from typing import NotRequired
from typing import Unpack

import pydantic

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.drivers import base
from ironic_passthru.drivers.redfish import bmc
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import resource
from ironic_passthru.drivers.redfish import settings
from ironic_passthru.drivers.redfish.methods import fleet
from ironic_passthru.fleet import results
from ironic_passthru.fleet import selection

_ENABLE = 'SecureBootEnable'

_Enabled = Annotated[
    bool | None,
    pydantic.Field(description='Whether Secure Boot is enabled; with PUT.'),
]


class SecureBootItem(results.TargetItem):
    """The state of UEFI Secure Boot."""

    enabled: bool | None
    """Value for the next boot."""
    current_boot: str | None
    """``Enabled`` or ``Disabled``."""
    mode: str | None
    """Such as ``UserMode``."""
    changed: NotRequired[bool]
    """Whether a change was sent; only with PUT."""
    applies: NotRequired[Literal['next_boot']]
    """Time of the change."""


class SecureBootMethods(fleet.FleetMethods):
    """The method ``secure_boot``."""

    @base.driver_passthru(
        ['GET', 'PUT'], async_call=False, target=selection.NAMES
    )
    def secure_boot(
        self,
        context: request_context.RequestContext,
        http_method: str,
        *,
        enabled: _Enabled = None,
        **options: Unpack[selection.FleetOptions],
    ) -> results.ChangeResult[SecureBootItem]:
        """Return or change whether targets use UEFI Secure Boot.

        ``enabled`` is the value for the next boot, ``current_boot`` that of
        the running one (``Enabled`` or ``Disabled``) and ``mode`` the mode.
        With PUT, an item has ``changed``, and ``applies`` after a change.
        """
        act = _action(http_method, enabled)
        return self._each(context, options, act, change=http_method == 'PUT')


def read_secure_boot(machine: bmc.Bmc) -> failures.Item:
    """Return the state of Secure Boot (SecureBoot 1.0).

    :raises: NotSupported if the system has no such resource.
    """
    current = machine.client.follow(machine.system, 'SecureBoot')
    return _item(current, _writable(machine, current).flag(_ENABLE))


def set_secure_boot(machine: bmc.Bmc, enabled: bool) -> failures.Item:
    """Enable or disable Secure Boot with the next boot."""
    current = machine.client.follow(machine.system, 'SecureBoot')
    target = _writable(machine, current)
    if target.flag(_ENABLE) == enabled:
        return _item(current, enabled) | {'changed': False}
    if _ENABLE not in target.document:
        raise failures.NotSupported()
    machine.client.patch(target, {_ENABLE: enabled})
    return _item(current, enabled) | {'changed': True, 'applies': 'next_boot'}


def _action(http_method: str, enabled: bool | None) -> fleet.Act:
    """Return the work of a call.

    :raises: InvalidParameterValue, MissingParameterValue
    """
    if http_method == 'GET':
        if enabled is not None:
            raise errors.InvalidParameterValue(
                'secure_boot with GET does not take enabled; use PUT for a '
                'change'
            )
        return read_secure_boot
    if enabled is None:
        raise errors.MissingParameterValue(
            'secure_boot with PUT needs enabled'
        )
    return lambda machine: set_secure_boot(machine, enabled)


def _writable(
    machine: bmc.Bmc, current: resource.Resource
) -> resource.Resource:
    return settings.writable(machine.client, current, _ENABLE)


def _item(current: resource.Resource, enabled: bool | None) -> failures.Item:
    return {
        'reachable': True,
        'enabled': enabled,
        'current_boot': current.text('SecureBootCurrentBoot'),
        'mode': current.text('SecureBootMode'),
    }
