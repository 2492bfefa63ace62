# SPDX-License-Identifier: Apache-2.0
"""The driver of local:// implements the contract of oslo.messaging."""

import collections
import concurrent.futures
import queue
import threading
import time
from typing import Any

import oslo_messaging

from ironic_passthru.rpc import local
from ironic_passthru.tests import base

TOPIC = 'bus.test'
# Limit of waits; a test that reaches it has failed.
MAX_SECONDS = 20
MANDATORY = oslo_messaging.TransportOptions(at_least_once=True)


class Refused(Exception):
    """An error with keyword arguments."""

    def __init__(self, message: str | None = None, **kwargs: Any) -> None:
        self.kwargs = kwargs
        super().__init__(message or 'refused')


class Private(Exception):
    """An error that clients rebuild only in some tests."""


class Endpoint:
    target = oslo_messaging.Target(version='1.0')

    def __init__(self, name: str = 'one') -> None:
        self.name = name
        self.seen: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.entered = threading.Event()
        self.go_on = threading.Event()

    def echo(self, context: Any, value: Any = None) -> Any:
        self.seen.put(value)
        return value

    def who(self, context: Any) -> str:
        self.seen.put('who')
        return self.name

    def whose(self, context: Any) -> Any:
        return context

    def change(self, context: Any, value: list[str]) -> None:
        value.append('changed')

    def unsendable(self, context: Any) -> Any:
        return object()

    def binary(self, context: Any) -> bytes:
        return b'\xff'

    def refuse(self, context: Any, **kwargs: Any) -> None:
        raise Refused('no', **kwargs)

    def refuse_unsendable(self, context: Any) -> None:
        raise Refused('no', secret=object())

    def fail(self, context: Any) -> None:
        raise Private('inside')

    def block(self, context: Any) -> str:
        self.entered.set()
        self.go_on.wait(MAX_SECONDS)
        return 'late'


