# SPDX-License-Identifier: Apache-2.0
"""Documents of real and example BMCs: the JSON samples of sushy.

It has none of accounts and event logs.
"""

import json
import pathlib
from typing import Any

import sushy

from ironic_passthru.testing import bmc
from ironic_passthru.tests.unit.drivers.redfish.methods import driven

SAMPLES = pathlib.Path(sushy.__file__).parent / 'tests/unit/json_samples'

SYSTEM = f'{bmc.SYSTEMS}/437XR1138R2'

FIRMWARE = f'{bmc.ROOT}/UpdateService/FirmwareInventory'
CHASSIS = f'{bmc.ROOT}/Chassis'

# Samples of one resource: the one that is used.
PREFERRED = (
    'root',
    'system',
    'manager',
    'storage_collection',
    'updateservice',
)

# Links of samples, and the resources that they mean.
ALIASES = {
    f'{SYSTEM}/Bios': f'{SYSTEM}/BIOS',
    f'{CHASSIS}/1U': f'{CHASSIS}/Blade1',
    f'{CHASSIS}/Blade1/Power': f'{CHASSIS}/MultiBladeEncl/Power',
    f'{CHASSIS}/Blade1/NetworkAdapters': (
        f'{CHASSIS}/System.Embedded.1/NetworkAdapters'
    ),
    f'{FIRMWARE}/Current-101560-25.5.6.0009': f'{FIRMWARE}/BMC',
}


def samples_of(name: str) -> Any:
    """Return one document."""
    return json.loads((SAMPLES / f'{name}.json').read_text())


def samples() -> dict[str, Any]:
    """Return documents by path."""
    found: dict[str, Any] = {}
    names = [path.stem for path in sorted(SAMPLES.glob('*.json'))]
    for name in [*names, *PREFERRED]:
        document = samples_of(name)
        if '@odata.id' in document:
            found[document['@odata.id'].rstrip('/')] = document
    return found | {path: found[other] for path, other in ALIASES.items()}


NAME = 'CN=manager.contoso.org, OU=ABC, O=Contoso, L=Portland, ST=Oregon, C=US'

# Members of items by method: paths, and values.
FACTS: dict[str, dict[tuple[str | int, ...], Any]] = {
    'inventory': {
        ('manufacturer',): 'Contoso',
        ('model',): '3500',
        ('serial_number',): '437XR1138R2',
        ('health',): 'OK',
    },
    'power_state': {('power_state',): 'On'},
    'boot_device': {
        ('device',): 'Pxe',
        ('enabled',): 'Once',
        ('mode',): 'UEFI',
        ('uefi_target',): '/0x31/0x33/0x01/0x01',
        ('allowed_devices', 10): 'UefiHttp',
    },
    'hardware': {
        ('processors', 'count'): 2,
        ('processors', 'cores'): 8,
        ('processors', 'modules', 0, 'speed_mhz'): 3700,
        ('memory', 'total_gib'): 96,
        ('drives', 0, 'serial_number'): '1234567',
        ('drives', 2, 'capacity_bytes'): 899527000000,
        ('nics', 0, 'mac'): '12:44:6A:3B:04:11',
        ('adapters', 0, 'firmware'): '14.25.80.0',
        ('firmware', 'bios'): 'P79 v1.45 (12/06/2017)',
        ('firmware', 'managers', 'BMC'): '1.00',
        ('warnings', 0, 'path'): f'{SYSTEM}/Memory',
    },
    'firmware': {
        ('components', 0, 'version'): '1.45.455b66-rev4',
        ('components', 0, 'updateable'): True,
        ('warnings', 1, 'code'): 'not_found',
    },
    'bios': {
        ('attributes', 'NicBoot1'): 'NetworkBoot',
        ('pending', 'AdminPhone'): '(404) 555-1212',
    },
    'secure_boot': {
        ('enabled',): False,
        ('current_boot',): 'Disabled',
        ('mode',): 'DeployedMode',
    },
    'virtual_media': {
        ('devices', 0, 'image'): 'https://www.dmtf.org/freeImages/Sardine.img',
        ('devices', 0, 'inserted'): True,
        ('devices', 0, 'media_types'): ['Floppy', 'USBStick'],
    },
    'tasks': {
        ('tasks', 0, 'state'): 'Completed',
        ('tasks', 0, 'messages', 0, 'id'): 'Base.1.0.PropertyNotWriteable',
        ('tasks', 1, 'percent'): 55,
        ('total',): 2,
    },
    'sensors': {
        ('sensors', 0, 'reading'): 62,
        ('sensors', 0, 'upper_critical'): 90,
        ('sensors', 1, 'reading'): 6000,
        ('sensors', 2, 'name'): 'Power Supply 0',
        ('sensors', 2, 'reading'): 650,
    },
    'subscriptions': {
        ('subscriptions', 0, 'event_types'): ['Alert', 'StatusChange'],
        ('subscriptions', 1, 'context'): 'IronicContext',
    },
    'certificates': {
        ('source',): 'redfish',
        ('certificates', 0, 'subject'): NAME,
        ('certificates', 0, 'issuer'): NAME,
        ('certificates', 0, 'valid_not_after'): '2019-09-07T13:22:05+00:00',
    },
}


class SampleTest(driven.MethodTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.fake.resources.clear()
        self.fake.resources.update(samples())
        self.link(f'{CHASSIS}/1U', Power=f'{CHASSIS}/Blade1/Power')
        self.link(
            bmc.ROOT, CertificateService=f'{bmc.ROOT}/CertificateService'
        )

    def test_facts(self) -> None:
        for method, facts in FACTS.items():
            item = self.call(method)
            for path, expected in facts.items():
                found = item
                for name in path:
                    found = found[name]
                self.assertEqual(expected, found, (method, path))

    def test_a_device_of_the_system(self) -> None:
        self.fake.resources[SYSTEM] = samples_of('systemv1_20')
        item = self.call('virtual_media')
        self.assertEqual(
            ['CD1', 'Floppy1'], [each['device'] for each in item['devices']]
        )

    def test_attribute_registry(self) -> None:
        registries = f'{bmc.ROOT}/Registries'
        file = f'{registries}/BiosAttributeRegistryP89'
        self.collect(registries, f'{registries}/Test', file)
        location = {
            'Language': 'en',
            'Uri': '/redfish/v1/Test/Bios/BiosRegistry',
        }
        self.add(file, Location=[location])
        known = {'ProcVirtualization': 'Enabled', 'SystemModelName': 'A'}
        self.fake.resources[f'{SYSTEM}/Bios']['Attributes'] |= known
        wanted = {'ProcVirtualization': 'On', 'SystemModelName': 'B'}
        item = self.call('set_bios', 'PATCH', attributes=wanted)
        self.assertIn(
            'ProcVirtualization must be one of Enabled, Disabled; '
            'SystemModelName is read-only',
            item['error']['message'],
        )
