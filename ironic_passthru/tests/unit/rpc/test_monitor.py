# SPDX-License-Identifier: Apache-2.0
"""Signs of life come while a call runs, and no longer."""

import collections
import threading
import time
from typing import Any

import fixtures
import oslo_messaging

from ironic_passthru.rpc import monitor
from ironic_passthru.tests import base


class Incoming:
    """A message that notes when a sign of life was sent for it."""

    def __init__(
        self, client_timeout: Any = None, *, method: str = 'work'
    ) -> None:
        self.ctxt: dict[str, Any] = {}
        self.message = {'method': method, 'args': {}, 'version': '1.0'}
        self.client_timeout = client_timeout
        self.signs: list[float] = []
        self.broken = False

    def heartbeat(self) -> None:
        self.signs.append(time.monotonic())
        if self.broken:
            raise RuntimeError('the broker is gone')


class MonitorCase(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.monitor = monitor.CallMonitor()
        self.monitor.start()
        self.addCleanup(self.monitor.stop)

    def signs(self, incoming: Incoming, count: int) -> None:
        self.wait_for(
            lambda: len(incoming.signs) >= count, f'{count} signs of life'
        )


class TestCallMonitor(MonitorCase):
    def test_every_half_of_the_time_out(self) -> None:
        incoming = Incoming()
        start = time.monotonic()
        self.monitor.add(incoming, 0.2)
        self.signs(incoming, 3)
        for number, sign in enumerate(incoming.signs[:3], start=1):
            self.assertGreaterEqual(sign - start, number * 0.1 - 0.001)

    def test_none_after_the_end(self) -> None:
        ended, running = Incoming(), Incoming()
        self.monitor.add(ended, 0.02)
        self.monitor.add(running, 0.02)
        self.signs(ended, 2)
        self.monitor.remove(ended)
        self.signs(running, len(running.signs) + 2)
        before = len(ended.signs)
        self.signs(running, len(running.signs) + 5)
        self.assertEqual(before, len(ended.signs))

    def test_a_call_that_ends_soon_costs_no_sign(self) -> None:
        short, running = Incoming(), Incoming()
        self.monitor.add(short, 60)
        self.monitor.remove(short)
        self.monitor.add(running, 0.02)
        self.signs(running, 3)
        self.assertEqual([], short.signs)
        self.monitor.remove(short)

    def test_a_shorter_interval_that_comes_later(self) -> None:
        slow, quick = Incoming(), Incoming()
        self.monitor.add(slow, 120)
        self.wait_for(
            lambda: self.monitor._changed._waiters,
            'the thread sleeps for a minute',
        )
        self.monitor.add(quick, 0.04)
        self.signs(quick, 3)
        self.assertEqual([], slow.signs)

    def test_and_one_among_calls_of_equal_interval(self) -> None:
        first = Incoming()
        self.monitor.add(first, 0.1)
        self.signs(first, 1)
        self.monitor.remove(first)
        # Idle now, and woken by nobody.
        second = Incoming()
        start = time.monotonic()
        self.monitor.add(second, 0.1)
        self.signs(second, 1)
        self.assertLess(second.signs[0] - start, 5)

    def test_many_calls_share_one_thread(self) -> None:
        many = [Incoming() for _ in range(200)]
        for incoming in many:
            self.monitor.add(incoming, 0.1)
        for incoming in many:
            self.signs(incoming, 2)
        names = collections.Counter(t.name for t in threading.enumerate())
        self.assertEqual(1, names['call-monitor'])

    def test_one_that_cannot_be_sent_does_not_stop_the_others(self) -> None:
        broken, whole = Incoming(), Incoming()
        broken.broken = True
        self.monitor.add(broken, 0.02)
        self.monitor.add(whole, 0.02)
        self.signs(whole, 5)
        self.assertEqual(1, len(broken.signs), 'given up')

    def test_nor_does_an_error_of_its_own(self) -> None:
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
        self.signs(whole, 3)
        self.assertEqual([], failures)

    def test_stop_ends_the_thread(self) -> None:
        incoming = Incoming()
        self.monitor.add(incoming, 120)
        thread = self.monitor._thread
        self.monitor.stop()
        thread.join(10)
        self.assertFalse(thread.is_alive())
        monitor.CallMonitor().stop()


class Endpoint:
    target = oslo_messaging.Target(version='1.0')

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.go_on = threading.Event()

    def work(self, context: Any) -> str:
        self.entered.set()
        self.go_on.wait(20)
        return 'done'

    def fail(self, context: Any) -> None:
        raise KeyError('no')


class TestDispatcher(MonitorCase):
    def setUp(self) -> None:
        super().setUp()
        self.endpoint = Endpoint()
        self.addCleanup(self.endpoint.go_on.set)
        self.dispatcher = monitor.Dispatcher(
            self.monitor, endpoints=[self.endpoint], serializer=None
        )

    def test_signs_for_as_long_as_it_runs(self) -> None:
        incoming = Incoming(client_timeout=1)
        results: list[Any] = []
        thread = threading.Thread(
            target=lambda: results.append(self.dispatcher.dispatch(incoming))
        )
        thread.start()
        self.signs(incoming, 1)
        self.assertEqual([], results)
        self.endpoint.go_on.set()
        thread.join(10)
        self.assertEqual(['done'], results)
        self.assertEqual({}, self.monitor._due)

    def test_no_thread_for_each_call(self) -> None:
        thread = threading.Thread(
            target=self.dispatcher.dispatch, args=[Incoming(client_timeout=60)]
        )
        thread.start()
        self.assertTrue(self.endpoint.entered.wait(10))
        # What oslo.messaging would start by itself.
        names = [each.name for each in threading.enumerate()]
        self.assertFalse([name for name in names if 'watchdog' in name])
        self.endpoint.go_on.set()
        thread.join(10)

    def test_none_once_it_has_failed(self) -> None:
        for method, error in (
            ('fail', KeyError),
            ('nothing', oslo_messaging.NoSuchMethod),
        ):
            incoming = Incoming(client_timeout=1, method=method)
            self.assertRaises(error, self.dispatcher.dispatch, incoming)
            self.assertEqual({}, self.monitor._due)

    def test_time_outs_that_no_client_has(self) -> None:
        self.endpoint.go_on.set()
        for timeout in (1e300, float('inf'), 10**400, float('nan'), 1e9):
            incoming = Incoming(client_timeout=timeout)
            self.assertEqual('done', self.dispatcher.dispatch(incoming))
        # The thread that sends signs is not lost for them.
        quick = Incoming()
        self.monitor.add(quick, 0.02)
        self.signs(quick, 2)

    def test_no_thread_of_its_own_and_none_unasked(self) -> None:
        self.endpoint.go_on.set()
        before = threading.active_count()
        for timeout in (None, 0, -1, 0.5, 'soon', '6', [6]):
            incoming = Incoming(client_timeout=timeout)
            self.assertEqual('done', self.dispatcher.dispatch(incoming))
        self.assertEqual({}, self.monitor._due)
        self.assertEqual(before, threading.active_count())
