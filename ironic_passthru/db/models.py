# SPDX-License-Identifier: Apache-2.0
"""Tables of the registry and the clock of the database server."""

import datetime
from typing import Any

import sqlalchemy as sa
from oslo_log import log
from sqlalchemy.dialects import mysql
from sqlalchemy.ext import compiler
from sqlalchemy.sql import expression

LOG = log.getLogger(__name__)

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

# The default collation of MariaDB ignores case.
_TABLE_OPTIONS: Any = {
    'mysql_engine': 'InnoDB',
    'mysql_charset': 'utf8mb4',
    'mysql_collate': 'utf8mb4_bin',
}

_EPOCH = datetime.datetime(1970, 1, 1)


class _Text(sa.types.TypeDecorator[str]):
    """Text of limited length, or of any length without ``length``.

    SQLite also stores binary values in text columns. Such a value is decoded
    with replacement characters, so that its row can be read.
    """

    impl = sa.Text
    cache_ok = True

    def __init__(self, length: int | None = None) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        if self.length is not None:
            return dialect.type_descriptor(sa.String(self.length))
        if dialect.name == 'mysql':
            # TEXT is limited to 64 KiB.
            return dialect.type_descriptor(mysql.LONGTEXT())
        return super().load_dialect_impl(dialect)

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Any:
        if dialect.name != 'sqlite':
            return super().result_processor(dialect, coltype)

        def read(value: Any) -> Any:
            if not isinstance(value, bytes):
                return value
            LOG.error(
                'A text column of the registry contains a binary value; it is '
                'read with replacement characters'
            )
            return value.decode('utf-8', 'replace')

        return read


class _Time(sa.types.TypeDecorator[datetime.datetime]):
    """UTC time without a time zone.

    SQLite stores any value in a time column, and MariaDB zeros. A value that
    is not a time is read as the epoch, so that its row can be read.
    """

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        if dialect.name == 'mysql':
            # MariaDB otherwise drops the fraction of a second.
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return super().load_dialect_impl(dialect)

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Any:
        convert = super().result_processor(dialect, coltype)

        def read(value: Any) -> datetime.datetime | None:
            if value is None:
                return None
            try:
                time = convert(value) if convert else value
            except (TypeError, ValueError):
                return _EPOCH
            return time if isinstance(time, datetime.datetime) else _EPOCH

        return read


_NAME = _Text(MAX_NAME_LENGTH)
_INCARNATION = _Text(MAX_INCARNATION_LENGTH)
_CALL_ID = _Text(MAX_CALL_ID_LENGTH)
_DIGEST = _Text(DIGEST_LENGTH)
_DOCUMENT = _Text()
_TIME = _Time()

conductors = sa.Table(
    'conductors',
    metadata,
    sa.Column('id', sa.Integer, primary_key=True),
    sa.Column('hostname', _NAME, nullable=False),
    sa.Column('incarnation', _INCARNATION, nullable=False),
    sa.Column('conductor_group', _NAME, nullable=False),
    sa.Column('online', sa.Boolean, nullable=False),
    sa.Column('created_at', _TIME, nullable=False),
    sa.Column('started_at', _TIME, nullable=False),
    # The process runs and receives messages: calls may be sent to it.
    sa.Column('heartbeat_at', _TIME, nullable=False),
    # The process runs: it still owns the operations that it accepted.
    # Separate from the heartbeat, so that an outage of the message bus does
    # not end operations.
    sa.Column('liveness_at', _TIME, nullable=False),
    sa.UniqueConstraint('hostname'),
    **_TABLE_OPTIONS,
)

# The driver is part of the key because the documents of two drivers with the
# same methods have the same digest.
catalogs = sa.Table(
    'catalogs',
    metadata,
    sa.Column('driver', _NAME, primary_key=True),
    sa.Column('digest', _DIGEST, primary_key=True),
    sa.Column('document', _DOCUMENT, nullable=False),
    sa.Column('created_at', _TIME, nullable=False),
    # Covers the query for the newest document of each driver.
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
    sa.Column('driver', _NAME, primary_key=True),
    sa.Column('digest', _DIGEST, nullable=False),
    sa.ForeignKeyConstraint(
        ['driver', 'digest'], ['catalogs.driver', 'catalogs.digest']
    ),
    sa.Index(None, 'driver', 'digest'),
    **_TABLE_OPTIONS,
)

# The targets that the drivers of a conductor serve, with their tags. Drivers
# that publish none have no row.
conductor_targets = sa.Table(
    'conductor_targets',
    metadata,
    sa.Column(
        'conductor_id',
        sa.Integer,
        sa.ForeignKey('conductors.id', ondelete='CASCADE'),
        primary_key=True,
    ),
    sa.Column('driver', _NAME, primary_key=True),
    # The run that published them: a later one may be of a release that
    # publishes none.
    sa.Column('incarnation', _INCARNATION, nullable=False),
    sa.Column('digest', _DIGEST, nullable=False),
    sa.Column('document', _DOCUMENT, nullable=False),
    sa.Index(None, 'digest'),
    **_TABLE_OPTIONS,
)

