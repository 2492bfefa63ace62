# SPDX-License-Identifier: Apache-2.0
"""Method that reads and changes the boot device."""

from typing import Any

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.drivers import redfish
from ironic_passthru.drivers.redfish.methods import boot_device
from ironic_passthru.testing import bmc as testing_bmc
from ironic_passthru.tests.unit.drivers.redfish import simulated

SYSTEM = testing_bmc.SYSTEM
SETTINGS = f'{SYSTEM}/SD'
BOOT = {
    'BootSourceOverrideTarget': 'None',
    'BootSourceOverrideTarget@Redfish.AllowableValues': ['None', 'Pxe', 'Hdd'],
    'BootSourceOverrideEnabled': 'Disabled',
    'BootSourceOverrideMode': 'UEFI',
}


class BootDeviceTest(simulated.SimulatedBmcTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.fake = self.simulate()
        self.fake.resources[SYSTEM]['Boot'] = dict(BOOT)

    def read(self) -> Any:
        return boot_device.read_boot(self.bmc(self.fake, system_id=SYSTEM))

    def change(self, **wanted: str) -> Any:
        machine = self.bmc(self.fake, system_id=SYSTEM)
        return boot_device.set_boot(machine, wanted)

    def changes(self) -> list[tuple[str, Any]]:
        """Return path and body of the changes, and forget them."""
        found = [
            (each.path, each.document())
            for each in self.fake.received
            if each.http_method == 'PATCH'
        ]
        self.fake.received.clear()
        return found

    def test_read(self) -> None:
        self.assertEqual(
            {
                'reachable': True,
                'device': 'None',
                'enabled': 'Disabled',
                'mode': 'UEFI',
                'uefi_target': None,
                'allowed_devices': ['None', 'Pxe', 'Hdd'],
            },
            self.read(),
        )
        for odd in (None, [], 'Pxe'):
            self.fake.resources[SYSTEM]['Boot'] = odd
            self.assertEqual('not_supported', self.code(self.read))

    def test_changes(self) -> None:
        target, _, enabled, _ = BOOT
        for wanted, sent in (
            (
                {'device': 'Pxe', 'enabled': 'Once', 'mode': 'UEFI'},
                {target: 'Pxe', enabled: 'Once'},
            ),
            ({'device': 'Pxe', 'enabled': 'Once'}, None),
            (
                {'device': 'Pxe', 'enabled': 'Continuous'},
                {target: 'Pxe', enabled: 'Continuous'},
            ),
            ({'enabled': 'Disabled'}, {enabled: 'Disabled'}),
            ({'enabled': 'Disabled', 'mode': 'UEFI'}, None),
        ):
            item = self.change(**wanted)
            self.assertEqual(sent is not None, item['changed'])
            self.assertLessEqual(wanted.items(), item.items())
            expected = [] if sent is None else [(SYSTEM, {'Boot': sent})]
            self.assertEqual(expected, self.changes())

    def test_a_device_that_is_not_allowed(self) -> None:
        error = self.error(lambda: self.change(device='Cd', enabled='Once'))
        self.assertEqual('value_not_allowed', error['code'])
        self.assertIn('Cd as device; allowed: None, Pxe', error['message'])
        self.assertEqual([], self.changes())

    def test_a_settings_object_is_changed_in_place_of_the_system(self) -> None:
        link = {'SettingsObject': {'@odata.id': SETTINGS}}
        self.fake.resources[SYSTEM]['@Redfish.Settings'] = link
        for pending, path in (
            ({'BootSourceOverrideEnabled': 'Disabled'}, SETTINGS),
            ({}, SYSTEM),
            (None, SYSTEM),
        ):
            self.fake.resources[SYSTEM]['Boot'] = dict(BOOT)
            self.fake.resources[SETTINGS] = {'Boot': pending}
            item = self.change(device='Hdd', enabled='Once')
            self.assertEqual('Hdd', item['device'])
            self.assertEqual([path], [each for each, _ in self.changes()])
        # A missing settings object is as good as none.
        del self.fake.resources[SETTINGS]
        self.assertEqual('Hdd', self.read()['device'])

    def test_an_etag_of_the_resource_is_sent(self) -> None:
        self.fake.etags = 'strong'
        self.fake.require_if_match = True
        self.assertTrue(self.change(device='Pxe', enabled='Once')['changed'])

    def test_parameters_of_another_http_method(self) -> None:
        driver = redfish.RedfishVendor()
        self.addCleanup(driver.stop)
        context = request_context.RequestContext(overwrite=False)
        for http_method, parameters, text in (
            ('GET', {'device': 'Pxe'}, 'use PUT for a change'),
            ('PUT', {}, 'boot_device with PUT needs '),
        ):
            error = self.assertRaises(
                errors.PassthruError,
                driver.boot_device,
                context,
                http_method,
                **parameters,
            )
            self.assertIn(text, error.message)
