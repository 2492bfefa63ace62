# SPDX-License-Identifier: Apache-2.0
"""Time-outs, modes and the login of each new database connection."""

import os
import sqlite3
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exc
from sqlalchemy import exc as sa_exc

#: How long a statement may take before a server is given up.
ANSWER_TIMEOUT_SECONDS = 30

_BUSY_TIMEOUT_SECONDS = 10
_CONNECT_TIMEOUT_SECONDS = 10

_LOST = 'the file of the database was removed or replaced'

# What a node of Galera begins with only when it has applied all that was
# committed anywhere before: reads (1), changes and deletions (2), insertions
# (4), questions about tables (8).  Without that an operation may be missing
# where it is asked for right after its 202, and a change of it may find no
# row.
_WAIT_WITH_ALL = 1 | 2 | 4 | 8


def prepare(
    engine: sa.Engine,
    *,
    answer_timeout_seconds: int | None,
    waits_for_nodes: bool,
) -> None:
    """Set what each new connection of ``engine`` needs.

    :param answer_timeout_seconds: how long a statement may take before a
        server is given up; ``None`` for no limit.
    :param waits_for_nodes: whether a session on a node of Galera is to see
        what any node had committed before.
    """
    if engine.dialect.name == 'sqlite':
        _prepare_sqlite(engine)
        return
    if engine.dialect.name == 'mysql' and waits_for_nodes:
        _wait_for_nodes(engine)
    driver = engine.dialect.driver
    defaults = _driver_defaults(driver, answer_timeout_seconds)

    @sa.event.listens_for(engine, 'do_connect')
    def set_timeouts(_dialect: Any, _rec: Any, _args: Any, kw: Any) -> None:
        for name, value in defaults.items():
            kw.setdefault(name, value)
        if isinstance(kw.get('password'), str) and driver == 'pymysql':
            # PyMySQL itself would encode a text as Latin-1.
            kw['password'] = kw['password'].encode()


def _driver_defaults(
    driver: str, answer_timeout_seconds: int | None
) -> dict[str, int | str]:
    """Return driver arguments: the end of a wait, and the encoding."""
    if driver == 'pymysql':
        timeouts: dict[str, int | str] = {
            'connect_timeout': _CONNECT_TIMEOUT_SECONDS
        }
        if answer_timeout_seconds is not None:
            timeouts['read_timeout'] = answer_timeout_seconds
            timeouts['write_timeout'] = answer_timeout_seconds
        return timeouts
    if driver == 'psycopg2':
        # Lost packets and lost hosts, then statements that a living server
        # works on, or waits for a lock with.
        limits: dict[str, int | str] = {
            # The default is that of the server or of PGCLIENTENCODING.
            'client_encoding': 'utf8',
            'connect_timeout': _CONNECT_TIMEOUT_SECONDS,
            'keepalives_idle': 10,
            'keepalives_interval': 5,
            'keepalives_count': 3,
            'tcp_user_timeout': ANSWER_TIMEOUT_SECONDS * 1000,
        }
        if answer_timeout_seconds is not None:
            milliseconds = answer_timeout_seconds * 1000
            limits['options'] = f'-c statement_timeout={milliseconds}'
        return limits
    return {}


def _wait_for_nodes(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, 'connect')
    def set_sync_wait(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            # MySQL does not know this variable.
            cursor.execute("SHOW VARIABLES LIKE 'wsrep_on'")
            found = cursor.fetchone()
            if found is not None and found[1] == 'ON':
                cursor.execute(
                    'SET SESSION wsrep_sync_wait = '
                    f'@@SESSION.wsrep_sync_wait | {_WAIT_WITH_ALL}'
                )


def _prepare_sqlite(engine: sa.Engine) -> None:
    path = engine.url.database or ''

    @sa.event.listens_for(engine, 'do_connect')
    def require_file(*_: Any) -> None:
        # SQLite would create an empty one, with the mode of the umask.
        if not os.path.exists(path):
            raise sqlite3.OperationalError(f'the file {path} is missing')

    @sa.event.listens_for(engine, 'connect')
    def set_busy_timeout(connection: Any, record: Any) -> None:
        record.info['files'] = [_identity(path)]
        connection.execute(
            f'PRAGMA busy_timeout = {_BUSY_TIMEOUT_SECONDS * 1000}'
        )

    # Called after oslo.db's own listener, which has sent a plain BEGIN.
    @sa.event.listens_for(engine, 'begin')
    def begin_immediate(connection: sa.Connection) -> None:
        if connection.get_execution_options().get('begin_immediate'):
            connection.exec_driver_sql('COMMIT')
            connection.exec_driver_sql('BEGIN IMMEDIATE')
            files = connection.info['files']
            if len(files) == 1:
                # It is created with the first transaction.
                files.append(_identity(f'{path}-wal'))

    _watch_files(engine, path)


def _watch_files(engine: sa.Engine, path: str) -> None:
    """Use no connection to a file that was removed or replaced."""

    @sa.event.listens_for(engine, 'checkout')
    def replace_lost(_connection: Any, record: Any, _proxy: Any) -> None:
        if not _files_remain(path, record.info['files']):
            # The pool opens another connection.
            raise sa_exc.DisconnectionError(_LOST)

    @sa.event.listens_for(engine, 'commit')
    def refuse_lost(connection: sa.Connection) -> None:
        if not _files_remain(path, connection.info['files']):
            connection.invalidate()
            raise db_exc.DBConnectionError(sqlite3.OperationalError(_LOST))


def _identity(path: str) -> tuple[int, int] | None:
    """Return device and inode of a file, None if there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _files_remain(path: str, files: list[tuple[int, int] | None]) -> bool:
    """Return whether the open files of a connection still have their names.

    SQLite goes on with files that were removed, so a commit would reach
    nothing that anybody else can open.
    """
    names = (path, f'{path}-wal')
    return files == [_identity(name) for name in names[: len(files)]]
