# SPDX-License-Identifier: Apache-2.0
"""Timeouts, modes and credentials of new database connections."""

import os
import sqlite3
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exc
from sqlalchemy import exc as sa_exc

#: Timeout of a statement.
ANSWER_TIMEOUT_SECONDS = 30

_BUSY_TIMEOUT_SECONDS = 10
_CONNECT_TIMEOUT_SECONDS = 10

_LOST = 'the file of the database was removed or replaced'

# Statements for which a node of Galera first applies all transactions that
# were committed on other nodes: reads (1), updates and deletions (2),
# insertions (4), metadata queries (8). Otherwise another node may not contain
# an operation right after its 202.
_SYNC_WAIT = 1 | 2 | 4 | 8


def prepare(
    engine: sa.Engine,
    *,
    answer_timeout_seconds: int | None,
    sync_wait: bool,
) -> None:
    """Register listeners that configure new connections of ``engine``.

    :param answer_timeout_seconds: timeout of a statement; ``None`` for no
        timeout.
    :param sync_wait: whether sessions on a node of Galera include earlier
        commits of all nodes.
    """
    if engine.dialect.name == 'sqlite':
        _prepare_sqlite(engine)
        return
    if engine.dialect.name == 'mysql' and sync_wait:
        _set_sync_wait(engine)
    driver = engine.dialect.driver
    defaults = _driver_defaults(driver, answer_timeout_seconds)

    @sa.event.listens_for(engine, 'do_connect')
    def set_timeouts(_dialect: Any, _rec: Any, _args: Any, kw: Any) -> None:
        for name, value in defaults.items():
            kw.setdefault(name, value)
        if isinstance(kw.get('password'), str) and driver == 'pymysql':
            # PyMySQL encodes a password of type str as Latin-1.
            kw['password'] = kw['password'].encode()


def _driver_defaults(
    driver: str, answer_timeout_seconds: int | None
) -> dict[str, int | str]:
    """Return arguments of the driver: timeouts and encoding."""
    if driver == 'pymysql':
        timeouts: dict[str, int | str] = {
            'connect_timeout': _CONNECT_TIMEOUT_SECONDS
        }
        if answer_timeout_seconds is not None:
            timeouts['read_timeout'] = answer_timeout_seconds
            timeouts['write_timeout'] = answer_timeout_seconds
        return timeouts
    if driver == 'psycopg2':
        # The TCP options detect lost hosts, the statement timeout limits
        # queries and waits for locks on a server that responds.
        limits: dict[str, int | str] = {
            # Has priority over the server and PGCLIENTENCODING.
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


def _set_sync_wait(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, 'connect')
    def set_sync_wait(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            # MySQL does not have this variable.
            cursor.execute("SHOW VARIABLES LIKE 'wsrep_on'")
            found = cursor.fetchone()
            if found is not None and found[1] == 'ON':
                cursor.execute(
                    'SET SESSION wsrep_sync_wait = '
                    f'@@SESSION.wsrep_sync_wait | {_SYNC_WAIT}'
                )


def _prepare_sqlite(engine: sa.Engine) -> None:
    path = engine.url.database or ''

    @sa.event.listens_for(engine, 'do_connect')
    def require_file(*_: Any) -> None:
        # SQLite would create an empty file with the mode of the umask.
        if not os.path.exists(path):
            raise sqlite3.OperationalError(f'the file {path} is missing')

    @sa.event.listens_for(engine, 'connect')
    def set_busy_timeout(connection: Any, record: Any) -> None:
        record.info['files'] = [_identity(path)]
        connection.execute(
            f'PRAGMA busy_timeout = {_BUSY_TIMEOUT_SECONDS * 1000}'
        )

    # Called after the listener of oslo.db, which sends BEGIN.
    @sa.event.listens_for(engine, 'begin')
    def begin_immediate(connection: sa.Connection) -> None:
        if connection.get_execution_options().get('begin_immediate'):
            connection.exec_driver_sql('COMMIT')
            connection.exec_driver_sql('BEGIN IMMEDIATE')
            files = connection.info['files']
            if len(files) == 1:
                # The first transaction creates this file.
                files.append(_identity(f'{path}-wal'))

    _watch_files(engine, path)


def _watch_files(engine: sa.Engine, path: str) -> None:
    """Discard connections to a file that was removed or replaced."""

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
    """Return device and inode of a file, None if it does not exist."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _files_remain(path: str, files: list[tuple[int, int] | None]) -> bool:
    """Return whether the open files of a connection keep their names.

    SQLite continues to use removed files: a commit would be lost.
    """
    names = (path, f'{path}-wal')
    return files == [_identity(name) for name in names[: len(files)]]
