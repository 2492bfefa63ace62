# SPDX-License-Identifier: Apache-2.0
"""Method that reads the inventory of systems."""

from typing import Unpack

from ironic_passthru import context as request_context
from ironic_passthru.drivers import base
from ironic_passthru.drivers.redfish.methods import fleet
from ironic_passthru.fleet import results
from ironic_passthru.fleet import selection


class SystemItem(results.TargetItem):
    """Identity and state of a system."""

    manufacturer: str | None
    model: str | None
    serial_number: str | None
    power_state: str | None
    """Such as ``On``."""
    health: str | None
    """``OK``, ``Warning`` or ``Critical``."""


class InventoryMethods(fleet.FleetMethods):
    """The method ``inventory``."""

    @base.driver_passthru(['GET'], async_call=False, target=selection.NAMES)
    def inventory(
        self,
        context: request_context.RequestContext,
        **options: Unpack[selection.FleetOptions],
    ) -> results.FleetResult[SystemItem]:
        """Return model, serial number, power state and health of targets.

        Values that the BMC does not report are ``null``.
        """
        return self._each(context, options, lambda system: system.state())
