# SPDX-License-Identifier: Apache-2.0
"""Redfish BMCs behind a complete site."""

import json
import pathlib

import fixtures

from ironic_passthru.tests import base
from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import emulator
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import web


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
