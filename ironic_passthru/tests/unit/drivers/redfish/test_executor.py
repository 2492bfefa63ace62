# SPDX-License-Identifier: Apache-2.0
"""Work on many targets: one item each, within the time of the call."""

import socket
import threading
import time
from collections import Counter
from typing import Any

import fixtures

from ironic_passthru import context as request_context
from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish import executor
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.tests import base
from ironic_passthru.tests import shortage


def _targets(count: int, bmcs: int | None = None) -> list[bmc_target.Target]:
    return [
        bmc_target.Target(
            f'node{n}',
            bmc_target.Address(
                f'https://bmc{n % (bmcs or count)}', 'user', 'password'
            ),
        )
        for n in range(count)
    ]


class State(request_context.CallState):
    accepted = False
    cancel_requested = False

    def __init__(self, deadline: float | None = None) -> None:
        super().__init__(deadline)
        self.progress: list[tuple[float, str]] = []

    def report_progress(self, percent: float, message: str) -> None:
        self.progress.append((percent, message))


def _succeed(*_: Any) -> failures.Item:
    return {}


def _code(item: failures.Item) -> str:
    return str(item.get('error', {'code': 'succeeded'})['code'])


class ExecutorTestCase(base.TestCase):
    def fleet(
        self, concurrency: int = 4, seconds: float = 10.0, **limits: int
    ) -> executor.FleetExecutor:
        made = executor.FleetExecutor(
            concurrency=concurrency,
            call_timeout_seconds=seconds,
            **{'changes_per_bmc': 1, 'reads_per_bmc': 4, **limits},
        )
        self.addCleanup(made.close)
        return made

    def run_on(
        self,
        fleet: executor.FleetExecutor,
        work: Any,
        targets: list[bmc_target.Target],
        state: State | None = None,
        **options: Any,
    ) -> dict[str, failures.Item]:
        context = request_context.RequestContext(overwrite=False)
        return fleet.run(
            work,
            targets,
            context=context.for_call(state or State()),
            options=executor.Options(**options),
        )

    def begin(self, *arguments: Any, **options: Any) -> threading.Thread:
        thread = threading.Thread(
            target=self.run_on, args=arguments, kwargs=options
        )
        thread.start()
        self.addCleanup(thread.join)
        return thread


class ItemsTest(ExecutorTestCase):
    """Every target has an item, whatever happens to others."""

    def test_items_in_the_order_of_targets(self) -> None:
        items = self.run_on(
            self.fleet(),
            lambda target, deadline: {'name': target.name},
            _targets(9),
        )
        self.assertEqual(
            {f'node{n}': {'name': f'node{n}'} for n in range(9)}, items
        )
        self.assertEqual(sorted(items), list(items))

    def test_no_targets(self) -> None:
        self.assertEqual({}, self.run_on(self.fleet(), _succeed, []))

    def test_a_failure_is_its_targets_own(self) -> None:
        def work(target, deadline):
            if target.name == 'node1':
                raise failures.Cut()
            return {}

        items = self.run_on(self.fleet(), work, _targets(3))
        self.assertEqual('connection_lost', _code(items.pop('node1')))
        self.assertEqual({'node0': {}, 'node2': {}}, items)

    def test_work_that_exits_or_has_a_bug(self) -> None:
        def work(target, deadline):
            raise {'node0': SystemExit, 'node1': KeyError}[target.name]

        log = self.useFixture(fixtures.FakeLogger())
        fleet = self.fleet(concurrency=1)
        items = self.run_on(fleet, work, _targets(2, 1), change=True)
        self.assertEqual(['internal_error'] * 2, [*map(_code, items.values())])
        self.assertIn('Work on target node1 failed', log.output)

    def test_work_that_is_late(self) -> None:
        over = threading.Event()
        self.addCleanup(over.set)
        begun = []

        def work(target, deadline):
            begun.append(target.name)
            if target.name == 'node0':
                deadline.begin_change()
            over.wait(30)
            return {}

        fleet = self.fleet(concurrency=2, seconds=0.1)
        started = time.monotonic()
        items = self.run_on(fleet, work, _targets(4), change=True, batch=3)
        self.assertEqual(
            ['outcome_unknown', 'timeout', 'not_attempted', 'not_attempted'],
            [*map(_code, items.values())],
        )
        self.assertIsNone(items['node2']['reachable'])
        self.assertEqual(['node0', 'node1'], sorted(begun))
        self.assertLess(time.monotonic() - started, 2.0)

    def test_connections_are_cut_at_the_deadline(self) -> None:
        silent, bmc = socket.socketpair()
        self.addCleanup(bmc.close)
        self.addCleanup(silent.close)

        def work(target, deadline):
            deadline.cut_at_end(silent)
            silent.settimeout(30)
            return {'received': len(silent.recv(1))}

        items = self.run_on(self.fleet(seconds=0.1), work, _targets(1))
        self.assertEqual({'node0': {'received': 0}}, items)

    def test_closed(self) -> None:
        fleet = self.fleet()
        fleet.close()
        items = self.run_on(fleet, _succeed, _targets(1))
        self.assertIn('The conductor stopped', str(items))


