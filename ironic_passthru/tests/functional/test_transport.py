# SPDX-License-Identifier: Apache-2.0
"""Rejected messages, queues, and an unavailable broker."""

import json
import time
from concurrent import futures
from typing import Any

import kombu
import oslo_messaging
from oslo_utils import uuidutils

from ironic_passthru import errors
from ironic_passthru.rpc import protocol
from ironic_passthru.rpc import transport as rpc_transport
from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import web

_SITE = deployment.Site(conductor__enabled_drivers='marks')

# Limit of a response if bus or conductor are unavailable.
_LIMIT_SECONDS = 5 + deployment.SLACK_SECONDS


def setUpModule() -> None:
    _SITE.setUp()


def tearDownModule() -> None:
    _SITE.cleanUp()


class TransportTestCase(deployment.SiteTestCase):
    """A test with one conductor."""

    site = _SITE

    def setUp(self) -> None:
        super().setUp()
        self.key = uuidutils.generate_uuid()
        self.conductor = self.site.start_conductor('t1')
        self.address = self.site.address('t1')
        self.pool = futures.ThreadPoolExecutor(max_workers=8)
        self.addCleanup(self.pool.shutdown)


class TestFence(TransportTestCase):
    """Messages that a conductor must reject."""

    def setUp(self) -> None:
        super().setUp()
        self.client = oslo_messaging.get_rpc_client(
            self.site.bus(self),
            rpc_transport.target(),
            serializer=protocol.ContextSerializer(),
        )

    def send(self, server: protocol.ConductorAddress, **changes: Any) -> Any:
        """Send a valid call with changed arguments."""
        arguments = {
            'driver_name': 'marks',
            'driver_method': 'mark',
            'http_method': 'POST',
            'info': {'key': self.key},
        }
        prepared = self.client.prepare(
            server=server.name,
            timeout=10,
            transport_options=oslo_messaging.TransportOptions(
                at_least_once=True
            ),
        )
        return prepared.call(
            {}, 'driver_vendor_passthru', **arguments | changes
        )

    def assert_dropped(self, error: type[Exception], **changes: Any) -> None:
        """Fail unless a message is rejected and not run."""
        self.assertRaises(error, self.send, self.address, **changes)
        self.assertEqual([], self.site.marked(self.key))

    def test_one_in_order_runs(self) -> None:
        answer = self.send(
            self.address,
            call_id=uuidutils.generate_uuid(),
            incarnation=self.address.incarnation,
            deadline=time.time() + 10,
        )
        self.assertEqual('t1', answer['return'])

    def test_one_for_another_incarnation(self) -> None:
        self.assert_dropped(
            errors.StaleCall, incarnation=uuidutils.generate_uuid()
        )

    def test_one_past_its_deadline(self) -> None:
        self.assert_dropped(errors.CallExpired, deadline=time.time() - 0.1)

    def test_one_that_was_taken_already(self) -> None:
        call_id = uuidutils.generate_uuid()
        self.send(self.address, call_id=call_id)
        self.assertRaises(
            errors.DuplicateCall, self.send, self.address, call_id=call_id
        )
        self.assertEqual(2, len(self.site.marked(self.key)))

    def test_of_many_copies_at_once_one_runs(self) -> None:
        call_id = uuidutils.generate_uuid()
        copies = [
            self.pool.submit(self.send, self.address, call_id=call_id)
            for _ in range(8)
        ]
        failures = [copy.exception(60) for copy in copies]
        self.assertEqual(1, failures.count(None))
        self.assertTrue(
            all(isinstance(f, errors.DuplicateCall | None) for f in failures)
        )
        self.assertEqual(2, len(self.site.marked(self.key)))

    def test_no_message_waits_for_a_restarted_conductor(self) -> None:
        before = self.address
        self.conductor.kill()
        self.wait_for(lambda: self.undeliverable(before), 'its queue is gone')
        self.site.start_conductor('t1')
        self.assertTrue(self.undeliverable(before))
        self.assertEqual([], self.site.marked(self.key))

    def undeliverable(self, server: protocol.ConductorAddress) -> bool:
        """Return whether a message is returned as undeliverable."""
        try:
            self.send(server, deadline=1.0)
        except oslo_messaging.MessageUndeliverable:
            return True
        except (errors.CallExpired, oslo_messaging.MessagingTimeout):
            return False
        raise AssertionError('the message was accepted')


class TestQueues(TransportTestCase):
    """Queues of a conductor that has ended."""

    def exists(self, queue: str) -> bool:
        """Return whether a queue exists."""
        with kombu.Connection(
            self.site.broker.url.replace('rabbit:', 'amqp:')
        ) as connection:
            try:
                connection.default_channel.queue_declare(queue, passive=True)
            except connection.channel_errors:
                return False
        return True

    def test_they_go_with_it(self) -> None:
        for end in ('kill', 'stop'):
            conductor = self.site.start_conductor('t1')
            name = f'{protocol.TOPIC}.{self.site.address("t1").name}'
            self.assertTrue(self.exists(name))
            getattr(conductor, end)()
            self.wait_for(
                lambda name=name: not self.exists(name),
                f'{name} is gone after {end}',
            )
        for queue in self.site.queues():
            # Reply and fanout queues expire.
            arguments = {name: value for name, _, value in queue['arguments']}
            self.assertLessEqual(arguments['x-expires'], 60_000, queue)


