# SPDX-License-Identifier: Apache-2.0
"""The one door to the database: transactions, retries, foreign errors."""

import collections.abc
import contextlib
import functools
import logging
import random
import re
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

LOG = logging.getLogger(__name__)

Result = TypeVar('Result')

# What begins one and gives what writes in it.
_Transaction = collections.abc.Callable[
    [], contextlib.AbstractContextManager[Any]
]

# Unless the database refuses a value, these mean that it is unreachable,
# locked, full, read-only or without our schema.
_FAILURES = (db_exc.DBError, sa_exc.DBAPIError, sa_exc.TimeoutError)

# Where PostgreSQL begins to quote.
_QUOTED = re.compile(r'\n(?=DETAIL:|CONTEXT:|LINE \d+:)')

_FIRST_PAUSE_SECONDS = 0.02
_MAX_PAUSE_SECONDS = 1.0

# Drivers that are meant by a URL which names none, and the spelling of
# MariaDB that oslo.db knows.
_DRIVERNAMES = {
    'mariadb': 'mysql+pymysql',
    'mariadb+pymysql': 'mysql+pymysql',
    'mysql': 'mysql+pymysql',
    'postgresql': 'postgresql+psycopg2',
}
_DIALECTS = ('sqlite', 'postgresql', 'mysql')

# A reader sees one moment of the database, however many queries it makes:
# SQLite and MariaDB do so by themselves.  The levels do not depend on
# default_transaction_isolation.
_READER_OPTIONS = {'postgresql': {'isolation_level': 'REPEATABLE READ'}}
# A writer takes no more locks than the rows that it changes.  MariaDB's
# default also locks the gaps between them, so that conductors that start
# together would meet in one deadlock after the other.  A writer on SQLite
# takes its place in the queue at once: one that has begun as a reader
# cannot wait, it is refused.
_WRITER_OPTIONS: dict[str, dict[str, Any]] = {
    'mysql': {'isolation_level': 'READ COMMITTED'},
    'postgresql': {'isolation_level': 'READ COMMITTED'},
    'sqlite': {'begin_immediate': True},
}


@enginefacade.transaction_context_provider
class _Scope:
    """What oslo.db ties one transaction to."""


