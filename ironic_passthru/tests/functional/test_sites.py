# SPDX-License-Identifier: Apache-2.0
"""Two sites with different targets behind one API."""

import os
from concurrent import futures
from typing import Any

from oslo_utils import uuidutils

from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import fleet_driver
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import web

_SITE = deployment.Site(
    broker=servers.VirtualHost(),
    conductor__enabled_drivers='fleet',
    conductor__targets_interval=0.2,
    operations__progress_interval=0.2,
)
_TARGETS = {'north': ('n1', 'n2', 'n3'), 'south': ('s1', 's2')}


def setUpModule() -> None:
    _SITE.setUp()
    _SITE.install(
        'fleet', f'{fleet_driver.__name__}:{fleet_driver.FleetVendor.__name__}'
    )


def tearDownModule() -> None:
    _SITE.cleanUp()


class SitesCase(deployment.SiteTestCase):
    """Conductors ``north`` and ``south``; all targets have the tag ``all``."""

    site = _SITE

    def setUp(self) -> None:
        super().setUp()
        self.key = uuidutils.generate_uuid()
        self.pool = futures.ThreadPoolExecutor(max_workers=4)
        self.addCleanup(self.pool.shutdown)
        for host, names in _TARGETS.items():
            self.write(host, *names)
            self.conductor(host).start()
        for host in _TARGETS:
            self.start(host)
        self.api = self.site.start_api()
        self.wait_for(
            lambda: self.call(target='*', expected_targets=5).status == 200,
            'the targets of both sites are known',
            seconds=30.0,
        )

    def write(self, host: str, *names: str) -> None:
        """Replace the targets of a conductor."""
        path = self.site.directory / f'{host}.targets'
        temporary = path.with_suffix('.new')
        temporary.write_text('\n'.join(f'{name} all' for name in names))
        temporary.rename(path)

    def conductor(self, host: str) -> processes.Process:
        return self.site.conductor(
            host, fleet__targets_file=self.site.directory / f'{host}.targets'
        )

    def start(self, host: str, **options: object) -> processes.Process:
        return self.site.start_conductor(
            host,
            fleet__targets_file=self.site.directory / f'{host}.targets',
            **options,
        )

    def call(self, method: str = 'work', **body: Any) -> web.Answer:
        body.setdefault('key', 'unread')
        return self.api.request(
            'POST', f'/v1/drivers/fleet/vendor_passthru/{method}', body
        )

    def executions(self) -> list[str]:
        return sorted(self.site.marked(self.key))

    def codes(self, answer: web.Answer) -> dict[str, str | None]:
        self.assertEqual(200, answer.status, answer.body)
        items = answer.json['items'].items()
        return {
            name: item.get('error', {}).get('code') for name, item in items
        }

    def finished(self, answer: web.Answer) -> dict[str, Any]:
        """Return the operation of an accepted call when it is final."""
        self.assertEqual(202, answer.status, answer.body)
        path = answer.headers['Location'].partition('/v1/')[2]
        self.path = f'/v1/{path}'
        self.wait_for(
            lambda: bool(self.api.get(self.path).json['finished_at']),
            'the operation ends',
            seconds=60.0,
        )
        return self.api.get(self.path).json


