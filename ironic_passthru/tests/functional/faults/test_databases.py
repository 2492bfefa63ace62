# SPDX-License-Identifier: Apache-2.0
"""A registry that is unavailable for a while under load."""

import contextlib
import sqlite3
import time

from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional.faults import scenario

_POSTGRESQL = scenario.FaultSite(servers.PostgreSQLPair)
_SQLITE = scenario.FaultSite()

# Longer than the lock timeout.
_LONG_SECONDS = 13.0


def setUpModule() -> None:
    _POSTGRESQL.setUp()
    _SQLITE.setUp()


def tearDownModule() -> None:
    _SQLITE.cleanUp()
    _POSTGRESQL.cleanUp()


class TestPostgreSQL(scenario.FaultTestCase):
    """A server that is restarted."""

    site = _POSTGRESQL

    def test_past_the_heartbeat_timeout(self) -> None:
        self.stop_for(2 * scenario.HEARTBEAT_TIMEOUT_SECONDS)

    def test_a_start_waits_for_it(self) -> None:
        self.site.database.stop()
        try:
            late = self.site.conductor('late')
            self.addCleanup(late.stop)
            late.start()
            late.wait_for_log('the start is delayed')
        finally:
            self.site.database.start()
        late.wait_for_log('Conductor late (')

    if scenario.LONG:

        def test_for_a_moment(self) -> None:
            self.stop_for(0.5)

    def stop_for(self, seconds: float) -> None:
        with self.under_load() as running:
            self.warm_up(running)
            self.site.database.stop()
            self.note('the database has stopped')
            try:
                time.sleep(seconds)
            finally:
                self.site.database.start()
            self.note('the database is back')
            self.wait_for_hosts(self.hosts)
            running.wait_for_successes(scenario.CALLS // 2)
        self.assertGreater(self.outcomes()['503'], 0)
        self.check()


if scenario.LONG:

    class TestStandby(scenario.FaultTestCase):
        """Fail-over from a lost server to its standby.

        It runs last on its site: it has no standby afterwards.
        """

        site = _POSTGRESQL

        def test_it_takes_over(self) -> None:
            database = self.site.database
            with self.under_load() as running:
                database.add_standby()
                self.wait_for(database.synchronous, 'there is a standby')
                self.warm_up(running)
                database.crash()
                self.note('the database is lost')
                database.promote()
                self.note('another one has taken over')
                self.wait_for_hosts(self.hosts)
                running.wait_for_successes(scenario.CALLS // 2)
            self.assertGreater(self.outcomes()['503'], 0)
            self.check()


class TestSQLite(scenario.FaultTestCase):
    """A file with the lock of another process."""

    site = _SQLITE

    def lock_for(self, seconds: float) -> None:
        """Lock the file, as a long backup would."""
        path = self.site.directory / 'registry.sqlite'
        with contextlib.closing(
            sqlite3.connect(path, timeout=30, isolation_level=None)
        ) as connection:
            connection.execute('BEGIN EXCLUSIVE')
            self.note('the database is locked')
            time.sleep(seconds)
            connection.execute('ROLLBACK')
            self.note('the database is free')

    def break_for(self, seconds: float) -> None:
        with self.under_load() as running:
            self.warm_up(running)
            self.lock_for(seconds)
            self.wait_for_hosts(self.hosts)
            running.wait_for_successes(scenario.CALLS // 4)
        self.check()

    def test_locked_for_some_seconds(self) -> None:
        self.break_for(2.0)
        self.assertGreater(self.longest_wait(), 2.0)

    if scenario.LONG:

        def test_locked_for_longer_than_the_timeout(self) -> None:
            self.break_for(_LONG_SECONDS)
            self.assertGreater(self.outcomes()['503'], 0)
