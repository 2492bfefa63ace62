# SPDX-License-Identifier: Apache-2.0
"""Creation and upgrade of the database schema.

Alembic is imported when a migration runs: a start must not load it.
"""

import collections.abc
import contextlib
import pathlib
import sqlite3
import time
from typing import Any
from typing import TYPE_CHECKING

import fasteners
import sqlalchemy as sa

from ironic_passthru import errors
from ironic_passthru.db import schema
from ironic_passthru.db import session

if TYPE_CHECKING:
    from alembic import config as alembic_config

_DIRECTORY = pathlib.Path(__file__).parent / 'alembic'

_LOCK_TIMEOUT_SECONDS = 60
_WAL_TIMEOUT_SECONDS = 10

# Concurrent upgrades run one after the other. The server releases these
# locks with the connection.
_LOCK_STATEMENTS = {
    # PostgreSQL identifies advisory locks by an arbitrary number.
    'postgresql': 'SELECT 1 FROM pg_advisory_lock(7040122026)',
    'mysql': (
        f"SELECT GET_LOCK('ironic_passthru.schema', {_LOCK_TIMEOUT_SECONDS})"
    ),
}


def ensure(database: session.Database) -> None:
    """Ensure that the database has the schema of this release.

    An SQLite file is created and upgraded as needed, also by processes that
    start together; the schema of a database server is only checked.

    :raises ConfigError: an operator must act; the message contains the
        remedy.
    :raises RegistryUnavailable: the database cannot be used.
    """
    schema.create_file(database)
    schema.require_unicode(database)
    current = schema.revision(database)
    schema.refuse_unknown(current)
    state = schema.state(current)
    if state is schema.SchemaState.CURRENT:
        return
    if database.dialect != 'sqlite':
        raise errors.ConfigError(
            f'the database schema is {state.value} (revision '
            f'{current or "none"}, needed {schema.HEAD}); run '
            '"ironic-passthru-dbsync upgrade"'
        )
    upgrade(database)


def upgrade(database: session.Database, revision: str = 'head') -> None:
    """Upgrade the schema; a current schema stays unchanged.

    :param revision: last revision to apply.
    :raises ConfigError: the schema is that of a newer release, the database
        cannot store all characters, another process does not finish its
        upgrade, or the file cannot be created.
    :raises RegistryUnavailable: the database cannot be used.
    """
    from alembic import command

    schema.create_file(database)
    schema.require_unicode(database)
    schema.refuse_unknown(schema.revision(database))
    with _file_lock(database), database.connection() as connection:
        _prepare(connection)
        # Atomic on SQLite and PostgreSQL. MariaDB commits each DDL statement.
        with connection.begin():
            config = _config()
            config.attributes['connection'] = connection
            command.upgrade(config, revision)


def _config() -> 'alembic_config.Config':
    from alembic import config as alembic_config

    config = alembic_config.Config()
    # The parser of this option interpolates percent signs.
    directory = str(_DIRECTORY).replace('%', '%%')
    config.set_main_option('script_location', directory)
    return config


def _enable_wal(cursor: Any) -> None:
    """Set WAL mode, in which readers and a writer do not block each other.

    The file keeps the mode. It cannot be set inside a transaction.

    :raises ConfigError: another process keeps the file locked.
    """
    deadline = time.monotonic() + _WAL_TIMEOUT_SECONDS
    while True:
        try:
            cursor.execute('PRAGMA journal_mode = WAL')
            return
        except sqlite3.OperationalError:
            # The busy timeout of SQLite does not apply to this statement.
            if time.monotonic() > deadline:
                raise _busy() from None
            time.sleep(0.02)


def _prepare(connection: sa.Connection) -> None:
    dialect = connection.dialect.name
    if dialect == 'sqlite':
        _enable_wal(connection.connection.cursor())
        connection.execution_options(begin_immediate=True)
        return
    # A detached connection is closed, and its lock released, not pooled.
    connection.detach()
    if not connection.scalar(sa.text(_LOCK_STATEMENTS[dialect])):
        raise _busy()
    connection.commit()


@contextlib.contextmanager
def _file_lock(
    database: session.Database,
) -> collections.abc.Iterator[None]:
    """Lock an SQLite file against concurrent upgrades.

    The change to WAL mode does not wait for the locks of SQLite.
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
