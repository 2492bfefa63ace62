# SPDX-License-Identifier: Apache-2.0
"""Transactions: isolation, retries, translation of errors, outage log."""

import collections.abc
import contextlib
import functools
import logging
import random
import re
import threading
import time
from typing import Any
from typing import TypeVar

import sqlalchemy as sa
from oslo_config import cfg
from oslo_db import exception as db_exc
from oslo_db.sqlalchemy import enginefacade
from sqlalchemy import exc as sa_exc
from sqlalchemy import orm

from ironic_passthru import errors
from ironic_passthru.conf import urls
from ironic_passthru.db import driver_errors
from ironic_passthru.db import engine
from ironic_passthru.db import url as database_url

LOG = logging.getLogger(__name__)

Result = TypeVar('Result')

_Transaction = collections.abc.Callable[
    [], contextlib.AbstractContextManager[Any]
]

_FAILURES = (db_exc.DBError, sa_exc.DBAPIError, sa_exc.TimeoutError)

# Parts of PostgreSQL's messages that quote rows and statements.
_QUOTED = re.compile(r'\n(?=DETAIL:|CONTEXT:|LINE \d+:)')

_FIRST_PAUSE_SECONDS = 0.02
_MAX_PAUSE_SECONDS = 1.0

#: Interval of the ERROR records during an outage.
OUTAGE_LOG_SECONDS = 60.0

# All queries of a reader use one snapshot, which is the default of SQLite and
# MariaDB. The levels do not depend on default_transaction_isolation.
_READER_OPTIONS = {'postgresql': {'isolation_level': 'REPEATABLE READ'}}
# A writer locks only the rows that it changes. By default MariaDB also locks
# the gaps between them, which causes deadlocks of conductors that start at
# the same time. A writer on SQLite takes the write lock first: a reader that
# becomes a writer is rejected without waiting.
_WRITER_OPTIONS: dict[str, dict[str, Any]] = {
    'mysql': {'isolation_level': 'READ COMMITTED'},
    'postgresql': {'isolation_level': 'READ COMMITTED'},
    'sqlite': {'begin_immediate': True},
}


@enginefacade.transaction_context_provider
class _Context:
    """Context of one transaction of oslo.db."""


