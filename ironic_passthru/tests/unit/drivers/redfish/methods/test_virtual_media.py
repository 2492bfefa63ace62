# SPDX-License-Identifier: Apache-2.0
"""Methods that list and eject virtual media."""

from typing import Any

from ironic_passthru.drivers.redfish.methods import virtual_media
from ironic_passthru.testing import bmc as testing_bmc
from ironic_passthru.tests.unit.drivers.redfish import simulated

SYSTEM = testing_bmc.SYSTEM
MEDIA = testing_bmc.MEDIA
MANAGER = f'{testing_bmc.ROOT}/Managers/1'


class VirtualMediaTestCase(simulated.SimulatedBmcTestCase):
    """A CD drive of the system and a USB stick of its manager."""

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


class ListTest(VirtualMediaTestCase):
    def devices(self) -> Any:
        return virtual_media.read_devices(self.bmc(self.fake))

    def test_devices(self) -> None:
        self.resources[f'{MEDIA}/Cd'] |= {
            'WriteProtected': True,
            'ConnectedVia': 'URI',
        }
        cd, usb = self.devices()['devices']
        self.assertEqual(
            {
                'device': 'Cd',
                'name': 'Virtual CD',
                'image': None,
                'inserted': True,
                'media_types': ['CD'],
                'write_protected': True,
                'connected_via': 'URI',
            },
            cd,
        )
        self.assertEqual('Usb', usb['device'])

    def test_images_have_no_secrets(self) -> None:
        for image, shown in (
            ('https://u:p@h/a.iso?sig=s#f', 'https://h/a.iso'),
            ('//u:p@h/share/a.iso', '//h/share/a.iso'),
            (' my_scheme:/\n/u:p@h/a.iso', ' my_scheme://h/a.iso'),
            ('nfs://h/a@b.iso', 'nfs://h/a@b.iso'),
            ('a.iso', 'a.iso'),
            ('', ''),
        ):
            self.resources[f'{MEDIA}/Cd']['Image'] = image
            self.assertEqual(shown, self.devices()['devices'][0]['image'])

    def test_an_odd_device_does_not_hide_another(self) -> None:
        del self.resources[f'{MEDIA}/Cd']
        item = self.devices()
        self.assertEqual(['Usb'], [each['device'] for each in item['devices']])
        self.assertEqual(
            [{'path': f'{MEDIA}/Cd', 'code': 'not_found'}], item['warnings']
        )
        del self.resources['/media/Usb']
        self.assertEqual('not_found', self.code(self.devices))

    def test_no_virtual_media(self) -> None:
        self.resources[MANAGER]['VirtualMedia'] = None
        self.resources[SYSTEM]['VirtualMedia'] = None
        self.assertEqual('not_supported', self.code(self.devices))


class EjectTest(VirtualMediaTestCase):
    def eject(self, device: str | None = None) -> tuple[list[str], str | None]:
        """Return the ejected devices and the error code."""
        item: dict[str, Any] = virtual_media.eject(self.bmc(self.fake), device)
        # After an error, no item claims that nothing was changed.
        changed = bool(item['ejected']) or (None if 'error' in item else False)
        self.assertEqual(changed, item.get('changed'))
        return item['ejected'], item.get('error', {}).get('code')

    def test_system_and_manager(self) -> None:
        for device, expected in (
            (None, ['Cd', 'Usb']),
            ('CD', ['Cd']),
            ('USBStick', ['Usb']),
        ):
            self.assertEqual((expected, None), self.eject(device))
        self.assertEqual(([], 'device_not_found'), self.eject('Floppy'))

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

    def test_an_unknown_outcome_precedes_other_errors(self) -> None:
        self.fake.faults = {
            f'GET {MEDIA}/Cd': testing_bmc.faults.status(404),
            'POST': testing_bmc.faults.close,
        }
        self.assertEqual(([], 'outcome_unknown'), self.eject())

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
        self.assertEqual(([], 'not_supported'), self.eject())
