# SPDX-License-Identifier: Apache-2.0
"""Redfish BMCs behind a complete site."""

import json
import pathlib
from typing import Any

import fixtures
import yaml

from ironic_passthru.testing import bmc
from ironic_passthru.tests import base
from ironic_passthru.tests import result_schemas
from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import emulator
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import test_redfish_firmware
from ironic_passthru.tests.functional import test_redfish_health
from ironic_passthru.tests.functional import test_redfish_power
from ironic_passthru.tests.functional import web

_IMAGE = 'https://images.example.com/x'

# HTTP method, name and parameters of each method, by the simulated BMC that
# supports it.
CALLS: dict[str, tuple[tuple[str, str, dict[str, Any]], ...]] = {
    'power': (
        ('GET', 'targets', {}),
        ('GET', 'inventory', {}),
        ('GET', 'power_state', {}),
        ('PUT', 'power', {'state': 'ForceOff'}),
        ('GET', 'boot_device', {}),
        ('PUT', 'boot_device', {'device': 'Pxe'}),
        ('GET', 'virtual_media', {}),
        ('PUT', 'insert_vmedia', {'image': f'{_IMAGE}.iso'}),
        ('POST', 'eject_vmedia', {}),
        ('PUT', 'indicator_led', {'state': 'Lit'}),
        ('POST', 'reset_bmc', {}),
        ('GET', 'secure_boot', {}),
        ('PUT', 'secure_boot', {'enabled': True}),
        ('GET', 'tasks', {}),
        ('GET', 'get_resource', {'path': '/redfish/v1'}),
    ),
    'health': (
        ('GET', 'event_log', {}),
        ('GET', 'event_log_file', {}),
        ('DELETE', 'clear_event_log', {}),
        ('GET', 'sensors', {}),
        ('GET', 'power_cap', {}),
        ('PUT', 'power_cap', {'watts': 300}),
        ('GET', 'accounts', {}),
        ('GET', 'subscriptions', {}),
        ('PUT', 'ensure_subscription', {'destination': f'{_IMAGE}'}),
        ('DELETE', 'delete_subscription', {'destination': f'{_IMAGE}'}),
        ('PUT', 'set_password', {'password': 'another-secret'}),
        ('GET', 'inventory', {}),
    ),
    'firmware': (
        ('GET', 'hardware', {}),
        ('GET', 'firmware', {}),
        ('POST', 'update_firmware', {'image_uri': _IMAGE}),
        ('GET', 'bios', {}),
        ('PATCH', 'set_bios', {'attributes': {'BootMode': 'Legacy'}}),
        ('POST', 'reset_bios', {}),
        ('GET', 'certificates', {}),
    ),
}


