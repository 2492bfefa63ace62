# SPDX-License-Identifier: Apache-2.0
"""The ``redfish`` driver."""

from ironic_passthru.drivers.redfish.methods import indicator_led
from ironic_passthru.drivers.redfish.methods import inventory
from ironic_passthru.drivers.redfish.methods import targets
from ironic_passthru.drivers.redfish.methods import virtual_media


class RedfishVendor(
    indicator_led.IndicatorLedMethods,
    inventory.InventoryMethods,
    targets.TargetMethods,
    virtual_media.VirtualMediaMethods,
):
    """Servers with a Redfish BMC, as the conductor's inventory names them."""
