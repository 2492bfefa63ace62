# SPDX-License-Identifier: Apache-2.0
"""Calls that are forwarded to an Ironic with faults."""

import collections
import os
import pathlib
import signal
import sys
import time

import fixtures

from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional.faults import driver
from ironic_passthru.tests.functional.faults import history
from ironic_passthru.tests.functional.faults import load
from ironic_passthru.tests.functional.faults import proxy
from ironic_passthru.tests.functional.faults import recording_ironic
from ironic_passthru.tests.functional.faults import scenario

_CALLS = scenario.CALLS // 10
_TIMEOUT_SECONDS = 1.5


class _NoBroker(fixtures.Fixture):
    """The address of a broker that forwarded calls do not need."""

    url = 'rabbit://127.0.0.1:9/'

    def service_options(self) -> str:
        """Return no options."""
        return ''


_SITE = scenario.FaultSite(broker=_NoBroker())


def setUpModule() -> None:
    _SITE.setUp()


def tearDownModule() -> None:
    _SITE.cleanUp()


class TestForwarding(deployment.SiteTestCase):
    """Clients that send calls again as python-ironicclient does."""

    site = _SITE

    def setUp(self) -> None:
        super().setUp()
        self.history = history.History()
        self.executions = self.site.executions
        self.executions.unlink(missing_ok=True)
        port = self.useFixture(servers.ReservedPort()).port
        self.ironic = self.useFixture(
            processes.Process(
                [sys.executable, '-m', recording_ironic.__name__, str(port)],
                environment=self.site.environment,
                log=self.site.directory / 'ironic.log',
            )
        )
        self.ironic.start()
        self.proxy = self.useFixture(proxy.Proxy(port))
        self.api = self.site.start_api(
            ironic__forward=True,
            ironic__endpoint_override=f'http://127.0.0.1:{self.proxy.port}',
            ironic__timeout=_TIMEOUT_SECONDS,
            ironic__max_requests=12,
        )
        self.addCleanup(self.site.process('api', []).stop)

    def under_load(self) -> load.Load:
        profile = load.Profile(
            threads=16,
            kinds=(load.Kind.SYNC,),
            seconds=0.4,
            habit=load.Habit.RESEND,
            pause_seconds=0.1,
            driver='acme',
        )
        return load.Load([self.api], self.history, profile=profile)

    def check(self, *expected: str) -> None:
        """Check the history.

        :param expected: outcomes that must occur.
        """
        attempts = self.history.attempts()
        outcomes = collections.Counter(one.outcome for one in attempts)
        self.assertLessEqual({'200', *expected}, set(outcomes))
        violations = scenario.checker.check(
            attempts,
            executions=driver.read(self.executions),
            operations=[],
        )
        self.assertEqual([], violations[:9], outcomes)

    def ran_without_outcome(self) -> set[str]:
        """Return the calls that have run, and whose response is 504."""
        lost = {a.key for a in self.history.attempts() if a.status == 504}
        return lost & {one.key for one in driver.read(self.executions)}

    def test_faults(self) -> None:
        """Resets, a closed port, an end, and silence."""
        with self.under_load() as running:
            running.wait_for_successes(_CALLS)
            for _ in range(5):
                # Some requests have not arrived, others run.
                self.proxy.reset()
                running.wait_for_more(4)
            self.proxy.refuse()
            running.wait_for_more(_CALLS // 2)
            self.proxy.recover()
            running.wait_for_successes(_CALLS)
            self.ironic.kill()
            running.wait_for_more(_CALLS // 2)
            self.ironic.start()
            running.wait_for_successes(_CALLS)
            self.ironic.signal(signal.SIGSTOP)
            time.sleep(_TIMEOUT_SECONDS * 1.5)
            self.ironic.signal(signal.SIGCONT)
            running.wait_for_successes(_CALLS)
        self.assertNotEqual(set(), self.ran_without_outcome())
        self.check('503', '504')

    if scenario.LONG:

        def test_lost_packets(self) -> None:
            """Requests that do not arrive, and responses that do not."""
            with self.under_load() as running:
                for ways in ((proxy.Way.UP,), (proxy.Way.DOWN,)):
                    running.wait_for_successes(_CALLS)
                    self.proxy.drop(ways)
                    time.sleep(_TIMEOUT_SECONDS)
                    self.proxy.recover()
                    self.proxy.half_close(ways)
                running.wait_for_successes(_CALLS)
            self.assertNotEqual(set(), self.ran_without_outcome())
            self.check('504')

        def test_death_of_a_worker(self) -> None:
            """The processes of the API that forward calls are killed."""
            master = self.site.process('api', []).pid
            children = pathlib.Path(f'/proc/{master}/task/{master}/children')
            with self.under_load() as running:
                for _ in range(3):
                    running.wait_for_successes(_CALLS)
                    for pid in children.read_text().split():
                        os.kill(int(pid), signal.SIGKILL)
                running.wait_for_successes(_CALLS)
            lost = {a.key for a in self.history.attempts() if not a.status}
            ran = {one.key for one in driver.read(self.executions)}
            self.assertNotEqual(set(), lost & ran)
            self.check()
