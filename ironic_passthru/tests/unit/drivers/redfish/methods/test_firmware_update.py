# SPDX-License-Identifier: Apache-2.0
"""The method ``update_firmware``."""

import email
import json
import pathlib
from typing import Any
from unittest import mock

import fixtures
import yaml

from ironic_passthru import errors
from ironic_passthru.drivers import loader
from ironic_passthru.drivers import redfish
from ironic_passthru.drivers.redfish import connection
from ironic_passthru.drivers.redfish import tasks
from ironic_passthru.testing import bmc as testing_bmc
from ironic_passthru.testing import harness
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.drivers.redfish.methods import test_firmware

SERVICE = test_firmware.SERVICE
INVENTORY = test_firmware.INVENTORY
ACTION = f'{SERVICE}/Actions/SimpleUpdate'
PUSH = f'{SERVICE}/push'
URI = 'https://images.example.com/bmc.bin'
CONTENT = bytes(range(256)) * 4000


class UpdateTestCase(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.enterContext(mock.patch.object(tasks, '_MIN_SECONDS', 0.05))
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.fake = self.enterContext(testing_bmc.SimulatedBmc())
        test_firmware.add_inventory(self.fake)
        self.service = self.fake.resources[SERVICE]
        self.action = {'target': ACTION}
        self.service |= {
            'Actions': {'#UpdateService.SimpleUpdate': self.action},
            'MultipartHttpPushUri': PUSH,
        }
        for path in (ACTION, PUSH):
            self.fake.actions[path] = lambda _request: self.task()
        images = self.directory / 'images'
        (images / 'new').mkdir(parents=True)
        (images / 'new/bmc "1".bin').write_bytes(CONTENT)
        self.driver = self.start(redfish__firmware_directory=str(images))

    def start(self, **options: Any) -> harness.DriverHarness:
        path = self.directory / 'inventory.yaml'
        path.touch(mode=0o600)
        entry = {'username': 'admin', 'password': self.fake.password}
        path.write_text(
            yaml.safe_dump({'node': {'address': self.fake.url, **entry}})
        )
        driver = loader.make(
            'redfish', redfish.RedfishVendor(), allowed=['*.*']
        )
        conf = self.make_conf(redfish__inventory_file=str(path), **options)
        driver.interface.start(conf)
        self.addCleanup(driver.interface.stop)
        return harness.DriverHarness(driver)

    def task(self, state: str = 'Completed') -> testing_bmc.BmcTask:
        return testing_bmc.BmcTask(steps=(), finish=self.flash, state=state)

    def flash(self) -> testing_bmc.BmcReply:
        """Let the BMC have the new version."""
        self.fake.resources[f'{INVENTORY}/BMC']['Version'] = '1.1'
        message = {'MessageId': 'Update.1.0.Done', 'Message': 'Updated.'}
        return testing_bmc.BmcReply(200, {'Messages': [message]})

    def update(self, **parameters: Any) -> dict[str, Any]:
        """Return the item of the target, also of a failed call."""
        try:
            result = self.driver.call(
                'update_firmware', 'POST', target='node', **parameters
            )
        except errors.VendorError as error:
            result = error.kwargs[errors.PARTIAL_RESULT]
        item: dict[str, Any] = result['items']['node']
        return item

    def posted(self) -> list[testing_bmc.BmcRequest]:
        return [
            each for each in self.fake.received if each.http_method == 'POST'
        ]


class PullTest(UpdateTestCase):
    def test_success(self) -> None:
        self.assertEqual(
            {
                'reachable': True,
                'changed': True,
                'state': 'finished',
                'task': '/redfish/v1/TaskService/Tasks/1',
                'messages': [{'id': 'Update.1.0.Done', 'text': 'Updated.'}],
                'versions': [
                    {
                        'id': 'BMC',
                        'name': 'Manager',
                        'before': '1.0',
                        'after': '1.1',
                    }
                ],
            },
            self.update(image_uri=URI),
        )
        (request,) = self.posted()
        self.assertEqual({'ImageURI': URI}, request.document())

    def test_parameters(self) -> None:
        info = f'{SERVICE}/Info'
        self.action |= {
            '@Redfish.ActionInfo': info,
            '@Redfish.OperationApplyTimeSupport': {
                'SupportedValues': ['Immediate', 'OnReset']
            },
        }
        self.fake.resources[info] = {
            'Parameters': [
                {'Name': 'TransferProtocol', 'AllowableValues': ['HTTPS']},
                {
                    'Name': 'Targets',
                    'AllowableValues': [
                        f'{INVENTORY}/BMC',
                        f'{INVENTORY}/BIOS',
                    ],
                },
            ]
        }
        item = self.update(
            image_uri=URI,
            targets_on_bmc=['BIOS', f'{INVENTORY}/BMC', 'BMC'],
            apply_time='Immediate',
        )
        self.assertEqual(
            [('BIOS', '2.0'), ('BMC', '1.1')],
            [(each['id'], each['after']) for each in item['versions']],
        )
        (request,) = self.posted()
        self.assertEqual(
            {
                'ImageURI': URI,
                'TransferProtocol': 'HTTPS',
                'Targets': [f'{INVENTORY}/BIOS', f'{INVENTORY}/BMC'],
                '@Redfish.OperationApplyTime': 'Immediate',
            },
            request.document(),
        )
        for parameters, text in (
            ({'image_uri': 'nfs://h/x'}, 'NFS'),
            ({'targets_on_bmc': ['GPU']}, 'allowed: BMC, BIOS, NIC.1, NIC.2.'),
            ({'targets_on_bmc': ['NIC.1']}, f'allowed: {INVENTORY}/BMC, '),
            ({'apply_time': 'OnTargetReset'}, 'allowed: Immediate, OnReset.'),
        ):
            item = self.update(**{'image_uri': URI, **parameters})
            self.assertEqual('value_not_allowed', item['error']['code'])
            self.assertIn(text, item['error']['message'])
        self.assertEqual(1, len(self.posted()))

    def test_a_later_update_is_not_awaited(self) -> None:
        item = self.update(image_uri=URI, apply_time='OnReset')
        self.assertEqual('pending', item['state'])
        self.assertEqual('/redfish/v1/TaskService/Tasks/1', item['task'])
        self.assertEqual([], item['versions'])

    def test_no_task(self) -> None:
        self.fake.actions[ACTION] = lambda _request: None
        item = self.update(image_uri=URI)
        self.assertEqual(
            ('accepted', None, []),
            (item['state'], item['task'], item['messages']),
        )

    def test_failures(self) -> None:
        self.fake.actions[ACTION] = lambda _request: self.task('Exception')
        item = self.update(image_uri=URI)
        self.assertEqual('task_failed', item['error']['code'])
        self.assertEqual('1.1', item['versions'][0]['after'])
        self.fake.faults[f'POST {ACTION}'] = testing_bmc.faults.close
        self.assertEqual(
            'outcome_unknown', self.update(image_uri=URI)['error']['code']
        )
        self.assertEqual(2, len(self.posted()))
        self.service.clear()
        self.assertEqual(
            'not_supported', self.update(image_uri=URI)['error']['code']
        )

    def test_dry_run(self) -> None:
        item = self.update(image_uri=URI, dry_run=True)
        self.assertEqual(
            [
                {
                    'http_method': 'POST',
                    'path': ACTION,
                    'body': {'ImageURI': URI},
                }
            ],
            item['would_send'],
        )
        self.assertEqual([], self.posted())

    def test_many_polls_are_not_limited(self) -> None:
        steps = testing_bmc.BmcTask(steps=(40,) * 40, finish=self.flash)
        self.fake.actions[ACTION] = lambda _request: steps
        with mock.patch.object(connection, 'MAX_CALL_BYTES', 6000):
            item = self.update(image_uri=URI)
        self.assertEqual('finished', item['state'], item)

    def test_a_scheduled_job(self) -> None:
        message = {'MessageId': 'Acme.1.0.Job', 'Message': 'Restart.'}
        job = {'JobState': 'Scheduled', 'Messages': [message]}
        self.fake.resources['/redfish/v1/jobs/1'] = job
        accepted = testing_bmc.BmcReply(
            202, {}, {'Location': '/redfish/v1/jobs/1'}
        )
        self.fake.actions[ACTION] = lambda _request: accepted
        with mock.patch.object(tasks, '_SCHEDULED_SECONDS', 0):
            item = self.update(image_uri=URI)
        del item['versions']
        self.assertEqual(
            {
                'reachable': True,
                'changed': True,
                'state': 'pending',
                'task': '/redfish/v1/jobs/1',
                'messages': [{'id': 'Acme.1.0.Job', 'text': 'Restart.'}],
                'waits_for': 'next_boot',
            },
            item,
        )

    def test_progress(self) -> None:
        steps = testing_bmc.BmcTask(steps=(40,) * 20, finish=self.flash)
        self.fake.actions[ACTION] = lambda _request: steps
        call = self.driver.submit(
            'update_firmware', 'POST', target='node', image_uri=URI
        )
        call.result()
        self.assertIn((40.0, '0 of 1 finished, 0 failed'), call.progress)


class PushTest(UpdateTestCase):
    FILE = 'new/bmc "1".bin'

    def test_the_form(self) -> None:
        item = self.update(
            image_file=self.FILE,
            targets_on_bmc=['BMC'],
            apply_time='Immediate',
        )
        self.assertEqual('finished', item['state'], item)
        self.assertEqual('1.1', item['versions'][0]['after'])
        (request,) = self.posted()
        header = f'Content-Type: {request.headers["content-type"]}\r\n\r\n'
        form = email.message_from_bytes(header.encode() + request.body)
        parameters, image = form.get_payload()
        self.assertEqual(
            ['UpdateParameters', 'UpdateFile'],
            [
                part.get_param('name', header='Content-Disposition')
                for part in (parameters, image)
            ],
        )
        self.assertEqual(
            {
                'Targets': [f'{INVENTORY}/BMC'],
                '@Redfish.OperationApplyTime': 'Immediate',
            },
            json.loads(parameters.get_payload()),
        )
        self.assertEqual('bmc _1_.bin', image.get_filename())
        self.assertIn(b'\r\n\r\n' + CONTENT + b'\r\n--', request.body)

    def test_it_is_sent_once(self) -> None:
        for fault, code in (
            (testing_bmc.faults.close, 'outcome_unknown'),
            (testing_bmc.faults.status(413), 'refused'),
        ):
            self.fake.received.clear()
            self.fake.faults[f'POST {PUSH}'] = fault
            item = self.update(image_file=self.FILE)
            self.assertEqual(code, item['error']['code'])
            self.assertEqual(1, len(self.posted()))

    def test_not_supported(self) -> None:
        del self.service['MultipartHttpPushUri']
        self.assertEqual(
            'not_supported',
            self.update(image_file=self.FILE)['error']['code'],
        )

    def test_dry_run(self) -> None:
        (change,) = self.update(image_file=self.FILE, dry_run=True)[
            'would_send'
        ]
        self.assertEqual(
            {
                'UpdateParameters': {'Targets': []},
                'UpdateFile': 'bmc "1".bin',
            },
            change['body'],
        )


class ImageTest(UpdateTestCase):
    """Images that are refused before anything is sent."""

    def refusal(self, **parameters: Any) -> str:
        error = self.assertRaises(
            errors.InvalidParameterValue,
            self.driver.call,
            *('update_firmware', 'POST'),
            target='node',
            **parameters,
        )
        self.assertEqual([], self.fake.received)
        return str(error.message)

    def test_files(self) -> None:
        images = self.directory / 'images'
        (self.directory / 'secret').write_text('x')
        (images / 'out').symlink_to(self.directory / 'secret')
        for name in (
            '../secret',
            str(self.directory / 'secret'),
            'out',
            'new',
            'missing',
            'a\0b',
        ):
            self.assertIn(
                'image_file must be the name of a readable file',
                self.refusal(image_file=name),
                name,
            )

    def test_no_directory(self) -> None:
        self.driver = self.start()
        self.assertIn(
            'firmware_directory of the driver is unset',
            self.refusal(image_file='x'),
        )

    def test_uris(self) -> None:
        for uri in (
            'bmc.bin',
            'file:///x',
            'https://',
            'http://a b',
            '[',
            'é',
        ):
            self.assertIn('must be a URI', self.refusal(image_uri=uri), uri)
        text = self.refusal(image_uri='https://user:hunter2@h/x')
        self.assertIn('without user name', text)
        self.assertNotIn('hunter2', text)

    def test_exactly_one(self) -> None:
        for parameters in ({}, {'image_uri': URI, 'image_file': 'x'}):
            self.assertEqual(
                'Give either image_uri or image_file',
                self.refusal(**parameters),
            )
