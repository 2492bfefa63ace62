# SPDX-License-Identifier: Apache-2.0
"""Method that sets the indicator LED."""

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

_OLD = 'IndicatorLED'
_NEW = 'LocationIndicatorActive'

_State = Annotated[
    Literal['Lit', 'Blinking', 'Off'],
    pydantic.Field(description='State of the LED.'),
]


class IndicatorItem(results.ChangedItem):
    """The indicator LED of a target."""

    state: Literal['Lit', 'Blinking', 'Off']


class IndicatorLedMethods(fleet.FleetMethods):
    """The method ``indicator_led``."""

    @base.driver_passthru(['PUT'], async_call=False, target=selection.NAMES)
    def indicator_led(
        self,
        context: request_context.RequestContext,
        *,
        state: _State,
        **options: Unpack[selection.FleetOptions],
    ) -> results.ChangeResult[IndicatorItem]:
        """Set the indicator LED of targets.

        ``changed`` is false if the LED already had the state.
        """
        return self._each(
            context,
            options,
            lambda machine: set_indicator(machine, state),
            change=True,
        )


def set_indicator(machine: bmc.Bmc, state: str) -> failures.Item:
    """Make the system's indicator LED ``Lit``, ``Blinking`` or ``Off``.

    ``LocationIndicatorActive`` (ComputerSystem 1.12, 2020), the successor of
    ``IndicatorLED``, only has on and off.

    :raises: NotSupported if the system has neither.
    """
    system = machine.system
    name: str = _OLD
    wanted: str | bool = state
    if system.value(_OLD) is None and _NEW in system.document:
        name, wanted = _NEW, state != 'Off'
    elif _OLD not in system.document:
        raise failures.NotSupported()
    changed = system.value(name) != wanted
    if changed:
        if name == _OLD:
            allowed = system.texts(f'{_OLD}@Redfish.AllowableValues')
            allowable.check('state', state, allowed)
        machine.client.patch(system, {name: wanted})
    return {'reachable': True, 'changed': changed, 'state': state}
