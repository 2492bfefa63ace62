# SPDX-License-Identifier: Apache-2.0
"""Method that inserts virtual media."""

from typing import Any

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.drivers import redfish
from ironic_passthru.drivers.redfish.methods import media_insertion
from ironic_passthru.testing import bmc as testing_bmc
from ironic_passthru.tests.unit.drivers.redfish import simulated

MEDIA = testing_bmc.MEDIA
CD = f'{MEDIA}/Cd'
TARGET = f'{CD}/Insert'
IMAGE = 'https://images.example.com/a.iso?sig=x'


class InsertTest(simulated.SimulatedBmcTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.fake = self.simulate()
        self.cd = self.fake.resources[CD]
        self.action: dict[str, Any] = {'target': TARGET}
        self.cd |= {'Inserted': False, 'Image': None}
        self.cd['Actions'] = {'#VirtualMedia.InsertMedia': self.action}
        self.fake.actions[TARGET] = self.inserted

    def inserted(self, request: testing_bmc.BmcRequest) -> None:
        self.cd |= {'Image': request.document()['Image'], 'Inserted': True}

    def insert(self, media_type: str = 'CD', **more: Any) -> Any:
        medium = media_insertion.Medium(IMAGE, media_type, **more)
        return media_insertion.insert(self.bmc(self.fake), medium)

    def sent(self) -> list[Any]:
        return [
            each.document()
            for each in self.fake.received
            if each.http_method != 'GET'
        ]

    def test_an_image_is_inserted_once(self) -> None:
        for changed in (True, False):
            self.assertEqual(
                {
                    'reachable': True,
                    'changed': changed,
                    'device': 'Cd',
                    'name': 'Virtual CD',
                    'image': 'https://images.example.com/a.iso',
                    'inserted': True,
                    'media_types': ['CD'],
                    'write_protected': None,
                    'connected_via': None,
                },
                self.insert(),
            )
        self.assertEqual(
            [{'Image': IMAGE, 'Inserted': True, 'WriteProtected': True}],
            self.sent(),
        )

    def test_another_medium_is_not_replaced(self) -> None:
        self.cd |= {'Image': 'https://x/b.iso', 'Inserted': True}
        self.assertEqual('medium_inserted', self.code(self.insert))
        other = f'{MEDIA}/Cd2'
        self.fake.resources[MEDIA]['Members'] += [{'@odata.id': other}]
        self.fake.resources[other] = {'MediaTypes': ['CD', 'USBStick']}
        # The simulated BMC allows PATCH, as older firmware.
        self.assertTrue(self.insert(write_protected=False)['inserted'])
        self.assertEqual(
            [{'Image': IMAGE, 'Inserted': True, 'WriteProtected': False}],
            self.sent(),
        )

    def test_parameters_that_the_action_declares(self) -> None:
        info = f'{CD}/InsertInfo'
        self.action['@Redfish.ActionInfo'] = info
        protocol = {
            'Name': 'TransferProtocolType',
            'Required': True,
            'AllowableValues': ['NFS', 'HTTPS'],
        }
        self.fake.resources[info] = {
            'Parameters': [{'Name': 'Image'}, protocol]
        }
        self.insert(username='u', password='p')
        self.assertEqual(
            [
                {
                    'Image': IMAGE,
                    'WriteProtected': True,
                    'UserName': 'u',
                    'Password': 'p',
                    'TransferProtocolType': 'HTTPS',
                }
            ],
            self.sent(),
        )
        self.cd |= {'Inserted': False, 'Image': None}
        protocol['AllowableValues'] = ['NFS', 'CIFS']
        error = self.error(self.insert)
        self.assertEqual('value_not_allowed', error['code'])
        self.assertIn('HTTPS as the protocol of image', error['message'])

    def test_no_device(self) -> None:
        self.assertEqual('device_not_found', self.code(self.insert, 'Floppy'))
        fault = testing_bmc.faults.status(500)
        self.fake.faults[f'GET {CD}'] = fault
        self.assertEqual('bmc_error', self.code(self.insert))
        self.fake.faults[f'GET {CD}'] = testing_bmc.faults.document(
            {'MediaTypes': ['CD']}
        )
        self.assertEqual('not_supported', self.code(self.insert))
        self.assertEqual([], self.sent())

    def test_images(self) -> None:
        driver = redfish.RedfishVendor()
        self.addCleanup(driver.stop)
        context = request_context.RequestContext(overwrite=False)
        for image in ('http://h/a', 'nfs://h/a', 'cifs://h/a@b', IMAGE):
            driver.insert_vmedia(context, image=image)
        for image in ('a.iso', 'ftp://h/a', 'https://u:hunter2@h/a', 'http:/'):
            error = self.assertRaises(
                errors.InvalidParameterValue,
                driver.insert_vmedia,
                context,
                image=image,
            )
            self.assertIn('image must be a URL', error.message)
            self.assertNotIn('hunter2', error.message)
