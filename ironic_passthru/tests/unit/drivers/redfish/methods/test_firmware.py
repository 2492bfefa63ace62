# SPDX-License-Identifier: Apache-2.0
"""The method ``firmware``."""

from typing import Any

from ironic_passthru.drivers.redfish.methods import firmware
from ironic_passthru.testing import bmc as testing_bmc
from ironic_passthru.tests.unit.drivers.redfish import simulated

ROOT = testing_bmc.ROOT
SERVICE = f'{ROOT}/UpdateService'
INVENTORY = f'{SERVICE}/FirmwareInventory'

COMPONENTS = {
    'BMC': {'Name': 'Manager', 'Version': '1.0', 'Updateable': True},
    'BIOS': {'Name': 'System BIOS', 'Version': '2.0', 'SoftwareId': 'x'},
    'NIC.1': {'Name': 'Port', 'Version': '3.0'},
    'NIC.2': {'Name': 'Port', 'Version': None},
}


def add_inventory(fake: testing_bmc.SimulatedBmc) -> None:
    """Give a BMC an update service with ``COMPONENTS``."""
    fake.resources[ROOT]['UpdateService'] = {'@odata.id': SERVICE}
    fake.resources[SERVICE] = {'FirmwareInventory': {'@odata.id': INVENTORY}}
    fake.resources[INVENTORY] = {
        'Members': [
            {'@odata.id': f'{INVENTORY}/{name}'} for name in COMPONENTS
        ]
    }
    for name, component in COMPONENTS.items():
        fake.resources[f'{INVENTORY}/{name}'] = {'Id': name, **component}


class FirmwareTest(simulated.SimulatedBmcTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.fake = self.simulate()
        add_inventory(self.fake)

    def read(self, baseline: dict[str, str] | None = None) -> dict[str, Any]:
        return firmware.read(self.bmc(self.fake), baseline)

    def test_components(self) -> None:
        del self.fake.resources[f'{INVENTORY}/NIC.1']
        item = self.read()
        self.assertEqual(
            {
                'id': 'BIOS',
                'name': 'System BIOS',
                'version': '2.0',
                'updateable': None,
                'software_id': 'x',
            },
            item['components'][1],
        )
        self.assertEqual(
            [{'path': f'{INVENTORY}/NIC.1', 'code': 'not_found'}],
            item['warnings'],
        )
        self.assertNotIn('matches', item)
        for version, matches in (('1.0', None), ('1.1', False)):
            item = self.read({'BMC': version})
            self.assertIs(matches, item['matches'])

    def test_comparison(self) -> None:
        for baseline, matching, differing, missing in (
            ({'BMC': '1.0', 'System BIOS': '2.0'}, 2, [], []),
            ({'BMC': '1.1'}, 0, [('BMC', '1.0', '1.1')], []),
            ({'NIC.1': '3.0'}, 1, [], []),
            ({'Port': '3.0'}, 0, [('NIC.2', None, '3.0')], []),
            ({'NIC.*': '3.0'}, 0, [('NIC.2', None, '3.0')], []),
            ({'*BIOS': '2.0', 'GPU': '1'}, 1, [], ['GPU']),
        ):
            item = self.read(baseline)
            self.assertEqual(matching, len(item['matching']), baseline)
            self.assertEqual(
                differing,
                [
                    (each['id'], each['version'], each['expected'])
                    for each in item['differing']
                ],
            )
            self.assertEqual(missing, item['missing'])
            self.assertIs(not differing and not missing, item['matches'])

    def test_no_inventory(self) -> None:
        for path, member in (
            (SERVICE, 'FirmwareInventory'),
            (ROOT, 'UpdateService'),
        ):
            del self.fake.resources[path][member]
            self.assertEqual('not_supported', self.code(self.read))
