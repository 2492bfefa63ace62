# SPDX-License-Identifier: Apache-2.0
"""API processes that die under load, and clients that retry."""

import collections

from ironic_passthru.tests.functional.faults import driver
from ironic_passthru.tests.functional.faults import history
from ironic_passthru.tests.functional.faults import load
from ironic_passthru.tests.functional.faults import scenario

_SITE = scenario.FaultSite()


def setUpModule() -> None:
    _SITE.setUp()


def tearDownModule() -> None:
    _SITE.cleanUp()


class TestDeath(scenario.FaultTestCase):
    """An API that is killed with hundreds of open requests."""

    site = _SITE

    def executed_without_answer(self) -> set[str]:
        """Return the calls that have run without a response."""
        lost = {a.key for a in self.attempts() if a.status is None}
        ran = {e.key for e in driver.read(self.site.executions)}
        return lost & ran

    def kill_and_start(self) -> None:
        api = self.site.process('api1', [])
        api.kill()
        self.note('api1 is killed')
        self.site.start_api('api1', scenario.crowded)

    def test_between_publishing_and_answering(self) -> None:
        with self.under_load() as running:
            self.warm_up(running)
            self.kill_and_start()
            running.wait_for_successes(scenario.CALLS // 2)
        self.assertNotEqual(set(), self.executed_without_answer())
        self.check()

    def test_clients_with_an_idempotency_key_may_insist(self) -> None:
        with self.under_load(habit=load.Habit.INSIST) as running:
            self.warm_up(running)
            self.kill_and_start()
            self.conductors['c1'].kill()
            self.note('c1 is killed')
            self.site.start_conductor('c1')
            running.wait_for_successes(scenario.CALLS // 2)
        self.assertNotEqual(set(), self.executed_without_answer())
        self.check()


class TestSendingAgain(scenario.FaultTestCase):
    """Clients that retry rejected calls, as Ironic's clients do."""

    site = _SITE

    def test_to_conductors_that_are_too_small(self) -> None:
        self.site.install_faults('narrow')
        for host in ('n1', 'n2'):
            self.start_own(
                host,
                wait=False,
                conductor__enabled_drivers='narrow',
                conductor__sync_workers=8,
                conductor__async_workers=4,
                conductor__async_backlog=4,
            )
        self.wait_for_hosts(['n1', 'n2'], 'narrow')
        with self.under_load(
            driver='narrow',
            threads=scenario.IN_FLIGHT,
            habit=load.Habit.RESEND,
            seconds=0.05,
        ) as running:
            running.wait_for_more(scenario.CALLS)
        self.assertGreater(self.outcomes()['503'], scenario.CALLS // 4)
        self.assert_second_chances()
        self.check()

    def assert_second_chances(self) -> None:
        """Fail unless calls that were rejected at first have succeeded."""
        attempts = collections.defaultdict(list)
        for attempt in self.attempts():
            attempts[attempt.key].append(attempt.outcome)
        kept = [a for a in attempts.values() if a[0] == '503']
        self.assertTrue(any(a[-1] in ('200', '202') for a in kept))

    if scenario.LONG:

        def test_while_conductors_come_and_go(self) -> None:
            with self.under_load(habit=load.Habit.RESEND) as running:
                self.warm_up(running)
                self.kill_and_start_all()
                running.wait_for_successes(scenario.CALLS // 4)
            self.assertGreater(self.outcomes()['503'], 0)
            self.check()


if scenario.LONG:

    class TestIdempotency(scenario.FaultTestCase):
        """Idempotency keys without faults."""

        site = _SITE

        def test_every_call_gets_its_outcome(self) -> None:
            with self.under_load(habit=load.Habit.INSIST) as running:
                running.wait_for_more(scenario.CALLS)
            last: dict[str, history.Attempt] = {
                attempt.key: attempt for attempt in self.attempts()
            }
            outcomes = {attempt.outcome for attempt in last.values()}
            self.assertLessEqual(outcomes, {'200', '202', '500'})
            self.check()
