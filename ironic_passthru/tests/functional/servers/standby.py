# SPDX-License-Identifier: Apache-2.0
"""A private PostgreSQL server with a standby."""

import os
import pathlib
import re
import shutil

import fixtures

from ironic_passthru.tests.functional.servers import postgresql
from ironic_passthru.tests.functional.servers import shipped
from ironic_passthru.tests.functional.servers import sql

# Its name in the sample.
_STANDBY = 'standby1'


class PostgreSQLPair(postgresql.PostgreSQL):
    """A server and its standby.

    URLs contain both hosts; clients use the primary.
    """

    def __init__(self) -> None:
        super().__init__(durable=True)

    def _setUp(self) -> None:
        self._beside = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        if os.geteuid() == 0:
            shutil.chown(self._beside, postgresql.USER)
        super()._setUp()

    def url(self, database: str = 'postgres') -> str:
        return (
            f'postgresql+psycopg2://{postgresql.USER}@/{database}'
            f'?host={self._server.tempdir},{self._beside}'
            f'&port={self._server.port},{self._server.port}'
            '&target_session_attrs=read-write'
        )

    def add_standby(self) -> None:
        """Start synchronous replication."""
        source = (
            f'host={self._server.tempdir} port={self._server.port} '
            f'user={postgresql.USER} application_name={_STANDBY}'
        )
        self._server.run(
            'pg_basebackup', '-R', '-c', 'fast', '-d', source,
            '-D', f'{self._beside}/data',
        )  # fmt: skip
        self.addCleanup(self._stop_standby)
        self._server.start_at(self._beside)
        sample = shipped.options(shipped.postgresql(replicated=True))
        names = sample['synchronous_standby_names']
        assert re.search(rf'\b{_STANDBY}\b', names), names
        sql.execute(
            self.url(),
            f"ALTER SYSTEM SET synchronous_standby_names = '{names}'",
        )
        sql.execute(self.url(), 'SELECT pg_reload_conf()')

    def synchronous(self) -> bool:
        """Return whether commits wait for the standby."""
        states = sql.execute(
            self.url(), 'SELECT sync_state FROM pg_stat_replication'
        )
        return states == [('quorum',)]

    def crash(self) -> None:
        """Kill the server."""
        self._server.control('-m', 'immediate', 'stop')

    def promote(self) -> None:
        """Promote the standby."""
        self._server.control('-D', f'{self._beside}/data', 'promote')

    def _stop_standby(self) -> None:
        # Also cleaned up if the start fails.
        if (self._beside / 'data' / 'postmaster.pid').exists():
            self._server.control(
                *('-D', f'{self._beside}/data', '-m', 'fast', 'stop')
            )