class OutageLog:
    """Log records about the availability of the database.

    One ERROR record at the start of an outage and each minute while it lasts,
    and one INFO record at its end. Threads may share an object.

    :param clock: a monotonic clock, in seconds.
    """

    def __init__(
        self, clock: collections.abc.Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # Time of the last ERROR record of the current outage.
        self._logged_at: float | None = None

    def failed(self, exc: BaseException) -> None:
        """Record a transaction that failed."""
        with self._lock:
            now = self._clock()
            if (
                self._logged_at is not None
                and now - self._logged_at < OUTAGE_LOG_SECONDS
            ):
                return
            self._logged_at = now
        LOG.error('The registry database cannot be used: %s', cause(exc))

    def succeeded(self) -> None:
        """Record a transaction that succeeded."""
        if self._logged_at is None:
            return
        with self._lock:
            recovered = self._logged_at is not None
            self._logged_at = None
        if recovered:
            LOG.info('The registry database is available again')


class Database:
    """Transactions on the database of the configuration.

    The constructor opens no connection, so an application server may call it
    before it forks. Threads may share an object.

    :param conf: configuration with the options of ``conf/database.py``.
    :param answer_timeout_seconds: timeout of a statement; ``None`` for no
        timeout, as migrations require.
    :param on_failure: called when the database cannot be used.
    :raises ConfigError: ``[database] connection`` cannot be used.
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        *,
        answer_timeout_seconds: int | None = engine.ANSWER_TIMEOUT_SECONDS,
        on_failure: collections.abc.Callable[[], None] = lambda: None,
    ) -> None:
        self.url = database_url.parse(
            urls.read(conf, option='connection', group='database')
        )
        replica = urls.read(conf, option='slave_connection', group='database')
        self._driver_error = self.url.get_dialect().import_dbapi().Error
        self._outage_log = OutageLog()
        self._on_failure = on_failure
        self._retries = max(conf.database.db_max_retries, 0)
        self._repeat_seconds = (
            float('inf')
            if answer_timeout_seconds is None
            else answer_timeout_seconds
        )
        self._facade = enginefacade.transaction_context()
        # All options are set, so that oslo.db reads none from the global
        # configuration.
        settings = dict(conf.database)
        settings.update(
            connection=self.url.render_as_string(hide_password=False),
            slave_connection=replica
            and database_url.parse(
                replica, 'slave_connection'
            ).render_as_string(hide_password=False),
            sqlite_fk=True,
            # Needed for eventlet only.
            thread_checkin=False,
        )
        if self.dialect == 'sqlite':
            # oslo.db passes this option to a pool that does not accept it.
            settings['pool_timeout'] = None
        self._facade.configure(**settings)
        self._facade.append_on_engine_create(
            functools.partial(
                engine.prepare,
                answer_timeout_seconds=answer_timeout_seconds,
                # A configured value has priority.
                sync_wait=conf.database.mysql_wsrep_sync_wait is None,
            )
        )

    @property
    def dialect(self) -> str:
        """``sqlite``, ``postgresql`` or ``mysql`` (MariaDB included)."""
        return self.url.get_backend_name()

    @contextlib.contextmanager
    def reader(self) -> collections.abc.Iterator[orm.Session]:
        """Return a session that reads one snapshot of the database.

        :raises RegistryUnavailable: the database cannot be used.
        """
        options = _READER_OPTIONS.get(self.dialect, {})
        with (
            self._translated(),
            self._facade.reader.using(_Context()) as session,
        ):
            with self._connection_errors():
                session.connection(execution_options=options)
            yield session

    @contextlib.contextmanager
    def writer(self) -> collections.abc.Iterator[orm.Session]:
        """Return a session that commits at its end, without retries.

        :raises RegistryUnavailable: the database cannot be used.
        """
        with self._translated(), self._transaction() as session:
            yield session

    def write(
        self,
        work: collections.abc.Callable[[orm.Session], Result],
        *,
        repeat_duplicates: bool = True,
    ) -> Result:
        """Return ``work(session)``, run in one transaction that commits.

        A conflict with another transaction or a lost connection repeats
        ``work`` in a new transaction. A connection may be lost after the
        commit: ``work`` must be idempotent.

        :param repeat_duplicates: treat a duplicate key as a conflict;
            otherwise ``DBDuplicateEntry`` is raised.
        :raises RegistryUnavailable: the database cannot be used.
        """
        return self._repeat(
            work, self._transaction, repeat_duplicates=repeat_duplicates
        )

    def dedicated_connection(self) -> 'DedicatedConnection':
        """Return a connection for the writes of one thread."""
        return DedicatedConnection(self)

    @contextlib.contextmanager
    def connection(self) -> collections.abc.Iterator[sa.Connection]:
        """Return a connection without a transaction.

        :raises RegistryUnavailable: the database cannot be used.
        """
        bare = self._facade.writer.get_engine()
        with self._translated(), bare.connect() as connection:
            yield connection

    def close(self) -> None:
        """Close all idle connections; later transactions open new ones."""
        self._facade.dispose_pool()

    def _open(self) -> sa.Connection:
        connection: sa.Connection = self._facade.writer.get_engine().connect()
        try:
            with self._connection_errors():
                return connection.execution_options(
                    **_WRITER_OPTIONS.get(self.dialect, {})
                )
        except BaseException:
            connection.close()
            raise

    @contextlib.contextmanager
    def _transaction(self) -> collections.abc.Iterator[orm.Session]:
        options = _WRITER_OPTIONS.get(self.dialect, {})
        with self._facade.writer.using(_Context()) as session:
            with self._connection_errors():
                session.connection(execution_options=options)
            yield session

    @contextlib.contextmanager
    def _connection_errors(self) -> collections.abc.Iterator[None]:
        """Translate errors of the driver to ``DBConnectionError``.

        SQLAlchemy does not wrap errors from setting the isolation level.
        """
        try:
            yield
        except self._driver_error as exc:
            raise db_exc.DBConnectionError(exc) from exc

    @contextlib.contextmanager
    def _translated(self) -> collections.abc.Iterator[None]:
        """Raise ``RegistryUnavailable`` for errors of the database.

        A rejected value or a duplicate key does not make the database
        unavailable: these errors are not translated.
        """
        try:
            yield
        except _FAILURES as exc:
            found = driver_errors.classify(exc)
            if found is driver_errors.DatabaseFailure.REFUSED:
                raise
            if found is driver_errors.DatabaseFailure.DUPLICATE:
                if isinstance(exc, db_exc.DBDuplicateEntry):
                    raise
                # oslo.db recognizes English messages only.
                raise db_exc.DBDuplicateEntry(inner_exception=exc) from exc
            self._outage_log.failed(exc)
            self._on_failure()
            raise errors.RegistryUnavailable() from exc
        self._outage_log.succeeded()

    def _repeat(
        self,
        work: collections.abc.Callable[[Any], Result],
        transaction: _Transaction,
        *,
        repeat_duplicates: bool,
    ) -> Result:
        expected = {driver_errors.DatabaseFailure.CONFLICT}
        if repeat_duplicates:
            # Of two concurrent inserts of one key, the second attempt of the
            # later one finds the row.
            expected.add(driver_errors.DatabaseFailure.DUPLICATE)
        with self._translated():
            conflicts = disconnects = 0
            # Attempts that wait for locks may be slow: their total time is
            # limited, too.
            deadline = time.monotonic() + self._repeat_seconds
            while True:
                try:
                    with transaction() as writer:
                        return work(writer)
                except db_exc.DBConnectionError:
                    # One repetition suffices for a stale connection and for
                    # a failover; after that an early 503 is better.
                    disconnects += 1
                    if disconnects > 1 or time.monotonic() > deadline:
                        raise
                except _FAILURES as exc:
                    found = driver_errors.classify(exc)
                    conflicts += 1
                    # The next attempt finds the row of a duplicate key.
                    is_late = (
                        found is driver_errors.DatabaseFailure.CONFLICT
                        and time.monotonic() > deadline
                    )
                    if (
                        found not in expected
                        or is_late
                        or conflicts > self._retries
                    ):
                        raise
                    _pause(conflicts)


class DedicatedConnection:
    """Writes of one thread over a connection of its own.

    To check out and to test a connection of the pool, and to create a
    session, takes as long as a short transaction.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: sa.Connection | None = None

    def write(
        self,
        work: collections.abc.Callable[[Any], Result],
        *,
        repeat_duplicates: bool = True,
    ) -> Result:
        """Return ``work(connection)``; see :meth:`Database.write`.

        :raises RegistryUnavailable: the database cannot be used.
        """
        return self._database._repeat(
            work, self._transaction, repeat_duplicates=repeat_duplicates
        )

    def close(self) -> None:
        """Return the connection to the pool; a later write opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @contextlib.contextmanager
    def _transaction(self) -> collections.abc.Iterator[sa.Connection]:
        if self._connection is None:
            self._connection = self._database._open()
        try:
            with self._connection.begin():
                yield self._connection
        except BaseException:
            # The pool tests the connection before its next use.
            self.close()
            raise


def cause(exc: BaseException) -> str:
    """Return the message of a database error in one line.

    Statements and parameters, which SQLAlchemy adds, are removed, and also
    rows and statements that PostgreSQL quotes.
    """
    inner = getattr(exc, 'inner_exception', None) or exc
    inner = getattr(inner, 'orig', None) or inner
    text = ' '.join(_QUOTED.split(str(inner), maxsplit=1)[0].split())
    return text or type(inner).__name__


def _pause(attempt: int) -> None:
    longest = _FIRST_PAUSE_SECONDS * 2**attempt
    # Random, so that conflicting transactions do not conflict again.
    factor = random.uniform(0.5, 1)  # nosec B311
    time.sleep(factor * min(longest, _MAX_PAUSE_SECONDS))
