# SPDX-License-Identifier: Apache-2.0
"""Faults of the broker and of its network under load."""

import collections.abc
import time

import kombu

from ironic_passthru.rpc import protocol
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional.faults import proxy
from ironic_passthru.tests.functional.faults import scenario


class ProxiedRabbitMQ(servers.RabbitMQ):
    """A site with a proxy for conductors and a proxy for APIs.

    :ivar to_conductors: the proxy between broker and conductors.
    :ivar to_apis: the proxy between broker and APIs.
    """

    def _setUp(self) -> None:
        super()._setUp()
        self.to_conductors = self.useFixture(proxy.Proxy(self.port))
        self.to_apis = self.useFixture(proxy.Proxy(self.port))
        self.url = self.make_url([self.to_conductors.port])
        self.api_url = self.make_url([self.to_apis.port])


_BROKER = ProxiedRabbitMQ()
_SITE = scenario.FaultSite(
    broker=_BROKER,
    # Seconds after which connections to a silent broker are closed.
    oslo_messaging_rabbit__heartbeat_timeout_threshold=4,
)

# Longer than the call monitor timeout.
_SILENCE_SECONDS = 5.0


def setUpModule() -> None:
    _SITE.setUp()


def tearDownModule() -> None:
    _SITE.cleanUp()