class Database:
    """Transactions on the database that ``conf`` names.

    Making one opens no connection, so an application server may do it
    before it forks.  Threads may share one.

    :param conf: configuration with the options of ``conf/database.py``.
    :param answer_timeout_seconds: how long a statement may take before a
        server is given up; ``None`` for no limit, as migrations need it.
    :raises ConfigError: ``[database] connection`` cannot be used.
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        *,
        answer_timeout_seconds: int | None = engine.ANSWER_TIMEOUT_SECONDS,
    ) -> None:
        self.url = _checked_url(
            urls.read(conf, option='connection', group='database')
        )
        second = urls.read(conf, option='slave_connection', group='database')
        self._driver_error = self.url.get_dialect().import_dbapi().Error
        self._retries = max(conf.database.db_max_retries, 0)
        self._repeat_seconds = (
            float('inf')
            if answer_timeout_seconds is None
            else answer_timeout_seconds
        )
        self._facade = enginefacade.transaction_context()
        # Every option is handed over, so that oslo.db finds nothing left to
        # look up in the process-wide configuration.
        settings = dict(conf.database)
        settings.update(
            connection=self.url.render_as_string(hide_password=False),
            slave_connection=second
            and _checked_url(second, 'slave_connection').render_as_string(
                hide_password=False
            ),
            sqlite_fk=True,
            # It is there for eventlet: other threads need no such help.
            thread_checkin=False,
        )
        if self.dialect == 'sqlite':
            # oslo.db keeps no pool for SQLite but hands this on to it.
            settings['pool_timeout'] = None
        self._facade.configure(**settings)
        self._facade.append_on_engine_create(
            functools.partial(
                engine.prepare,
                answer_timeout_seconds=answer_timeout_seconds,
                # Whoever sets it has reasons to.
                waits_for_nodes=conf.database.mysql_wsrep_sync_wait is None,
            )
        )

    @property
    def dialect(self) -> str:
        """``sqlite``, ``postgresql`` or ``mysql`` (MariaDB included)."""
        return self.url.get_backend_name()

    @contextlib.contextmanager
    def reader(self) -> collections.abc.Iterator[orm.Session]:
        """Give a session that reads one snapshot of the database.

        :raises RegistryUnavailable: the database cannot be used.
        """
        options = _READER_OPTIONS.get(self.dialect, {})
        with _translated(), self._facade.reader.using(_Scope()) as session:
            with self._wrapped():
                session.connection(execution_options=options)
            yield session

    @contextlib.contextmanager
    def writer(self) -> collections.abc.Iterator[orm.Session]:
        """Give a session whose changes are committed at the end.

        It is tried once; see :meth:`write` for one that is repeated.

        :raises RegistryUnavailable: the database cannot be used.
        """
        with _translated(), self._transaction() as session:
            yield session

    def write(
        self,
        work: collections.abc.Callable[[orm.Session], Result],
        *,
        repeat_duplicates: bool = True,
    ) -> Result:
        """Return ``work(session)``, run in one transaction that commits.

        It runs again, in a new transaction, when it collides with another
        writer or loses its connection.  The second may come after a commit
        whose acknowledgement was lost: ``work`` must be idempotent.

        :param repeat_duplicates: whether a key that is taken counts as a
            collision; if not, ``DBDuplicateEntry`` is raised.
        :raises RegistryUnavailable: the database cannot be used.
        """
        return self._write(
            work, self._transaction, repeat_duplicates=repeat_duplicates
        )

    def kept(self) -> 'KeptConnection':
        """Return a writer for one thread that keeps its connection."""
        return KeptConnection(self)

    @contextlib.contextmanager
    def connection(self) -> collections.abc.Iterator[sa.Connection]:
        """Give a bare connection, without a transaction.

        :raises RegistryUnavailable: the database cannot be used.
        """
        bare = self._facade.writer.get_engine()
        with _translated(), bare.connect() as connection:
            yield connection

    def close(self) -> None:
        """Close all idle connections.  A later use opens new ones."""
        self._facade.dispose_pool()

    def _open(self) -> sa.Connection:
        options = _WRITER_OPTIONS.get(self.dialect, {})
        bare = self._facade.writer.get_engine()
        connection = bare.connect()
        try:
            with self._wrapped():
                return connection.execution_options(**options)
        except BaseException:
            connection.close()
            raise

    @contextlib.contextmanager
    def _transaction(self) -> collections.abc.Iterator[orm.Session]:
        options = _WRITER_OPTIONS.get(self.dialect, {})
        with self._facade.writer.using(_Scope()) as session:
            with self._wrapped():
                session.connection(execution_options=options)
            yield session

    @contextlib.contextmanager
    def _wrapped(self) -> collections.abc.Iterator[None]:
        """Make an error of the driver one of a lost connection.

        SQLAlchemy wraps those of statements, but not of what it sends to
        set the isolation level.
        """
        try:
            yield
        except self._driver_error as exc:
            raise db_exc.DBConnectionError(exc) from exc

    def _write(
        self,
        work: collections.abc.Callable[[Any], Result],
        transaction: _Transaction,
        *,
        repeat_duplicates: bool,
    ) -> Result:
        expected = {driver_errors.DatabaseFailure.CONFLICT}
        if repeat_duplicates:
            # The loser's view of two inserts of one key: the next attempt
            # finds the row.
            expected.add(driver_errors.DatabaseFailure.DUPLICATE)
        with _translated():
            return self._repeat(work, transaction, expected)

    def _repeat(
        self,
        work: collections.abc.Callable[[Any], Result],
        transaction: _Transaction,
        expected: collections.abc.Set[driver_errors.DatabaseFailure],
    ) -> Result:
        collisions = disconnects = 0
        # To wait for a lock may have taken long: whoever asks does not wait
        # for as many of those as there may be quick attempts.
        latest = time.monotonic() + self._repeat_seconds
        while True:
            try:
                with transaction() as writer:
                    return work(writer)
            except db_exc.DBConnectionError:
                # Once: enough for a connection that died in the pool or a
                # server that has just failed over.  A client that waits
                # is better served by an early 503.
                disconnects += 1
                if disconnects > 1 or time.monotonic() > latest:
                    raise
            except _FAILURES as exc:
                found = driver_errors.classify(exc)
                if found not in expected:
                    raise
                collisions += 1
                # A key that is taken is found by the next attempt for sure.
                late = time.monotonic() > latest and (
                    found is driver_errors.DatabaseFailure.CONFLICT
                )
                if late or collisions > self._retries:
                    raise
                _pause(collisions)


class KeptConnection:
    """Writes of one thread, over a connection that it keeps.

    To take one from the pool, to see whether it lives and to make a session
    of it costs as much as a short transaction.
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
        return self._database._write(
            work, self._transaction, repeat_duplicates=repeat_duplicates
        )

    def close(self) -> None:
        """Give the connection back.  A later use takes another one."""
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
            # What became of it is not known; the pool finds out.
            self.close()
            raise


