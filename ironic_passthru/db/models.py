# SPDX-License-Identifier: Apache-2.0
"""The tables of the registry and the clock that they are written with."""

import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.ext import compiler
from sqlalchemy.sql import expression

MAX_NAME_LENGTH = 255
MAX_INCARNATION_LENGTH = 64
MAX_CALL_ID_LENGTH = 64
MAX_MESSAGE_LENGTH = 255
DIGEST_LENGTH = 64

metadata = sa.MetaData(
    naming_convention={
        'pk': 'pk_%(table_name)s',
        'uq': 'uq_%(table_name)s_%(column_0_N_name)s',
        'ix': 'ix_%(table_name)s_%(column_0_N_name)s',
        'fk': 'fk_%(table_name)s_%(referred_table_name)s',
    }
)

# MariaDB compares text without regard to case unless told otherwise.
_TABLE_OPTIONS: Any = {
    'mysql_engine': 'InnoDB',
    'mysql_charset': 'utf8mb4',
    'mysql_collate': 'utf8mb4_bin',
}

_LONG_AGO = '1970-01-01 00:00:00.000000'
_EPOCH = datetime.datetime.fromisoformat(_LONG_AGO)


class _Time(sa.types.TypeDecorator[datetime.datetime]):
    """A moment in UTC, without a time zone.

    SQLite stores any text as a moment, and MariaDB zeros. A moment that
    cannot be read is long ago, so that the other rows can be read.
    """

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        if dialect.name == 'mysql':
            # MariaDB drops the fraction of a second otherwise.
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return super().load_dialect_impl(dialect)

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Any:
        convert = super().result_processor(dialect, coltype)

        def read(value: Any) -> datetime.datetime | None:
            if value is None:
                return None
            try:
                moment = convert(value) if convert else value
            except (TypeError, ValueError):
                return _EPOCH
            return moment if isinstance(moment, datetime.datetime) else _EPOCH

        return read


_TIME = _Time()
# MariaDB ends a TEXT at 64 KiB.
_DOCUMENT = sa.Text().with_variant(mysql.LONGTEXT(), 'mysql')

conductors = sa.Table(
    'conductors',
    metadata,
    sa.Column('id', sa.Integer, primary_key=True),
    sa.Column('hostname', sa.String(MAX_NAME_LENGTH), nullable=False),
    sa.Column(
        'incarnation', sa.String(MAX_INCARNATION_LENGTH), nullable=False
    ),
    sa.Column('conductor_group', sa.String(MAX_NAME_LENGTH), nullable=False),
    sa.Column('online', sa.Boolean, nullable=False),
    sa.Column('created_at', _TIME, nullable=False),
    sa.Column('started_at', _TIME, nullable=False),
    # Its process lives and hears the bus: calls may be sent there.
    sa.Column('heartbeat_at', _TIME, nullable=False),
    # Its process lives: what it has accepted is still its own.  Apart from
    # the heartbeat, so that a broker that is away ends no work.
    sa.Column('seen_at', _TIME, nullable=False, server_default=_LONG_AGO),
    sa.UniqueConstraint('hostname'),
    **_TABLE_OPTIONS,
)

# The driver is part of the key because two drivers may well offer the same
# methods, which gives their documents the same digest.
catalogs = sa.Table(
    'catalogs',
    metadata,
    sa.Column('driver', sa.String(MAX_NAME_LENGTH), primary_key=True),
    sa.Column('digest', sa.String(DIGEST_LENGTH), primary_key=True),
    sa.Column('document', _DOCUMENT, nullable=False),
    sa.Column('created_at', _TIME, nullable=False),
    # The newest document of each driver is found in this index alone,
    # without touching the documents.
    sa.Index(None, 'driver', 'created_at', 'digest'),
    sa.Index(None, 'digest'),
    **_TABLE_OPTIONS,
)

conductor_drivers = sa.Table(
    'conductor_drivers',
    metadata,
    sa.Column(
        'conductor_id',
        sa.Integer,
        sa.ForeignKey('conductors.id', ondelete='CASCADE'),
        primary_key=True,
    ),
    sa.Column('driver', sa.String(MAX_NAME_LENGTH), primary_key=True),
    sa.Column('digest', sa.String(DIGEST_LENGTH), nullable=False),
    sa.ForeignKeyConstraint(
        ['driver', 'digest'], ['catalogs.driver', 'catalogs.digest']
    ),
    sa.Index(None, 'driver', 'digest'),
    **_TABLE_OPTIONS,
)

