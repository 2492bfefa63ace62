# SPDX-License-Identifier: Apache-2.0
"""Hardware, firmware, BIOS and certificates: the page, and an emulator."""

import copy
import pathlib
import re
from typing import Any

import fixtures
import yaml

from ironic_passthru.drivers import redfish
from ironic_passthru.testing import bmc
from ironic_passthru.tests import base
from ironic_passthru.tests import embedded
from ironic_passthru.tests.functional import console
from ironic_passthru.tests.functional import emulator
from ironic_passthru.tests.functional import test_redfish

PAGE = 'doc/source/drivers/redfish-firmware.rst'

_UPDATE = f'{bmc.ROOT}/UpdateService'
_INVENTORY = f'{_UPDATE}/FirmwareInventory'
_BIOS = f'{bmc.SYSTEM}/Bios'
_MANAGER = f'{bmc.ROOT}/Managers/BMC'
_PROTOCOL = f'{_MANAGER}/NetworkProtocol'
_CERTIFICATES = f'{_PROTOCOL}/HTTPS/Certificates'

# The number differs every day.
_DAYS_LEFT = re.compile(r'"days_left": -?\d+')


def _link(path: str) -> dict[str, str]:
    return {'@odata.id': path}


def _collection(path: str, **members: Any) -> dict[str, Any]:
    """Return a collection and its members, by path."""
    return {
        path: {'Members': [_link(f'{path}/{name}') for name in members]},
        **{
            f'{path}/{name}': {'Id': name, **member}
            for name, member in members.items()
        },
    }


def resources(bmc_version: str) -> dict[str, Any]:
    """Return the resources of a BMC of the page."""
    found = copy.deepcopy(bmc.RESOURCES)
    found[bmc.ROOT]['UpdateService'] = _link(_UPDATE)
    found[bmc.SYSTEM] |= {
        'BiosVersion': '2.4',
        'Bios': _link(_BIOS),
        'Links': {'ManagedBy': [_link(_MANAGER)]},
        **{
            name: _link(f'{bmc.SYSTEM}/{name}')
            for name in ('Processors', 'Memory', 'EthernetInterfaces')
        },
    }
    cpu = {'ProcessorType': 'CPU', 'Model': 'C9', 'TotalCores': 32}
    dimm = {'MemoryDeviceType': 'DDR5', 'CapacityMiB': 65536}
    return {
        **found,
        **_collection(
            f'{bmc.SYSTEM}/Processors',
            CPU1={**cpu, 'Socket': 'CPU 1', 'TotalThreads': 64},
        ),
        **_collection(
            f'{bmc.SYSTEM}/Memory', A1={**dimm, 'DeviceLocator': 'DIMM A1'}
        ),
        **_collection(
            f'{bmc.SYSTEM}/EthernetInterfaces',
            NIC1={'MACAddress': '52:54:00:12:34:56', 'SpeedMbps': 25000},
        ),
        **_collection(
            _INVENTORY,
            BIOS={'Name': 'System BIOS', 'Version': '2.4'},
            BMC={'Name': 'BMC', 'Version': bmc_version, 'Updateable': True},
        ),
        **_collection(
            _CERTIFICATES,
            **{
                '1': {
                    'Subject': {'CommonName': 'bmc-r1n1.example.com'},
                    'Issuer': {'CommonName': 'Example CA'},
                    'ValidNotBefore': '2026-01-01T00:00:00Z',
                    'ValidNotAfter': '2027-01-01T00:00:00Z',
                }
            },
        ),
        _UPDATE: {
            'FirmwareInventory': _link(_INVENTORY),
            'MultipartHttpPushUri': f'{_UPDATE}/push',
            'Actions': {
                '#UpdateService.SimpleUpdate': {
                    'target': f'{_UPDATE}/Actions/SimpleUpdate'
                }
            },
        },
        _BIOS: {
            'Attributes': {'BootMode': 'Uefi', 'ProcTurboMode': 'Enabled'},
            '@Redfish.Settings': {'SettingsObject': _link(f'{_BIOS}/SD')},
            'Actions': {'#Bios.ResetBios': {'target': f'{_BIOS}/Reset'}},
        },
        f'{_BIOS}/SD': {
            'Attributes': {'BootMode': 'Uefi', 'ProcTurboMode': 'Enabled'}
        },
        _MANAGER: {
            'Id': 'BMC',
            'FirmwareVersion': bmc_version,
            'NetworkProtocol': _link(_PROTOCOL),
        },
        _PROTOCOL: {'HTTPS': {'Certificates': _link(_CERTIFICATES)}},
    }


class PageTest(base.TestCase):
    """The calls of the page, in their order."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        images = self.directory / 'images'
        images.mkdir()
        (images / 'bmc-1.5.bin').write_bytes(b'firmware')
        inventory = self.directory / 'inventory.yaml'
        inventory.touch(mode=0o600)
        inventory.write_text(
            yaml.safe_dump(
                {
                    'rack1-node1': self.entry('1.4'),
                    'rack1-node2': self.entry('1.5'),
                }
            )
        )
        self.service = self.useFixture(
            embedded.Embedded(
                {'redfish': redfish.RedfishVendor()},
                redfish__inventory_file=str(inventory),
                redfish__firmware_directory=str(images),
                conductor__allowed_dangerous_methods=['redfish.*'],
            )
        )

    def entry(self, version: str) -> dict[str, Any]:
        """Return the inventory entry of a new BMC."""
        fake = self.enterContext(bmc.SimulatedBmc(resources(version)))

        def update(_request: bmc.BmcRequest) -> bmc.BmcTask:
            return bmc.BmcTask(steps=(), finish=finish)

        def finish() -> None:
            fake.resources[f'{_INVENTORY}/BMC']['Version'] = '1.5'

        fake.actions[f'{_UPDATE}/Actions/SimpleUpdate'] = update
        fake.actions[f'{_UPDATE}/push'] = update
        login = {'username': fake.username, 'password': fake.password}
        return {'address': fake.url, 'tags': ['rack1'], **login}

    def test_calls(self) -> None:
        examples = console.examples(PAGE)
        self.assertGreater(len(examples), 5)
        for example in examples:
            shown, real = (
                console.stable(_DAYS_LEFT.sub('"days_left": 0', text))
                for text in (example.answer, example.run(self.service.url))
            )
            self.assertEqual(shown, real, example.command)


class EmulatorTest(test_redfish.RedfishTestCase):
    """A system of sushy's emulator, which has few of the resources."""

    def test_methods(self) -> None:
        service = self.useFixture(emulator.SushyEmulator(('alpha',), tls=True))
        service.inventory(self.path)
        driver = self.start()
        hardware = driver.hardware(test_redfish.CONTEXT)['alpha']
        self.assertEqual(
            {service.uuids['alpha']: '1.00'}, hardware['firmware']['managers']
        )
        self.assertEqual(
            ['not_found', 'bmc_error'],
            [each['code'] for each in hardware['warnings']],
        )
        firmware = driver.firmware(test_redfish.CONTEXT)['alpha']
        self.assertEqual([], firmware['components'])
        certificates = driver.certificates(test_redfish.CONTEXT)['alpha']
        self.assertEqual('tls', certificates['source'])
        self.assertIn('trustme', certificates['certificates'][0]['issuer'])
