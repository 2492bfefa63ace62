# SPDX-License-Identifier: Apache-2.0
"""Items without credentials, and of limited size."""

import base64
import json
from typing import Any

from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import item_filter
from ironic_passthru.testing import bmc
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.drivers.redfish.methods import driven

_TARGET = bmc_target.Target(
    'node', bmc_target.Address('https://bmc', 'root', 'reachable')
)


def filtered(item: Any, *, change: bool = False) -> failures.Item:
    return item_filter.filtered(item, _TARGET, change=change)


class RedactionTest(driven.MethodTestCase):
    """A BMC that returns its own credentials."""

    def test_texts_of_a_bmc(self) -> None:
        password = self.fake.password
        pair = f'{self.fake.username}:{password}'.encode()
        self.fake.resources[bmc.SYSTEM] |= {
            'Model': password,
            'SerialNumber': f'Basic {base64.b64encode(pair).decode()}',
            'Manufacturer': password.encode().hex(),
            'IndicatorLED@Redfish.AllowableValues': [password],
        }
        item = self.call('inventory')
        self.assertEqual(
            ['***', 'Basic ***', '***'],
            [item['model'], item['serial_number'], item['manufacturer']],
        )
        item = self.call('indicator_led', 'PUT', state='Lit')
        self.assertEqual('value_not_allowed', item['error']['code'])
        self.assertIn('***', item['error']['message'])

    def test_numbers_that_json_does_not_have(self) -> None:
        odd = {'A': float('nan'), 'B': float('inf'), 'C': 1.5}
        path = self.add(f'{bmc.SYSTEM}/Bios', Attributes=odd)
        self.link(bmc.SYSTEM, Bios=path)
        item = self.call('bios')
        self.assertEqual({'A': None, 'B': None, 'C': 1.5}, item['attributes'])

    def test_path_of_a_change_that_is_not_sent(self) -> None:
        path = f'/{self.fake.password}\x1b{"x" * 999}'
        eject = {'#VirtualMedia.EjectMedia': {'target': path}}
        self.fake.resources[f'{bmc.MEDIA}/Cd']['Actions'] = eject
        item = self.call('eject_vmedia', 'POST', dry_run=True)
        (change,) = item['would_send']
        self.assertRegex(change['path'], r'^/\*{3}x{1,255}$')

    def test_secret_attributes_that_are_not_sent(self) -> None:
        known = {'AdminPassword': 'a', 'BootToken': 'b', 'Boot': 'c'}
        path = self.add(f'{bmc.SYSTEM}/Bios', Attributes=known)
        self.link(bmc.SYSTEM, Bios=path)
        wanted = dict.fromkeys(known, 'new')
        item = self.call('set_bios', 'PATCH', attributes=wanted, dry_run=True)
        self.assertEqual(
            {'AdminPassword': '***', 'BootToken': '***', 'Boot': 'new'},
            item['would_send'][0]['body']['Attributes'],
        )

    def test_own_names_stay(self) -> None:
        error = {'code': 'reachable', 'message': 'x', 'task': 't\x1b' * 999}
        found = filtered({'reachable': True, 'error': error})
        self.assertIs(True, found['reachable'])
        self.assertEqual('reachable', found['error']['code'])
        self.assertEqual('t' * 128, found['error']['task'])


class SizeTest(base.TestCase):
    def test_one_item(self) -> None:
        large = {'reachable': True, 'changed': True, 'x': 'y' * 70_000}
        self.assertEqual(large, filtered({**large}))
        found = filtered(large, change=True)
        self.assertEqual('item_too_large', found['error']['code'])
        self.assertIs(True, found['changed'])
        deep: Any = []
        for _ in range(5000):
            deep = [deep]
        found = filtered({'reachable': True, 'changed': False, 'x': deep})
        self.assertEqual('item_too_large', found['error']['code'])

    def test_an_error_remains(self) -> None:
        item = failures.OUTCOME_UNKNOWN.item()
        item['error']['bmc_messages'] = ['x' * 70_000]
        found = filtered(item, change=True)
        self.assertEqual(failures.OUTCOME_UNKNOWN.item(), found)

    def test_equal_shares(self) -> None:
        small = {'reachable': True, 'changed': True}
        large = {**small, 'x': 'y' * 9000}
        items = {'a': small, 'b': large, 'c': large, 'd': small}
        self.assertEqual(items, item_filter.fitting(items, 30_000))
        found = item_filter.fitting(items, 10_000)
        self.assertLess(len(json.dumps(found)), 10_000)
        self.assertEqual([small] * 2, [found['a'], found['d']])
        self.assertEqual('item_too_large', found['b']['error']['code'])
        self.assertIs(True, found['b']['changed'])
