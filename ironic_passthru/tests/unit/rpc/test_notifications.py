# SPDX-License-Identifier: Apache-2.0
"""Notifications delay no caller, and dropped ones are counted."""

import threading
import time
from typing import Any

import fixtures
from oslo_messaging.notify import _impl_test

from ironic_passthru import errors
from ironic_passthru.rpc import notifications as rpc_notifications
from ironic_passthru.rpc import transport as rpc_transport
from ironic_passthru.tests import base

_LOG = 'ironic_passthru.rpc.notifications'
Notification = rpc_notifications.Notification


class FakeNotifier:
    """Keeps notifications.

    :ivar go_on: cleared, every notification waits.
    """

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.closed = False
        self.entered = threading.Semaphore(0)
        self.go_on = threading.Event()

    def send(self, notification: Notification) -> None:
        self.entered.release()
        assert self.go_on.wait(20)
        if notification.is_failure:
            raise ValueError('hunter2')
        self.sent.append(notification.event_type)

    def close(self) -> None:
        self.closed = True


class TestNotificationQueue(base.TestCase):
    """The queue, and the thread that empties it."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(_LOG))
        self.notifier = FakeNotifier()

    def make(self, size: int = 10) -> rpc_notifications.NotificationQueue:
        queue = rpc_notifications.NotificationQueue(
            self.notifier,  # type: ignore[arg-type]
            size,
        )
        self.addCleanup(queue.close)
        self.addCleanup(self.notifier.go_on.set)
        return queue

    def limit_close(self, seconds: float) -> None:
        self.useFixture(
            fixtures.MonkeyPatch(f'{_LOG}._CLOSE_SECONDS', seconds)
        )

    def test_all_are_sent_in_their_order(self) -> None:
        self.notifier.go_on.set()
        queue = self.make()
        names = [str(number) for number in range(10)]
        for name in names:
            queue.put(Notification(name, {}))
        queue.close()
        self.assertEqual(names, self.notifier.sent)
        self.assertEqual(0, queue.dropped)
        self.assertEqual('', self.log.output)
        self.assertTrue(self.notifier.closed)

    def test_there_is_no_thread_before_the_first(self) -> None:
        before = threading.active_count()
        queue = self.make()
        self.assertEqual(before, threading.active_count())
        queue.close()
        self.assertTrue(self.notifier.closed)

    def test_a_full_queue_drops_and_logs_once(self) -> None:
        self.limit_close(10.0)
        queue = self.make(size=2)
        queue.put(Notification('sent', {}))
        self.assertTrue(self.notifier.entered.acquire(timeout=10))
        began = time.monotonic()
        for number in range(1000):
            queue.put(Notification(str(number), {}))
        self.assertLess(time.monotonic() - began, 5.0)
        self.assertEqual(998, queue.dropped)
        self.assertEqual(
            '1 notifications were dropped: the queue is full\n',
            self.log.output,
        )
        self.notifier.go_on.set()
        queue.close()
        self.assertEqual(['sent', '0', '1'], self.notifier.sent)
        self.assertIn('997 notifications were dropped', self.log.output)

    def test_an_error_drops_one_notification(self) -> None:
        def fail() -> None:
            raise KeyError('hunter2')

        self.notifier.go_on.set()
        queue = self.make()
        for item in (
            Notification('1', {}),
            Notification('failing', {}, is_failure=True),
            fail,
            lambda: None,
            lambda: Notification('2', {}),
        ):
            queue.put(item)
        queue.close()
        self.assertEqual(['1', '2'], self.notifier.sent)
        self.assertEqual(2, queue.dropped)
        self.assertIn('were dropped: ValueError', self.log.output)
        self.assertNotIn('hunter2', self.log.output)

    def test_close_does_not_wait_for_a_bus_that_hangs(self) -> None:
        self.limit_close(0.2)
        queue = self.make()
        queue.put(Notification('1', {}))
        queue.put(Notification('2', {}))
        self.assertTrue(self.notifier.entered.acquire(timeout=10))
        began = time.monotonic()
        queue.close()
        self.assertLess(time.monotonic() - began, 5.0)
        # The thread still uses it.
        self.assertFalse(self.notifier.closed)
        self.assertIn(
            '2 notifications were dropped: the process stops',
            self.log.output,
        )

    def test_after_close_all_are_dropped(self) -> None:
        queue = self.make()
        queue.close()
        queue.put(Notification('1', {}))
        self.assertEqual(1, queue.dropped)
        self.assertEqual([], self.notifier.sent)


class TestNotifier(base.TestCase):
    """The notifier of oslo.messaging, with checked options."""

    def conf(self, **options: Any) -> Any:
        values = {
            f'{rpc_notifications.GROUP}__{name}': value
            for name, value in options.items()
        }
        conf = self.make_conf()
        rpc_notifications._register_options(conf)
        for key, value in values.items():
            group, _, name = key.rpartition('__')
            conf.set_override(name, value, group=group)
        return conf

    def notifier(self, **options: Any) -> rpc_notifications.Notifier:
        made = rpc_notifications.Notifier(self.conf(**options), 'me.host')
        self.addCleanup(made.close)
        return made

    def test_it_sends_what_it_is_given(self) -> None:
        _impl_test.reset()
        self.addCleanup(_impl_test.reset)
        sender = self.notifier(driver=['test'])
        sender.send(Notification('a.b', {'x': 1}))
        sender.send(Notification('a.c', {}, is_failure=True))
        (_, first, priority, retries), (_, second, *_) = (
            _impl_test.NOTIFICATIONS
        )
        self.assertEqual('me.host', first['publisher_id'])
        self.assertEqual('a.b', first['event_type'])
        self.assertEqual({'x': 1}, first['payload'])
        self.assertEqual('INFO', priority)
        self.assertEqual('ERROR', second['priority'])
        # The library has no limit by default.
        self.assertEqual(5, retries)

    def test_it_raises_errors_of_the_bus(self) -> None:
        sender = self.notifier(driver=['messagingv2'], transport_url='fake://')
        self.assertRaises(
            ValueError, sender.send, Notification('a', {'x': object()})
        )
        sender.send(Notification('a', {'x': 1}))

    def assert_refused(self, words: str, **options: Any) -> None:
        conf = self.conf(**options)
        error = self.assertRaises(
            errors.ConfigError, rpc_notifications.Notifier, conf, 'me'
        )
        self.assertIn(words, error.message)
        self.assertNotIn('hunter2', error.message)

    def test_there_must_be_a_driver(self) -> None:
        self.assert_refused('Option driver in group [oslo_messaging_notif')
        self.assert_refused('messagingv2', driver=['mesaging'])

    def test_there_must_be_a_bus(self) -> None:
        self.assert_refused(
            'must name a message bus that other services reach',
            driver=['messagingv2'],
            transport_url='local://',
        )
        for url in ('no://u:hunter2@h/', 'rabbit://u:hunter2@h:x/'):
            self.assert_refused(
                'transport_url in group [oslo_messaging_notifications] is not',
                driver=['messaging'],
                transport_url=url,
            )

    def test_a_bus_must_be_configured(self) -> None:
        conf = self.conf(driver=['messagingv2'])
        conf.clear_override('transport_url')
        self.assertRaises(
            errors.ConfigError, rpc_notifications.Notifier, conf, 'me'
        )

    def test_a_driver_without_a_bus_needs_none(self) -> None:
        conf = self.conf(driver=['log'])
        conf.clear_override('transport_url')
        rpc_notifications.Notifier(conf, 'me').close()

    def test_the_exchange_is_declared_as_others_do(self) -> None:
        conf = self.make_conf()
        rpc_notifications._register_options(conf)
        made = rpc_notifications._transport(conf, 'rabbit://h', needed=True)
        self.addCleanup(made.cleanup)
        # Calls have another default.
        rpc_transport.make(conf, 'rabbit://').cleanup()
        self.assertTrue(conf.oslo_messaging_rabbit.amqp_auto_delete)
        self.assertFalse(made.conf.oslo_messaging_rabbit.amqp_auto_delete)
        conf.set_override(
            'amqp_auto_delete', True, group='oslo_messaging_rabbit'
        )
        wanted = rpc_notifications._transport(conf, 'rabbit://h', needed=True)
        self.addCleanup(wanted.cleanup)
        self.assertTrue(wanted.conf.oslo_messaging_rabbit.amqp_auto_delete)