class BrokerTestCase(scenario.FaultTestCase):
    """A test with faults between the tiers."""

    site = _SITE

    def setUp(self) -> None:
        # Defined when an API starts, after the start of the broker.
        self.api_options = {'transport_url': _BROKER.api_url}
        super().setUp()

    def break_by(
        self,
        fault: collections.abc.Callable[[], object],
        repair: collections.abc.Callable[[], object] = lambda: None,
    ) -> None:
        """Call under load, inject and end a fault, check the history."""
        with self.under_load() as running:
            self.warm_up(running)
            self.note('it breaks')
            try:
                fault()
            finally:
                repair()
            self.note('it is repaired')
            running.wait_for_successes(scenario.CALLS // 2, seconds=90.0)
        self.check()

    def assert_uncertain(self) -> None:
        """Fail unless responses were lost, which proves the fault."""
        outcomes = self.outcomes()
        self.assertGreater(outcomes['503'] + outcomes['504'], 0, outcomes)


class TestRabbitMQ(BrokerTestCase):
    """Restarts and administration of the broker."""

    def test_stopped_and_started(self) -> None:
        self.break_by(_BROKER.stop, _BROKER.start)
        self.assert_uncertain()

    def test_a_conductor_stops_without_it(self) -> None:
        # Its first heartbeat, which opens a connection, finds no broker.
        own = self.start_own(
            'alone',
            conductor__heartbeat_interval=8,
            conductor__heartbeat_timeout=20,
        )
        self.addCleanup(_BROKER.start)
        _BROKER.stop()
        own.wait_for_log('heartbeat skipped')
        self.assertEqual(0, own.stop())

    def test_queues_deleted(self) -> None:
        deleted: list[str] = []

        def delete() -> None:
            deleted.extend(self.for_each_queue('queue_delete'))

        self.break_by(delete)
        # Queues of conductors and reply queues.
        for prefix in (protocol.TOPIC, 'reply_'):
            self.assertTrue(any(name.startswith(prefix) for name in deleted))

    def test_connections_closed(self) -> None:
        self.break_by(
            lambda: _BROKER.rabbitmqctl('close_all_connections', 'a test')
        )
        self.assert_uncertain()

    if scenario.LONG:

        def test_killed_and_started(self) -> None:
            self.break_by(_BROKER.kill, _BROKER.start)
            self.assert_uncertain()

        def test_queues_purged(self) -> None:
            self.break_by(lambda: self.for_each_queue('queue_purge'))

    def for_each_queue(self, command: str) -> list[str]:
        """Apply a command to every queue; return their names."""
        names = [queue['name'] for queue in self.site.queues()]
        url = _BROKER.make_url([_BROKER.port]).replace('rabbit:', 'amqp:')
        with kombu.Connection(url) as connection:
            for name in names:
                getattr(connection.default_channel, command)(name)
        return names


class NetworkTestCase(BrokerTestCase):
    """A test with faults between the broker and the tiers."""

    def setUp(self) -> None:
        super().setUp()
        self.proxies = (_BROKER.to_apis, _BROKER.to_conductors)
        self.addCleanup(self.recover)

    def recover(self) -> None:
        for one in self.proxies:
            one.recover()

    def delay(self) -> None:
        for one in self.proxies:
            one.delay(0.1)

    def half_close(self) -> None:
        for one in self.proxies:
            one.half_close()

    def reset_and_refuse(self) -> None:
        for one in self.proxies:
            one.refuse()
            one.reset()

    def break_for(
        self,
        seconds: float,
        *faults: collections.abc.Callable[[], object],
    ) -> None:
        """Call under load while faults are active."""

        def fault() -> None:
            for begin in faults:
                begin()
            time.sleep(seconds)

        self.break_by(fault, self.recover)


class TestNetwork(NetworkTestCase):
    """Faults between the broker and one tier or both."""

    def test_answers_get_lost(self) -> None:
        self.break_for(
            _SILENCE_SECONDS,
            lambda: _BROKER.to_conductors.drop([proxy.Way.UP]),
        )
        self.assertGreater(_BROKER.to_conductors.swallowed_bytes, 0)
        self.assertGreater(self.outcomes()['504'], 0)

    def test_slow_then_half_closed_then_reset_and_refused(self) -> None:
        with self.under_load() as running:
            self.warm_up(running)
            for seconds, fault in (
                (2.0, self.delay),
                (0.0, self.half_close),
                (2.0, self.reset_and_refuse),
            ):
                fault()
                self.note(f'{fault.__name__} for {seconds} seconds')
                time.sleep(seconds)
                self.recover()
                running.wait_for_successes(scenario.CALLS // 4)
        for one in self.proxies:
            self.assertGreater(one.delayed_chunks, 0)
        self.assert_uncertain()
        self.check()


if scenario.LONG:

    class TestMoreOfNetwork(NetworkTestCase):
        """The same faults in other places, and for a longer time."""

        def test_half_close(self) -> None:
            self.break_for(0.0, self.half_close)
            self.assert_uncertain()

        def test_reset_and_refused(self) -> None:
            self.break_for(5.0, self.reset_and_refuse)
            self.assert_uncertain()

        def test_delay(self) -> None:
            self.break_for(5.0, self.delay)
            for one in self.proxies:
                self.assertGreater(one.delayed_chunks, 0)

        def test_calls_arrive_late(self) -> None:
            self.break_for(
                _SILENCE_SECONDS,
                lambda: _BROKER.to_apis.hold([proxy.Way.UP]),
            )
            self.assertGreater(self.longest_wait(), _SILENCE_SECONDS)

        def test_calls_arrive_after_all_timeouts(self) -> None:
            self.break_for(
                scenario.CALL_TIMEOUT_SECONDS + 3.0,
                lambda: _BROKER.to_apis.hold([proxy.Way.UP]),
            )
            self.assertGreater(self.outcomes()['504'], 0)

        def test_deliveries_arrive_late(self) -> None:
            self.break_for(
                _SILENCE_SECONDS,
                lambda: _BROKER.to_conductors.hold([proxy.Way.DOWN]),
            )
            self.assertGreater(self.outcomes()['504'], 0)

        def test_answers_arrive_late(self) -> None:
            self.break_for(
                _SILENCE_SECONDS,
                lambda: _BROKER.to_conductors.hold([proxy.Way.UP]),
            )
            self.assertGreater(self.outcomes()['504'], 0)

        def test_nothing_arrives(self) -> None:
            self.break_for(
                _SILENCE_SECONDS, *(one.hold for one in self.proxies)
            )
            self.assertGreater(self.outcomes()['504'], 0)

        def test_calls_get_lost(self) -> None:
            self.break_for(
                _SILENCE_SECONDS,
                lambda: _BROKER.to_apis.drop([proxy.Way.UP]),
            )
            self.assertGreater(_BROKER.to_apis.swallowed_bytes, 0)
            self.assertGreater(self.outcomes()['504'], 0)

        def test_deliveries_get_lost(self) -> None:
            self.break_for(
                _SILENCE_SECONDS,
                lambda: _BROKER.to_conductors.drop([proxy.Way.DOWN]),
            )
            self.assertGreater(_BROKER.to_conductors.swallowed_bytes, 0)
            self.assertGreater(self.outcomes()['504'], 0)

        def test_reset(self) -> None:
            before = [one.reset_connections for one in self.proxies]
            self.break_for(0.0, *(one.reset for one in self.proxies))
            for one, count in zip(self.proxies, before, strict=True):
                self.assertGreater(one.reset_connections, count)
