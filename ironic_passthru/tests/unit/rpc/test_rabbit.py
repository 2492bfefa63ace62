# SPDX-License-Identifier: Apache-2.0
"""Invalid messages, and errors of the connection to RabbitMQ."""

import bz2
import gzip
import json
import logging
import lzma
import os
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any
from unittest import mock

import amqp
import fixtures
import oslo_messaging
from kombu.transport import pyamqp
from oslo_messaging._drivers import amqpdriver
from oslo_messaging._drivers import common

from ironic_passthru.rpc import protocol
from ironic_passthru.rpc import rabbit
from ironic_passthru.rpc import transport
from ironic_passthru.tests import base

JSON = 'application/json'
MAX_SIZE = 1_000_000


def envelope(text: Any) -> str:
    return json.dumps({'oslo.version': '2.0', 'oslo.message': text})


def deep(levels: int) -> str:
    return '[' * levels + ']' * levels


# Body, content type, content encoding.
INVALID: list[tuple[Any, Any, Any]] = [
    (b'', JSON, 'utf-8'),
    (b'no JSON', JSON, 'utf-8'),
    (b'\x80\xff', JSON, 'utf-8'),
    (b'\x80\xff', 'application/octet-stream', 'binary'),
    (b'{}', 'text/plain', 'no-such-encoding'),
    (b'{}', None, None),
    (b'\x80\x04K\x01.', 'application/x-python-serialize', 'binary'),
    (b'7', JSON, 'utf-8'),
    (b'null', JSON, 'utf-8'),
    (b'[["method", "ping"]]', JSON, 'utf-8'),
    (b'{"method": "ping"}', JSON, 'utf-8'),
    (deep(100_000).encode(), JSON, 'utf-8'),
    (envelope('{broken').encode(), JSON, 'utf-8'),
    (envelope('[]').encode(), JSON, 'utf-8'),
    (envelope('"text"').encode(), JSON, 'utf-8'),
    (envelope('{"a": NaN}').encode(), JSON, 'utf-8'),
    (envelope('{"a": -Infinity}').encode(), JSON, 'utf-8'),
    (envelope('{"a": 1e999}').encode(), JSON, 'utf-8'),
    (envelope('{"a": ' + '1' * 5000 + '}').encode(), JSON, 'utf-8'),
    (envelope('{"a": ' + deep(100_000) + '}').encode(), JSON, 'utf-8'),
    (envelope(7).encode(), JSON, 'utf-8'),
    (envelope(None).encode(), JSON, 'utf-8'),
    (envelope({}).encode(), JSON, 'utf-8'),
    (b'{"oslo.version": "9.0", "oslo.message": "{}"}', JSON, 'utf-8'),
    (b'{"oslo.version": [], "oslo.message": "{}"}', JSON, 'utf-8'),
    (b'{"oslo.version": "2.0"}', JSON, 'utf-8'),
    (envelope('{}').encode(), 'text/plain', 'utf-8'),
    (envelope('{"_msg_id": 7}').encode(), JSON, 'utf-8'),
    (envelope(json.dumps({'_msg_id': 'x' * 256})).encode(), JSON, 'utf-8'),
    (envelope(json.dumps({'_msg_id': 'a\nb'})).encode(), JSON, 'utf-8'),
    (envelope('{"_unique_id": ["x"]}').encode(), JSON, 'utf-8'),
    (envelope(json.dumps({'_unique_id': 'x' * 256})).encode(), JSON, 'utf-8'),
]


