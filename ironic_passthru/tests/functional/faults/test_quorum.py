# SPDX-License-Identifier: Apache-2.0
"""The recommended broker of three nodes with a node that dies."""

import signal

from ironic_passthru.tests.functional import certificates
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional.faults import failpoints
from ironic_passthru.tests.functional.faults import scenario

# oslo.messaging uses another name for localhost if there are several hosts.
_CERTIFICATES = certificates.Certificates('127.0.0.1')
_BROKER = servers.RabbitMQ(nodes=3, tls=_CERTIFICATES)
_SITE = scenario.FaultSite(servers.PostgreSQL, broker=_BROKER)


def setUpModule() -> None:
    _CERTIFICATES.setUp()
    _SITE.setUp()


def tearDownModule() -> None:
    _SITE.cleanUp()
    _CERTIFICATES.cleanUp()


class QuorumTestCase(scenario.FaultTestCase):
    """A test with quorum queues."""

    site = _SITE

    def setUp(self) -> None:
        super().setUp()
        kinds = {
            value
            for queue in self.site.queues()
            for name, _, value in queue['arguments']
            if name == 'x-queue-type'
        }
        self.assertEqual({'quorum'}, kinds)


class TestNodes(QuorumTestCase):
    """A node that dies; the majority continues."""

    def kill_node(self, node: int) -> None:
        with self.under_load() as running:
            self.warm_up(running)
            _BROKER.kill(node)
            self.note(f'node {node} is killed')
            try:
                running.wait_for_successes(scenario.CALLS // 4)
            finally:
                _BROKER.start(node)
            self.note(f'node {node} started again')
            running.wait_for_successes(scenario.CALLS // 4)
        outcomes = self.outcomes()
        self.assertGreater(outcomes['503'] + outcomes['504'], 0, outcomes)
        self.check()

    def test_the_first(self) -> None:
        self.kill_node(0)

    if scenario.LONG:

        def test_the_second(self) -> None:
            self.kill_node(1)

        def test_the_third(self) -> None:
            self.kill_node(2)

        def test_all_at_once(self) -> None:
            with self.under_load() as running:
                self.warm_up(running)
                for node in range(3):
                    _BROKER.kill(node)
                self.note('all nodes are killed')
                _BROKER.start_all()
                running.wait_for_successes(scenario.CALLS // 4, seconds=120)
            self.assertGreater(self.outcomes()['503'], 0)
            self.check()


class TestConductors(QuorumTestCase):
    """Queues that outlive their conductor."""

    def kill_at(self, host: str, point: str, *, comes_back: bool) -> None:
        victim = self.start_own(host, f'{point}:{scenario.CALLS // 12}')
        with self.under_load() as running:
            self.wait_for_flight(running)
            self.assertEqual(-signal.SIGKILL, victim.wait(60.0))
            self.note(f'{host} has died at {point}')
            if comes_back:
                self.start_own(host)
            running.wait_for_successes(scenario.CALLS // 2)

    def test_method(self) -> None:
        self.kill_at('k1', 'method', comes_back=True)
        self.assertGreater(self.outcomes()['504'], 0)
        self.check()

    if scenario.LONG:

        def test_every_point(self) -> None:
            for number, point in enumerate(failpoints.POINTS):
                host = f'dies-at-{point}'
                self.kill_at(host, point, comes_back=number % 2 == 0)
            self.assertGreater(self.outcomes()['504'], 0)
            self.check()


if scenario.LONG:

    class TestStop(QuorumTestCase):
        """Orderly restarts of conductors."""

        # The default: after its start a conductor opens 30 TLS connections
        # before its call monitor heartbeats are in time.
        api_options = {'api__call_monitor_timeout': 6}

        def test_one_after_the_other(self) -> None:
            with self.under_load() as running:
                self.warm_up(running)
                self.restart_each()
                running.wait_for_successes(scenario.CALLS // 4)
            self.assertNotIn('504', self.outcomes())
            self.check()