operations = sa.Table(
    'operations',
    metadata,
    sa.Column('id', _CALL_ID, primary_key=True),
    sa.Column('driver', _NAME, nullable=False),
    sa.Column('method', _NAME, nullable=False),
    sa.Column('http_method', _Text(16), nullable=False),
    sa.Column('parameters', _DOCUMENT, nullable=False),
    sa.Column('user_id', _NAME),
    sa.Column('project_id', _NAME),
    sa.Column('request_id', _NAME),
    sa.Column('conductor', _NAME, nullable=False),
    sa.Column('incarnation', _INCARNATION, nullable=False),
    sa.Column('accepted', sa.Boolean, nullable=False),
    sa.Column('attach', sa.Boolean, nullable=False),
    sa.Column('state', _Text(16), nullable=False),
    sa.Column('created_at', _TIME, nullable=False),
    sa.Column('started_at', _TIME),
    sa.Column('finished_at', _TIME),
    sa.Column('progress_percent', sa.Double),
    sa.Column('progress_message', _Text(MAX_MESSAGE_LENGTH)),
    sa.Column('cancel_requested', sa.Boolean, nullable=False),
    sa.Column('error', _DOCUMENT),
    sa.Column('result_parts', sa.Integer),
    # A JSON array of strings.
    sa.Column('targets', _DOCUMENT),
    # Lists are read in the order of one of these indexes. The first index
    # also finds active operations, the second those to be purged.
    sa.Index(None, 'state', 'driver', 'created_at', 'id'),
    sa.Index(None, 'created_at', 'id'),
    sa.Index(None, 'driver', 'created_at', 'id'),
    sa.Index(None, 'method', 'created_at', 'id'),
    sa.Index(None, 'conductor', 'created_at', 'id'),
    sa.Index(None, 'project_id', 'created_at', 'id'),
    # Lists by user contain only operations without a project.
    sa.Index(None, 'user_id', 'project_id', 'created_at', 'id'),
    sa.Index(None, 'request_id'),
    **_TABLE_OPTIONS,
)

# The targets again, for lists of one target. The number is part of the key
# because MariaDB ignores spaces at the end of names.
operation_targets = sa.Table(
    'operation_targets',
    metadata,
    sa.Column(
        'operation_id',
        _CALL_ID,
        sa.ForeignKey('operations.id', ondelete='CASCADE'),
        primary_key=True,
    ),
    sa.Column('number', sa.Integer, primary_key=True, autoincrement=False),
    sa.Column('target', _NAME, nullable=False),
    sa.Index(None, 'target', 'operation_id'),
    **_TABLE_OPTIONS,
)

# The parts of operations over several conductors; each part is an operation,
# too, as soon as its conductor has recorded it.
operation_parts = sa.Table(
    'operation_parts',
    metadata,
    sa.Column(
        'operation_id',
        _CALL_ID,
        sa.ForeignKey('operations.id', ondelete='CASCADE'),
        primary_key=True,
    ),
    sa.Column('number', sa.Integer, primary_key=True, autoincrement=False),
    sa.Column('part_id', _CALL_ID, nullable=False),
    # A JSON array of strings.
    sa.Column('targets', _DOCUMENT, nullable=False),
    # Why the part certainly did not run.
    sa.Column('error', _DOCUMENT),
    # A part that is not recorded until this time counts as unknown.
    sa.Column('expected_until', _TIME, nullable=False),
    sa.UniqueConstraint('part_id'),
    **_TABLE_OPTIONS,
)

# Results may be large and are purged earlier. They are stored in parts
# because database servers limit the size of a statement.
operation_results = sa.Table(
    'operation_results',
    metadata,
    sa.Column(
        'operation_id',
        _CALL_ID,
        sa.ForeignKey('operations.id', ondelete='CASCADE'),
        primary_key=True,
    ),
    sa.Column('part', sa.Integer, primary_key=True, autoincrement=False),
    sa.Column('body', _DOCUMENT, nullable=False),
    sa.Column('created_at', _TIME, nullable=False),
    sa.Index(None, 'created_at'),
    **_TABLE_OPTIONS,
)

# Digests of Idempotency-Keys and of their requests.
operation_keys = sa.Table(
    'operation_keys',
    metadata,
    sa.Column('digest', _DIGEST, primary_key=True),
    sa.Column(
        'operation_id',
        _CALL_ID,
        sa.ForeignKey('operations.id', ondelete='CASCADE'),
        nullable=False,
    ),
    sa.Column('fingerprint', _DIGEST, nullable=False),
    sa.UniqueConstraint('operation_id'),
    **_TABLE_OPTIONS,
)


class utc_now(expression.FunctionElement[Any]):
    """UTC time of the database server, without a time zone.

    All hosts use this clock, so that their own clocks need not agree. The
    resolution is a microsecond, a millisecond on SQLite.
    """

    type = sa.DateTime()
    inherit_cache = True


@compiler.compiles(utc_now, 'postgresql')
def _postgresql_now(_element: utc_now, _compiler: Any, **_kw: Any) -> str:
    return "(clock_timestamp() AT TIME ZONE 'utc')"


@compiler.compiles(utc_now, 'mysql')
def _mysql_now(_element: utc_now, _compiler: Any, **_kw: Any) -> str:
    return 'UTC_TIMESTAMP(6)'


@compiler.compiles(utc_now, 'sqlite')
def _sqlite_now(_element: utc_now, _compiler: Any, **_kw: Any) -> str:
    # SQLite compares times as text, so all need the same length.
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"
