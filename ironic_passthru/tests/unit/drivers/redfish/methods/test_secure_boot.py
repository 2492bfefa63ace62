# SPDX-License-Identifier: Apache-2.0
"""Method that reads and changes UEFI Secure Boot."""

from typing import Any

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.drivers import redfish
from ironic_passthru.drivers.redfish.methods import secure_boot
from ironic_passthru.testing import bmc as testing_bmc
from ironic_passthru.tests.unit.drivers.redfish import simulated

SYSTEM = testing_bmc.SYSTEM
SECURE_BOOT = f'{SYSTEM}/SecureBoot'


class SecureBootTest(simulated.SimulatedBmcTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.fake = self.simulate()
        link = {'@odata.id': SECURE_BOOT}
        self.fake.resources[SYSTEM]['SecureBoot'] = link
        self.fake.resources[SECURE_BOOT] = {
            'SecureBootEnable': False,
            'SecureBootCurrentBoot': 'Disabled',
            'SecureBootMode': 'UserMode',
        }
        self.state = {
            'reachable': True,
            'current_boot': 'Disabled',
            'mode': 'UserMode',
        }

    def change(self, *, enabled: bool) -> Any:
        machine = self.bmc(self.fake, system_id=SYSTEM)
        return secure_boot.set_secure_boot(machine, enabled)

    def read(self) -> Any:
        return secure_boot.read_secure_boot(self.bmc(self.fake))

    def test_read_and_change(self) -> None:
        self.assertEqual({**self.state, 'enabled': False}, self.read())
        changed = {'enabled': True, 'changed': True, 'applies': 'next_boot'}
        unchanged = {'enabled': True, 'changed': False}
        for more in (changed, unchanged):
            item = self.change(enabled=True)
            self.assertEqual({**self.state, **more}, item)
        self.assertEqual(1, self.fake.count()['PATCH'])
        self.assertTrue(self.read()['enabled'])

    def test_odd_resources(self) -> None:
        self.fake.resources[SECURE_BOOT] = {'SecureBootEnable': 'x'}
        self.assertIsNone(self.read()['enabled'])
        for document in ({}, {'SecureBootMode': 'SetupMode'}):
            self.fake.resources[SECURE_BOOT] = document
            self.assertEqual(
                'not_supported', self.code(lambda: self.change(enabled=True))
            )
        del self.fake.resources[SECURE_BOOT]
        self.assertEqual('not_found', self.code(self.read))
        del self.fake.resources[SYSTEM]['SecureBoot']
        self.assertEqual('not_supported', self.code(self.read))
        self.assertEqual(0, self.fake.count()['PATCH'])

    def test_parameters_of_another_http_method(self) -> None:
        driver = redfish.RedfishVendor()
        self.addCleanup(driver.stop)
        context = request_context.RequestContext(overwrite=False)
        for http_method, parameters, text in (
            ('GET', {'enabled': False}, 'use PUT for a change'),
            ('PUT', {}, 'secure_boot with PUT needs '),
        ):
            error = self.assertRaises(
                errors.PassthruError,
                driver.secure_boot,
                context,
                http_method,
                **parameters,
            )
            self.assertIn(text, error.message)
