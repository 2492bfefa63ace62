# SPDX-License-Identifier: Apache-2.0
"""Runs the migrations; loads Alembic, so it is imported only for that."""

import collections.abc
import contextlib
import pathlib
import sqlite3
import time
from typing import Any

import fasteners
import sqlalchemy as sa
from alembic import command
from alembic import config as alembic_config
from alembic import script

from ironic_passthru import errors
from ironic_passthru.db import schema
from ironic_passthru.db import session

_DIRECTORY = pathlib.Path(__file__).parent / 'alembic'

_LOCK_TIMEOUT_SECONDS = 60
_WAL_TIMEOUT_SECONDS = 10

# Upgrades that start together, as the first containers of a new site do,
# go one after the other.  These locks end with their connection.
_LOCK_STATEMENTS = {
    # PostgreSQL names locks by number: any, as long as it stays the same.
    'postgresql': 'SELECT 1 FROM pg_advisory_lock(7040122026)',
    'mysql': (
        f"SELECT GET_LOCK('ironic_passthru.schema', {_LOCK_TIMEOUT_SECONDS})"
    ),
}


def revisions() -> tuple[str, ...]:
    """Return the revisions that Alembic finds, the oldest first."""
    directory = script.ScriptDirectory.from_config(_config())
    found = [entry.revision for entry in directory.walk_revisions()]
    return tuple(reversed(found))


def upgrade(database: session.Database, revision: str = 'head') -> None:
    """Bring the schema to that of this release; harmless if it is there.

    :param revision: where to stop; by default at the newest.
    :raises ConfigError: the database belongs to a newer release or cannot
        store all characters, another process does not finish its upgrade, or
        the file cannot be created.
    :raises RegistryUnavailable: the database cannot be used.
    """
    schema.create_file(database)
    schema.require_unicode(database)
    schema.refuse_unknown(schema.revision(database))
    with _file_lock(database), database.connection() as connection:
        _prepare(connection)
        # On SQLite and PostgreSQL an upgrade happens as a whole or not at
        # all.  MariaDB commits every change of a table by itself.
        with connection.begin():
            config = _config()
            config.attributes['connection'] = connection
            command.upgrade(config, revision)


def _config() -> alembic_config.Config:
    config = alembic_config.Config()
    # The parser of this file takes a per cent sign for a reference.
    directory = str(_DIRECTORY).replace('%', '%%')
    config.set_main_option('script_location', directory)
    return config


def _use_wal(cursor: Any) -> None:
    """Let readers and a writer of an SQLite file not block each other.

    The mode stays with the file, and cannot be set inside a transaction.

    :raises ConfigError: another process does not let go of the file.
    """
    deadline = time.monotonic() + _WAL_TIMEOUT_SECONDS
    while True:
        try:
            cursor.execute('PRAGMA journal_mode = WAL')
            return
        except sqlite3.OperationalError:
            # SQLite does not wait here, not even for a reader that is
            # merely looking whether there is a schema.
            if time.monotonic() > deadline:
                raise _busy() from None
            time.sleep(0.02)


def _prepare(connection: sa.Connection) -> None:
    dialect = connection.dialect.name
    if dialect == 'sqlite':
        _use_wal(connection.connection.cursor())
        connection.execution_options(begin_immediate=True)
        return
    # So that it is closed in the end, with its lock, and not kept.
    connection.detach()
    if not connection.scalar(sa.text(_LOCK_STATEMENTS[dialect])):
        raise _busy()
    connection.commit()


@contextlib.contextmanager
def _file_lock(
    database: session.Database,
) -> collections.abc.Iterator[None]:
    """Hold the lock on an SQLite file; servers have locks of their own.

    SQLite's own lock is of no use: the change to WAL does not wait for it.
    """
    if database.dialect != 'sqlite':
        yield
        return
    lock = fasteners.InterProcessLock(f'{database.url.database}.lock')
    if not lock.acquire(timeout=_LOCK_TIMEOUT_SECONDS):
        raise _busy()
    try:
        yield
    finally:
        lock.release()


def _busy() -> errors.ConfigError:
    return errors.ConfigError(
        'another process has been changing the database schema for over '
        f'{_LOCK_TIMEOUT_SECONDS} seconds'
    )
