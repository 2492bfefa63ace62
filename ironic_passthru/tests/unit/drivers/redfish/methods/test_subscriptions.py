# SPDX-License-Identifier: Apache-2.0
"""Event subscriptions of BMCs."""

from typing import Any

from ironic_passthru import errors
from ironic_passthru.testing import bmc
from ironic_passthru.tests.unit.drivers.redfish.methods import driven

SERVICE = f'{driven.ROOT}/EventService'
COLLECTION = f'{SERVICE}/Subscriptions'
FIRST = f'{COLLECTION}/1'
URL = 'https://events.example.com/bmc?token=t0ken'


class SubscriptionTest(driven.MethodTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.link(driven.ROOT, EventService=SERVICE)
        self.add(
            SERVICE,
            Subscriptions=COLLECTION,
            EventTypesForSubscription=['Alert', 'StatusChange'],
        )
        self.collect(COLLECTION)
        self.fake.actions[COLLECTION] = self.create

    def create(self, request: bmc.BmcRequest) -> bmc.BmcReply:
        path = f'{COLLECTION}/{len(self.fake.resources)}'
        self.add(path, Id=path.rpartition('/')[2], **request.document())
        members = self.fake.resources[COLLECTION]['Members']
        members.append({'@odata.id': path})
        return bmc.BmcReply(201, headers={'Location': path})

    def add_first(self, **members: Any) -> None:
        self.add(FIRST, Id='1', **{'Destination': URL, **members})
        self.collect(COLLECTION, FIRST)

    def ensure(self, **options: Any) -> Any:
        options = {'destination': URL, **options}
        return self.call('ensure_subscription', 'PUT', **options)

    def delete(self, **options: Any) -> Any:
        return self.call('delete_subscription', 'DELETE', **options)

    def test_items(self) -> None:
        odd = f'{COLLECTION}/odd'
        self.add_first(
            Destination='https://u:hunter2@host:8443/bmc?token=t0ken#x',
            Context='c',
            EventTypes=['Alert'],
            Status={'State': 'Enabled'},
        )
        self.collect(COLLECTION, odd, FIRST)
        self.assertEqual(
            {
                'reachable': True,
                'subscriptions': [
                    {
                        'id': '1',
                        'destination': 'https://host:8443/bmc',
                        'context': 'c',
                        'protocol': None,
                        'event_types': ['Alert'],
                        'registry_prefixes': [],
                        'state': 'Enabled',
                    }
                ],
                'warnings': [{'path': odd, 'code': 'not_found'}],
            },
            self.call('subscriptions'),
        )
        self.assertEqual('not_found', self.ensure()['error']['code'])
        self.assertEqual([], self.changes())

    def test_a_subscription_is_created_once(self) -> None:
        options = {'event_context': 'rack1', 'event_types': ['Alert']}
        body = {
            'Destination': URL,
            'Protocol': 'Redfish',
            'Context': 'rack1',
            'EventTypes': ['Alert'],
        }
        (change,) = self.ensure(dry_run=True, **options)['would_send']
        self.assertEqual((COLLECTION, body), (change['path'], change['body']))
        self.assertEqual([], self.changes())
        for changed in (True, False):
            item = self.ensure(**options)
            self.assertIs(changed, item['changed'])
            found = item['subscription']
            self.assertEqual(
                'https://events.example.com/bmc', found['destination']
            )
            self.assertTrue(found['id'].isdecimal())
        self.assertEqual([('POST', COLLECTION, body)], self.changes())
        self.assertIs(True, self.ensure(event_context='rack2')['changed'])

    def test_values_are_checked(self) -> None:
        error = self.ensure(event_types=['Alert', 'Metric'])['error']
        self.assertEqual('value_not_allowed', error['code'])
        self.assertIn('allowed: Alert, StatusChange.', error['message'])
        self.assertEqual([], self.changes())
        for destination in (
            'https://user:hunter2@host/',
            'ftp://host/',
            'host',
            'https://[',
        ):
            error = self.assertRaises(
                errors.InvalidParameterValue,
                self.ensure,
                destination=destination,
            )
            self.assertNotIn('hunter2', error.message)

    def test_deletion(self) -> None:
        for options in (
            {'subscription': '1'},
            {'destination': URL},
            {'destination': 'https://events.example.com/bmc'},
        ):
            self.add_first()
            item = self.delete(dry_run=True, **options)
            self.assertEqual(FIRST, item['would_send'][0]['path'])
            self.assertEqual([], self.changes())
            item = self.delete(**options)
            self.assertEqual((True, ['1']), (item['changed'], item['deleted']))
            self.assertEqual([('DELETE', FIRST, b'')], self.changes())
            self.collect(COLLECTION)
            self.assertIs(False, self.delete(**options)['changed'])
            self.assertEqual([], self.changes())
        for options in ({}, {'subscription': '1', 'destination': URL}):
            self.assertRaises(
                errors.InvalidParameterValue, self.delete, **options
            )

    def test_one_of_two_deletions_fails(self) -> None:
        self.add_first()
        other = self.add(f'{COLLECTION}/9', Id='9', Destination=URL)
        self.collect(COLLECTION, FIRST, other)
        self.fake.faults[f'DELETE {other}'] = bmc.faults.close
        item = self.delete(destination=URL)
        self.assertEqual('outcome_unknown', item['error']['code'])
        self.assertEqual((True, ['1']), (item['changed'], item['deleted']))

    def test_without_the_service(self) -> None:
        del self.fake.resources[driven.ROOT]['EventService']
        for item in (self.call('subscriptions'), self.ensure()):
            self.assertEqual('not_supported', item['error']['code'])