class TestCalls(SitesCase):
    """Calls for targets of one site, or of both."""

    def test_of_one_site(self) -> None:
        for target, host in (('n2', 'north'), ('s1', 'south')):
            self.call(key=self.key, target=target)
            self.assertIn(f'{target}@{host}', self.executions())
        self.assertEqual(2, len(self.executions()))
        self.assertEqual(400, self.call(target='n9').status)

    def test_of_both(self) -> None:
        answer = self.call(key=self.key, tag='all')
        self.assertEqual(
            dict.fromkeys(('n1', 'n2', 'n3', 's1', 's2')), self.codes(answer)
        )
        self.assertEqual(5, answer.json['summary']['succeeded'])
        self.assertEqual(
            ['n1@north', 'n2@north', 'n3@north', 's1@south', 's2@south'],
            self.executions(),
        )

    def test_asynchronous(self) -> None:
        answer = self.call('work_later', key=self.key, tag='all', seconds=0.3)
        found = self.finished(answer)
        self.assertEqual('succeeded', found['state'])
        self.assertEqual(100.0, found['progress']['percent'])
        self.assertIsNone(found['conductor'])
        self.assertEqual({'n1', 'n2', 'n3', 's1', 's2'}, {*found['targets']})
        result = self.api.get(f'{self.path}/result')
        self.assertEqual(5, len(self.codes(result)))
        self.assertEqual(5, len(self.executions()))
        listed = self.api.get(f'/v1/operations?part_of={found["id"]}').json
        self.assertEqual(
            {('north', 'succeeded'), ('south', 'succeeded')},
            {(o['conductor'], o['state']) for o in listed['operations']},
        )

    def test_cancelled(self) -> None:
        answer = self.call('work_later', key=self.key, tag='all', seconds=3.0)
        self.wait_for(lambda: len(self.executions()) == 2, 'both run')
        path = answer.headers['Location'].partition('/v1/')[2]
        self.assertEqual(202, self.api.request('DELETE', f'/v1/{path}').status)
        self.assertEqual('cancelled', self.finished(answer)['state'])
        self.assertEqual(2, len(self.executions()))

    def test_key(self) -> None:
        headers = {'Idempotency-Key': '"one"'}
        path = '/v1/drivers/fleet/vendor_passthru/work'
        body = {'key': self.key, 'tag': 'all'}
        first = self.api.request('POST', path, body, headers=headers)
        self.assertEqual(5, len(self.codes(first)))

        def repeated() -> bool:
            answer = self.api.request('POST', path, body, headers=headers)
            # The record is finished by the conductors.
            if answer.status == 409:
                return False
            self.assertEqual(self.codes(first), self.codes(answer))
            return True

        self.wait_for(repeated, 'the recorded result')
        self.assertEqual(5, len(self.executions()))


class TestChanges(SitesCase):
    """Targets move, conductors fail."""

    def test_a_target_moves(self) -> None:
        self.write('north', 'n1', 'n3')
        self.write('south', 's1', 's2', 'n2')

        def moved() -> bool:
            answer = self.call(key=self.key, target='n2')
            # Certainly not run: the old conductor refuses it.
            self.assertIn(answer.status, (200, 503))
            return answer.status == 200

        self.wait_for(moved, 'the call goes to the other site')
        self.assertEqual(['n2@south'], self.executions())

    def test_a_site_is_killed(self) -> None:
        call = self.pool.submit(
            self.call, key=self.key, tag='all', seconds=2.0
        )
        self.wait_for(lambda: len(self.executions()) == 2, 'both run')
        self.conductor('south').kill()
        self.assertEqual(
            {
                **dict.fromkeys(('n1', 'n2', 'n3')),
                **dict.fromkeys(('s1', 's2'), 'outcome_unknown'),
            },
            self.codes(call.result(timeout=60)),
        )

    def test_a_site_is_killed_during_an_operation(self) -> None:
        answer = self.call('work_later', key=self.key, tag='all', seconds=1.0)
        self.wait_for(lambda: len(self.executions()) == 2, 'both run')
        self.conductor('south').kill()
        self.assertEqual('succeeded', self.finished(answer)['state'])
        codes = self.codes(self.api.get(f'{self.path}/result'))
        self.assertEqual('outcome_unknown', codes['s2'])
        self.assertIsNone(codes['n3'])


class TestRollingUpgrade(SitesCase):
    """Conductors of an earlier release, which all have the same targets."""

    def setUp(self) -> None:
        super().setUp()
        for host in _TARGETS:
            self.write(host, 't1', 't2')
        self.wait_for(self.succeeds, 'the targets are known')

    def succeeds(self) -> bool:
        return all(
            self.call(**selection).status == 200
            for selection in ({'target': 't1'}, {'tag': 'all'})
        )

    def act(self) -> tuple[str, web.Answer]:
        key = uuidutils.generate_uuid()
        # Long enough that the processors do something else, too.
        return key, self.call(key=key, targets=['t1', 't2'], seconds=0.1)

    def test_back_and_there(self) -> None:
        with deployment.Burst(self.act, threads=2) as burst:
            for earlier in (True, False):
                for host in _TARGETS:
                    self.assertEqual(0, self.conductor(host).stop())
                    self.start(host, fleet__earlier=earlier)
                    self.wait_for(self.succeeds, f'calls with the new {host}')
                    burst.wait_for_more(4)
        for key, answer in burst.results:
            ran = {200: ['t1', 't2'], 503: []}[answer.status]
            marked = sorted(mark[:2] for mark in self.site.marked(key))
            self.assertEqual(ran, marked, answer.body)


# Each stop waits for the calls that run.
if 'PASSTHRU_LONG' not in os.environ:
    del TestRollingUpgrade
