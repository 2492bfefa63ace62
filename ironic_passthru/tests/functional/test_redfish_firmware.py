# SPDX-License-Identifier: Apache-2.0
"""Hardware, firmware, BIOS and certificates with sushy's emulator."""

from ironic_passthru.tests.functional import emulator
from ironic_passthru.tests.functional import test_redfish


class EmulatorTest(test_redfish.RedfishTestCase):
    """Each method with a system that has few of the resources."""

    def test_methods(self) -> None:
        service = self.useFixture(emulator.SushyEmulator(('alpha',), tls=True))
        service.inventory(self.path)
        driver = self.start()
        for call in (driver.hardware, driver.firmware, driver.bios, driver.certificates):
            import pprint
            try:
                pprint.pprint(call(test_redfish.CONTEXT))
            except Exception as e: print(repr(e))
