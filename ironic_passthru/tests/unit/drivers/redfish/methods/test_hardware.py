# SPDX-License-Identifier: Apache-2.0
"""The method ``hardware``."""

from typing import Any
from unittest import mock

from ironic_passthru.drivers.redfish.methods import hardware
from ironic_passthru.testing import bmc as testing_bmc
from ironic_passthru.tests.unit.drivers.redfish import simulated

ROOT = testing_bmc.ROOT
SYSTEM = testing_bmc.SYSTEM


class HardwareTest(simulated.SimulatedBmcTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.fake = self.simulate()
        self.system = self.fake.resources[SYSTEM]

    def collect(
        self, path: str, *members: dict[str, Any], owner: str = SYSTEM
    ) -> None:
        """Add a collection with members below an owner."""
        links = []
        for number, member in enumerate(members):
            place = f'{owner}/{path}/{number}'
            self.fake.resources[place] = {
                '@odata.id': place,
                'Id': str(number),
                **member,
            }
            links.append({'@odata.id': place})
        self.fake.resources[f'{owner}/{path}'] = {'Members': links}
        self.fake.resources[owner][path] = {'@odata.id': f'{owner}/{path}'}

    def read(self) -> dict[str, Any]:
        return hardware.read(self.bmc(self.fake, system_id=SYSTEM))

    def test_a_system_without_details(self) -> None:
        self.system |= {
            'BiosVersion': '1.2',
            'MemorySummary': {'TotalSystemMemoryGiB': '96'},
            'ProcessorSummary': {'Count': 2, 'Model': 'P', 'CoreCount': 16},
        }
        self.assertEqual(
            {
                'reachable': True,
                'processors': {
                    'count': 2,
                    'model': 'P',
                    'cores': 16,
                    'threads': None,
                    'modules': [],
                },
                'memory': {'total_gib': 96.0, 'modules': []},
                'drives': [],
                'nics': [],
                'firmware': {'bios': '1.2', 'managers': {}},
                'adapters': [],
                'warnings': [],
            },
            self.read(),
        )

    def test_processors_and_memory(self) -> None:
        cpu = {'Model': 'P', 'TotalCores': 8, 'TotalThreads': 16}
        self.collect(
            'Processors',
            {**cpu, 'ProcessorType': 'CPU', 'Socket': 'A'},
            {**cpu, 'ProcessorType': 'GPU', 'TotalCores': 5000},
            {'Status': {'State': 'Absent'}},
        )
        dimm = {'CapacityMiB': 16384, 'DeviceLocator': 'D1'}
        self.collect('Memory', dimm, dimm, {'Status': {'State': 'Absent'}})
        item = self.read()
        found = item['processors']
        modules = found.pop('modules')
        self.assertEqual(
            {'count': 1, 'model': 'P', 'cores': 8, 'threads': 16}, found
        )
        self.assertEqual(['A', None], [each['slot'] for each in modules])
        self.assertEqual(32, item['memory']['total_gib'])
        self.assertEqual(
            ['D1', 'D1'], [each['slot'] for each in item['memory']['modules']]
        )
        del self.fake.resources[f'{SYSTEM}/Memory/0']['CapacityMiB']
        self.assertIsNone(self.read()['memory']['total_gib'])

    def test_drives(self) -> None:
        device = {'Name': 'Bay 1', 'CapacityBytes': 5}
        self.collect(
            'SimpleStorage',
            {'Devices': [device, {'Status': {'State': 'Absent'}}]},
        )
        (drive,) = self.read()['drives']
        self.assertEqual(
            ('Bay 1', '0', 5),
            (drive['id'], drive['controller'], drive['capacity_bytes']),
        )
        links = [{'@odata.id': f'/drives/{n}'} for n in (1, 2, 1)]
        self.collect('Storage', {'Drives': links})
        self.fake.resources['/drives/1'] = {'MediaType': 'SSD', 'Id': 'x'}
        item = self.read()
        (drive,) = item['drives']
        self.assertEqual(('x', 'SSD'), (drive['id'], drive['media_type']))
        self.assertEqual(
            [{'path': '/drives/2', 'code': 'not_found'}], item['warnings']
        )

    def test_nics_managers_and_adapters(self) -> None:
        self.collect(
            'EthernetInterfaces',
            {'MACAddress': 'aa', 'SpeedMbps': 1000, 'LinkStatus': 'LinkUp'},
            {'PermanentMACAddress': 'bb'},
        )
        manager, chassis = f'{ROOT}/Managers/1', f'{ROOT}/Chassis/1'
        self.fake.resources[manager] = {'Id': 'M', 'FirmwareVersion': '7'}
        self.fake.resources[chassis] = {}
        self.collect(
            'NetworkAdapters',
            {'Controllers': [{'FirmwarePackageVersion': '3'}]},
            owner=chassis,
        )
        self.system['Links'] = {
            'ManagedBy': [{'@odata.id': manager}],
            'Chassis': [{'@odata.id': chassis}],
        }
        item = self.read()
        self.assertEqual(
            [('aa', 1000, 'LinkUp'), ('bb', None, None)],
            [(n['mac'], n['speed_mbps'], n['link']) for n in item['nics']],
        )
        self.assertEqual({'M': '7'}, item['firmware']['managers'])
        self.assertEqual(['3'], [n['firmware'] for n in item['adapters']])

    def test_odd_resources_lose_only_themselves(self) -> None:
        self.collect('Processors', {'Id': 'one'}, {'Id': 'two'})
        self.collect('Memory', {'CapacityMiB': []})
        self.system['EthernetInterfaces'] = {'@odata.id': '//elsewhere/x'}
        self.system['Storage'] = ['odd']
        self.fake.faults = {
            f'GET {SYSTEM}/Processors/0': testing_bmc.faults.status(500),
            f'GET {SYSTEM}/Memory/0': testing_bmc.faults.body(b'<html>'),
        }
        item = self.read()
        modules = item['processors']['modules']
        self.assertEqual(['two'], [each['id'] for each in modules])
        self.assertEqual(
            ['bmc_error', 'bad_answer', 'bad_answer'],
            [each['code'] for each in item['warnings']],
        )

    def test_requests_are_limited(self) -> None:
        self.collect('Processors', *[{'Id': str(n)} for n in range(9)])
        with mock.patch.object(hardware, 'MAX_REQUESTS', 5):
            item = self.read()
        self.assertEqual(4, len(item['processors']['modules']))
        self.assertEqual(
            {'request_limit'}, {each['code'] for each in item['warnings']}
        )
        # The system, the service root and five others.
        self.assertEqual(7, len(self.fake.received))

    def test_a_timeout_loses_only_the_rest(self) -> None:
        self.collect('Processors', {}, {})
        self.collect('Memory', {})
        slow = f'{SYSTEM}/Processors/1'
        self.fake.faults = {f'GET {slow}': testing_bmc.faults.hang}
        item = hardware.read(self.bmc(self.fake, read_seconds=0.3))
        self.assertEqual(1, len(item['processors']['modules']))
        self.assertEqual(
            [
                {'path': slow, 'code': 'timeout'},
                {'path': f'{SYSTEM}/Memory', 'code': 'request_limit'},
            ],
            item['warnings'],
        )

    def test_an_unavailable_bmc_is_an_error(self) -> None:
        self.collect('Processors', {})
        self.fake.faults = {
            f'GET {SYSTEM}/Processors': testing_bmc.faults.close
        }
        self.assertEqual('connection_lost', self.code(self.read))