class LocalCase(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.transport = self.make_transport()

    def make_transport(self) -> oslo_messaging.Transport:
        transport = oslo_messaging.get_rpc_transport(
            self.make_conf(),
            'local://',
            allowed_remote_exmods=[Refused.__module__],
        )
        self.addCleanup(transport.cleanup)
        return transport

    def serve(
        self, name: str = 'one', *, exchange: str | None = None
    ) -> Endpoint:
        return self.serve_with_handle(name, exchange=exchange)[0]

    def serve_with_handle(
        self, name: str = 'one', *, exchange: str | None = None
    ) -> tuple[Endpoint, oslo_messaging.MessageHandlingServer]:
        endpoint = Endpoint(name)
        server = oslo_messaging.get_rpc_server(
            self.transport,
            oslo_messaging.Target(exchange=exchange, topic=TOPIC, server=name),
            [endpoint],
        )
        self.start(server)
        # After a failed test, do not wait for the endpoint.
        self.addCleanup(endpoint.go_on.set)
        return endpoint, server

    def start(self, server: oslo_messaging.MessageHandlingServer) -> None:
        # The pool of futurist takes up to a second to stop.
        server._executor_cls = concurrent.futures.ThreadPoolExecutor
        server.start()
        self.addCleanup(self.halt, server)

    def halt(self, server: oslo_messaging.MessageHandlingServer) -> None:
        server.stop()
        server.wait()

    def client(
        self,
        server: str | None = None,
        *,
        timeout: float = MAX_SECONDS,
        mandatory: bool = False,
        **options: Any,
    ) -> Any:
        client = oslo_messaging.get_rpc_client(
            self.transport,
            oslo_messaging.Target(topic=TOPIC, version='1.0'),
            transport_options=MANDATORY if mandatory else None,
        )
        return client.prepare(server=server, timeout=timeout, **options)

    def listener(self, name: str = 'one') -> Any:
        """Return a listener without a thread that polls it."""
        adapter = self.transport._listen(
            oslo_messaging.Target(topic=TOPIC, server=name), 1, None
        )
        return adapter._poll_style_listener


class TestPayload(LocalCase):
    def test_the_transport_url_loads_the_driver(self) -> None:
        self.assertIsInstance(self.transport._driver, local.LocalDriver)

    def test_a_call_is_answered(self) -> None:
        self.serve()
        value = {'a': [1, 2.5, None, True, 'ü\x00']}
        self.assertEqual(value, self.client().call({}, 'echo', value=value))

    def test_values_arrive_as_json_values(self) -> None:
        self.serve()
        answer = self.client().call({}, 'echo', value={1: (2, 3)})
        self.assertEqual({'1': [2, 3]}, answer)

    def test_no_object_is_shared(self) -> None:
        self.serve()
        value = ['mine']
        self.client().call({}, 'change', value=value)
        self.assertEqual(['mine'], value)

    def test_the_context_travels(self) -> None:
        self.serve()
        context = {'request_id': 'req-1', 'roles': ['admin']}
        self.assertEqual(context, self.client().call(context, 'whose'))

    def test_five_mebibytes_travel_both_ways(self) -> None:
        self.serve()
        value = 'x' * (5 * 1024 * 1024)
        self.assertEqual(value, self.client().call({}, 'echo', value=value))

    def test_an_unsendable_request_is_never_sent(self) -> None:
        endpoint = self.serve()
        with self.assertRaises(ValueError):
            self.client().call({}, 'echo', value=object())
        self.client().call({}, 'echo', value='marker')
        self.assertEqual('marker', endpoint.seen.get_nowait())

    def check_answered_at_once(self, method: str) -> str:
        self.serve()
        started = time.monotonic()
        error = self.assertRaises(ValueError, self.client().call, {}, method)
        self.assertLess(time.monotonic() - started, MAX_SECONDS / 2)
        return str(error)

    def test_an_object_as_answer_fails_at_once(self) -> None:
        text = self.check_answered_at_once('unsendable')
        self.assertIn('the reply (object) has no JSON form', text)

    def test_bytes_as_answer_fail_at_once(self) -> None:
        text = self.check_answered_at_once('binary')
        self.assertIn('UnicodeDecodeError', text)

    def test_an_unsendable_error_fails_at_once(self) -> None:
        text = self.check_answered_at_once('refuse_unsendable')
        self.assertIn('the reply (Refused) has no JSON form', text)


class TestErrors(LocalCase):
    def test_an_allowed_error_is_rebuilt_with_its_arguments(self) -> None:
        self.serve()
        error = self.assertRaises(
            Refused, self.client().call, {}, 'refuse', slot=3
        )
        self.assertEqual({'slot': 3}, error.kwargs)
        self.assertEqual('Refused_Remote', type(error).__name__)

    def test_another_error_is_a_remote_error(self) -> None:
        transport = oslo_messaging.get_rpc_transport(
            self.make_conf(), 'local://'
        )
        self.addCleanup(transport.cleanup)
        self.transport = transport
        self.serve()
        error = self.assertRaises(
            oslo_messaging.RemoteError, self.client().call, {}, 'fail'
        )
        self.assertEqual('Private', error.exc_type)
        self.assertEqual('inside', error.value)

    def test_an_unknown_method_is_refused(self) -> None:
        self.serve()
        error = self.assertRaises(
            oslo_messaging.RemoteError, self.client().call, {}, 'nothing'
        )
        self.assertEqual('NoSuchMethod', error.exc_type)


class TestRouting(LocalCase):
    def test_a_server_is_addressed(self) -> None:
        self.serve('one')
        self.serve('two')
        answers = [self.client('two').call({}, 'who') for _ in range(4)]
        self.assertEqual(['two'] * 4, answers)

    def test_servers_of_a_topic_take_turns(self) -> None:
        for name in ('one', 'two', 'three'):
            self.serve(name)
        answers = collections.Counter(
            self.client().call({}, 'who') for _ in range(9)
        )
        self.assertEqual({'one': 3, 'two': 3, 'three': 3}, answers)

    def test_servers_of_one_name_take_turns(self) -> None:
        first = self.serve('one')
        second = self.serve('one')
        for _ in range(4):
            self.client('one').call({}, 'who')
        self.assertEqual((2, 2), (first.seen.qsize(), second.seen.qsize()))

    def test_exchanges_are_apart(self) -> None:
        self.serve('one', exchange='elsewhere')
        with self.assertRaises(oslo_messaging.MessageUndeliverable):
            self.client('one', mandatory=True).call({}, 'who')

    def test_transports_are_apart(self) -> None:
        self.serve('one')
        self.transport = self.make_transport()
        with self.assertRaises(oslo_messaging.MessageUndeliverable):
            self.client('one', mandatory=True).call({}, 'who')

    def test_casts_of_one_sender_are_taken_in_order(self) -> None:
        listener = self.listener()
        for number in range(100):
            self.client('one' if number % 2 else None).cast(
                {}, 'echo', value=number
            )
        taken = [
            message.message['args']['value']
            for message in listener.poll(timeout=5, batch_size=100)
        ]
        self.assertEqual(list(range(100)), taken)

    def test_many_threads_are_all_answered(self) -> None:
        self.serve('one')
        self.serve('two')
        client = self.client()

        def run(thread: int) -> list[Any]:
            return [
                client.call({}, 'echo', value=[thread, number])
                for number in range(200)
            ]

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(run, range(8)))
        self.assertEqual(
            [
                [[thread, number] for number in range(200)]
                for thread in range(8)
            ],
            answers,
        )


