# SPDX-License-Identifier: Apache-2.0
"""Two sites with simulated BMCs and an existing Ironic: one endpoint."""

import configparser
import os
import sys
from concurrent import futures
from typing import Any

import fixtures
import yaml
from oslo_utils import uuidutils

from ironic_passthru.testing import bmc
from ironic_passthru.tests import base
from ironic_passthru.tests import pages
from ironic_passthru.tests.functional import beside_ironic
from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import test_redfish_power
from ironic_passthru.tests.functional import web

# An installation of Ironic takes too long for each run.
_LONG = 'PASSTHRU_LONG' in os.environ

_PAGE = 'doc/source/admin/sites.rst'
_TARGETS = {'north': ('n1', 'n2', 'n3'), 'south': ('s1', 's2')}
_NORTH = dict.fromkeys(_TARGETS['north'])
_SOUTH = dict.fromkeys(_TARGETS['south'])

_CALLS = '/v1/drivers/redfish/vendor_passthru'
_LIT = {'state': 'Lit', 'tag': 'all'}

# Members may call methods of the group north.
_POLICY = pages.ROOT / 'doc/source/examples/policy-one-site.yaml'

_SCRIPT = """
import openstack

baremetal = openstack.connect().baremetal
print(sorted(driver.name for driver in baremetal.drivers()))
print([node.name for node in baremetal.nodes()])
print(baremetal.call_driver_vendor_passthru('acme', 'GET', 'echo').json())
result = baremetal.call_driver_vendor_passthru(
    'redfish', 'PUT', 'indicator_led', {'state': 'Lit', 'tag': 'all'}
)
print(sorted(result.json()['items']))
"""


class Sites(fixtures.Fixture):
    """Conductors ``north`` and ``south``, one API, and Ironic.

    :ivar deployment: processes of this service.
    :ivar bmcs: the BMCs by target, each with the tag ``all``.
    :ivar endpoint: the proxy in front of this service and Ironic.
    """

    def _setUp(self) -> None:
        self.bmcs: dict[str, bmc.SimulatedBmc] = {}
        existing = self.useFixture(beside_ironic.ExistingIronic())
        self.deployment = self.useFixture(
            deployment.Site(
                servers.PostgreSQL(),
                broker=servers.VirtualHost(),
                operations__progress_interval=0.2,
            )
        )
        for group, names in _TARGETS.items():
            self._add_bmcs(group, names)
        api = self.deployment.start_api(
            oslo_policy__policy_file=_POLICY,
            # More than the response times on a busy machine.
            ironic__merge_timeout=30.0,
            **existing.options,
        )
        self.endpoint = self.useFixture(
            beside_ironic.Endpoint(existing, api.url)
        )

    def _add_bmcs(self, group: str, names: tuple[str, ...]) -> None:
        """Start the BMCs of a site and write its inventory."""
        inventory = {}
        for name in names:
            fake = bmc.SimulatedBmc(test_redfish_power.documents())
            fake.actions[test_redfish_power.RESET] = lambda _request: None
            fake.start()
            self.addCleanup(fake.stop)
            self.bmcs[name] = fake
            inventory[name] = {
                'address': fake.url,
                'username': fake.username,
                'password': fake.password,
                'tags': ['all'],
            }
        path = self.deployment.directory / f'{group}.yaml'
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(inventory))

    def start(self, group: str) -> processes.Process:
        """Start the conductor of a site, as the page describes it."""
        (block,) = (
            one for one in pages.blocks(_PAGE) if one.language == 'ini'
        )
        parser = configparser.ConfigParser()
        parser.read_string(block.text)
        options: dict[str, object] = {
            f'{section}__{name}': value
            for section in parser.sections()
            for name, value in parser[section].items()
        }
        options['conductor__conductor_group'] = group
        options['redfish__inventory_file'] = (
            self.deployment.directory / f'{group}.yaml'
        )
        return self.deployment.start_conductor(group, **options)


_SITES = Sites()


def setUpModule() -> None:
    if _LONG:
        _SITES.setUp()


def tearDownModule() -> None:
    if _LONG:
        _SITES.cleanUp()


