# SPDX-License-Identifier: Apache-2.0
"""Actions on the system of one BMC."""

from typing import Any

from ironic_passthru.testing import bmc as testing_bmc
from ironic_passthru.tests.unit.drivers.redfish import simulated

ROOT = testing_bmc.ROOT
SYSTEM = testing_bmc.SYSTEM
MEDIA = testing_bmc.MEDIA
MANAGER = f'{ROOT}/Managers/1'


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


class IndicatorTest(simulated.SimulatedBmcTestCase):
    def test_properties(self) -> None:
        both = {'IndicatorLED': 'Off', 'LocationIndicatorActive': False}
        new = {'LocationIndicatorActive': False}
        for system, state, change in (
            (both, 'Lit', {'IndicatorLED': 'Lit'}),
            (new, 'Lit', {'LocationIndicatorActive': True}),
            (new, 'Blinking', {'LocationIndicatorActive': True}),
            (new, 'Off', {'LocationIndicatorActive': False}),
            (new | {'IndicatorLED': None}, 'Off', new),
            ({'IndicatorLED': None}, 'Lit', {'IndicatorLED': 'Lit'}),
        ):
            fake = self.simulate()
            fake.resources[SYSTEM] = dict(system)
            item = self.bmc(fake, system_id=SYSTEM).set_indicator_led(state)
            self.assertEqual({'reachable': True, 'state': state}, item)
            self.assertEqual(change, fake.received[-1].document(), system)

    def test_no_indicator(self) -> None:
        fake = self.simulate()
        del fake.resources[SYSTEM]['IndicatorLED']
        self.assertEqual(
            'not_supported', self.code(self.bmc(fake).set_indicator_led, 'Lit')
        )
        self.assertEqual(0, fake.count()['PATCH'])


class EjectTest(simulated.SimulatedBmcTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.fake = self.simulate()
        self.resources = self.fake.resources
        self.resources[SYSTEM]['Links'] = {
            'ManagedBy': [{'@odata.id': MANAGER}]
        }
        self.resources[MANAGER] = {'VirtualMedia': {'@odata.id': '/media'}}
        self.resources['/media'] = {'Members': [{'@odata.id': '/media/Usb'}]}
        self.device = dict(self.resources[f'{MEDIA}/Cd'])
        self.resources['/media/Usb'] = {
            'Id': 'Usb',
            'MediaTypes': ['USBStick'],
            'Inserted': True,
            'Actions': {'#VirtualMedia.EjectMedia': {'target': '/eject-usb'}},
        }

    def eject(self, device: str | None = None) -> tuple[list[str], str | None]:
        """Return the ejected devices and the error code."""
        item: dict[str, Any] = self.bmc(self.fake).eject_vmedia(device)
        return item['ejected'], item.get('error', {}).get('code')

    def test_system_and_manager(self) -> None:
        for device, expected in (
            (None, ['Cd', 'Usb']),
            ('CD', ['Cd']),
            ('USBStick', ['Usb']),
        ):
            self.assertEqual((expected, None), self.eject(device))
        self.assertEqual(
            'device_not_found',
            self.code(self.bmc(self.fake).eject_vmedia, 'Floppy'),
        )

    def test_each_device_once(self) -> None:
        self.resources['/media']['Members'] += self.resources[MEDIA]['Members']
        self.assertEqual((['Cd', 'Usb'], None), self.eject())

    def test_only_loaded_devices(self) -> None:
        for loaded, state in (
            (True, {'Inserted': True, 'Image': None}),
            (True, {'Inserted': 'true'}),
            (True, {'Inserted': None, 'Image': 'http://x'}),
            (False, {'Inserted': False, 'Image': 'http://x'}),
            (False, {'Inserted': None, 'Image': ''}),
            (False, {}),
        ):
            device = {k: v for k, v in self.device.items() if k != 'Inserted'}
            self.resources[f'{MEDIA}/Cd'] = device | state
            expected = ['Cd', 'Usb'] if loaded else ['Usb']
            self.assertEqual((expected, None), self.eject(), state)

    def test_an_odd_device_does_not_hide_another(self) -> None:
        faults = testing_bmc.faults
        for key, fault, code in (
            (f'GET {MEDIA}/Cd', faults.document([1]), 'bad_answer'),
            (f'GET {MEDIA}/Cd', faults.status(404), 'not_found'),
            (f'GET {MEDIA}', faults.status(500), 'bmc_error'),
            (f'POST {MEDIA}/Cd/Eject', faults.status(400), 'refused'),
        ):
            self.fake.faults = {key: fault}
            self.assertEqual((['Usb'], code), self.eject())
        self.fake.faults = {f'GET {MANAGER}': faults.status(404)}
        self.assertEqual((['Cd'], 'not_found'), self.eject())

    def test_an_unknown_outcome_ends_the_call(self) -> None:
        self.fake.faults['POST'] = testing_bmc.faults.close
        self.assertEqual(([], 'outcome_unknown'), self.eject())
        self.assertEqual(1, self.fake.count()['POST'])

    def test_a_device_without_the_action(self) -> None:
        del self.resources[f'{MEDIA}/Cd']['Actions']
        self.assertEqual((['Cd', 'Usb'], None), self.eject())
        (patch,) = (r for r in self.fake.received if r.http_method == 'PATCH')
        self.assertEqual({'Image': None, 'Inserted': False}, patch.document())
        # A medium that cannot be ejected is an error.
        self.fake.faults[f'GET {MEDIA}/Cd'] = testing_bmc.faults.document(
            {'Inserted': True, 'MediaTypes': ['CD']}
        )
        self.assertEqual(([], 'not_supported'), self.eject('CD'))

    def test_no_virtual_media(self) -> None:
        self.resources[MANAGER]['VirtualMedia'] = None
        self.resources[SYSTEM]['VirtualMedia'] = None
        self.assertEqual(
            'not_supported', self.code(self.bmc(self.fake).eject_vmedia, None)
        )
