# SPDX-License-Identifier: Apache-2.0
"""The ``redfish`` driver."""

from ironic_passthru.drivers.redfish.methods import accounts
from ironic_passthru.drivers.redfish.methods import event_logs
from ironic_passthru.drivers.redfish.methods import indicator_led
from ironic_passthru.drivers.redfish.methods import inventory
from ironic_passthru.drivers.redfish.methods import power_caps
from ironic_passthru.drivers.redfish.methods import sensors
from ironic_passthru.drivers.redfish.methods import subscriptions
from ironic_passthru.drivers.redfish.methods import targets
from ironic_passthru.drivers.redfish.methods import virtual_media


class RedfishVendor(
    accounts.AccountMethods,
    event_logs.EventLogMethods,
    indicator_led.IndicatorLedMethods,
    inventory.InventoryMethods,
    power_caps.PowerCapMethods,
    sensors.SensorMethods,
    subscriptions.SubscriptionMethods,
    targets.TargetMethods,
    virtual_media.VirtualMediaMethods,
):
    """Servers with a Redfish BMC, as the conductor's inventory names them."""