class TwoSitesCase(base.TestCase):
    """A test with both sites."""

    sites = _SITES

    def setUp(self) -> None:
        super().setUp()
        self.pool = futures.ThreadPoolExecutor(max_workers=4)
        self.addCleanup(self.pool.shutdown)
        self.endpoint = self.sites.endpoint
        self.api = self.endpoint.api
        for group in _TARGETS:
            self.sites.start(group)
        self.wait_for_targets({*_NORTH, *_SOUTH})
        for fake in self.sites.bmcs.values():
            fake.faults.clear()
            fake.latency_seconds = 0.0
            fake.resources[bmc.SYSTEM]['IndicatorLED'] = 'Off'
            fake.received.clear()

    def wait_for_targets(self, names: set[str]) -> None:
        """Wait until calls reach these targets."""

        def reached() -> bool:
            answer = self.api.get(f'{_CALLS}/targets?tag=all')
            return answer.status == 200 and names == {
                name
                for name, item in answer.json['items'].items()
                if 'error' not in item
            }

        self.wait_for(reached, f'targets {names}', seconds=60.0)

    def light(
        self, headers: dict[str, str] | None = None, user: str = ''
    ) -> web.Answer:
        """Switch the LEDs of all targets on."""
        api = self.endpoint.client(user) if user else self.api
        return api.request('PUT', f'{_CALLS}/indicator_led', _LIT, headers)

    def codes(self, answer: web.Answer) -> dict[str, str | None]:
        """Return the error codes of items by target."""
        self.assertEqual(200, answer.status, answer.body)
        return {
            name: item.get('error', {}).get('code')
            for name, item in answer.json['items'].items()
        }

    def changes(self, http_method: str = 'PATCH') -> dict[str, int]:
        """Return the number of changes that BMCs have received."""
        return {
            name: fake.count()[http_method]
            for name, fake in self.sites.bmcs.items()
            if fake.count()[http_method]
        }

    def finished(self, identity: str) -> dict[str, Any]:
        """Return an operation when it is final."""
        path = f'/v1/operations/{identity}'
        self.wait_for(
            lambda: bool(self.api.get(path).json['finished_at']),
            'the operation ends',
            seconds=60.0,
        )
        return self.api.get(path).json


class TestClients(TwoSitesCase):
    """Unmodified clients of one endpoint."""

    def test_openstack_baremetal(self) -> None:
        nodes, drivers, methods = self.endpoint.run_openstack(
            'baremetal node list',
            'baremetal driver list',
            'baremetal driver passthru list redfish',
        )
        self.assertEqual(['n1'], [row['name'] for row in nodes])
        hosts = {row['name']: row['hosts'] for row in drivers}
        self.assertEqual('host1', hosts['acme'])
        self.assertEqual('host1, north, south', hosts['redfish'])
        self.assertIn('indicator_led', {row['name'] for row in methods})
        for words in (
            'acme echo --http-method PUT',
            'redfish indicator_led --http-method PUT'
            ' --arg state=Lit --arg tag=all',
        ):
            done = self.endpoint.run(
                processes.command('openstack'),
                *('baremetal', 'driver', 'passthru', 'call'),
                *words.split(),
            )
            # This client can print neither result.
            self.assertEqual((1, 'id\n'), (done.returncode, done.stderr))
        self.assertEqual(dict.fromkeys(_NORTH | _SOUTH, 1), self.changes())

    def test_script_with_openstacksdk(self) -> None:
        done = self.endpoint.run(sys.executable, '-c', _SCRIPT)
        self.assertEqual('', done.stderr)
        self.assertEqual(
            [
                "['acme', 'fake-hardware', 'redfish']",
                "['n1']",
                "{'http_method': 'GET'}",
                str([*_NORTH, *_SOUTH]),
            ],
            done.stdout.splitlines(),
        )
        self.assertEqual(dict.fromkeys(_NORTH | _SOUTH, 1), self.changes())

    def test_openstack_passthru(self) -> None:
        (both,) = self.endpoint.run_openstack(
            'passthru call redfish indicator_led --param state=Lit'
            ' --param tag=all'
        )
        self.assertEqual({*_NORTH, *_SOUTH}, both['items'].keys())
        south, methods, conductors = self.endpoint.run_openstack(
            'passthru call redfish indicator_led --param state=Blinking'
            ' --param tag=all --conductor-group south',
            'passthru method list redfish --conductor-group north',
            'passthru conductor list',
        )
        self.assertEqual(_SOUTH.keys(), south['items'].keys())
        self.assertIn('indicator_led', {row['name'] for row in methods})
        self.assertLessEqual(
            {('north', 'north'), ('south', 'south')},
            {(row['hostname'], row['conductor_group']) for row in conductors},
        )
        self.assertEqual(
            dict.fromkeys(_NORTH, 1) | dict.fromkeys(_SOUTH, 2),
            self.changes(),
        )


