# SPDX-License-Identifier: Apache-2.0
"""Calls over several conductors with different targets, during faults."""

import signal
import time
from collections.abc import Callable

from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional.faults import checker
from ironic_passthru.tests.functional.faults import driver
from ironic_passthru.tests.functional.faults import echo
from ironic_passthru.tests.functional.faults import load
from ironic_passthru.tests.functional.faults import scenario
from ironic_passthru.tests.functional.faults import test_broker

_TARGETS = {'c1': ('a1', 'a2', 'a3'), 'c2': ('b1', 'b2')}
if scenario.LONG:
    _TARGETS['c3'] = ('b1', 'b2')
_ALL = ('a1', 'a2', 'a3', 'b1', 'b2')

# Longer than conductors and APIs need to exchange targets.
_MOVE_SECONDS = 1.0
_CLIENTS = 60 if scenario.LONG else 8


class FleetSite(scenario.FaultSite):
    """A site whose conductors have the targets in a file of each.

    :ivar moving: whether a call may be rejected by the driver, because a
        target moved after the last check.
    """

    moving = False
    vendor = driver.FleetFaultsVendor

    def conductor(
        self, host: str, *, name: str = '', **options: object
    ) -> processes.Process:
        path = self.directory / f'{host}.targets'
        if not path.exists():
            self.write_targets(host, _TARGETS.get(host, ()))
        options = {'fleet__targets_file': path} | options
        return super().conductor(host, name=name, **options)

    def write_targets(self, host: str, names: tuple[str, ...]) -> None:
        """Replace the targets of a conductor."""
        path = self.directory / f'{host}.targets'
        temporary = path.with_suffix('.new')
        temporary.write_text('\n'.join(names))
        temporary.rename(path)

    def violations(self) -> list[checker.Violation]:
        return [
            one
            for one in super().violations()
            if not (
                self.moving
                and one.rule == 'fitting_answer'
                and one.detail.endswith(': 400')
            )
        ]

    def expect_no_more_parts(self) -> None:
        """Let the time pass until which parts are expected."""
        with self._engine.begin() as connection:
            connection.exec_driver_sql(
                'UPDATE operation_parts '
                "SET expected_until = '2020-01-01 00:00:00.000000'"
            )


_BROKER = test_broker.ProxiedRabbitMQ()
_SITE = FleetSite(
    servers.PostgreSQLPair if scenario.LONG else None,
    broker=_BROKER if scenario.LONG else servers.VirtualHost(),
    conductor__targets_interval=0.2,
    operations__progress_interval=0.3,
    oslo_messaging_rabbit__heartbeat_timeout_threshold=4,
)


def setUpModule() -> None:
    _SITE.setUp()


def tearDownModule() -> None:
    _SITE.cleanUp()


class FleetCase(scenario.FaultTestCase):
    """Conductor c1 with some targets, c2 and c3 with others."""

    site: FleetSite = _SITE
    hosts = tuple(_TARGETS)

    def setUp(self) -> None:
        if scenario.LONG:
            self.api_options = {'transport_url': _BROKER.api_url}
        super().setUp()
        self.site.moving = False

    def under_load(self, **options: object) -> load.Load:
        return super().under_load(
            **{
                'threads': _CLIENTS,
                'targets': _ALL,
                'cancelled': 0.2,
                'seconds': 1.0,
            }
            | options
        )

    def check(self) -> None:
        # Parts that were never sent are decided when their time has passed.
        deadline = time.monotonic() + scenario.CALL_TIMEOUT_SECONDS + 2.0
        while self.site.active() and time.monotonic() < deadline:
            time.sleep(0.2)
        self.site.expect_no_more_parts()
        super().check()

    def kill(self, host: str) -> None:
        """Kill a conductor, and start it when the others have noticed."""
        self.conductors[host].kill()
        self.note(f'{host} is killed')
        self.wait_for_hosts({*self.hosts} - {host})
        self.site.start_conductor(host)
        self.wait_for_hosts(self.hosts)

    def suspend(self, host: str) -> None:
        """Suspend a conductor past its heartbeat timeout."""
        conductor = self.conductors[host]
        conductor.signal(signal.SIGSTOP)
        self.note(f'{host} is suspended')
        try:
            self.wait_for_hosts({*self.hosts} - {host})
        finally:
            conductor.signal(signal.SIGCONT)
        self.note(f'{host} goes on')
        self.wait_for_hosts(self.hosts)

    def move(self, count: int) -> None:
        """Move a target from one site to the other and back.

        For a moment both serve it, as it takes time to publish a change.
        """
        self.site.moving = True
        _, *others = self.hosts
        for _ in range(count):
            for hosts, names in (
                (others, ('b1', 'b2', 'a1')),
                (['c1'], ('a2', 'a3')),
                (['c1'], ('a1', 'a2', 'a3')),
                (others, ('b1', 'b2')),
            ):
                for host in hosts:
                    self.site.write_targets(host, names)
                self.note(f'{hosts} serve {names}')
                time.sleep(_MOVE_SECONDS)


