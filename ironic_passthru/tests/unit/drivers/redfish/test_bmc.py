# SPDX-License-Identifier: Apache-2.0
"""The system of one BMC, its managers and chassis."""

from ironic_passthru.testing import bmc as testing_bmc
from ironic_passthru.tests.unit.drivers.redfish import simulated

ROOT = testing_bmc.ROOT
SYSTEM = testing_bmc.SYSTEM


class SystemTest(simulated.SimulatedBmcTestCase):
    def test_selection(self) -> None:
        fake = self.simulate()
        other = f'{testing_bmc.SYSTEMS}/a%20b'
        for system_id, one, two in (
            (None, SYSTEM, None),
            ('1', SYSTEM, SYSTEM),
            (SYSTEM, SYSTEM, SYSTEM),
            ('a b', None, other),
            ('x', None, None),
        ):
            for paths, expected in (([SYSTEM], one), ([SYSTEM, other], two)):
                fake.resources[testing_bmc.SYSTEMS]['Members'] = [
                    {'@odata.id': path} for path in paths
                ]
                fake.resources[other] = {'Id': 'a b'}
                machine = self.bmc(fake, system_id=system_id)
                if expected is None:
                    self.assertEqual(
                        'system_not_found', self.code(machine.state)
                    )
                else:
                    self.assertEqual(expected, machine.system.path)

    def test_a_system_is_read_once_and_when_needed(self) -> None:
        fake = self.simulate()
        machine = self.bmc(fake, system_id=SYSTEM)
        self.assertEqual([], fake.received)
        for _ in range(2):
            self.assertEqual('A1', machine.state()['model'])
        self.assertEqual(1, len(fake.received))
        fake.resources[SYSTEM]['Model'] = 'A2'
        self.assertEqual('A2', machine.refresh().text('Model'))
        self.assertEqual('A2', machine.state()['model'])

    def test_odd_members_of_a_system_are_null(self) -> None:
        fake = self.simulate()
        fake.resources[SYSTEM] |= {
            'Manufacturer': None,
            'Model': {'a': 1},
            'SerialNumber': 4711,
            'Status': 'OK',
            'VirtualMedia': [],
            'IndicatorLED': {},
        }
        item = self.bmc(fake).state()
        self.assertIsNone(item['manufacturer'] or item['model'])
        self.assertEqual('4711', item['serial_number'])
        self.assertIsNone(item['health'])

    def test_managers_and_chassis(self) -> None:
        for name, link, attribute in (
            ('Managers', 'ManagedBy', 'managers'),
            ('Chassis', 'Chassis', 'chassis'),
        ):
            paths = [f'{ROOT}/{name}/{number}' for number in (1, 2)]
            members = [{'@odata.id': path} for path in paths]
            for linked, listed, expected in (
                (members, [], paths),
                (members[:1], members, paths[:1]),
                (None, members[:1], paths[:1]),
                ([], members, []),
                (None, None, []),
            ):
                fake = self.simulate()
                fake.resources |= {path: {'Id': path} for path in paths}
                fake.resources[SYSTEM]['Links'] = {link: linked}
                if listed is not None:
                    path = f'{ROOT}/{name}'
                    fake.resources[ROOT][name] = {'@odata.id': path}
                    fake.resources[path] = {'Members': listed}
                found = getattr(self.bmc(fake), attribute)()
                self.assertEqual(expected, [each.path for each in found])