class TestCalls(TwoSitesCase):
    """Calls for the targets of both sites."""

    def test_synchronous(self) -> None:
        answer = self.light()
        self.assertEqual(_NORTH | _SOUTH, self.codes(answer))
        self.assertEqual(5, answer.json['summary']['succeeded'])
        self.assertEqual(dict.fromkeys(_NORTH | _SOUTH, 1), self.changes())

    def test_asynchronous(self) -> None:
        accepted = self.api.request(
            'PUT', f'{_CALLS}/power', {'state': 'ForceRestart', 'tag': 'all'}
        )
        self.assertEqual(202, accepted.status, accepted.body)
        location = accepted.headers['Location']
        self.assertTrue(location.startswith(self.endpoint.url), location)
        identity = location.rpartition('/')[2]
        found = self.finished(identity)
        self.assertEqual('succeeded', found['state'])
        self.assertEqual({*_NORTH, *_SOUTH}, {*found['targets']})
        result = self.api.get(f'/v1/operations/{identity}/result')
        self.assertEqual(_NORTH | _SOUTH, self.codes(result))
        self.assertEqual(
            dict.fromkeys(_NORTH | _SOUTH, 1), self.changes('POST')
        )

    def test_group_without_permission(self) -> None:
        refused = self.light(
            {'Passthru-Conductor-Group': 'south'}, 'project-member'
        )
        self.assertEqual(403, refused.status, refused.body)
        self.assertEqual({}, self.changes())
        member = self.endpoint.client('project-member')
        for group, count in (('north', True), ('south', False)):
            listed = member.get(
                f'{_CALLS}/methods', **{'Passthru-Conductor-Group': group}
            )
            self.assertEqual(count, bool(listed.json), group)
        # Targets of the other site are not selected.
        self.assertEqual(_NORTH, self.codes(self.light(user='project-member')))
        self.assertEqual(dict.fromkeys(_NORTH, 1), self.changes())

    def test_repeated_with_a_key(self) -> None:
        for fake in self.sites.bmcs.values():
            fake.latency_seconds = 0.5
        key = {'Idempotency-Key': f'"{uuidutils.generate_uuid()}"'}
        first = self.pool.submit(self.light, key)
        self.wait_for(lambda: len(self.changes()) == 5, 'the call runs')
        during = self.light(key)
        self.assertEqual(409, during.status, during.body)
        self.assertEqual(_NORTH | _SOUTH, self.codes(first.result(60)))

        def repeated() -> bool:
            # The record is finished by the conductors.
            return self.light(key).status != 409

        self.wait_for(repeated, 'the recorded result', seconds=30.0)
        self.assertEqual(first.result().json, self.light(key).json)
        self.assertEqual(dict.fromkeys(_NORTH | _SOUTH, 1), self.changes())


class TestFailures(TwoSitesCase):
    """The conductor of one site is killed."""

    def kill_during(self) -> None:
        """Kill the conductor while its BMCs do not answer changes."""
        self.wait_for(lambda: len(self.changes()) == 5, 'the call runs')
        self.sites.deployment.conductor('south').kill()

    def suspend_changes(self) -> None:
        for name in _SOUTH:
            self.sites.bmcs[name].faults['PATCH'] = bmc.faults.hang

    def check_recovery(self) -> None:
        """Start the conductor again; calls reach both sites."""
        for fake in self.sites.bmcs.values():
            fake.faults.clear()
            fake.received.clear()
        self.sites.start('south')
        self.wait_for_targets({*_NORTH, *_SOUTH})
        # Nothing of the lost call is run later.
        self.assertEqual({}, self.changes())
        self.assertEqual(_NORTH | _SOUTH, self.codes(self.light()))

    def test_during_a_call(self) -> None:
        self.suspend_changes()
        call = self.pool.submit(self.light)
        self.kill_during()
        self.assertEqual(
            _NORTH | dict.fromkeys(_SOUTH, 'outcome_unknown'),
            self.codes(call.result(60)),
        )
        self.assertEqual(dict.fromkeys(_NORTH | _SOUTH, 1), self.changes())
        self.check_recovery()

    def test_during_an_asynchronous_call(self) -> None:
        self.suspend_changes()
        accepted = self.light({'Prefer': 'respond-async'})
        self.assertEqual(202, accepted.status, accepted.body)
        self.kill_during()
        identity = accepted.headers['Location'].rpartition('/')[2]
        self.assertEqual('succeeded', self.finished(identity)['state'])
        result = self.api.get(f'/v1/operations/{identity}/result')
        self.assertEqual(
            _NORTH | dict.fromkeys(_SOUTH, 'outcome_unknown'),
            self.codes(result),
        )
        self.check_recovery()

    def test_before_a_call(self) -> None:
        self.sites.deployment.conductor('south').kill()
        self.assertEqual(
            _NORTH | dict.fromkeys(_SOUTH, 'not_attempted'),
            self.codes(self.light()),
        )
        self.assertEqual(dict.fromkeys(_NORTH, 1), self.changes())
        own = self.light({'Passthru-Conductor-Group': 'south'})
        self.assertEqual(503, own.status, own.body)
        self.check_recovery()


if not _LONG:
    del TestClients, TestCalls, TestFailures