class TestFaults(FleetCase):
    """One fault after the other."""

    def test_in_turn(self) -> None:
        addresses = [self.site.address(host) for host in self.hosts]
        self.useFixture(echo.Echo(self.site.broker.url, addresses))
        with self.under_load(habit=load.Habit.INSIST) as running:
            running.wait_for_successes(scenario.CALLS // 4)
            self.move(1)
            self.kill('c1')
            running.wait_for_successes(scenario.CALLS // 2)
        self.check()
        outcomes = {
            code
            for attempt in self.attempts()
            for code in (attempt.codes or {}).values()
        }
        self.assertLessEqual({'', 'not_attempted'}, outcomes)


if scenario.LONG:

    class TestEachFault(FleetCase):
        """One fault in each test, once for each habit of clients."""

        def break_by(self, fault: Callable[[], object]) -> None:
            for habit in load.Habit:
                with self.under_load(habit=habit) as running:
                    running.wait_for_successes(scenario.CALLS // 6)
                    fault()
                    self.wait_for_hosts(self.hosts)
                    running.wait_for_successes(scenario.CALLS // 6)
            self.check()

        def test_kill_of_the_only_one(self) -> None:
            self.break_by(lambda: self.kill('c1'))

        def test_kill_of_one_of_two(self) -> None:
            self.break_by(lambda: self.kill('c2'))

        def test_suspended(self) -> None:
            self.break_by(lambda: self.suspend('c1'))

        def test_moves(self) -> None:
            self.break_by(lambda: self.move(4))

        def test_messages_twice(self) -> None:
            addresses = [self.site.address(host) for host in self.hosts]
            url = _BROKER.make_url([_BROKER.port])
            self.useFixture(echo.Echo(url, addresses))
            self.break_by(lambda: self.move(1))

        def test_broker(self) -> None:
            def restart() -> None:
                _BROKER.stop()
                _BROKER.start()

            self.break_by(restart)

        def test_connections(self) -> None:
            def cut() -> None:
                for one in (_BROKER.to_apis, _BROKER.to_conductors):
                    one.refuse()
                    one.reset()
                time.sleep(2.0)
                for one in (_BROKER.to_apis, _BROKER.to_conductors):
                    one.recover()

            self.break_by(cut)

        def test_api(self) -> None:
            def kill() -> None:
                self.site.process('api1', []).kill()
                self.note('api1 is killed')
                self.site.start_api('api1', scenario.crowded)

            self.break_by(kill)

        def test_database(self) -> None:
            def restart() -> None:
                self.site.database.stop()
                self.note('the database has stopped')
                time.sleep(2 * scenario.HEARTBEAT_TIMEOUT_SECONDS)
                self.site.database.start()
                self.note('the database is back')

            self.break_by(restart)