operations = sa.Table(
    'operations',
    metadata,
    sa.Column('id', sa.String(MAX_CALL_ID_LENGTH), primary_key=True),
    sa.Column('driver', sa.String(MAX_NAME_LENGTH), nullable=False),
    sa.Column('method', sa.String(MAX_NAME_LENGTH), nullable=False),
    sa.Column('http_method', sa.String(16), nullable=False),
    sa.Column('parameters', _DOCUMENT, nullable=False),
    sa.Column('user_id', sa.String(MAX_NAME_LENGTH)),
    sa.Column('project_id', sa.String(MAX_NAME_LENGTH)),
    sa.Column('request_id', sa.String(MAX_NAME_LENGTH)),
    sa.Column('conductor', sa.String(MAX_NAME_LENGTH), nullable=False),
    sa.Column(
        'incarnation', sa.String(MAX_INCARNATION_LENGTH), nullable=False
    ),
    sa.Column('accepted', sa.Boolean, nullable=False),
    sa.Column('attach', sa.Boolean, nullable=False),
    sa.Column('state', sa.String(16), nullable=False),
    sa.Column('created_at', _TIME, nullable=False),
    sa.Column('started_at', _TIME),
    sa.Column('finished_at', _TIME),
    sa.Column('progress_percent', sa.Double),
    sa.Column('progress_message', sa.String(MAX_MESSAGE_LENGTH)),
    sa.Column('cancel_requested', sa.Boolean, nullable=False),
    sa.Column('error', _DOCUMENT),
    sa.Column('result_parts', sa.Integer),
    # A JSON array of texts; NULL if an older release wrote the row.
    sa.Column('targets', _DOCUMENT),
    # Each list is read in the order of such an index, up to its limit; the
    # first also finds what is not finished, the second what can be purged.
    sa.Index(None, 'state', 'driver', 'created_at', 'id'),
    sa.Index(None, 'created_at', 'id'),
    sa.Index(None, 'driver', 'created_at', 'id'),
    sa.Index(None, 'conductor', 'created_at', 'id'),
    sa.Index(None, 'project_id', 'created_at', 'id'),
    # Of a user only what belongs to no project is listed.
    sa.Index(None, 'user_id', 'project_id', 'created_at', 'id'),
    sa.Index(None, 'request_id'),
    **_TABLE_OPTIONS,
)

# Results may be large and go earlier; in parts, because database servers
# bound the size of a statement.
operation_results = sa.Table(
    'operation_results',
    metadata,
    sa.Column(
        'operation_id',
        sa.String(MAX_CALL_ID_LENGTH),
        sa.ForeignKey('operations.id', ondelete='CASCADE'),
        primary_key=True,
    ),
    sa.Column('part', sa.Integer, primary_key=True, autoincrement=False),
    sa.Column('body', _DOCUMENT, nullable=False),
    sa.Column('created_at', _TIME, nullable=False),
    sa.Index(None, 'created_at'),
    **_TABLE_OPTIONS,
)

# Of an Idempotency-Key and of the request only digests are kept.
operation_keys = sa.Table(
    'operation_keys',
    metadata,
    sa.Column('digest', sa.String(DIGEST_LENGTH), primary_key=True),
    sa.Column(
        'operation_id',
        sa.String(MAX_CALL_ID_LENGTH),
        sa.ForeignKey('operations.id', ondelete='CASCADE'),
        nullable=False,
    ),
    sa.Column('fingerprint', sa.String(DIGEST_LENGTH), nullable=False),
    sa.UniqueConstraint('operation_id'),
    **_TABLE_OPTIONS,
)


class utc_now(expression.FunctionElement[Any]):
    """The time on the database server's clock, UTC, without a zone.

    Every host writes and compares times by this one clock, so theirs need
    not agree.  Resolution is a microsecond, on SQLite a millisecond.
    """

    type = sa.DateTime()
    inherit_cache = True


@compiler.compiles(utc_now, 'postgresql')
def _postgresql_now(element: utc_now, _compiler: Any, **kw: Any) -> str:
    return "(clock_timestamp() AT TIME ZONE 'utc')"


@compiler.compiles(utc_now, 'mysql')
def _mysql_now(element: utc_now, _compiler: Any, **kw: Any) -> str:
    return 'UTC_TIMESTAMP(6)'


@compiler.compiles(utc_now, 'sqlite')
def _sqlite_now(element: utc_now, _compiler: Any, **kw: Any) -> str:
    # Times are text here and compared as text: they need one length.
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"
