# SPDX-License-Identifier: Apache-2.0
"""Two instances of the redfish driver in one conductor."""

import logging
import pathlib

import fixtures
import yaml

from ironic_passthru.testing import bmc
from ironic_passthru.tests import base
from ironic_passthru.tests import embedded
from ironic_passthru.tests.functional import web

_DRIVERS = ('redfish', 'redfish-site-b')


class TestInstances(base.TestCase):
    """Each driver has an inventory, whose targets have the same name."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(
            fixtures.FakeLogger(level=logging.INFO, nuke_handlers=False)
        )
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.bmcs = {}
        config = []
        for name in _DRIVERS:
            fake = self.enterContext(bmc.SimulatedBmc(password='secret'))
            self.bmcs[name] = fake
            path = directory / f'{name}.yaml'
            path.touch(mode=0o600)
            entry = {
                'address': fake.url,
                'username': fake.username,
                'password': fake.password,
            }
            path.write_text(yaml.safe_dump({'node': entry}))
            config += [f'[{name}]', f'inventory_file = {path}']
        service = self.useFixture(
            embedded.Embedded(
                config='\n'.join(config),
                conductor__enabled_drivers=[
                    'redfish',
                    'redfish-site-b:redfish',
                ],
            )
        )
        self.client = web.Client(service.url)

    def changed(self) -> dict[str, int]:
        """Return the number of changes that each BMC has received."""
        return {
            name: fake.count()['PATCH'] for name, fake in self.bmcs.items()
        }

    def test_calls_reach_the_bmcs_of_their_driver(self) -> None:
        listed = self.client.get('/v1/drivers').json['drivers']
        self.assertEqual(set(_DRIVERS), {each['name'] for each in listed})
        calls = {
            name: f'/v1/drivers/{name}/vendor_passthru' for name in _DRIVERS
        }
        body = {'target': 'node', 'state': 'Lit'}
        for name, expected in (
            ('redfish-site-b', {'redfish': 0, 'redfish-site-b': 1}),
            ('redfish', {'redfish': 1, 'redfish-site-b': 1}),
        ):
            answer = self.client.request(
                'PUT', f'{calls[name]}?method=indicator_led', body
            )
            self.assertEqual(200, answer.status, answer.body)
            self.assertTrue(answer.json['items']['node']['changed'])
            self.assertEqual(expected, self.changed())
        self.bmcs['redfish-site-b'].stop()
        failed, succeeded = (
            self.client.get(f'{calls[name]}?method=inventory')
            for name in ('redfish-site-b', 'redfish')
        )
        self.assertEqual((502, 200), (failed.status, succeeded.status))
        # Audit records and the log name the driver.
        for text in (
            'Target node of driver redfish-site-b: unreachable',
            'Target node of driver redfish-site-b has no TLS',
            'driver="redfish-site-b"',
        ):
            self.assertIn(text, self.log.output)
        self.assertNotIn('Target node of driver redfish:', self.log.output)
