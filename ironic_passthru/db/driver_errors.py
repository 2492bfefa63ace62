# SPDX-License-Identifier: Apache-2.0
"""Classification of the errors of database drivers."""

import enum
import sqlite3
from collections.abc import Iterator

from oslo_db import exception as db_exc


class DatabaseFailure(enum.Enum):
    """Consequence of an error for the transaction that failed.

    ``CONFLICT``: a conflict with another transaction; this one has changed
    nothing and can be repeated.
    ``DUPLICATE``: the key of a row exists; a repeated transaction finds that
    row.
    ``REFUSED``: the database or its driver does not accept a value; a
    repeated transaction would fail again.
    ``UNAVAILABLE``: all other errors.
    """

    CONFLICT = enum.auto()
    DUPLICATE = enum.auto()
    REFUSED = enum.auto()
    UNAVAILABLE = enum.auto()


_MAX_DEPTH = 5

# https://www.postgresql.org/docs/current/errcodes-appendix.html; the first
# are serialization_failure, deadlock_detected and lock_not_available.
_POSTGRESQL = {
    **dict.fromkeys(('40001', '40P01', '55P03'), DatabaseFailure.CONFLICT),
    '23505': DatabaseFailure.DUPLICATE,
    # Classes: data exceptions, constraints, limits (of an index row).
    **dict.fromkeys(('22', '23', '54'), DatabaseFailure.REFUSED),
}

# https://mariadb.com/kb/en/mariadb-error-codes/ and the list of MySQL.
_MYSQL = {
    # Record changed since last read, lock wait timeout, deadlock (also a
    # failed certification on Galera), rollback by group replication, lock not
    # available.
    **dict.fromkeys((1020, 1205, 1213, 3101, 3572), DatabaseFailure.CONFLICT),
    1062: DatabaseFailure.DUPLICATE,
    # Constraints, values, character sets, size of a row or packet.
    **dict.fromkeys(
        (1048, 1364, 1451, 1452, 3819, 4025), DatabaseFailure.REFUSED
    ),
    **dict.fromkeys(
        (1264, 1265, 1292, 1366, 1367, 1406), DatabaseFailure.REFUSED
    ),
    **dict.fromkeys((1267, 1300, 1301, 3854, 3988), DatabaseFailure.REFUSED),
    **dict.fromkeys((1118, 1153), DatabaseFailure.REFUSED),
}

# https://www.sqlite.org/rescode.html; the lowest byte of an extended code is
# its primary code, so BUSY_SNAPSHOT is a BUSY.
_SQLITE = {
    sqlite3.SQLITE_BUSY: DatabaseFailure.CONFLICT,
    sqlite3.SQLITE_LOCKED: DatabaseFailure.CONFLICT,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: DatabaseFailure.DUPLICATE,
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: DatabaseFailure.DUPLICATE,
    sqlite3.SQLITE_CONSTRAINT: DatabaseFailure.REFUSED,
    sqlite3.SQLITE_MISMATCH: DatabaseFailure.REFUSED,
    sqlite3.SQLITE_TOOBIG: DatabaseFailure.REFUSED,
}

_EXCEPTIONS = {
    db_exc.DBDeadlock: DatabaseFailure.CONFLICT,
    db_exc.DBDuplicateEntry: DatabaseFailure.DUPLICATE,
    db_exc.DBConstraintError: DatabaseFailure.REFUSED,
    db_exc.DBDataError: DatabaseFailure.REFUSED,
    db_exc.DBReferenceError: DatabaseFailure.REFUSED,
    # Raised by drivers for values that they cannot convert: UnicodeEncodeError
    # (a ValueError) for lone surrogates, ValueError for NUL (psycopg2),
    # OverflowError for large integers (sqlite3).
    OverflowError: DatabaseFailure.REFUSED,
    ValueError: DatabaseFailure.REFUSED,
}


def classify(error: BaseException) -> DatabaseFailure:
    """Return the consequence of an error of oslo.db or SQLAlchemy.

    The classification uses error codes: messages may be in any language.
    """
    for cause in _causes(error):
        found = _classify_cause(cause)
        if found is not None:
            return found
    return DatabaseFailure.UNAVAILABLE


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Return an error and its causes."""
    for _ in range(_MAX_DEPTH):
        if not isinstance(error, BaseException):
            return
        yield error
        error = (
            getattr(error, 'inner_exception', None)
            or getattr(error, 'orig', None)
            or error.__cause__
        )


def _classify_cause(error: BaseException) -> DatabaseFailure | None:
    for kind, found in _EXCEPTIONS.items():
        if isinstance(error, kind):
            return found
    state: str | None = getattr(error, 'pgcode', None)
    if state is not None:
        return _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2])
    if isinstance(error, sqlite3.Error):
        code: int = getattr(error, 'sqlite_errorcode', 0)
        return _SQLITE.get(code) or _SQLITE.get(code & 0xFF)
    if type(error).__module__.startswith('pymysql.') and error.args:
        return _MYSQL.get(error.args[0])
    return None
