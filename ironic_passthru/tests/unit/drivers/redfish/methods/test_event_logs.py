# SPDX-License-Identifier: Apache-2.0
"""Reading and clearing of event logs."""

from typing import Any

from ironic_passthru import errors
from ironic_passthru.testing import bmc
from ironic_passthru.tests.unit.drivers.redfish.methods import driven

SEL = f'{driven.MANAGER}/LogServices/Sel'
CLEAR = f'{SEL}/Actions/LogService.ClearLog'

# Id, Created and Severity. The clock was wrong at the start.
ENTRIES = (
    ('1', '1970-01-01T00:00:05Z', 'OK'),
    ('2', '2026-11-30T09:00:00+01:00', 'Critical'),
    ('3', '2026-11-30T08:30:00', 'Warning'),
    ('4', None, 'Informational'),
)


class EventLogTestCase(driven.MethodTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.link(driven.MANAGER, LogServices=f'{driven.MANAGER}/LogServices')
        self.collect(f'{driven.MANAGER}/LogServices', SEL)
        self.add(
            SEL,
            Id='Sel',
            LogEntryType='SEL',
            Entries=f'{SEL}/Entries',
            Actions={'#LogService.ClearLog': {'target': CLEAR}},
        )
        self.fill(ENTRIES)

    def fill(self, entries: Any, *, expanded: bool = False) -> None:
        found = []
        for identity, created, severity in entries:
            path = self.add(
                f'{SEL}/Entries/{identity}',
                **{'@odata.type': '#LogEntry.v1_0_0.LogEntry'},
                Id=identity,
                Created=created,
                Severity=severity,
                Message=f'Fan {identity}\x1b[2J failed',
                MessageId='Acme.1.0.Fan',
            )
            found.append(self.fake.resources[path])
        paths = [each['@odata.id'] for each in found]
        self.collect(f'{SEL}/Entries', *paths)
        if expanded:
            self.fake.resources[f'{SEL}/Entries']['Members'] = found

    def ids(self, **options: Any) -> list[str]:
        item = self.call('event_log', **options)
        return [entry['id'] for entry in item['entries']]


class ReadTest(EventLogTestCase):
    def test_item(self) -> None:
        self.fill(ENTRIES[:3])
        item = self.call('event_log', limit=1)
        self.assertEqual(
            {
                'reachable': True,
                'logs': ['manager/Sel'],
                'entries': [
                    {
                        'id': '3',
                        'created': '2026-11-30T08:30:00',
                        'severity': 'Warning',
                        'message': 'Fan 3[2J failed',
                        'message_id': 'Acme.1.0.Fan',
                        'log': 'manager/Sel',
                    }
                ],
                'truncated': True,
                'warnings': [],
            },
            item | {'entries': item['entries'][:1]},
        )

    def test_filters_in_every_order_and_form_of_a_log(self) -> None:
        for options, expected in (
            ({}, ['3', '2', '1', '4']),
            ({'severity': 'Warning'}, ['3', '2', '4']),
            ({'severity': 'Critical'}, ['2', '4']),
            ({'since': '2026-11-30T08:15:00Z'}, ['3', '4']),
            ({'since': '2026-11-30T08:00:00'}, ['3', '2', '4']),
            ({'log': 'SEL'}, ['3', '2', '1', '4']),
            ({'log': 'manager/sel', 'severity': 'Critical'}, ['2', '4']),
        ):
            for entries in (ENTRIES, ENTRIES[::-1]):
                for expanded in (False, True):
                    for page_size in (None, 3):
                        self.fill(entries, expanded=expanded)
                        self.fake.page_size = page_size
                        self.assertEqual(expected, self.ids(**options))

    def test_old_entries_are_not_requested(self) -> None:
        many = [
            (str(n), f'2026-11-30T08:{n}:00Z', 'OK') for n in range(10, 60)
        ]
        for entries in (many, many[::-1]):
            self.fill(entries)
            self.fake.received.clear()
            self.assertEqual(['59', '58'], self.ids(limit=2))
            self.assertLess(len(self.fake.received), 14)

    def test_one_odd_resource_is_a_warning(self) -> None:
        self.fake.faults[f'GET {SEL}/Entries/2'] = bmc.faults.status(404)
        item = self.call('event_log')
        self.assertEqual(
            ['3', '1', '4'], [entry['id'] for entry in item['entries']]
        )
        self.assertEqual(
            [{'path': f'{SEL}/Entries/2', 'code': 'not_found'}],
            item['warnings'],
        )

    def test_a_log_with_two_owners_is_read_once(self) -> None:
        self.link(bmc.SYSTEM, LogServices=f'{driven.MANAGER}/LogServices')
        self.assertEqual(['system/Sel'], self.call('event_log')['logs'])

    def test_without_logs(self) -> None:
        for error in (
            self.call('event_log', log='x')['error'],
            self.call('clear_event_log', 'DELETE', log='x')['error'],
        ):
            self.assertEqual(
                {
                    'code': 'value_not_allowed',
                    'message': 'The BMC has no log x; its logs: manager/Sel.',
                },
                error,
            )
        self.fake.resources[SEL]['LogEntryType'] = 'OEM'
        self.assertEqual(
            'not_supported', self.call('event_log')['error']['code']
        )
        del self.fake.resources[SEL]
        self.assertEqual('not_found', self.call('event_log')['error']['code'])

    def test_file(self) -> None:
        self.fill(ENTRIES[:3])
        driver = self.start(
            node=self.entry(), other=self.entry() | {'tags': ['rack']}
        )
        found = driver.call('event_log_file', 'GET', tag='rack', limit=2)
        self.assertEqual('other-events.txt', found.filename)
        self.assertEqual(
            '2026-11-30T08:30:00 Warning manager/Sel 3 Acme.1.0.Fan '
            'Fan 3[2J failed\n'
            '2026-11-30T09:00:00+01:00 Critical manager/Sel 2 Acme.1.0.Fan '
            'Fan 2[2J failed\n',
            found.data.decode(),
        )
        error = self.assertRaises(
            errors.InvalidParameterValue, driver.call, 'event_log_file', 'GET'
        )
        self.assertIn('exactly one target, not 2', error.message)


class ClearTest(EventLogTestCase):
    def test_changes(self) -> None:
        item = self.call('clear_event_log', 'DELETE', dry_run=True)
        self.assertEqual(
            [{'http_method': 'POST', 'path': CLEAR, 'body': {}}],
            item['would_send'],
        )
        self.assertEqual([], self.changes())
        self.assertEqual(
            {
                'reachable': True,
                'changed': True,
                'cleared': ['manager/Sel'],
                'warnings': [],
            },
            self.call('clear_event_log', 'DELETE', log='sel'),
        )
        self.assertEqual([('POST', CLEAR, {})], self.changes())

    def test_an_empty_log_is_left(self) -> None:
        self.fill(())
        self.assertEqual(
            {
                'reachable': True,
                'changed': False,
                'cleared': [],
                'warnings': [],
            },
            self.call('clear_event_log', 'DELETE'),
        )
        self.assertEqual([], self.changes())

    def test_one_of_two_logs_fails(self) -> None:
        other = self.add(f'{driven.MANAGER}/LogServices/Other', Id='Other')
        self.collect(f'{driven.MANAGER}/LogServices', other, SEL)
        item = self.call('clear_event_log', 'DELETE')
        self.assertEqual('not_supported', item['error']['code'])
        self.assertEqual(['manager/Sel'], item['cleared'])

    def test_the_response_of_one_of_two_logs_is_lost(self) -> None:
        other = self.add(
            f'{driven.MANAGER}/LogServices/Other',
            Id='Other',
            Actions={'#LogService.ClearLog': {'target': '/lost'}},
        )
        self.fake.faults['POST /lost'] = bmc.faults.close
        logs = f'{driven.MANAGER}/LogServices'
        self.collect(logs, SEL, other)
        item = self.call('clear_event_log', 'DELETE')
        self.assertEqual('outcome_unknown', item['error']['code'])
        self.assertEqual(
            (True, ['manager/Sel']), (item['changed'], item['cleared'])
        )
        self.collect(logs, other)
        item = self.call('clear_event_log', 'DELETE')
        self.assertNotIn('changed', item)