def cause(exc: BaseException) -> str:
    """Return in one line why a database operation failed.

    Statements and their parameters, which SQLAlchemy adds to its messages,
    are left out, and so are the rows and statements that PostgreSQL quotes.
    """
    inner = getattr(exc, 'inner_exception', None) or exc
    inner = getattr(inner, 'orig', None) or inner
    text = ' '.join(_QUOTED.split(str(inner), maxsplit=1)[0].split())
    return text or type(inner).__name__


@contextlib.contextmanager
def _translated() -> collections.abc.Iterator[None]:
    try:
        yield
    except _FAILURES as exc:
        found = driver_errors.classify(exc)
        if found is driver_errors.DatabaseFailure.DUPLICATE:
            if isinstance(exc, db_exc.DBDuplicateEntry):
                raise
            # oslo.db recognizes English messages alone.
            raise db_exc.DBDuplicateEntry(inner_exception=exc) from exc
        if found is driver_errors.DatabaseFailure.REFUSED:
            # One row is wrong, not the database.
            raise
        LOG.error('The registry database cannot be used: %s', cause(exc))
        raise errors.RegistryUnavailable() from exc


def _pause(attempt: int) -> None:
    longest = _FIRST_PAUSE_SECONDS * 2**attempt
    # Spread at random, or those who met would meet again.
    factor = random.uniform(0.5, 1)  # nosec B311
    time.sleep(factor * min(longest, _MAX_PAUSE_SECONDS))


def _checked_url(connection: str | None, option: str = 'connection') -> sa.URL:
    """Return ``connection`` parsed, with the defaults of this project.

    No error that leaves this function holds any part of the URL: what was
    taken for a host or port may be a piece of an unquoted password.
    """
    if not connection:
        raise errors.ConfigError(f'[database] {option} is not set')
    if not connection.startswith('sqlite'):
        # Where SQLite's files are may have any character.
        urls.check(connection, option=option, group='database')
    try:
        url = sa.make_url(connection)
    except (sa_exc.ArgumentError, ValueError):
        url = None
    if url is None or '@' in (url.host or ''):
        raise errors.ConfigError(
            f'[database] {option} is not a database URL; mind that special '
            'characters in a password must be percent-encoded'
        )
    url = url.set(drivername=_DRIVERNAMES.get(url.drivername, url.drivername))
    if url.get_backend_name() not in _DIALECTS:
        raise errors.ConfigError(
            f'[database] {option} must begin with sqlite://, '
            'postgresql:// or mysql://'
        )
    _check_driver(url)
    return _with_defaults(url)


def _check_driver(url: sa.URL) -> None:
    try:
        url.get_dialect().import_dbapi()
    except (ImportError, sa_exc.NoSuchModuleError):
        raise errors.ConfigError(
            '[database] connection needs the Python package of '
            f'{url.drivername}, which is not installed'
        ) from None


def _with_defaults(url: sa.URL) -> sa.URL:
    if url.get_backend_name() == 'mysql' and 'charset' not in url.query:
        # oslo.db's own default cannot hold characters of four bytes.
        return url.update_query_dict({'charset': 'utf8mb4'})
    if url.get_backend_name() == 'sqlite' and url.database in (
        None,
        '',
        ':memory:',
    ):
        raise errors.ConfigError(
            '[database] connection must name a file for SQLite: a database '
            'in memory cannot be shared by threads'
        )
    return url