class TimeTest(ExecutorTestCase):
    """An accepted call has the time of its method."""

    def test_accepted(self) -> None:
        state = State(time.monotonic() + 30)
        state.accepted = True
        seconds = []

        def work(target, deadline):
            seconds.append(deadline.left_seconds())
            time.sleep(0.06)
            return {}

        fleet = self.fleet(concurrency=1, seconds=0.1)
        items = self.run_on(fleet, work, _targets(3), state)
        self.assertEqual([{}] * 3, list(items.values()))
        self.assertLess(max(seconds), 0.11)
        self.run_on(fleet, work, _targets(1), state, target_seconds=9.0)
        self.assertGreater(seconds[-1], 8)

    def test_one_slow_target_of_an_accepted_call(self) -> None:
        state = State()
        state.accepted = True
        silent, bmc = socket.socketpair()
        self.addCleanup(bmc.close)
        self.addCleanup(silent.close)

        def work(target, deadline):
            deadline.cut_at_end(silent)
            silent.settimeout(30)
            if silent.recv(1):
                return {}
            raise failures.NoAnswer()

        items = self.run_on(self.fleet(seconds=0.1), work, _targets(1), state)
        self.assertEqual('timeout', _code(items['node0']))


class StopTest(ExecutorTestCase):
    """A call stops early: the other targets are not attempted."""

    def test_max_failures(self) -> None:
        def work(target, deadline):
            raise failures.NotConnected()

        items = self.run_on(
            self.fleet(concurrency=1), work, _targets(9), max_failures=2
        )
        self.assertEqual(
            {'unreachable': 2, 'not_attempted': 7},
            Counter(map(_code, items.values())),
        )
        self.assertIn('max_failures', items['node8']['error']['message'])

    def test_batch(self) -> None:
        begun: list[str] = []

        def work(target, deadline):
            begun.append(target.name)
            if target.name == 'node1':
                raise failures.NotConnected()
            return {}

        items = self.run_on(self.fleet(), work, _targets(9), batch=2)
        self.assertEqual({'node0', 'node1'}, {*begun})
        self.assertIn('first batch', items['node2']['error']['message'])
        items = self.run_on(self.fleet(), _succeed, _targets(9), batch=2)
        self.assertEqual([{}] * 9, list(items.values()))

    def test_cancellation(self) -> None:
        state = State()

        def work(target, deadline):
            state.cancel_requested = True
            time.sleep(0.5)
            # Such as the wait for a task.
            return {'waits': not deadline.is_cancelled}

        items = self.run_on(
            self.fleet(concurrency=1), work, _targets(9), state
        )
        self.assertEqual({'waits': False}, items['node0'])
        self.assertIn('cancelled', items['node8']['error']['message'])

    def test_progress(self) -> None:
        def work(target, deadline):
            if target.name != 'node0':
                raise failures.NotConnected()
            return {}

        for count, message in (
            (1, '1 of 1 finished, 0 failed'),
            (2, '2 of 2 finished, 1 failed: node1'),
            (5, '5 of 5 finished, 4 failed: node1, node2, node3, ...'),
        ):
            state = State()
            fleet = self.fleet(concurrency=1)
            self.run_on(fleet, work, _targets(count), state)
            self.assertEqual((100, message), state.progress[-1])

    def test_percentages_are_rounded_down(self) -> None:
        over = threading.Event()

        def work(target, deadline):
            if target.name == 'node2':
                over.wait(10)
            return {}

        class Watched(State):
            def report_progress(self, percent: float, message: str) -> None:
                super().report_progress(percent, message)
                if message.startswith('2 of 3'):
                    over.set()

        state = Watched()
        self.run_on(self.fleet(), work, _targets(3), state)
        self.assertIn((66, '2 of 3 finished, 0 failed'), state.progress)


