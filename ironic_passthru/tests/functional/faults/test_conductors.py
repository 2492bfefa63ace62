# SPDX-License-Identifier: Apache-2.0
"""Conductors that die, stop and pause under load, on PostgreSQL."""

import signal
import time

from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional.faults import failpoints
from ironic_passthru.tests.functional.faults import load
from ironic_passthru.tests.functional.faults import scenario

_SITE = scenario.FaultSite(servers.PostgreSQL)

# Number of the last passage of a failpoint.
_PASSAGE = scenario.CALLS // 12


def setUpModule() -> None:
    _SITE.setUp()


def tearDownModule() -> None:
    _SITE.cleanUp()


class FailpointCase(scenario.FaultTestCase):
    """A test with conductors that die at steps of a call."""

    site = _SITE

    def wait_for_death(self, host: str) -> None:
        """Wait until a conductor has died at its failpoint."""
        victim = self.site.conductor(host)
        self.assertEqual(-signal.SIGKILL, victim.wait(60.0), host)
        self.note(f'{host} has died')


class TestFailpoints(FailpointCase):
    """Conductors that are killed, each at a different step of a call."""

    def test_one_at_each(self) -> None:
        victims = [f'dies-at-{point}' for point in failpoints.POINTS]
        for host, point in zip(victims, failpoints.POINTS, strict=True):
            self.start_own(host, f'{point}:{_PASSAGE}', wait=False)
        for host in victims:
            self.wait_for_host(host)
        with self.under_load() as running:
            self.wait_for_flight(running)
            for host in victims:
                self.wait_for_death(host)
            # It reaps its own orphans; the other conductors reap the rest.
            self.start_own(victims[0])
            running.wait_for_successes(scenario.CALLS // 4)
        self.assertGreater(self.outcomes()['504'], 0)
        self.check()
        self.assertGreater(self.states()['unknown'], 0)


if scenario.LONG:

    class TestEachFailpoint(FailpointCase):
        """One step in each test, with and without a restart."""

        def break_at(self, point: str) -> None:
            for host, comes_back in (('k1', True), ('k2', False)):
                with self.under_load() as running:
                    self.wait_for_flight(running)
                    self.start_own(host, f'{point}:{_PASSAGE}')
                    self.wait_for_death(host)
                    if comes_back:
                        self.start_own(host)
                    running.wait_for_successes(scenario.CALLS // 2)
            self.check()

        def test_receipt(self) -> None:
            self.break_at('receipt')

        def test_record(self) -> None:
            self.break_at('record')

        def test_claim(self) -> None:
            self.break_at('claim')

        def test_method(self) -> None:
            self.break_at('method')

        def test_before_reply(self) -> None:
            self.break_at('before-reply')

        def test_after_reply(self) -> None:
            self.break_at('after-reply')

        def test_every_point_has_its_test(self) -> None:
            for point in failpoints.POINTS:
                name = f'test_{point.replace("-", "_")}'
                self.assertTrue(hasattr(self, name), name)

    class TestDeath(scenario.FaultTestCase):
        """Conductors that are killed at random moments."""

        site = _SITE

        def test_all_at_once(self) -> None:
            with self.under_load() as running:
                self.warm_up(running)
                self.kill_and_start_all()
                running.wait_for_successes(scenario.CALLS // 2)
            self.assertGreater(self.outcomes()['504'], 0)
            self.check()


class TestStop(scenario.FaultTestCase):
    """Conductors that are stopped."""

    site = _SITE

    if scenario.LONG:

        def test_one_after_the_other(self) -> None:
            with self.under_load() as running:
                self.warm_up(running)
                self.restart_each()
                running.wait_for_successes(scenario.CALLS // 4)
            # Accepted calls have run; the other conductor ran rejected calls.
            self.assertNotIn('504', self.outcomes())
            self.check()
            self.assertEqual({'succeeded', 'failed'}, set(self.states()))

    def test_with_more_work_than_time(self) -> None:
        own = self.start_own(
            'k1',
            conductor__graceful_shutdown_timeout=0.2,
            conductor__async_workers=8,
        )
        with self.under_load() as running:
            self.warm_up(running)
            own.signal(signal.SIGTERM)
            self.assertEqual(1, own.wait())
            self.note('k1 has given up')
            running.wait_for_successes(scenario.CALLS // 4)
        self.check()
        states = self.states()
        self.assertGreater(states['unknown'] + states['expired'], 0)


class TestPause(scenario.FaultTestCase):
    """A conductor that is suspended longer than its heartbeat timeout."""

    site = _SITE

    def suspended_with_work(self, asleep: processes.Process) -> bool:
        """Suspend c1, unless it has no running operation."""
        asleep.signal(signal.SIGSTOP)
        if self.site.runs_on('c1'):
            return True
        asleep.signal(signal.SIGCONT)
        return False

    def test_past_the_heartbeat_timeout(self) -> None:
        asleep = self.conductors['c1']
        with self.under_load() as running:
            self.warm_up(running)
            processes.wait_until(
                lambda: self.suspended_with_work(asleep),
                'c1 is suspended with a running operation',
            )
            self.note('c1 is suspended')
            began = time.monotonic()
            self.wait_for_hosts(['c2'])
            # By now the other conductor has reaped its operations.
            processes.wait_until(
                lambda: (
                    time.monotonic() - began
                    > 2 * scenario.HEARTBEAT_TIMEOUT_SECONDS
                ),
                'the others have noticed',
            )
            asleep.signal(signal.SIGCONT)
            self.note('c1 goes on')
            self.wait_for_hosts(self.hosts)
            running.wait_for_successes(scenario.CALLS // 4)
        self.assertTrue(asleep.running)
        self.assertGreater(self.outcomes()['504'], 0)
        self.check()
        self.assertGreater(self.states()['unknown'], 0)


if scenario.LONG:

    class TestPauseOfAll(scenario.FaultTestCase):
        """All conductors are suspended."""

        site = _SITE

        def test_past_the_heartbeat_timeout(self) -> None:
            with self.under_load(habit=load.Habit.RESEND) as running:
                self.warm_up(running)
                for conductor in self.conductors.values():
                    conductor.signal(signal.SIGSTOP)
                self.note('all conductors are suspended')
                self.wait_for_hosts([])
                for conductor in self.conductors.values():
                    conductor.signal(signal.SIGCONT)
                self.wait_for_hosts(self.hosts)
                running.wait_for_successes(scenario.CALLS // 4)
            self.assertGreater(self.outcomes()['504'], 0)
            self.check()