class TestBrokerUnavailable(TransportTestCase):
    """Calls fail within seconds, and succeed after recovery."""

    def setUp(self) -> None:
        super().setUp()
        self.api = self.site.start_api()

    def call(self, api: web.Client, seconds: float = 0) -> web.Answer:
        """Call a method that records its execution."""
        return api.call(
            'mark', 'POST', driver='marks', key=self.key, seconds=seconds
        )

    def connections(self) -> set[str]:
        """Return the names of the conductors' connections to the broker."""
        listed = self.site.broker.rabbitmqctl(
            *('list_connections', 'name', 'client_properties'),
            *('--formatter', 'json'),
        )
        return {
            connection['name']
            for connection in json.loads(listed)
            if 'ironic-passthru-conductor' in str(connection)
        }

    def wait_for_calls(self, api: web.Client) -> None:
        """Wait until a call succeeds."""
        self.wait_for(
            lambda: self.call(api).status == 200, 'calls go on', seconds=20.0
        )

    def assert_refused(self, api: web.Client) -> None:
        """Fail unless a call gets 503 in time."""
        answer = self.call(api)
        self.assertEqual(503, answer.status, answer.body)
        self.assertIn('Retry-After', answer.headers)
        self.assertLess(answer.seconds, _LIMIT_SECONDS)

    def test_a_stopped_broker(self) -> None:
        self.wait_for_calls(self.api)
        self.site.broker.stop()
        self.addCleanup(self.site.broker.start)
        # The first call may fail while it is sent.
        self.assertIn(self.call(self.api).status, (503, 504))
        self.assert_refused(self.api)
        self.assert_refused(self.api)
        # So does an API that was never connected.
        newcomer = self.site.start_api('newcomer')
        self.assert_refused(newcomer)
        self.assert_refused(newcomer)
        # Requests without the bus still succeed.
        self.assertEqual(200, self.api.get('/v1/drivers/marks').status)
        health = self.api.get('/healthcheck/detailed')
        self.assertEqual(503, health.status)
        self.assertFalse(health.json['checks']['bus']['healthy'])
        # A new conductor waits for the broker.
        late = self.site.conductor('t2')
        self.addCleanup(late.kill)
        late.start()
        late.wait_for_log('Connection failed')
        marked = len(self.site.marked(self.key))

        self.site.broker.start()
        back = time.monotonic()
        self.wait_for_calls(self.api)
        self.wait_for_calls(newcomer)
        self.assertLess(time.monotonic() - back, 10 + deployment.SLACK_SECONDS)
        # No rejected call has run: each success left two marks.
        self.assertEqual(marked + 4, len(self.site.marked(self.key)))
        self.assertTrue(self.conductor.running)
        late.wait_for_log('Conductor t2 (')
        health = self.api.get('/healthcheck/detailed')
        self.assertEqual(200, health.status, health.body)

    def test_a_silent_broker(self) -> None:
        api = self.site.start_api(
            'impatient', oslo_messaging_rabbit__heartbeat_timeout_threshold=2
        )
        self.wait_for_calls(api)
        refused = self.key = uuidutils.generate_uuid()
        self.site.broker.suspend()
        try:
            calls = [self.pool.submit(self.call, api) for _ in range(4)]
            answers = [call.result(60) for call in calls]
        finally:
            self.site.broker.resume()
        statuses = [answer.status for answer in answers]
        self.assertLessEqual(set(statuses), {503, 504})
        for answer in answers:
            self.assertLess(answer.seconds, 12 + deployment.SLACK_SECONDS)
        self.key = uuidutils.generate_uuid()
        self.wait_for_calls(api)
        # Calls with 504 may have run, the others not.
        self.assertLessEqual(
            len(self.site.marked(refused)), 2 * statuses.count(504)
        )

    def test_a_broker_without_disk(self) -> None:
        """It stays up, but accepts no messages until there is disk space."""
        self.conductor.stop()
        # It checks the bus, over new connections, before each heartbeat.
        self.site.start_conductor(
            't2',
            conductor__heartbeat_interval=60,
            conductor__heartbeat_timeout=120,
        )
        self.wait_for_calls(self.api)
        refused = self.key = uuidutils.generate_uuid()
        running = self.pool.submit(self.call, self.api, 6.0)
        self.wait_for(lambda: self.site.marked(refused), 'it runs')
        free = ('set_disk_free_limit', '1MB')
        self.site.broker.rabbitmqctl('set_disk_free_limit', '100000GB')
        self.addCleanup(self.site.broker.rabbitmqctl, *free)
        answers = [self.call(self.api) for _ in range(4)]
        self.assertLessEqual({one.status for one in answers}, {503, 504})
        for answer in answers:
            self.assertLess(answer.seconds, 4 + deployment.SLACK_SECONDS)
        # Its reply cannot be sent.
        self.assertEqual(504, running.result(60).status)
        self.wait_for(
            lambda: len(self.site.marked(refused)) >= 2, 'its end', seconds=20
        )
        # It waits and does not open further connections.
        before = self.connections()
        time.sleep(3)
        self.assertEqual(before, self.connections())
        self.site.broker.rabbitmqctl(*free)
        self.site.start_conductor('t1')
        self.key = uuidutils.generate_uuid()
        self.wait_for_calls(self.api)

    def test_a_broker_that_dies_during_a_call(self) -> None:
        self.wait_for_calls(self.api)
        self.key = uuidutils.generate_uuid()
        call = self.pool.submit(self.call, self.api, 4.0)
        self.wait_for(
            lambda: self.site.marked(self.key), 'it runs', seconds=20.0
        )
        self.site.broker.kill()
        self.addCleanup(self.site.broker.start)
        killed = time.monotonic()
        answer = call.result(60)
        self.assertEqual(504, answer.status, answer.body)
        self.assertLess(time.monotonic() - killed, _LIMIT_SECONDS)
        self.site.broker.start()
        self.wait_for_calls(self.api)
        marks = self.site.marked(self.key)
        self.assertEqual(marks.count('t1:began'), marks.count('t1:ended'))