class TestSite(base.TestCase):
    """Calls through RabbitMQ, PostgreSQL, a conductor and gunicorn."""

    def setUp(self) -> None:
        super().setUp()
        self.emulator = self.useFixture(emulator.SushyEmulator())
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        inventory = self.emulator.inventory(
            directory / 'inventory.yaml', tags={'alpha': ['rack1']}
        )
        self.site = self.useFixture(
            deployment.Site(
                self.useFixture(servers.PostgreSQL()).new_database(),
                conductor__enabled_drivers='redfish',
                redfish__inventory_file=inventory,
                audit__format='json',
                # Less than the call timeout of the site.
                redfish__call_timeout=15,
            )
        )
        self.site.start_conductor('c1')
        self.api = self.site.start_api()

    def call(
        self, path: str, http_method: str = 'GET', **body: object
    ) -> web.Answer:
        return self.api.request(
            http_method,
            f'/v1/drivers/redfish/vendor_passthru{path}',
            body or None,
        )

    def audited(self, answer: web.Answer) -> list[str]:
        """Return the targets in the audit record of a call."""
        found: list[list[str]] = []

        def look() -> bool:
            for line in self.site.logs()['api'].decode().splitlines():
                _, _, text = line.partition('{"time": ')
                if text and answer.request_id in text:
                    record = json.loads('{"time": ' + text)
                    found.append(record['targets'])
            return bool(found)

        self.wait_for(look, 'the audit line', seconds=30.0)
        return found[0]

    def test_calls_reach_the_systems_through_the_bus(self) -> None:
        answer = self.call('?method=inventory')
        self.assertEqual(200, answer.status, answer.body)
        self.assertEqual({'alpha', 'beta', 'gamma'}, set(answer.json['items']))
        for item in answer.json['items'].values():
            self.assertTrue(item['reachable'])
        tagged = self.call('?method=inventory&tag=rack1')
        self.assertEqual(['alpha'], list(tagged.json['items']))
        lit = self.call(
            '/indicator_led', 'PUT', targets=['beta'], state='Blinking'
        )
        self.assertEqual(200, lit.status, lit.body)
        ejected = self.call(
            '/eject_vmedia', 'POST', target='gamma', device='CD'
        )
        self.assertEqual(200, ejected.status, ejected.body)
        self.assertNotIn('error', ejected.json['items']['gamma'])
        unknown = self.call('?method=inventory&target=delta')
        self.assertEqual(400, unknown.status)
        self.assertIn('delta', unknown.fault)
        for answered, names in (
            (answer, ['alpha', 'beta', 'gamma']),
            (tagged, ['alpha']),
            (lit, ['beta']),
            (ejected, ['gamma']),
            (unknown, ['delta']),
        ):
            self.assertEqual(names, sorted(self.audited(answered)))
        for answered in (answer, tagged, lit, ejected, unknown):
            self.assertNotIn(self.emulator.url.encode(), answered.body)
            self.assertNotIn(emulator.PASSWORD.encode(), answered.body)


class TestEveryMethod(base.TestCase):
    """Each method of the driver through RabbitMQ."""

    def setUp(self) -> None:
        super().setUp()
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        entries = {}
        for name, fake in {
            'power': bmc.SimulatedBmc(
                test_redfish_power.documents(), password='secret'
            ),
            'health': test_redfish_health.HealthyBmc(),
            'firmware': bmc.SimulatedBmc(
                test_redfish_firmware.resources('1.2'), password='secret'
            ),
        }.items():
            self.enterContext(fake)
            password = directory / name
            password.touch(mode=0o600)
            password.write_text(fake.password)
            entries[name] = {
                'address': fake.url,
                'username': fake.username,
                'password_file': str(password),
            }
        inventory = directory / 'inventory.yaml'
        inventory.write_text(yaml.safe_dump(entries))
        self.site = self.useFixture(
            deployment.Site(
                broker=servers.VirtualHost(),
                conductor__enabled_drivers='redfish',
                conductor__allowed_dangerous_methods='redfish.*',
                redfish__inventory_file=inventory,
            )
        )
        self.site.start_conductor('c1')
        self.api = self.site.start_api()

    def test_it_succeeds(self) -> None:
        path = '/v1/drivers/redfish/vendor_passthru'
        methods = self.api.get(f'{path}/methods').json
        called = {
            (http_method, name)
            for calls in CALLS.values()
            for http_method, name, _ in calls
        }
        offered = {
            (http_method, name)
            for name, method in methods.items()
            for http_method in method['http_methods']
        }
        self.assertEqual(offered, called)
        for target, calls in CALLS.items():
            for http_method, name, parameters in calls:
                answer = self.api.request(
                    http_method,
                    f'{path}?method={name}',
                    {'target': target, **parameters},
                    {'Prefer': 'wait=30'},
                )
                self.assertEqual(200, answer.status, (name, answer.body))
                if not methods[name]['attach']:
                    summary = answer.json['summary']
                    self.assertEqual(1, summary['succeeded'], answer.body)
                    published = self.api.get(f'{path}/methods/{name}').json
                    result_schemas.check(published['result'], answer.json)
