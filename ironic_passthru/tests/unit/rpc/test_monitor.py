# SPDX-License-Identifier: Apache-2.0
"""Heartbeats are sent while a call runs, and only then."""

import collections
import contextlib
import threading
import time
from typing import Any

import fixtures

from ironic_passthru.rpc import monitor
from ironic_passthru.tests import base


class Incoming:
    """A message that records its heartbeats."""

    def __init__(self, client_timeout: Any = None) -> None:
        self.client_timeout = client_timeout
        self.sent: list[float] = []
        self.broken = False

    def heartbeat(self) -> None:
        self.sent.append(time.monotonic())
        if self.broken:
            raise RuntimeError('no connection')


class MonitorCase(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.monitor = monitor.CallMonitor()
        self.monitor.start()
        self.addCleanup(self.monitor.stop)

    def heartbeats(self, incoming: Incoming, count: int) -> None:
        self.wait_for(
            lambda: len(incoming.sent) >= count, f'{count} heartbeats'
        )


class TestCallMonitor(MonitorCase):
    def test_every_half_of_the_timeout(self) -> None:
        incoming = Incoming()
        start = time.monotonic()
        self.monitor.add(incoming, 0.2)
        self.heartbeats(incoming, 3)
        for number, sign in enumerate(incoming.sent[:3], start=1):
            self.assertGreaterEqual(sign - start, number * 0.1 - 0.001)

    def test_none_after_the_end(self) -> None:
        ended, running = Incoming(), Incoming()
        self.monitor.add(ended, 0.02)
        self.monitor.add(running, 0.02)
        self.heartbeats(ended, 2)
        self.monitor.remove(ended)
        self.heartbeats(running, len(running.sent) + 2)
        before = len(ended.sent)
        self.heartbeats(running, len(running.sent) + 5)
        self.assertEqual(before, len(ended.sent))

    def test_a_call_that_ends_soon_costs_no_sign(self) -> None:
        short, running = Incoming(), Incoming()
        self.monitor.add(short, 60)
        self.monitor.remove(short)
        self.monitor.add(running, 0.02)
        self.heartbeats(running, 3)
        self.assertEqual([], short.sent)
        self.monitor.remove(short)

    def test_a_shorter_interval_that_comes_later(self) -> None:
        slow, quick = Incoming(), Incoming()
        self.monitor.add(slow, 120)
        self.wait_for(
            lambda: self.monitor._changed._waiters,
            'the thread sleeps for a minute',
        )
        self.monitor.add(quick, 0.04)
        self.heartbeats(quick, 3)
        self.assertEqual([], slow.sent)

    def test_and_one_among_calls_of_equal_interval(self) -> None:
        first = Incoming()
        self.monitor.add(first, 0.1)
        self.heartbeats(first, 1)
        self.monitor.remove(first)
        # The thread is idle now and is not notified.
        second = Incoming()
        start = time.monotonic()
        self.monitor.add(second, 0.1)
        self.heartbeats(second, 1)
        self.assertLess(second.sent[0] - start, 5)

    def test_many_calls_share_one_thread(self) -> None:
        many = [Incoming() for _ in range(200)]
        for incoming in many:
            self.monitor.add(incoming, 0.1)
        for incoming in many:
            self.heartbeats(incoming, 2)
        names = collections.Counter(t.name for t in threading.enumerate())
        self.assertEqual(1, names['call-monitor'])

    def test_one_that_cannot_be_sent_does_not_stop_the_others(self) -> None:
        broken, whole = Incoming(), Incoming()
        broken.broken = True
        self.monitor.add(broken, 0.02)
        self.monitor.add(whole, 0.02)
        self.heartbeats(whole, 5)
        self.assertEqual(1, len(broken.sent), 'removed')

    def test_the_thread_survives_an_unexpected_error(self) -> None:
        self.useFixture(
            fixtures.MonkeyPatch(
                'ironic_passthru.rpc.monitor._RETRY_SECONDS', 0.01
            )
        )
        failures = [MemoryError(), KeyError()]
        send_due = self.monitor._send_due

        def fail_first() -> None:
            if failures:
                raise failures.pop()
            send_due()

        self.monitor._send_due = fail_first  # type: ignore[method-assign]
        whole = Incoming()
        self.monitor.add(whole, 0.02)
        self.heartbeats(whole, 3)
        self.assertEqual([], failures)

    def test_stop_ends_the_thread(self) -> None:
        incoming = Incoming()
        self.monitor.add(incoming, 120)
        thread = self.monitor._thread
        self.monitor.stop()
        thread.join(10)
        self.assertFalse(thread.is_alive())
        monitor.CallMonitor().stop()


class TestWatch(MonitorCase):
    def test_heartbeats_until_the_end(self) -> None:
        for error in (None, KeyError()):
            incoming = Incoming(client_timeout=1)
            with (
                contextlib.suppress(KeyError),
                self.monitor.watch(incoming),
            ):
                self.heartbeats(incoming, 1)
                # oslo.messaging would start a thread for a timeout.
                self.assertIsNone(incoming.client_timeout)
                if error is not None:
                    raise error
            self.assertEqual({}, self.monitor._due)

    def test_timeouts_that_no_client_sends(self) -> None:
        for timeout in (1e300, float('inf'), 10**400, 1e9):
            with self.monitor.watch(Incoming(client_timeout=timeout)):
                ((_, interval),) = self.monitor._due.values()
                self.assertEqual(1800, interval)
        # The thread is still running.
        quick = Incoming()
        self.monitor.add(quick, 0.02)
        self.heartbeats(quick, 2)

    def test_none_without_a_valid_timeout(self) -> None:
        for timeout in (None, 0, -1, 0.5, float('nan'), 'soon', '6', [6]):
            incoming = Incoming(client_timeout=timeout)
            with self.monitor.watch(incoming):
                self.assertEqual({}, self.monitor._due)
                self.assertIsNone(incoming.client_timeout)
