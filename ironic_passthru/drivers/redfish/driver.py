# SPDX-License-Identifier: Apache-2.0
"""The ``redfish`` driver."""

from ironic_passthru.drivers.redfish.methods import bmc_reset
from ironic_passthru.drivers.redfish.methods import bmc_tasks
from ironic_passthru.drivers.redfish.methods import boot_device
from ironic_passthru.drivers.redfish.methods import indicator_led
from ironic_passthru.drivers.redfish.methods import inventory
from ironic_passthru.drivers.redfish.methods import media_insertion
from ironic_passthru.drivers.redfish.methods import power
from ironic_passthru.drivers.redfish.methods import resource_document
from ironic_passthru.drivers.redfish.methods import secure_boot
from ironic_passthru.drivers.redfish.methods import targets
from ironic_passthru.drivers.redfish.methods import virtual_media


class RedfishVendor(
    bmc_reset.BmcResetMethods,
    bmc_tasks.BmcTaskMethods,
    boot_device.BootDeviceMethods,
    indicator_led.IndicatorLedMethods,
    inventory.InventoryMethods,
    media_insertion.MediaInsertionMethods,
    power.PowerMethods,
    resource_document.ResourceDocumentMethods,
    secure_boot.SecureBootMethods,
    targets.TargetMethods,
    virtual_media.VirtualMediaMethods,
):
    """Servers with a Redfish BMC, as the conductor's inventory names them."""
