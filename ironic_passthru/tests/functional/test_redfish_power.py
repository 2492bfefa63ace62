# SPDX-License-Identifier: Apache-2.0
"""Power, boot, media and resources of BMCs, and the page about them."""

from typing import Any

import yaml

from ironic_passthru.drivers import redfish
from ironic_passthru.testing import bmc
from ironic_passthru.tests import embedded
from ironic_passthru.tests.functional import console
from ironic_passthru.tests.functional import emulator
from ironic_passthru.tests.functional import test_redfish

CONTEXT = test_redfish.CONTEXT
PAGE = 'doc/source/drivers/redfish-power.rst'

IMAGE = 'https://images.example.com/rescue.iso'

MANAGER = f'{bmc.ROOT}/Managers/1'
TASKS = f'{bmc.ROOT}/TaskService/Tasks'
RESET = f'{bmc.SYSTEM}/Actions/ComputerSystem.Reset'
INSERT = f'{bmc.MEDIA}/Cd/Actions/VirtualMedia.InsertMedia'
RESTARTS = ['On', 'ForceOff', 'GracefulShutdown', 'ForceRestart', 'PowerCycle']


def documents() -> dict[str, dict[str, Any]]:
    """Return the resources of a BMC with all methods of this page."""
    found = {path: dict(each) for path, each in bmc.RESOURCES.items()}
    found[bmc.ROOT] |= {'Tasks': {'@odata.id': f'{bmc.ROOT}/TaskService'}}
    found[bmc.SYSTEM] |= {
        'Boot': {
            'BootSourceOverrideTarget': 'None',
            'BootSourceOverrideTarget@Redfish.AllowableValues': [
                'None',
                'Pxe',
                'Cd',
                'Hdd',
            ],
            'BootSourceOverrideEnabled': 'Disabled',
            'BootSourceOverrideMode': 'UEFI',
        },
        'SecureBoot': {'@odata.id': f'{bmc.SYSTEM}/SecureBoot'},
        'Links': {'ManagedBy': [{'@odata.id': MANAGER}]},
        'Actions': {
            '#ComputerSystem.Reset': {
                'target': RESET,
                'ResetType@Redfish.AllowableValues': RESTARTS,
            }
        },
    }
    cd = found[f'{bmc.MEDIA}/Cd']
    cd |= {'Inserted': False, 'Image': None, 'WriteProtected': True}
    cd['Actions'] = {
        **cd['Actions'],
        '#VirtualMedia.InsertMedia': {'target': INSERT},
    }
    return found | {
        f'{bmc.SYSTEM}/SecureBoot': {
            'SecureBootEnable': False,
            'SecureBootCurrentBoot': 'Disabled',
            'SecureBootMode': 'UserMode',
        },
        MANAGER: {
            'Id': 'BMC',
            'FirmwareVersion': '1.2.3',
            'Actions': {
                '#Manager.Reset': {'target': f'{MANAGER}/Actions/Reset'}
            },
        },
        f'{bmc.ROOT}/TaskService': {'Tasks': {'@odata.id': TASKS}},
        TASKS: {'Members': [{'@odata.id': f'{TASKS}/1'}]},
        f'{TASKS}/1': {
            'Id': '1',
            'Name': 'Firmware update',
            'TaskState': 'Completed',
            'TaskStatus': 'OK',
            'PercentComplete': 100,
            'StartTime': '2026-11-30T08:00:00Z',
            'EndTime': '2026-11-30T08:04:10Z',
        },
    }