class TestUndeliverable(LocalCase):
    def check_undeliverable(self, server: str | None) -> None:
        error = self.assertRaises(
            oslo_messaging.MessageUndeliverable,
            self.client(server, mandatory=True).call,
            {},
            'who',
        )
        expected = TOPIC if server is None else f'{TOPIC}.{server}'
        self.assertEqual(expected, error.routing_key)

    def test_an_unknown_topic(self) -> None:
        self.check_undeliverable(None)

    def test_an_unknown_server(self) -> None:
        self.serve('one')
        self.check_undeliverable('two')

    def test_a_stopped_server(self) -> None:
        _, server = self.serve_with_handle('one')
        self.client('one', mandatory=True).call({}, 'who')
        server.stop()
        self.check_undeliverable('one')
        self.check_undeliverable(None)

    def test_a_stopped_server_leaves_the_topic_to_the_others(self) -> None:
        _, server = self.serve_with_handle('one')
        self.serve('two')
        server.stop()
        answers = {self.client().call({}, 'who') for _ in range(4)}
        self.assertEqual({'two'}, answers)

    def test_casts_too(self) -> None:
        with self.assertRaises(oslo_messaging.MessageUndeliverable):
            self.client('one', mandatory=True).cast({}, 'who')

    def test_an_optional_call_times_out(self) -> None:
        with self.assertRaises(oslo_messaging.MessagingTimeout):
            self.client('one', timeout=0.05).call({}, 'who')

    def test_an_optional_message_is_dropped(self) -> None:
        self.client('one').cast({}, 'echo', value='lost')
        endpoint = self.serve('one')
        self.client('one').call({}, 'echo', value='marker')
        self.assertEqual('marker', endpoint.seen.get_nowait())


class TestTime(LocalCase):
    def test_a_late_answer_is_dropped_quietly(self) -> None:
        endpoint = self.serve()
        with self.assertRaises(oslo_messaging.MessagingTimeout):
            self.client(timeout=0.2).call({}, 'block')
        endpoint.go_on.set()
        for number in range(20):
            answer = self.client().call({}, 'echo', value=number)
            self.assertEqual(number, answer)

    def test_a_call_expires_in_its_queue(self) -> None:
        listener = self.listener()
        with self.assertRaises(oslo_messaging.MessagingTimeout):
            self.client(timeout=0.05).call({}, 'echo', value='expired')
        self.client().cast({}, 'echo', value='cast')
        taken = listener.poll(timeout=5)
        self.assertEqual('cast', taken[0].message['args']['value'])
        self.assertEqual([], listener.poll(timeout=0))

    def call_in_thread(self, client: Any) -> concurrent.futures.Future:
        pool = concurrent.futures.ThreadPoolExecutor(1)
        self.addCleanup(pool.shutdown)
        return pool.submit(client.call, {}, 'who')

    def test_a_call_without_heartbeats_times_out_early(self) -> None:
        listener = self.listener()
        call = self.call_in_thread(self.client(call_monitor_timeout=0.1))
        (incoming,) = listener.poll(timeout=5)
        self.assertEqual(0.1, incoming.client_timeout)
        with self.assertRaises(oslo_messaging.MessagingTimeout):
            call.result(timeout=MAX_SECONDS / 2)

    def test_heartbeats_keep_a_call_alive(self) -> None:
        listener = self.listener()
        started = time.monotonic()
        call = self.call_in_thread(self.client(call_monitor_timeout=1))
        (incoming,) = listener.poll(timeout=5)
        never = threading.Event()
        while time.monotonic() - started < 1.5:
            incoming.heartbeat()
            never.wait(0.05)
        self.assertFalse(call.done())
        incoming.reply('alive')
        self.assertEqual('alive', call.result(timeout=MAX_SECONDS))

    def test_heartbeats_do_not_extend_the_timeout(self) -> None:
        listener = self.listener()
        call = self.call_in_thread(
            self.client(timeout=0.3, call_monitor_timeout=5)
        )
        (incoming,) = listener.poll(timeout=5)

        def send_until_done() -> bool:
            incoming.heartbeat()
            return call.done()

        self.wait_for(send_until_done, 'the end of the call', seconds=4)
        self.assertIsInstance(
            call.exception(), oslo_messaging.MessagingTimeout
        )

    def test_the_servers_own_heartbeats_arrive(self) -> None:
        # A server of oslo.messaging sends one after half of the timeout.
        endpoint = self.serve()
        timer = threading.Timer(2.6, endpoint.go_on.set)
        timer.start()
        self.addCleanup(timer.cancel)
        answer = self.client(call_monitor_timeout=2).call({}, 'block')
        self.assertEqual('late', answer)

    def test_a_poll_ends_with_its_time(self) -> None:
        self.assertEqual([], self.listener().poll(timeout=0.01))


