# SPDX-License-Identifier: Apache-2.0
"""The tables of the registry and the clock that they are written with."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.ext import compiler
from sqlalchemy.sql import expression

MAX_NAME_LENGTH = 255
MAX_INCARNATION_LENGTH = 64
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

# MariaDB drops the fraction of a second, and ends a TEXT at 64 KiB.
_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql')
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
    sa.Column('heartbeat_at', _TIME, nullable=False),
    sa.UniqueConstraint('hostname'),
    **_TABLE_OPTIONS,
)

# The driver is part of the key because two drivers may well offer the same
# methods, which gives their documents the same digest.
catalogues = sa.Table(
    'catalogues',
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
        ['driver', 'digest'], ['catalogues.driver', 'catalogues.digest']
    ),
    sa.Index(None, 'driver', 'digest'),
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
