# SPDX-License-Identifier: Apache-2.0
"""Metrics, alerts and traces of a running site, with a real Prometheus."""

import collections.abc
import contextlib
import json
import os
import secrets
import signal
import time
import unittest
import urllib.error
import urllib.request
from concurrent import futures

import yaml

from ironic_passthru.metrics import definitions
from ironic_passthru.tests.functional import collector
from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import prometheus
from ironic_passthru.tests.functional import scrapes
from ironic_passthru.tests.functional import servers

_INVENTORY = """
lost:
  address: https://127.0.0.1:{port}
  username: u
  password: p
"""

_IS_LONG = bool(os.environ.get('PASSTHRU_LONG'))


class _Site(collector.TracedSite):
    """A site with one conductor, one API, a collector and Prometheus."""

    def _setUp(self) -> None:
        super()._setUp()
        self.ports = {
            name: self.useFixture(servers.ReservedPort()).port
            for name in ('api', 'conductor', 'closed')
        }
        inventory = self.directory / 'inventory.yaml'
        inventory.write_text(_INVENTORY.format(port=self.ports['closed']))
        inventory.chmod(0o600)
        self.options = {
            'metrics__enabled': True,
            'metrics__api_port': self.ports['api'],
            'metrics__conductor_port': self.ports['conductor'],
        }
        self.own = self.options | {
            'conductor__enabled_drivers': 'fake-hardware,marks,redfish',
            'conductor__sync_workers': 2,
            'conductor__async_workers': 1,
            'redfish__inventory_file': inventory,
        }

    def start(self) -> None:
        """Start all parts."""
        self.server = self.start_conductor('c1', **self.own)
        self.client = self.start_api('api', **self.options)
        self.prometheus = self.useFixture(
            prometheus.Prometheus(
                self.directory / 'prometheus',
                api_port=self.ports['api'],
                conductor_port=self.ports['conductor'],
            )
        )


_SITE = _Site(broker=servers.VirtualHost())


def setUpModule() -> None:
    _SITE.setUp()
    _SITE.start()


def tearDownModule() -> None:
    _SITE.cleanUp()


class MetricsCase(deployment.SiteTestCase):
    """A test on the site while nothing is wrong with it."""

    site = _SITE

    def setUp(self) -> None:
        super().setUp()
        self.api = self.site.client
        self.wait_for(
            lambda: self.api.get('/v1/drivers/marks').status == 200,
            'the drivers are offered',
        )

    def scrape(self, part: str) -> scrapes.Scrape:
        """Return the metrics of ``api`` or ``conductor``."""
        return scrapes.scrape(self.site.ports[part])


class TestMetrics(MetricsCase):
    """Values of the metrics."""

    def test_every_metric_is_served_with_its_help(self) -> None:
        common = set(definitions.COMMON)
        for part, defined in (
            ('api', {*definitions.API, *common}),
            ('conductor', {*definitions.CONDUCTOR, *common}),
        ):
            self.api.call('echo', 'POST', slot=3)
            self.api.call('nothing', 'POST')
            text = self.scrape(part).text
            for one in defined:
                # The multiprocess mode omits metrics without values.
                with self.subTest(metric=one.name):
                    self.assertIn(f'# HELP {one.full_name} {one.help}\n', text)
            names = {one.full_name for one in defined}
            served = {
                line.split()[2]
                for line in text.splitlines()
                if line.startswith('# TYPE')
            }
            self.assertEqual(names, served)

    def test_names_of_clients_are_not_labels(self) -> None:
        before = self.scrape('api')
        for path in ('/v1/x1', '/x2/y', '/v1/drivers/x3'):
            self.api.get(path)
        self.api.call('x4', 'POST')
        self.api.call('echo', 'POST', driver='x5')
        self.api.request('XVERB', '/v1/drivers')
        after = self.scrape('api')
        self.assertNotRegex(after.text, r'="[^"]*(x[1-6]|XVERB)')
        for name, labels in (
            ('http_requests_total', {'route': 'other'}),
            ('http_requests_total', {'http_method': 'other'}),
            ('calls_total', {'method': 'other', 'outcome': 'refused'}),
            ('call_errors_total', {'code': 'driver_not_found'}),
        ):
            self.assertGreater(
                after.total(name, **labels), before.total(name, **labels)
            )

    def test_operations_and_targets_are_counted(self) -> None:
        before = self.scrape('conductor')
        self.api.call('power_state', driver='redfish', targets=['lost'])
        answer = self.api.call('mark_later', 'POST', driver='marks', key='k')
        self.assertEqual(202, answer.status, answer.body)

        def grown(name: str, **labels: str) -> float:
            return self.scrape('conductor').total(
                name, **labels
            ) - before.total(name, **labels)

        self.assertEqual(1, grown('redfish_targets_total', code='unreachable'))
        for state in ('queued', 'running', 'succeeded'):
            self.wait_for(
                lambda state=state: grown('operations_total', state=state),
                f'{state} is counted',
            )

    def test_other_paths_and_clients_get_nothing(self) -> None:
        url = f'http://127.0.0.1:{self.site.ports["conductor"]}'
        with self.assertRaises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(f'{url}/v1/drivers')
        self.assertEqual(404, raised.exception.code)


