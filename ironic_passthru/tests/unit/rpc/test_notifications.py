# SPDX-License-Identifier: Apache-2.0
"""Notifications delay nobody, and what is dropped is counted."""

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


class TestOutbox(base.TestCase):
    """The queue, and the thread that empties it."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(_LOG))
        self.sent: list[Any] = []
        self.entered = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.addCleanup(self.go_on.set)

    def outbox(self, size: int = 10) -> rpc_notifications.Outbox:
        made = rpc_notifications.Outbox(self.send, size)
        self.addCleanup(made.close, 5.0)
        self.addCleanup(self.go_on.set)
        return made

    def send(self, item: Any) -> None:
        self.entered.release()
        assert self.go_on.wait(20)
        if isinstance(item, Exception):
            raise item
        self.sent.append(item)

    def test_all_are_sent_in_their_order(self) -> None:
        self.go_on.set()
        outbox = self.outbox()
        for number in range(10):
            outbox.put(number)
        self.assertTrue(outbox.close(10.0))
        self.assertEqual(list(range(10)), self.sent)
        self.assertEqual(0, outbox.dropped)
        self.assertEqual('', self.log.output)

    def test_there_is_no_thread_before_the_first(self) -> None:
        before = threading.active_count()
        outbox = self.outbox()
        self.assertEqual(before, threading.active_count())
        self.assertTrue(outbox.close(0.0))

    def test_what_does_not_fit_is_dropped_and_told_once(self) -> None:
        outbox = self.outbox(size=2)
        outbox.put('sent')
        self.assertTrue(self.entered.acquire(timeout=10))
        began = time.monotonic()
        for number in range(1000):
            outbox.put(number)
        self.assertLess(time.monotonic() - began, 5.0)
        self.assertEqual(998, outbox.dropped)
        self.assertEqual(
            '1 notifications were dropped: too many wait\n', self.log.output
        )
        self.go_on.set()
        self.assertTrue(outbox.close(10.0))
        self.assertEqual(['sent', 0, 1], self.sent)
        self.assertIn('997 notifications were dropped', self.log.output)

    def test_one_that_cannot_be_sent_costs_no_other(self) -> None:
        self.go_on.set()
        outbox = self.outbox()
        for item in (1, ValueError('hunter2'), 2):
            outbox.put(item)
        self.assertTrue(outbox.close(10.0))
        self.assertEqual([1, 2], self.sent)
        self.assertEqual(1, outbox.dropped)
        self.assertIn('were dropped: ValueError', self.log.output)
        self.assertNotIn('hunter2', self.log.output)

    def test_the_end_does_not_wait_for_a_bus_that_hangs(self) -> None:
        outbox = self.outbox()
        outbox.put(1)
        outbox.put(2)
        self.assertTrue(self.entered.acquire(timeout=10))
        began = time.monotonic()
        self.assertFalse(outbox.close(0.2))
        self.assertLess(time.monotonic() - began, 5.0)
        self.assertIn(
            '2 notifications were dropped: there was no more time',
            self.log.output,
        )

    def test_after_the_end_all_are_dropped(self) -> None:
        outbox = self.outbox()
        outbox.close(0.0)
        outbox.put(1)
        self.assertEqual(1, outbox.dropped)
        self.assertEqual([], self.sent)


class TestNotifier(base.TestCase):
    """What stands between this service and oslo.messaging."""

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
        sender.send('a.b', {'x': 1}, failure=False)
        sender.send('a.c', {}, failure=True)
        (_, first, priority, retries), (_, second, *_) = (
            _impl_test.NOTIFICATIONS
        )
        self.assertEqual('me.host', first['publisher_id'])
        self.assertEqual('a.b', first['event_type'])
        self.assertEqual({'x': 1}, first['payload'])
        self.assertEqual('INFO', priority)
        self.assertEqual('ERROR', second['priority'])
        # For ever is the default of the library.
        self.assertEqual(5, retries)

    def test_it_says_when_it_could_not(self) -> None:
        sender = self.notifier(driver=['messagingv2'], transport_url='fake://')
        self.assertRaises(
            ValueError, sender.send, 'a', {'x': object()}, failure=False
        )
        sender.send('a', {'x': 1}, failure=False)

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
            'must name a message bus that others reach',
            driver=['messagingv2'],
            transport_url='local://',
        )
        for url in ('no://u:hunter2@h/', 'rabbit://u:hunter2@h:x/'):
            self.assert_refused(
                'transport_url in group [oslo_messaging_notifications] is not',
                driver=['messaging'],
                transport_url=url,
            )

    def test_a_bus_that_nobody_named_is_none(self) -> None:
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
        # The calls' own default is another one.
        rpc_transport.make(conf, 'rabbit://').cleanup()
        self.assertTrue(conf.oslo_messaging_rabbit.amqp_auto_delete)
        self.assertFalse(made.conf.oslo_messaging_rabbit.amqp_auto_delete)
        conf.set_override(
            'amqp_auto_delete', True, group='oslo_messaging_rabbit'
        )
        wanted = rpc_notifications._transport(conf, 'rabbit://h', needed=True)
        self.addCleanup(wanted.cleanup)
        self.assertTrue(wanted.conf.oslo_messaging_rabbit.amqp_auto_delete)
