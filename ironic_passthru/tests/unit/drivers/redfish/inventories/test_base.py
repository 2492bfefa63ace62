# SPDX-License-Identifier: Apache-2.0
"""Selection of targets."""

from ironic_passthru import errors
from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish.inventories import base as inventories
from ironic_passthru.tests import base


class ChoosingTest(base.TestCase):
    """Targets are chosen by name or tag; what is unknown is named."""

    def setUp(self) -> None:
        super().setUp()
        address = bmc_target.Address('https://x', 'u', 'p')
        self.targets = [
            bmc_target.Target('a', address, tags=frozenset({'t'})),
            bmc_target.Target('b', address, tags=frozenset({'t', 'u'})),
            bmc_target.Target('c', address),
        ]
        self.inventory = inventories.Inventory(self.targets)

    def test_known(self) -> None:
        a, b, c = self.targets
        self.assertEqual([a, b, c], self.inventory.everything())
        self.assertEqual([c, a], self.inventory.named(['c', 'a', 'c']))
        self.assertEqual([a, b], self.inventory.tagged('t'))

    def test_unknown(self) -> None:
        for choose, argument, expected in (
            (self.inventory.named, ['a', 'x', 'y'], 'Unknown target: x, y'),
            (self.inventory.tagged, 'a', 'Unknown tag: a'),
            (
                self.inventory.named,
                [f'x{n}' for n in range(12)],
                'Unknown target: x0, x1, x2, x3, x4, x5, x6, x7, x8, x9 '
                'and 2 more',
            ),
        ):
            error = self.assertRaises(
                errors.InvalidParameterValue, choose, argument
            )
            self.assertEqual(expected, error.message)
