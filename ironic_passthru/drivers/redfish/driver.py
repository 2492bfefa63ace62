# SPDX-License-Identifier: Apache-2.0
"""The ``redfish`` driver."""

from ironic_passthru.drivers.redfish.methods import accounts
from ironic_passthru.drivers.redfish.methods import bios
from ironic_passthru.drivers.redfish.methods import bmc_reset
from ironic_passthru.drivers.redfish.methods import bmc_tasks
from ironic_passthru.drivers.redfish.methods import boot_device
from ironic_passthru.drivers.redfish.methods import certificates
from ironic_passthru.drivers.redfish.methods import event_logs
from ironic_passthru.drivers.redfish.methods import firmware
from ironic_passthru.drivers.redfish.methods import firmware_update
from ironic_passthru.drivers.redfish.methods import hardware
from ironic_passthru.drivers.redfish.methods import indicator_led
from ironic_passthru.drivers.redfish.methods import inventory
from ironic_passthru.drivers.redfish.methods import media_insertion
from ironic_passthru.drivers.redfish.methods import power
from ironic_passthru.drivers.redfish.methods import power_caps
from ironic_passthru.drivers.redfish.methods import resource_document
from ironic_passthru.drivers.redfish.methods import secure_boot
from ironic_passthru.drivers.redfish.methods import sensors
from ironic_passthru.drivers.redfish.methods import subscriptions
from ironic_passthru.drivers.redfish.methods import targets
from ironic_passthru.drivers.redfish.methods import virtual_media


class RedfishVendor(
    accounts.AccountMethods,
    bios.BiosMethods,
    bmc_reset.BmcResetMethods,
    bmc_tasks.BmcTaskMethods,
    boot_device.BootDeviceMethods,
    certificates.CertificateMethods,
    event_logs.EventLogMethods,
    firmware.FirmwareMethods,
    firmware_update.FirmwareUpdateMethods,
    hardware.HardwareMethods,
    indicator_led.IndicatorLedMethods,
    inventory.InventoryMethods,
    media_insertion.MediaInsertionMethods,
    power.PowerMethods,
    power_caps.PowerCapMethods,
    resource_document.ResourceDocumentMethods,
    secure_boot.SecureBootMethods,
    sensors.SensorMethods,
    subscriptions.SubscriptionMethods,
    targets.TargetMethods,
    virtual_media.VirtualMediaMethods,
):
    """Servers with a Redfish BMC, as the conductor's inventory names them."""
