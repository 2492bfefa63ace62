# SPDX-License-Identifier: Apache-2.0
"""The scripts of the page with recipes, over fifty simulated BMCs."""

import csv
import os
import subprocess
import sys

import yaml

from ironic_passthru.drivers import redfish
from ironic_passthru.testing import bmc
from ironic_passthru.tests import embedded
from ironic_passthru.tests import pages
from ironic_passthru.tests.functional import test_redfish

EXAMPLES = pages.ROOT / 'doc/source/examples'

RESET = f'{bmc.SYSTEM}/Actions/ComputerSystem.Reset'


class RecipesTest(test_redfish.RedfishTestCase):
    """Two racks; one server does not respond."""

    def setUp(self) -> None:
        super().setUp()
        self.fakes = [self.simulate() for _ in range(50)]
        entries = {}
        for number, fake in enumerate(self.fakes):
            fake.resources[bmc.SYSTEM]['Actions'] = {
                '#ComputerSystem.Reset': {'target': RESET}
            }
            rack = f'rack{number // 25}'
            entries[f'node{number:02}'] = {**self.entry(fake), 'tags': [rack]}
        entries['node49']['address'] = 'http://127.0.0.1:9'
        self.path.write_text(yaml.safe_dump(entries))
        self.path.chmod(0o600)
        self.service = self.useFixture(
            embedded.Embedded(
                {'redfish': redfish.RedfishVendor()},
                redfish__inventory_file=str(self.path),
            )
        )

    def run_script(
        self, *command: object, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(word) for word in command],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def power_cycle(self, tag: str) -> subprocess.CompletedProcess[str]:
        return self.run_script(
            EXAMPLES / 'power-cycle.sh', tag, PASSTHRU_URL=self.service.url
        )

    def test_power_cycle(self) -> None:
        done = self.power_cycle('rack0')
        self.assertEqual((0, ''), (done.returncode, done.stderr))
        self.assertIn('succeeded: 25 of 25 finished, 0 failed', done.stdout)
        done = self.power_cycle('rack1')
        last = done.stdout.splitlines()[-1]
        self.assertIn('node49: unreachable: ', last, done.stderr)
        for fake in self.fakes[:49]:
            self.assertEqual(1, fake.count()['POST'])
        done = self.power_cycle('rack2')
        self.assertNotEqual(0, done.returncode)

    def test_report(self) -> None:
        clouds = self.directory / 'clouds.yaml'
        (page,) = (
            block
            for block in pages.blocks('doc/source/drivers/redfish-recipes.rst')
            if block.language == 'yaml'
        )
        clouds.write_text(
            page.text.replace('http://127.0.0.1:6385', self.service.url)
        )
        done = self.run_script(
            sys.executable,
            EXAMPLES / 'fleet_report.py',
            'rack1',
            OS_CLOUD='passthru',
            OS_CLIENT_CONFIG_FILE=str(clouds),
        )
        rows = list(csv.DictReader(done.stdout.splitlines()))
        self.assertEqual(25, len(rows), done.stderr)
        self.assertEqual('On', rows[0]['power_state'])
        self.assertEqual('unreachable', rows[-1]['error'])
        self.assertEqual(1, done.returncode)