class EmulatorTest(test_redfish.RedfishTestCase):
    """Methods with sushy's emulator."""

    def setUp(self) -> None:
        super().setUp()
        server = self.useFixture(emulator.SushyEmulator(('alpha',)))
        server.inventory(self.path)
        self.driver = self.start(call_timeout=30.0)

    def call(self, method: str, http_method: str, **parameters: Any) -> Any:
        if method in ('boot_device', 'secure_boot'):
            parameters['http_method'] = http_method
        function = getattr(self.driver, method)
        item = function(CONTEXT, target='alpha', **parameters)['alpha']
        self.assertNotIn('error', item)
        return item

    def test_a_change_is_made_once(self) -> None:
        for method, parameters, expected in (
            ('power', {'state': 'On', 'wait': True}, {'power_state': 'On'}),
            (
                'boot_device',
                {'device': 'Pxe', 'enabled': 'Continuous'},
                {'device': 'Pxe', 'enabled': 'Continuous'},
            ),
            ('secure_boot', {'enabled': True}, {'enabled': True}),
            ('indicator_led', {'state': 'Blinking'}, {'state': 'Blinking'}),
        ):
            for changed in (True, False):
                item = self.call(method, 'PUT', **parameters)
                self.assertLessEqual(expected.items(), item.items())
                self.assertEqual(changed, item['changed'], method)

    def test_reading(self) -> None:
        self.assertEqual('Off', self.call('power_state', 'GET')['power_state'])
        cd, floppy = self.call('virtual_media', 'GET')['devices']
        self.assertEqual(['CD', 'DVD'], cd['media_types'])
        self.assertFalse(floppy['inserted'])
        path = '/redfish/v1/UpdateService'
        document = self.call('get_resource', 'GET', path=path)['document']
        self.assertEqual('UpdateService', document['Id'])


class SimulatedTest(test_redfish.RedfishTestCase):
    """Methods with a simulated BMC."""

    def test_a_dry_run_sends_nothing(self) -> None:
        fake = self.simulate(documents())
        driver = self.start_with({'node': self.entry(fake)})
        boot = {
            'BootSourceOverrideTarget': 'Pxe',
            'BootSourceOverrideEnabled': 'Once',
        }
        put = {'http_method': 'PUT'}
        for call, parameters, http_method, path, body in (
            (
                driver.power,
                {'state': 'ForceOff', 'wait': True},
                'POST',
                RESET,
                {'ResetType': 'ForceOff'},
            ),
            (
                driver.boot_device,
                {'device': 'Pxe', **put},
                'PATCH',
                bmc.SYSTEM,
                {'Boot': boot},
            ),
            (
                driver.secure_boot,
                {'enabled': True, **put},
                'PATCH',
                f'{bmc.SYSTEM}/SecureBoot',
                {'SecureBootEnable': True},
            ),
            (
                driver.insert_vmedia,
                {'image': IMAGE},
                'POST',
                INSERT,
                {'Image': IMAGE, 'Inserted': True, 'WriteProtected': True},
            ),
            (
                driver.reset_bmc,
                {},
                'POST',
                f'{MANAGER}/Actions/Reset',
                {'ResetType': 'GracefulRestart'},
            ),
        ):
            answer = call(CONTEXT, target='node', dry_run=True, **parameters)
            change = {'http_method': http_method, 'path': path, 'body': body}
            self.assertEqual(
                {'node': {'reachable': True, 'would_send': [change]}}, answer
            )
        self.assertEqual({'GET'}, set(fake.count()))


class PageTest(test_redfish.RedfishTestCase):
    """``curl`` commands of the page with their output."""

    def setUp(self) -> None:
        super().setUp()
        entries = {}
        for name in ('rack1-node1', 'rack1-node2'):
            fake = self.simulate(documents())
            self.behave(fake)
            entries[name] = {**self.entry(fake), 'tags': ['rack1']}
        self.path.write_text(yaml.safe_dump(entries))
        self.path.chmod(0o600)
        self.service = self.useFixture(
            embedded.Embedded(
                {'redfish': redfish.RedfishVendor()},
                redfish__inventory_file=str(self.path),
                conductor__allowed_dangerous_methods=['redfish.get_resource'],
            )
        )

    def behave(self, fake: bmc.SimulatedBmc) -> None:
        """Let actions change the resources of a BMC."""
        system = fake.resources[bmc.SYSTEM]
        drive = fake.resources[f'{bmc.MEDIA}/Cd']

        def reset(request: bmc.BmcRequest) -> None:
            kind = request.document()['ResetType']
            is_off = kind in ('ForceOff', 'GracefulShutdown')
            system['PowerState'] = 'Off' if is_off else 'On'

        def insert(request: bmc.BmcRequest) -> None:
            drive.update(request.document())

        fake.actions |= {RESET: reset, INSERT: insert}

    def test_commands(self) -> None:
        examples = console.examples(PAGE)
        self.assertGreater(len(examples), 10)
        ids = console.Ids()
        for example in examples:
            answer = example.run(self.service.url, ids)
            ids.learn(example.answer, answer)
            self.assertEqual(
                console.stable(ids.real(example.answer)),
                console.stable(answer),
                example.command,
            )
