# SPDX-License-Identifier: Apache-2.0
"""Hardware type of the Acme chassis."""

from ironic.drivers import generic

from acme import vendor


class AcmeChassisHardware(generic.GenericHardware):
    @property
    def supported_vendor_interfaces(self):
        return [vendor.AcmeChassisVendor]