class TestAlerts(MetricsCase):
    """Each alert fires when its fault is injected, and clears."""

    def setUp(self) -> None:
        super().setUp()
        self.prometheus = self.site.prometheus
        self.wait_for(self.prometheus.healthy, 'all is scraped')
        self.pool = futures.ThreadPoolExecutor(8)
        self.addCleanup(self.pool.shutdown)

    @contextlib.contextmanager
    def fires(self, *alerts: str) -> collections.abc.Iterator[None]:
        """Require alerts to fire within the context and to clear after it."""
        firing = self.prometheus.firing
        self.wait_for(lambda: not firing() & set(alerts), 'nothing fires')
        yield
        self.wait_for(
            lambda: not firing() & set(alerts), f'{alerts} clear', seconds=30
        )

    def wait_for_alerts(
        self,
        *alerts: str,
        act: collections.abc.Callable[[], object] = lambda: None,
    ) -> None:
        """Repeat an action until all alerts have fired."""
        missing = set(alerts)

        def fired() -> bool:
            act()
            time.sleep(0.2)
            missing.difference_update(self.prometheus.firing())
            return not missing

        self.wait_for(fired, f'{alerts} fire', seconds=30)

    def test_a_suspended_conductor(self) -> None:
        alerts = (
            'IronicPassthruConductorDown',
            'IronicPassthruUnknownOutcomes',
            'IronicPassthruBusErrors',
        )
        with self.fires(*alerts):
            self.site.server.signal(signal.SIGSTOP)
            try:
                call = self.pool.submit(self.api.call, 'echo', 'POST', a=1)
                self.wait_for_alerts(*alerts)
            finally:
                self.site.server.signal(signal.SIGCONT)
            self.assertEqual(504, call.result().status)

    def test_an_unavailable_database(self) -> None:
        alerts = (
            'IronicPassthruDatabaseErrors',
            'IronicPassthruHeartbeatLate',
        )
        file = self.site.directory / 'registry.sqlite'
        hidden = file.with_suffix('.hidden')
        with self.fires(*alerts):
            file.rename(hidden)
            try:
                self.wait_for_alerts(*alerts)
            finally:
                hidden.rename(file)

    def test_full_pools(self) -> None:
        alerts = ('IronicPassthruCallsRefused', 'IronicPassthruBacklog')

        def load() -> None:
            for _ in range(4):
                self.pool.submit(
                    self.api.call, 'mark', driver='marks', key='k', seconds=1
                )

        with self.fires(*alerts):
            for _ in range(4):
                self.api.call(
                    *('mark_later', 'POST'),
                    driver='marks',
                    key='k',
                    seconds=1,
                )
            self.wait_for_alerts(*alerts, act=load)

    def test_a_stopped_api(self) -> None:
        process = self.site.process('api', ())
        with self.fires('IronicPassthruApiDown'):
            process.stop()
            self.wait_for_alerts('IronicPassthruApiDown')
            # The first request starts the listener.
            self.site.start_api('api')

    def test_failing_targets_and_methods(self) -> None:
        alerts = (
            'IronicPassthruRedfishFailures',
            'IronicPassthruServerErrors',
        )

        def call() -> None:
            self.api.call('power_state', driver='redfish', targets=['lost'])
            self.api.call('refuse', driver='marks', key='k', kind='foreign')

        with self.fires(*alerts):
            self.wait_for_alerts(*alerts, act=call)