class TestStop(LocalCase):
    def test_stop_ends_a_poll(self) -> None:
        listener = self.listener()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            poll = pool.submit(listener.poll)
            with self.assertRaises(TimeoutError):
                poll.result(timeout=0.1)
            listener.stop()
            self.assertEqual([], poll.result(timeout=MAX_SECONDS))

    def test_what_was_delivered_is_still_taken(self) -> None:
        listener = self.listener()
        self.client('one').cast({}, 'echo', value='delivered')
        listener.stop()
        self.assertEqual(1, len(listener.poll()))
        self.assertEqual([], listener.poll())
        self.assertEqual([], listener.poll())

    def test_stop_and_cleanup_may_be_repeated(self) -> None:
        listener = self.listener()
        listener.stop()
        listener.stop()
        listener.cleanup()
        self.assertEqual([], listener.poll())

    def test_a_running_call_is_answered_during_stop(self) -> None:
        endpoint, server = self.serve_with_handle()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            call = pool.submit(self.client('one').call, {}, 'block')
            self.assertTrue(endpoint.entered.wait(MAX_SECONDS))
            server.stop()
            endpoint.go_on.set()
            self.assertEqual('late', call.result(timeout=MAX_SECONDS))

    def test_a_server_of_the_same_name_starts_empty(self) -> None:
        old, server = self.serve_with_handle('one')
        self.halt(server)
        self.client('one').cast({}, 'echo', value='between')
        new = self.serve('one')
        self.client('one', mandatory=True).call({}, 'echo', value='after')
        self.assertEqual('after', new.seen.get_nowait())
        self.assertTrue(old.seen.empty())

    def test_a_closed_transport_refuses_all(self) -> None:
        self.serve('one')
        self.transport.cleanup()
        refused = oslo_messaging.MessageDeliveryFailure
        error = self.assertRaises(refused, self.client('one').call, {}, 'who')
        self.assertIn('closed', str(error))
        self.assertRaises(refused, self.client('one').cast, {}, 'who')
        self.assertRaises(refused, self.listener)

    def test_a_closed_transport_lets_its_servers_rest(self) -> None:
        listener = self.listener()
        self.transport.cleanup()
        # An earlier return would make the thread of the server spin.
        started = time.monotonic()
        self.assertEqual([], listener.poll(timeout=0.1))
        self.assertGreaterEqual(time.monotonic() - started, 0.1)
        listener.stop()
        self.assertEqual([], listener.poll())

    def test_notifications_are_not_transported(self) -> None:
        bus = oslo_messaging.get_notification_transport(
            self.make_conf(), 'local://'
        )
        self.addCleanup(bus.cleanup)
        target = oslo_messaging.Target(topic='events.info')
        with self.assertRaises(NotImplementedError):
            bus._send_notification(target, {}, {}, 2.0)
