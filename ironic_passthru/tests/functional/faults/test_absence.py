# SPDX-License-Identifier: Apache-2.0
"""Live conductors whose heartbeats look expired."""

import functools
import time

import sqlalchemy as sa

from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional.faults import proxy
from ironic_passthru.tests.functional.faults import scenario

# About a quarter of the defaults and of a delay of 1.3 seconds.
_TIMEOUT_SECONDS = 8.0
_INTERVAL_SECONDS = 2.0
_ROUND_TRIP_SECONDS = 0.35

_JUMP_SECONDS = 120

# It overrides the function of PostgreSQL, because it is found first.
_CLOCK = """
CREATE TABLE clock_jump (seconds integer NOT NULL);
INSERT INTO clock_jump VALUES (0);
CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz VOLATILE
    LANGUAGE sql AS $$
        SELECT pg_catalog.clock_timestamp()
            + (SELECT seconds FROM public.clock_jump) * interval '1 second'
    $$
"""


class Site(scenario.FaultSite):
    """A site whose conductor c1 uses a proxy to the database.

    :ivar way: the proxy.
    """

    def __init__(self) -> None:
        super().__init__(
            functools.partial(servers.PostgreSQL, tcp=True),
            conductor__heartbeat_timeout=_TIMEOUT_SECONDS,
            conductor__heartbeat_interval=_INTERVAL_SECONDS,
        )

    def _setUp(self) -> None:
        super()._setUp()
        self.way = self.useFixture(proxy.Proxy(self.database.port))
        name = sa.make_url(self.registry).database
        servers.execute(
            self.registry,
            f'ALTER DATABASE {name} SET search_path = public, pg_catalog',
        )
        servers.execute(self.registry, _CLOCK)

    def conductor(
        self, host: str, *, name: str = '', **options: object
    ) -> processes.Process:
        if host == 'c1':
            url = sa.make_url(self.registry)
            through = url.set(query={}, host='127.0.0.1', port=self.way.port)
            options['database__connection'] = through.render_as_string(
                hide_password=False
            )
        return super().conductor(host, name=name, **options)

    def set_clock(self, seconds: int) -> None:
        """Set the clock of the database forward."""
        servers.execute(
            self.registry, f'UPDATE clock_jump SET seconds = {seconds}'
        )


_SITE = Site()


def setUpModule() -> None:
    _SITE.setUp()


def tearDownModule() -> None:
    _SITE.cleanUp()


class AbsenceCase(scenario.FaultTestCase):
    """A test in which no conductor is lost."""

    site: Site = _SITE

    def wait_out(self) -> None:
        """Wait longer than it takes to act on an expired heartbeat."""
        until = time.monotonic() + 2.5 * _TIMEOUT_SECONDS
        self.wait_for(
            lambda: time.monotonic() > until, 'time passes', seconds=60.0
        )

    def check_none_is_lost(self) -> None:
        self.check()
        # Calls accepted too late for their clients have expired.
        self.assertNotIn('unknown', self.states())


class TestSlowDatabase(AbsenceCase):
    """Slow round trips between c1 and the database."""

    def test_no_operation_is_lost(self) -> None:
        with self.under_load() as running:
            self.warm_up(running)
            self.site.way.delay(_ROUND_TRIP_SECONDS / 2)
            self.note('the database is slow')
            try:
                self.wait_out()
            finally:
                self.site.way.recover()
            self.note('the database is as fast as before')
            running.wait_for_successes(scenario.CALLS // 2)
        self.assertGreater(self.site.way.delayed_chunks, 100)
        self.check_none_is_lost()


class TestClock(AbsenceCase):
    """A database clock that is set forward and back."""

    def test_no_operation_is_lost(self) -> None:
        with self.under_load() as running:
            self.warm_up(running)
            for seconds in (_JUMP_SECONDS, 0):
                self.site.set_clock(seconds)
                self.note(f'the clock is ahead by {seconds} seconds')
                self.wait_out()
            running.wait_for_successes(scenario.CALLS // 2)
        self.check_none_is_lost()

    def test_a_lost_conductor_is_still_noticed(self) -> None:
        own = self.start_own('k1')
        with self.under_load() as running:
            self.warm_up(running)
            self.site.set_clock(-_JUMP_SECONDS)
            own.kill()
            self.note('k1 is killed, and the clock is set back')
            self.wait_for_hosts(self.hosts)
            running.wait_for_successes(scenario.CALLS // 4)
        self.site.set_clock(0)
        self.check()
        self.assertGreater(self.states()['unknown'], 0)