class DeliveryCase(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(
            fixtures.FakeLogger(level=logging.INFO, nuke_handlers=True)
        )
        self.channel = mock.Mock(no_ack_consumers=None)
        # Not recorded as a call of the channel.
        self.channel.message_to_python = lambda message: pyamqp.Message(
            message, channel=self.channel
        )
        self.consumer = mock.Mock(queue_name='q')
        self.consumer.queue.channel = self.channel
        self.got: list[dict[str, Any]] = []
        self.consumer.callback = self.got.append

    def deliver(
        self,
        body: Any,
        content_type: Any = JSON,
        encoding: Any = 'utf-8',
        **headers: Any,
    ) -> None:
        delivered = amqp.Message(
            body,
            content_type=content_type,
            content_encoding=encoding,
            application_headers=headers,
        )
        delivered.delivery_info = {'delivery_tag': 5}
        rabbit._deliver(self.consumer, delivered, max_size=MAX_SIZE)


class TestDelivery(DeliveryCase):
    def test_a_valid_message(self) -> None:
        self.deliver(envelope('{"method": "ping", "args": {"a": 1.5}}'))
        self.assertEqual([{'method': 'ping', 'args': {'a': 1.5}}], self.got)
        self.assertEqual([], self.channel.method_calls)
        self.got[0].acknowledge()  # type: ignore[attr-defined]
        self.channel.basic_ack.assert_called_once_with(5, multiple=False)

    def test_invalid_messages(self) -> None:
        for count, (body, content_type, encoding) in enumerate(INVALID, 1):
            self.deliver(body, content_type, encoding)
            self.assertEqual([], self.got, body[:80])
            lines = self.log.output.splitlines()
            self.assertEqual(count, len(lines), body[:80])
            self.assertLess(len(lines[-1]), 200)
        self.assertEqual(
            [mock.call.basic_reject(5, requeue=False)] * len(INVALID),
            self.channel.method_calls,
        )
        self.assertNotIn('Traceback', self.log.output)

    def test_a_callback_that_fails_after_it_acknowledged(self) -> None:
        for error in (TypeError('x'), RecursionError(), KeyError('a\nb')):

            def fail(message: Any, error: Exception = error) -> None:
                message.acknowledge()
                raise error

            self.consumer.callback = fail
            self.deliver(envelope('{}'))
        # A rejection would close the channel.
        self.channel.basic_reject.assert_not_called()
        self.assertEqual(3, self.channel.basic_ack.call_count)
        self.assertEqual(3, len(self.log.output.splitlines()))

    def test_compressed(self) -> None:
        body = envelope('{"method": "ping"}').encode()
        for name, compressed in (
            ('application/x-gzip', zlib.compress(body)),
            ('application/x-bz2', bz2.compress(body)),
        ):
            self.deliver(compressed, compression=name)
            self.assertEqual({'method': 'ping'}, self.got.pop(), name)
        self.assertEqual('', self.log.output)

    def test_invalid_compression(self) -> None:
        body = envelope('{}').encode()
        for name, compressed in (
            ('application/x-gzip', b'x'),
            ('application/x-gzip', zlib.compress(body)[:-5]),
            ('application/x-gzip', gzip.compress(body)),
            ('application/x-lzma', lzma.compress(body)),
            ('x', body),
            ([1], body),
        ):
            self.deliver(compressed, compression=name)
        self.assertEqual([], self.got)
        self.assertEqual(6, len(self.log.output.splitlines()))
        self.assertEqual(6, self.channel.basic_reject.call_count)

    def test_too_large(self) -> None:
        def of_size(size: int) -> bytes:
            empty = len(envelope(json.dumps({'a': ''})))
            return envelope(json.dumps({'a': 'x' * (size - empty)})).encode()

        names = {
            'application/x-gzip': zlib.compress,
            'application/x-bz2': bz2.compress,
        }
        for size, taken in ((MAX_SIZE, True), (MAX_SIZE + 1, False)):
            body = of_size(size)
            self.assertEqual(size, len(body))
            self.deliver(body)
            self.assertEqual(taken, len(self.got) == 1)
            for name, compress in names.items():
                self.deliver(compress(body), compression=name)
            self.assertEqual(3 if taken else 0, len(self.got))
            self.got.clear()
        lines = self.log.output.splitlines()
        self.assertEqual(3, len(lines))
        for line in lines:
            self.assertIn('TooLarge', line)

    def test_large_messages_are_neither_decompressed_nor_decoded(
        self,
    ) -> None:
        bomb = zlib.compress(b' ' * 300 * MAX_SIZE)
        self.assertLess(len(bomb), MAX_SIZE)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        self.deliver(bomb, compression='application/x-gzip')
        _, peak = tracemalloc.get_traced_memory()
        self.assertLess(peak, 10 * MAX_SIZE)
        with mock.patch('kombu.serialization.loads') as loads:
            self.deliver(b'[' * (MAX_SIZE + 1))
        loads.assert_not_called()

    def test_codecs_that_a_message_names(self) -> None:
        body = envelope('{"method": "ping"}')
        for encoding, encoded in (
            ('bz2', bz2.compress(body.encode())),
            ('zlib', zlib.compress(body.encode())),
            ('utf-16', body.encode('utf-16')),
            ('punycode', body.encode('punycode')),
        ):
            for content_type in (JSON, 'application/data'):
                self.deliver(encoded, content_type, encoding)
                self.assertEqual([], self.got, encoding)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        bomb = bz2.compress(b' ' * 300 * MAX_SIZE)
        tracemalloc.reset_peak()
        self.deliver(bomb, 'application/data', 'bz2')
        _, peak = tracemalloc.get_traced_memory()
        self.assertLess(peak, 10 * MAX_SIZE)
        # Always decoded as UTF-8, as kombu does for JSON.
        self.deliver(body.encode(), JSON, 'latin-1')
        self.assertEqual([{'method': 'ping'}], self.got)

    def test_the_body_is_not_kept(self) -> None:
        self.deliver(envelope('{"method": "ping"}'))
        (message,) = self.got
        raw = message._raw_message  # type: ignore[attr-defined]
        self.assertIsNone(raw.body)
        self.assertIsNone(raw._decoded_cache)

    def test_a_connection_that_breaks_is_not_hidden(self) -> None:
        self.channel.basic_reject.side_effect = ConnectionResetError
        self.assertRaises(ConnectionResetError, self.deliver, b'no JSON')


class TestTheDriversOwnCallbacks(DeliveryCase):
    """Contents on which oslo.messaging fails after it acknowledged them."""

    def test_a_request(self) -> None:
        driver = mock.Mock(prefetch_size=0)
        listener = amqpdriver.RpcAMQPListener(driver, mock.Mock())
        self.consumer.callback = listener
        self.deliver(envelope('{"_context_self": 1}'))
        self.deliver(envelope('{"_context_a": ' + deep(600) + '}'))
        self.deliver(envelope('{"_unique_id": "u", "method": "ping"}'))
        self.assertEqual(1, len(listener.incoming))
        self.assertEqual(2, len(self.log.output.splitlines()))
        self.channel.basic_reject.assert_not_called()

    def test_a_reply(self) -> None:
        waiter = amqpdriver.ReplyWaiter.__new__(amqpdriver.ReplyWaiter)
        waiter.waiters = amqpdriver.ReplyWaiters()
        waiter.waiters.add('mine')
        self.consumer.callback = waiter
        self.deliver(envelope('{"_msg_id": ["x"]}'))
        self.deliver(envelope('{"_msg_id": {}}'))
        self.deliver(envelope('{"_msg_id": "mine", "result": 1}'))
        self.assertEqual({'result': 1}, waiter.waiters.get('mine', timeout=0))
        self.assertEqual(2, len(self.log.output.splitlines()))
        self.assertEqual(2, self.channel.basic_reject.call_count)
        self.channel.basic_ack.assert_called_once()


class TestAdapt(base.TestCase):
    def test_only_rabbitmq_is_changed(self) -> None:
        bus = transport.make(self.make_conf(), 'local://')
        self.addCleanup(bus.cleanup)
        bus = transport.make(self.make_conf(), 'rabbit://h/')
        pool = bus._driver._connection_pool
        self.assertIs(rabbit._Connection, pool.connection_cls)
        self.assertEqual(10, bus._driver.missing_destination_retry_timeout)

    def test_configured_options_are_kept(self) -> None:
        conf = self.make_conf()
        transport.make(conf, 'rabbit://h/')
        conf.set_override(
            'kombu_missing_consumer_retry_timeout',
            33,
            group='oslo_messaging_rabbit',
        )
        bus = transport.make(conf, 'rabbit://h/')
        self.assertEqual(33, bus._driver.missing_destination_retry_timeout)

    def test_records_of_the_driver_have_no_traceback(self) -> None:
        transport.make(self.make_conf(), 'rabbit://h/')
        transport.make(self.make_conf(), 'rabbit://h/')
        log = self.useFixture(fixtures.FakeLogger(nuke_handlers=True))
        try:
            raise common.DuplicateMessageError(msg_id='u')
        except common.DuplicateMessageError:
            amqpdriver.LOG.exception('ignoring duplicate message %s', 'm')
        self.assertEqual('ignoring duplicate message m\n', log.output)
        self.assertEqual(1, amqpdriver.LOG.filters.count(rabbit._COMPACT_LOG))


class TestSending(base.TestCase):
    """Errors show whether a call may have been published."""

    def setUp(self) -> None:
        super().setUp()
        self.published = False
        library = 'oslo_messaging._drivers.impl_rabbit.Connection'
        for name, fake in (
            (f'{library}.__init__', self.connect),
            (f'{library}._ensure_publishing', self.publish),
            (
                'ironic_passthru.rpc.rabbit._Connection.'
                'set_transport_socket_timeout',
                lambda *_: None,
            ),
        ):
            self.useFixture(fixtures.MonkeyPatch(name, fake))

    def connect(
        self, connection: Any, _conf: Any, url: str, _purpose: str, retry: Any
    ) -> None:
        connection.amqp_durable_queues = connection.amqp_auto_delete = True
        if url == 'unavailable':
            raise ConnectionResetError('no')

    def publish(self, connection: Any, *_: Any, **kwargs: Any) -> None:
        if self.published:
            with connection._transport_socket_timeout(1):
                pass
        raise oslo_messaging.MessageDeliveryFailure('no')

    def send(self, connection: Any) -> None:
        connection.topic_send('exchange', 'topic', {})

    def test_a_call_that_was_not_published(self) -> None:
        connection = rabbit._Connection(None, 'here', 'send', retry=0)
        self.assertRaises(rabbit.NothingSent, self.send, connection)

    def test_a_call_that_was_published(self) -> None:
        connection = rabbit._Connection(None, 'here', 'send', retry=0)
        for self.published in (False, True, False, True):
            error = self.assertRaises(
                oslo_messaging.MessageDeliveryFailure, self.send, connection
            )
            self.assertEqual(
                not self.published, isinstance(error, rabbit.NothingSent)
            )

    def test_a_call_without_a_connection(self) -> None:
        self.assertRaises(
            rabbit.NothingSent,
            *(rabbit._Connection, None, 'unavailable', 'send', 0),
        )

    def test_what_failed_is_repeated_by_the_library_only(self) -> None:
        """A call, with retry=0, is published once at most."""
        connection = rabbit._Connection(None, 'here', 'send', retry=0)
        connection.channel = object()
        connection._initial_pid = os.getpid()
        for attempts in (1, 2):
            handled: list[Exception] = []

            def ensure(
                _: Any,
                method: Callable[[], Any],
                *,
                retry: int,
                handled: list[Exception] = handled,
            ) -> Any:
                for left in reversed(range(retry + 1)):
                    try:
                        return method()
                    except ConnectionResetError as error:
                        handled.append(error)
                        if not left:
                            raise

            self.useFixture(
                fixtures.MonkeyPatch(
                    'oslo_messaging._drivers.impl_rabbit.Connection.ensure',
                    ensure,
                )
            )
            sent: list[int] = []

            def send(sent: list[int] = sent) -> None:
                sent.append(1)
                raise ConnectionResetError(str(len(sent)))

            self.assertRaises(
                ConnectionResetError,
                *(connection.ensure, send),
                retry=attempts - 1,
            )
            self.assertEqual(attempts, len(sent))
            self.assertEqual(['1', '2'][:attempts], [*map(str, handled)])

    def test_connections_for_other_purposes(self) -> None:
        self.assertRaises(
            ConnectionResetError,
            rabbit._Connection,
            None,
            'unavailable',
            'listen',
        )


class TestConnection(base.TestCase):
    """A message whose headers the AMQP library cannot read."""

    def test_it_is_replaced(self) -> None:
        self.useFixture(
            fixtures.MonkeyPatch(
                'oslo_messaging._drivers.impl_rabbit.Connection.consume',
                self.fail_once,
            )
        )
        self.failed = False
        connection = rabbit._Connection.__new__(rabbit._Connection)
        connection.connection = mock.Mock()
        connection.consume(1)
        connection.connection.close.assert_called_once_with()
        connection.consume(1)
        connection.connection.close.assert_called_once_with()

    def fail_once(self, connection: Any, timeout: Any) -> None:
        if not self.failed:
            self.failed = True
            raise oslo_messaging.MessageDeliveryFailure('no')


class TestRoutes(base.TestCase):
    """Valid reply queues."""

    def test_only_reply_queues_are_valid(self) -> None:
        def is_valid(reply_q: Any, msg_id: Any = 'id') -> bool:
            incoming = mock.Mock(reply_q=reply_q, orig_msg_id=msg_id)
            return rabbit._has_valid_route(incoming)

        self.assertTrue(is_valid('reply_1f'))
        self.assertTrue(is_valid('reply_host:name:7'))
        for name in (
            None,
            '',
            7,
            [],
            {},
            'x' * 256,
            'a\nb',
            '\ud800',
            f'{protocol.TOPIC}.host.run',
            protocol.TOPIC,
            # Of other services that share the broker.
            'compute.host',
            'notifications.info',
            'Reply_1f',
        ):
            self.assertFalse(is_valid(name), name)
        for msg_id in (None, '', 7, [], {}, 'x' * 256):
            self.assertFalse(is_valid('reply_1f', msg_id), msg_id)