class LimitsTest(ExecutorTestCase):
    """Limits apply to all calls, and calls share the threads."""

    def test_one_change_of_a_bmc_at_a_time(self) -> None:
        self._check_peak(1, change=True)

    def test_spellings_of_an_address(self) -> None:
        spellings = ('https://BMC', 'https://bmc:443', 'https://bmc.')
        targets = [
            bmc_target.Target(url, bmc_target.Address(url, 'user', 'password'))
            for url in spellings
        ]
        lock = threading.Lock()

        def work(target, deadline):
            if not lock.acquire(blocking=False):
                raise failures.Cut()
            time.sleep(0.05)
            lock.release()
            return {}

        items = self.run_on(self.fleet(), work, targets, change=True)
        self.assertEqual([{}] * 3, list(items.values()))

    def test_a_stopped_call_blocks_no_other_one(self) -> None:
        begun = threading.Event()
        over = threading.Event()
        self.addCleanup(over.set)

        def work(target, deadline):
            begun.set()
            over.wait(30)
            raise failures.Cut()

        fleet = self.fleet(concurrency=1)
        failing = self.begin(
            fleet, work, _targets(9, 1), change=True, max_failures=1
        )
        begun.wait(30)
        other = self.begin(fleet, _succeed, _targets(9, 1), change=True)
        over.set()
        failing.join()
        other.join(9)
        self.assertFalse(other.is_alive())

    def test_thousands_of_targets_of_one_bmc(self) -> None:
        started = time.monotonic()
        fleet = self.fleet(concurrency=16, seconds=60.0)
        items = self.run_on(fleet, _succeed, _targets(8000, 1), change=True)
        self.assertEqual([{}] * 8000, list(items.values()))
        self.assertLess(time.monotonic() - started, 20)

    def test_reads_of_a_bmc(self) -> None:
        self._check_peak(3, reads_per_bmc=3)

    def test_concurrency_of_a_call(self) -> None:
        self._check_peak(2, bmcs=None, concurrency=2)

    def _check_peak(
        self,
        peak: int,
        *,
        bmcs: int | None = 1,
        reads_per_bmc: int = 4,
        **options: Any,
    ) -> None:
        lock = threading.Lock()
        now = most = 0

        def work(target, deadline):
            nonlocal now, most
            with lock:
                now += 1
                most = max(most, now)
            time.sleep(0.02)
            with lock:
                now -= 1
            return {}

        fleet = self.fleet(concurrency=9, reads_per_bmc=reads_per_bmc)
        other = None
        if bmcs:
            other = self.begin(fleet, work, _targets(9, bmcs), **options)
        items = self.run_on(fleet, work, _targets(9, bmcs), **options)
        if other:
            other.join()
        self.assertEqual([{}] * 9, list(items.values()))
        self.assertEqual(peak, most)

    def test_a_busy_bmc_occupies_no_thread(self) -> None:
        over = threading.Event()
        self.addCleanup(over.set)
        begun = threading.Event()

        def work(target, deadline):
            begun.set()
            over.wait(30)
            return {}

        fleet = self.fleet(concurrency=2)
        busy = self.begin(fleet, work, _targets(5, 1), change=True)
        begun.wait(30)
        other = bmc_target.Target(
            'other', bmc_target.Address('https://other', 'u', 'p')
        )
        items = self.run_on(fleet, _succeed, [*_targets(0), other])
        self.assertEqual({'other': {}}, items)
        over.set()
        busy.join()

    def test_a_long_call_does_not_delay_a_later_one(self) -> None:
        begun = threading.Event()
        done: list[str] = []

        def work(target, deadline):
            begun.set()
            time.sleep(0.01)
            done.append(target.name)
            return {}

        fleet = self.fleet(concurrency=2)
        long = self.begin(fleet, work, _targets(200))
        begun.wait(30)
        self.run_on(fleet, work, _targets(3))
        self.assertLess(len(done), 30)
        long.join()
        self.assertEqual(203, len(done))


class ThreadsTest(ExecutorTestCase):
    """Threads start on demand and end."""

    def test_threads_are_shared_and_end(self) -> None:
        made = self.fleet(concurrency=2)
        threads = set()

        def work(target, deadline):
            threads.add(threading.current_thread())
            return {}

        for _ in range(5):
            self.run_on(made, work, _targets(5))
        self.assertLessEqual(len(threads), 2)
        made.close()
        self.wait_for(
            lambda: not any(thread.is_alive() for thread in threads),
            'end of the threads',
        )

    def test_nothing_is_started_before_the_first_call(self) -> None:
        before = threading.active_count()
        self.fleet().close()
        self.assertEqual(before, threading.active_count())

    def test_the_threads_that_there_are_do_all_work(self) -> None:
        made = self.fleet(concurrency=4)
        self.run_on(made, _succeed, _targets(1))
        with shortage.ThreadShortage():
            items = self.run_on(made, _succeed, _targets(8))
        self.assertEqual([{}] * 8, list(items.values()))

    def test_a_call_without_any_thread_is_not_in_the_way_of_others(
        self,
    ) -> None:
        made = self.fleet(concurrency=4)
        begun: list[str] = []

        def work(target, deadline):
            begun.append(target.name)
            return {}

        with shortage.ThreadShortage():
            self.assertRaises(
                RuntimeError, self.run_on, made, work, _targets(2)
            )
        self.assertEqual([], begun)
        self.assertEqual(2, len(self.run_on(made, work, _targets(2))))
