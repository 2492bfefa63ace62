# SPDX-License-Identifier: Apache-2.0
"""Method that lists the tasks of BMCs."""

from typing import Any

from ironic_passthru.drivers.redfish.methods import bmc_tasks
from ironic_passthru.testing import bmc as testing_bmc
from ironic_passthru.tests.unit.drivers.redfish import simulated

SERVICE = f'{testing_bmc.ROOT}/TaskService'
TASKS = f'{SERVICE}/Tasks'


class TasksTest(simulated.SimulatedBmcTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.fake = self.simulate()
        paths = [f'{TASKS}/{number}' for number in (1, 2, 3)]
        self.fake.resources |= {
            SERVICE: {'Tasks': {'@odata.id': TASKS}},
            TASKS: {'Members': [{'@odata.id': path} for path in paths]},
            **{path: {'TaskState': 'Running'} for path in paths},
        }
        root = self.fake.resources[testing_bmc.ROOT]
        root['Tasks'] = {'@odata.id': SERVICE}

    def read(self, limit: int = 50) -> Any:
        return bmc_tasks.read_tasks(self.bmc(self.fake), limit)

    def test_members(self) -> None:
        text = f'Bad\x00 user: {self.fake.username} {self.fake.password}'
        self.fake.resources[f'{TASKS}/3'] = {
            'Id': 'JID_3',
            'Name': 'Update',
            'TaskState': 'Exception',
            'TaskStatus': 'Critical',
            'PercentComplete': 40,
            'StartTime': '2026-01-01T00:00:00Z',
            'EndTime': [],
            'Messages': [{'MessageId': 'Base.1.8.Failed', 'Message': text}],
        }
        item = self.read(limit=1)
        self.assertEqual(3, item['total'])
        (task,) = item['tasks']
        (message,) = task.pop('messages')
        self.assertEqual(
            {
                'id': 'JID_3',
                'name': 'Update',
                'state': 'Exception',
                'status': 'Critical',
                'percent': 40,
                'start_time': '2026-01-01T00:00:00Z',
                'end_time': None,
            },
            task,
        )
        self.assertEqual('Base.1.8.Failed', message['id'])
        self.assertIn('Bad user: ', message['text'])
        self.assertNotIn(self.fake.password, message['text'])

    def test_an_odd_task_does_not_hide_another(self) -> None:
        del self.fake.resources[f'{TASKS}/1']
        fault = testing_bmc.faults.document([])
        self.fake.faults[f'GET {TASKS}/2'] = fault
        item = self.read()
        self.assertEqual(['3'], [each['id'] for each in item['tasks']])
        self.assertEqual(
            ['not_found', 'bad_answer'],
            [each['code'] for each in item['warnings']],
        )

    def test_no_task_service(self) -> None:
        del self.fake.resources[testing_bmc.ROOT]['Tasks']
        self.assertEqual('not_supported', self.code(self.read))
