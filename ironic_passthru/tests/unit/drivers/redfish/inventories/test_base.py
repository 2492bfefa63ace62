# SPDX-License-Identifier: Apache-2.0
"""Targets by name."""

from ironic_passthru import errors
from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish.inventories import base as inventories
from ironic_passthru.tests import base


class InventoryTest(base.TestCase):
    def test_targets(self) -> None:
        address = bmc_target.Address('https://x', 'u', 'p')
        targets = [bmc_target.Target(name, address) for name in 'ab']
        inventory = inventories.Inventory(targets)
        self.assertEqual(targets, inventory.everything())
        self.assertEqual(targets[1], inventory.target('b'))
        error = self.assertRaises(
            errors.InvalidParameterValue, inventory.target, 'x'
        )
        self.assertEqual('Unknown target: x', error.message)
