# SPDX-License-Identifier: Apache-2.0
"""The ``redfish`` driver."""

from ironic_passthru.drivers.redfish.methods import bios
from ironic_passthru.drivers.redfish.methods import certificates
from ironic_passthru.drivers.redfish.methods import firmware
from ironic_passthru.drivers.redfish.methods import firmware_update
from ironic_passthru.drivers.redfish.methods import hardware
from ironic_passthru.drivers.redfish.methods import indicator_led
from ironic_passthru.drivers.redfish.methods import inventory
from ironic_passthru.drivers.redfish.methods import targets
from ironic_passthru.drivers.redfish.methods import virtual_media


class RedfishVendor(
    bios.BiosMethods,
    certificates.CertificateMethods,
    firmware.FirmwareMethods,
    firmware_update.FirmwareUpdateMethods,
    hardware.HardwareMethods,
    indicator_led.IndicatorLedMethods,
    inventory.InventoryMethods,
    targets.TargetMethods,
    virtual_media.VirtualMediaMethods,
):
    """Servers with a Redfish BMC, as the conductor's inventory names them."""
