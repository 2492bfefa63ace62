# SPDX-License-Identifier: Apache-2.0
"""Method that ejects virtual media."""

from typing import Annotated
from typing import Literal
from typing import Unpack

import pydantic

from ironic_passthru import context as request_context
from ironic_passthru.drivers import base
from ironic_passthru.drivers.redfish import selection
from ironic_passthru.drivers.redfish import summary
from ironic_passthru.drivers.redfish.methods import fleet

_Device = Annotated[
    Literal['CD', 'DVD', 'Floppy', 'USBStick'] | None,
    pydantic.Field(
        description='Eject only from devices that take this medium.'
    ),
]


class VirtualMediaMethods(fleet.FleetMethods):
    """The method ``eject_vmedia``."""

    @base.driver_passthru(['POST'], async_call=False, target=selection.NAMES)
    def eject_vmedia(
        self,
        context: request_context.RequestContext,
        *,
        device: _Device = None,
        **options: Unpack[selection.FleetOptions],
    ) -> summary.FleetResult:
        """Eject the virtual media that are inserted in targets.

        ``ejected`` lists the ejected devices; it is empty if nothing was
        inserted. If one of several devices fails, the item contains both
        ``error`` and the devices that had been ejected before.
        """
        return self._each(
            context,
            options,
            lambda system: system.eject_vmedia(device),
            change=True,
        )
