# SPDX-License-Identifier: Apache-2.0
"""Calls over many simulated BMCs, as a conductor runs them."""

import pathlib
import resource
from concurrent import futures
from typing import Any

import fixtures
import yaml

from ironic_passthru import errors
from ironic_passthru.drivers import loader
from ironic_passthru.drivers import redfish
from ironic_passthru.testing import bmc
from ironic_passthru.testing import harness
from ironic_passthru.tests import base

# The port is closed.
DEAD = {'address': 'http://127.0.0.1:9', 'username': 'u', 'password': 'p'}


class FleetTest(base.TestCase):
    def start(
        self, entries: dict[str, Any], **options: Any
    ) -> harness.DriverHarness:
        directory = self.useFixture(fixtures.TempDir()).path
        path = pathlib.Path(directory) / 'inventory.yaml'
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(entries))
        driver = loader.make('redfish', redfish.RedfishVendor())
        driver.interface.start(
            self.make_conf(redfish__inventory_file=str(path), **options)
        )
        self.addCleanup(driver.interface.stop)
        return harness.DriverHarness(driver)

    def simulate(self) -> tuple[bmc.SimulatedBmc, dict[str, Any]]:
        """Return a BMC and its entry in the inventory."""
        fake = self.enterContext(bmc.SimulatedBmc(password='secret'))
        return fake, {
            'address': fake.url,
            'username': fake.username,
            'password': fake.password,
        }

    def test_dry_run(self) -> None:
        fake, entry = self.simulate()
        driver = self.start({'node': entry})
        result = driver.call(
            'indicator_led', 'PUT', target='node', state='Lit', dry_run=True
        )
        item = result['items']['node']
        self.assertEqual({'reachable', 'would_send'}, item.keys())
        (change,) = item['would_send']
        self.assertEqual('PATCH', change['http_method'])
        self.assertEqual({'IndicatorLED': 'Lit'}, change['body'])
        self.assertEqual({'GET'}, set(fake.count()))

    def test_a_failed_batch_fails_the_call(self) -> None:
        _, entry = self.simulate()
        driver = self.start({'dead': DEAD, 'good': entry})
        error = self.assertRaises(
            errors.VendorError, driver.call, 'inventory', 'GET', batch=1
        )
        items = error.kwargs[errors.PARTIAL_RESULT]['items']
        self.assertEqual('not_attempted', items['good']['error']['code'])

    def test_a_cancelled_call_keeps_its_items(self) -> None:
        fake, entry = self.simulate()
        fake.latency_seconds = 0.3
        driver = self.start(
            {f'node{n}': entry for n in range(20)}, redfish__concurrency=1
        )
        submitted = driver.submit('inventory', 'GET')
        self.wait_for(lambda: submitted.targets, 'the first target')
        submitted.cancel()
        error = self.assertRaises(errors.Cancelled, submitted.result)
        numbers = error.kwargs[errors.PARTIAL_RESULT]['summary']
        self.assertGreater(numbers['succeeded'], 0)
        self.assertGreater(numbers['not_attempted'], 10)

    def test_some_and_all_failed(self) -> None:
        _, entry = self.simulate()
        driver = self.start({'good': entry, 'dead': DEAD})
        result = driver.call('inventory', 'GET')
        self.assertEqual(
            {'total': 2, 'succeeded': 1, 'failed': 1, 'not_attempted': 0},
            result['summary'],
        )
        for parameters in ({'target': 'dead'}, {'require_all': True}):
            error = self.assertRaises(
                errors.VendorError,
                driver.call,
                'inventory',
                'GET',
                **parameters,
            )
            self.assertEqual(
                (502, 'targets_failed'), (error.status, error.code)
            )
            self.assertIn('(1 unreachable): dead', error.message)
            items = error.kwargs[errors.PARTIAL_RESULT]['items']
            self.assertEqual('unreachable', items['dead']['error']['code'])

    def test_fifty_calls_respect_the_limits_of_each_bmc(self) -> None:
        fakes, entries = zip(*(self.simulate() for _ in range(8)), strict=True)
        for fake in fakes:
            fake.latency_seconds = 0.01
        driver = self.start({f'node{n}': e for n, e in enumerate(entries)})

        def read(_number: int) -> Any:
            return driver.call('inventory', 'GET')

        def change(number: int) -> Any:
            state = ('Lit', 'Off')[number % 2]
            return driver.call('indicator_led', 'PUT', target='*', state=state)

        # By default four reads and one change of a BMC at a time.
        for acts, most in (
            ([read] * 50, {4}),
            ([change] * 50, {1}),
            ([read, change] * 25, {3, 4, 5}),
        ):
            for fake in fakes:
                fake.most_at_once = 0
            with futures.ThreadPoolExecutor(len(acts)) as pool:
                results = pool.map(lambda act, n: act(n), acts, range(50))
                for result in results:
                    self.assertEqual(8, result['summary']['succeeded'])
            found = {fake.most_at_once for fake in fakes}
            self.assertLessEqual(found, most, acts[0])

    def test_ten_thousand_targets(self) -> None:
        driver = self.start(
            {
                f'node{n}': {
                    **DEAD,
                    'address': f'http://127.1.{n // 250}.{n % 250}:9',
                }
                for n in range(10_000)
            }
        )
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        call = driver.submit('inventory', 'GET')
        error = self.assertRaises(errors.VendorError, call.result, 120)
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        self.assertIn('of 10000 targets did not succeed', error.message)
        self.assertLess(used, 200 * 1024)
