# SPDX-License-Identifier: Apache-2.0
"""Heartbeats continue after errors, and stop only when they must."""

import threading
from collections.abc import Callable
from typing import Any

import fixtures

from ironic_passthru import errors
from ironic_passthru.conductor import heartbeat
from ironic_passthru.tests import base


class TestHeartbeat(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.checks = 0
        self.written = 0
        self.lost = 0
        self.ready: Callable[[], bool] = lambda: True
        self.on_write: Callable[[], bool] = lambda: True

    def make(self, **arguments: Any) -> heartbeat.Heartbeat:
        values: dict[str, Any] = {
            'write': self.write,
            'on_lost': self.when_lost,
            'is_ready': self.is_ready,
        }
        made = heartbeat.Heartbeat(0.002, **values | arguments)
        self.addCleanup(made.stop)
        return made

    def start(self, **arguments: Any) -> heartbeat.Heartbeat:
        made = self.make(**arguments)
        made.start()
        return made

    def is_ready(self) -> bool:
        self.checks += 1
        return self.ready()

    def write(self) -> bool:
        self.written += 1
        return self.on_write()

    def when_lost(self) -> None:
        self.lost += 1

    def test_each_round_is_reported_whatever_its_result(self) -> None:
        rounds: list[int] = []

        def write() -> bool:
            if len(rounds) == 2:
                raise errors.RegistryUnavailable()
            if len(rounds) == 3:
                raise RuntimeError('a bug')
            return True

        self.on_write = write
        self.ready = lambda: len(rounds) != 1
        self.start(on_round=lambda: rounds.append(1))
        self.wait_for(lambda: len(rounds) > 4, 'rounds after errors')

    def test_a_stuck_round_is_not_reported(self) -> None:
        stuck, go_on = threading.Event(), threading.Event()
        rounds: list[int] = []

        def write() -> bool:
            stuck.set()
            return go_on.wait(30)

        self.on_write = write
        self.start(on_round=lambda: rounds.append(1))
        self.addCleanup(go_on.set)
        self.assertTrue(stuck.wait(10))
        self.assertEqual([], rounds)

    def test_it_continues_until_it_is_stopped(self) -> None:
        started = self.start()
        self.wait_for(lambda: self.written >= 3, 'heartbeats')
        started.stop()
        written = self.written
        self.assertFalse(started._thread.is_alive())
        self.assertEqual(written, self.written)
        self.assertEqual(0, self.lost)

    def test_no_heartbeat_while_the_conductor_is_not_ready(self) -> None:
        self.ready = lambda: False
        self.start()
        self.wait_for(lambda: self.checks >= 3, 'checks')
        self.assertEqual(0, self.written)
        self.ready = lambda: True
        self.wait_for(lambda: self.written, 'a heartbeat')

    def test_it_continues_after_each_outage_and_logs_it_once(self) -> None:
        def write() -> bool:
            if self.written < 10 and self.written != 5:
                raise errors.RegistryUnavailable()
            return True

        log = self.useFixture(fixtures.FakeLogger(level=0))
        self.on_write = write
        self.start()
        self.wait_for(lambda: self.written > 12, 'heartbeats')
        self.assertEqual(2, log.output.count('database unavailable'))
        self.assertNotIn('Traceback', log.output)

    def test_it_continues_after_unexpected_errors(self) -> None:
        def fail() -> bool:
            if self.written < 3:
                raise RuntimeError('a bug')
            return True

        def fail_round() -> None:
            raise MemoryError

        self.on_write = fail
        self.start(on_round=fail_round)
        self.wait_for(lambda: self.written > 4, 'heartbeats')

    def test_a_lost_host_name_is_reported_once(self) -> None:
        self.on_write = lambda: False
        started = self.start()
        self.wait_for(lambda: not started._thread.is_alive(), 'its end')
        self.assertEqual((1, 1), (self.written, self.lost))
        started.stop()

    def test_it_can_be_stopped_from_its_thread(self) -> None:
        stopped = threading.Event()

        def stop() -> None:
            made.stop()
            stopped.set()

        self.on_write = lambda: False
        made = self.make(on_lost=stop)
        made.start()
        self.assertTrue(stopped.wait(10), 'it waited for itself')
        made.stop()
        self.assertEqual(1, self.written)

    def test_no_heartbeat_after_a_stop_during_the_check(self) -> None:
        entered, go_on = threading.Event(), threading.Event()

        def check() -> bool:
            entered.set()
            return go_on.wait(10)

        self.ready = check
        started = self.start()
        self.addCleanup(go_on.set)
        self.assertTrue(entered.wait(10))
        stopping = threading.Thread(target=started.stop)
        stopping.start()
        self.wait_for(started._stopped.is_set, 'the stop')
        self.assertTrue(stopping.is_alive(), 'a heartbeat could follow')
        go_on.set()
        stopping.join(10)
        self.assertFalse(stopping.is_alive())
        self.assertEqual(0, self.written)

    def test_it_can_be_stopped_before_it_started(self) -> None:
        self.make().stop()
