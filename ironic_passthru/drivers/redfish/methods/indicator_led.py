# SPDX-License-Identifier: Apache-2.0
"""Method that sets the indicator LED."""

from typing import Annotated
from typing import Literal
from typing import Unpack

import pydantic

from ironic_passthru import context as request_context
from ironic_passthru.drivers import base
from ironic_passthru.drivers.redfish import selection
from ironic_passthru.drivers.redfish import summary
from ironic_passthru.drivers.redfish.methods import fleet

_State = Annotated[
    Literal['Lit', 'Blinking', 'Off'],
    pydantic.Field(description='State of the LED.'),
]


class IndicatorLedMethods(fleet.FleetMethods):
    """The method ``indicator_led``."""

    @base.driver_passthru(['PUT'], async_call=False, target=selection.NAMES)
    def indicator_led(
        self,
        context: request_context.RequestContext,
        *,
        state: _State,
        **options: Unpack[selection.FleetOptions],
    ) -> summary.FleetResult:
        """Set the indicator LED of targets."""
        return self._each(
            context,
            options,
            lambda system: system.set_indicator_led(state),
            change=True,
        )