class TestDashboard(MetricsCase):
    """Calls, load and faults show up in the dashboard and in traces."""

    def test_each_panel_has_values(self) -> None:
        trace_id = secrets.token_hex(16)
        self.load(f'00-{trace_id}-{secrets.token_hex(8)}-01')
        self.inject_faults()
        for panel in json.loads(prometheus.DASHBOARD.read_text())['panels']:
            for target in panel.get('targets', []):
                self.wait_for(
                    lambda one=target['expr']: self.site.prometheus.shows(one),
                    f'{panel["title"]}: {target["expr"]}',
                    seconds=30,
                )
        self.wait_for(
            lambda: (
                {'ironic-passthru-api', 'ironic-passthru-conductor'}
                == {one.service for one in self.site.collector.trace(trace_id)}
            ),
            'the spans of a call',
        )

    def load(self, parent: str) -> None:
        """Call methods that succeed, fail, wait and are refused."""
        self.api.request(
            'POST',
            '/v1/drivers/fake-hardware/vendor_passthru?method=echo',
            {'a': 1},
            headers={'traceparent': parent},
        )
        for _ in range(20):
            self.api.call('echo', 'POST', a=1)
            self.api.call('power_state', driver='redfish', targets=['lost'])
            self.api.call('refuse', driver='marks', key='k', kind='foreign')
            self.api.call('mark_later', 'POST', driver='marks', key='k')
        with futures.ThreadPoolExecutor(8) as pool:
            for _ in range(8):
                pool.submit(
                    *(self.api.call, 'mark'),
                    driver='marks',
                    key='k',
                    seconds=1,
                )

    def inject_faults(self) -> None:
        """Suspend the conductor during a call, and hide the database."""
        file = self.site.directory / 'registry.sqlite'
        hidden = file.with_suffix('.hidden')
        self.site.server.signal(signal.SIGSTOP)
        try:
            self.assertEqual(504, self.api.call('echo', 'POST', a=1).status)
        finally:
            self.site.server.signal(signal.SIGCONT)
        file.rename(hidden)
        try:
            self.wait_for(
                lambda: self.site.prometheus.shows(
                    'ironic_passthru_heartbeats_skipped_total > 0'
                ),
                'a heartbeat is skipped',
            )
        finally:
            hidden.rename(file)


class TestRules(unittest.TestCase):
    """The shipped rules."""

    def test_promtool_accepts_them(self) -> None:
        prometheus.promtool('check', 'rules', str(prometheus.RULES))

    def test_promtool_tests_them(self) -> None:
        file = prometheus.console.ROOT.joinpath(
            'ironic_passthru/tests/functional/alerts.test.yml'
        )
        prometheus.promtool('test', 'rules', str(file))
        rules = yaml.safe_load(prometheus.RULES.read_text())
        wanted = {r['alert'] for g in rules['groups'] for r in g['rules']}
        tested = {
            case['alertname']
            for test in yaml.safe_load(file.read_text())['tests']
            for case in test['alert_rule_test']
        }
        self.assertEqual(wanted, tested)


if not _IS_LONG:
    del TestDashboard
    del TestAlerts.test_full_pools
    del TestAlerts.test_a_stopped_api
