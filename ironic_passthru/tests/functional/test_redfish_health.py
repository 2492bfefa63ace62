# SPDX-License-Identifier: Apache-2.0
"""Logs, sensors, power limits, users and events of simulated BMCs."""

import pathlib
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

PAGE = 'doc/source/drivers/redfish-health.rst'

PASSWORD = 'simulated-secret'
MANAGER = f'{bmc.ROOT}/Managers/1'
CHASSIS = f'{bmc.ROOT}/Chassis/1'
LOGS = f'{MANAGER}/LogServices'
ACCOUNTS = f'{bmc.ROOT}/AccountService'
EVENTS = f'{bmc.ROOT}/EventService'


def link(path: str) -> dict[str, str]:
    """Return a link."""
    return {'@odata.id': path}


def collection(*paths: str) -> dict[str, Any]:
    """Return a collection of resources."""
    return {'Members': [link(path) for path in paths]}


def log_entry(number: int, severity: str, message: str) -> dict[str, Any]:
    """Return an entry of a log."""
    return {
        'Id': str(number),
        'Created': f'2026-11-30T0{number}:15:00Z',
        'Severity': severity,
        'Message': message,
        'MessageId': 'Acme.1.0.Fan',
    }


RESOURCES: dict[str, dict[str, Any]] = {
    MANAGER: {'LogServices': link(LOGS)},
    LOGS: collection(f'{LOGS}/Sel'),
    f'{LOGS}/Sel': {
        'Id': 'Sel',
        'LogEntryType': 'SEL',
        'Entries': link(f'{LOGS}/Sel/Entries'),
        'Actions': {
            '#LogService.ClearLog': {'target': f'{LOGS}/Sel/Actions/Clear'}
        },
    },
    f'{LOGS}/Sel/Entries': collection(
        f'{LOGS}/Sel/Entries/1', f'{LOGS}/Sel/Entries/2'
    ),
    f'{LOGS}/Sel/Entries/1': log_entry(1, 'OK', 'Fan 1 was inserted.'),
    f'{LOGS}/Sel/Entries/2': log_entry(2, 'Critical', 'Fan 1 failed.'),
    CHASSIS: {
        'Id': '1',
        'Thermal': link(f'{CHASSIS}/Thermal'),
        'Power': link(f'{CHASSIS}/Power'),
    },
    f'{CHASSIS}/Thermal': {
        'Temperatures': [
            {
                'Name': 'CPU1',
                'ReadingCelsius': 41,
                'UpperThresholdCritical': 90,
                'Status': {'State': 'Enabled', 'Health': 'OK'},
            }
        ]
    },
    f'{CHASSIS}/Power': {
        'PowerControl': [
            {'PowerConsumedWatts': 250, 'PowerLimit': {'LimitInWatts': None}}
        ]
    },
    ACCOUNTS: {'Accounts': link(f'{ACCOUNTS}/Accounts')},
    f'{ACCOUNTS}/Accounts': collection(f'{ACCOUNTS}/Accounts/1'),
    f'{ACCOUNTS}/Accounts/1': {'Id': '1', 'UserName': 'admin'},
    EVENTS: {'Subscriptions': link(f'{EVENTS}/Subscriptions')},
    f'{EVENTS}/Subscriptions': collection(),
}


class HealthyBmc(bmc.SimulatedBmc):
    """A BMC with these resources, which accepts changes of them."""

    def __init__(self) -> None:
        super().__init__({**bmc.RESOURCES, **RESOURCES}, password=PASSWORD)
        root = self.resources[bmc.ROOT]
        root['AccountService'] = link(ACCOUNTS)
        root['EventService'] = link(EVENTS)
        self.resources[bmc.SYSTEM]['Links'] = {
            'ManagedBy': [link(MANAGER)],
            'Chassis': [link(CHASSIS)],
        }
        self.actions[f'{EVENTS}/Subscriptions'] = self._subscribe

    def _subscribe(self, request: bmc.BmcRequest) -> bmc.BmcReply:
        path = f'{EVENTS}/Subscriptions/1'
        self.resources[path] = {'Id': '1', **request.document()}
        self.resources[f'{EVENTS}/Subscriptions'] = collection(path)
        return bmc.BmcReply(201, headers={'Location': path})

    def _patch(self, request: bmc.BmcRequest) -> bmc.BmcReply:
        response = super()._patch(request)
        self.password = request.document().get('Password', self.password)
        return response


class PageTest(base.TestCase):
    """Commands of the guide and their output."""

    def test_commands(self) -> None:
        fake = self.enterContext(HealthyBmc())
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        password = directory / 'password'
        password.touch(mode=0o600)
        password.write_text(PASSWORD)
        inventory = directory / 'inventory.yaml'
        inventory.write_text(
            yaml.safe_dump(
                {
                    'rack1-node1': {
                        'address': fake.url,
                        'username': fake.username,
                        'password_file': str(password),
                        'tags': ['rack1'],
                    }
                }
            )
        )
        service = self.useFixture(
            embedded.Embedded(
                {'redfish': redfish.RedfishVendor()},
                redfish__inventory_file=str(inventory),
                conductor__allowed_dangerous_methods=[
                    'redfish.clear_event_log'
                ],
            )
        )
        for example in console.examples(PAGE):
            self.assertEqual(
                console.stable(example.answer),
                console.stable(example.run(service.url)),
                example.command,
            )
        self.assertEqual('correct-horse-42\n', password.read_text())


class EmulatorTest(test_redfish.RedfishTestCase):
    """The emulator of sushy-tools, which has chassis with Thermal."""

    def test_sensors(self) -> None:
        server = self.useFixture(emulator.SushyEmulator(('alpha',)))
        server.inventory(self.path)
        item = self.start().sensors(test_redfish.CONTEXT)['alpha']
        kinds = {each['kind'] for each in item['sensors']}
        self.assertEqual({'temperature', 'fan'}, kinds)
        (cpu,) = (
            each for each in item['sensors'] if each['name'] == 'CPU Temp'
        )
        self.assertEqual(
            (41, 'Cel', 'OK', 45),
            tuple(
                cpu[name]
                for name in ('reading', 'units', 'health', 'upper_critical')
            ),
        )
