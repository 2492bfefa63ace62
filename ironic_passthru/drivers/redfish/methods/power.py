# SPDX-License-Identifier: Apache-2.0
"""Methods that read and change the power state."""

import logging
from typing import Annotated
from typing import Literal
from typing import Unpack

import pydantic

from ironic_passthru import context as request_context
from ironic_passthru.drivers import base
from ironic_passthru.drivers.redfish import allowable
from ironic_passthru.drivers.redfish import bmc
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish.methods import fleet
from ironic_passthru.fleet import results
from ironic_passthru.fleet import selection

LOG = logging.getLogger(__name__)

_RESET = '#ComputerSystem.Reset'

_TIMEOUT_SECONDS = 3600

# Bounds of the interval between two reads of the power state, in seconds.
_MIN_SECONDS = 2.0
_MAX_SECONDS = 10.0
_GROWTH = 1.5

# Power states in which a request has nothing to do. ForceOff also ends a
# shutdown that does not get on.
_SATISFIED = {
    'On': ('On', 'PoweringOn'),
    'ForceOff': ('Off',),
    'GracefulShutdown': ('Off', 'PoweringOff'),
}
_EQUIVALENTS = {'On': 'ForceOn'}

_State = Annotated[
    Literal[
        'On',
        'ForceOff',
        'GracefulShutdown',
        'GracefulRestart',
        'ForceRestart',
        'PowerCycle',
        'Nmi',
    ],
    pydantic.Field(description='Power state or kind of restart.'),
]
_Wait = Annotated[
    bool,
    pydantic.Field(
        description='Whether the call waits until the power is off, or on '
        'for the other states.'
    ),
]


class PowerStateItem(results.TargetItem):
    """The power state of a target."""

    power_state: str | None
    """``On``, ``Off``, ``PoweringOn``, ``PoweringOff`` or ``Paused``."""


class PowerItem(results.ChangedItem):
    """A change of the power state."""

    reset_type: str | None
    """The sent value; null if nothing was sent."""
    power_state: str | None
    """The state after the change."""


class PowerMethods(fleet.FleetMethods):
    """The methods ``power_state`` and ``power``."""

    @base.driver_passthru(['GET'], async_call=False, target=selection.NAMES)
    def power_state(
        self,
        context: request_context.RequestContext,
        **options: Unpack[selection.FleetOptions],
    ) -> results.FleetResult[PowerStateItem]:
        """Return the power state of targets.

        ``power_state`` is ``On``, ``Off``, ``PoweringOn``, ``PoweringOff`` or
        ``Paused``; null if the BMC does not report it.
        """
        return self._each(context, options, read_power)

    @base.driver_passthru(
        ['PUT'], timeout=_TIMEOUT_SECONDS, target=selection.NAMES
    )
    def power(
        self,
        context: request_context.RequestContext,
        *,
        state: _State,
        wait: _Wait = False,
        **options: Unpack[selection.FleetOptions],
    ) -> results.ChangeResult[PowerItem]:
        """Switch targets on or off, restart them or send an NMI.

        Nothing is sent to a target that already is on or off as requested
        (``changed`` is false); a restart is always sent. ``reset_type`` is
        the sent value and null if nothing was sent, ``power_state`` the
        state after it.
        """
        return self._each(
            context,
            options,
            lambda machine: set_power(machine, state, wait=wait),
            change=True,
            target_seconds=_TIMEOUT_SECONDS,
        )


def read_power(machine: bmc.Bmc) -> failures.Item:
    """Return the power state."""
    return {
        'reachable': True,
        'power_state': machine.system.text('PowerState'),
    }


def set_power(machine: bmc.Bmc, state: str, *, wait: bool) -> failures.Item:
    """Reset the system unless it is in the state.

    :returns: the item, with the error ``state_not_reached`` if the power is
        not seen in the state until the wait ends.
    :raises: NotSupported; ValueNotAllowed.
    """
    current = machine.system.text('PowerState')
    reset_type = None
    if current not in _SATISFIED.get(state, ()):
        reset_type = _reset(machine, state)
        current = None
    item: failures.Item = {'reachable': True}
    if wait and not machine.client.dry_run:
        wanted = 'Off' if state in ('ForceOff', 'GracefulShutdown') else 'On'
        current = _wait(machine, wanted)
        if current != wanted:
            item = failures.classify(failures.StateNotReached()).item()
    elif current is None:
        current = _power_state(machine)
    return item | {
        'changed': reset_type is not None,
        'reset_type': reset_type,
        'power_state': current,
    }


def _reset(machine: bmc.Bmc, state: str) -> str:
    """Send the reset type for a state, or its equivalent; return it."""
    action = machine.system.action(_RESET)
    if action is None:
        raise failures.NotSupported()
    allowed = allowable.of_action(machine.client, action, 'ResetType')
    equivalent = _EQUIVALENTS.get(state)
    if state not in allowed and equivalent in allowed:
        state = equivalent
    allowable.check('state', state, allowed)
    machine.client.act(machine.system, _RESET, {'ResetType': state})
    return state


def _wait(machine: bmc.Bmc, wanted: str) -> str | None:
    """Return the power state, once it is ``wanted`` or the time is over.

    The wait also ends if the call is cancelled.
    """
    seconds = _MIN_SECONDS
    while True:
        current = _power_state(machine)
        if (
            current == wanted
            or machine.client.is_cancelled
            or not machine.client.pause(seconds)
        ):
            return current
        seconds = min(seconds * _GROWTH, _MAX_SECONDS)


def _power_state(machine: bmc.Bmc) -> str | None:
    if machine.client.dry_run:
        return None
    try:
        found = machine.client.poll(machine.system.path)
    except failures.BmcError:
        # The BMC may be busy; the change was made anyway.
        LOG.debug('Cannot read the power state', exc_info=True)
        return None
    return found.text('PowerState')
