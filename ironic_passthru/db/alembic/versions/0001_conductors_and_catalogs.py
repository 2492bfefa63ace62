# SPDX-License-Identifier: Apache-2.0
"""Conductors and the catalogs of their drivers."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None

_OPTIONS: Any = {
    'mysql_engine': 'InnoDB',
    'mysql_charset': 'utf8mb4',
    'mysql_collate': 'utf8mb4_bin',
}
_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql')
_DOCUMENT = sa.Text().with_variant(mysql.LONGTEXT(), 'mysql')


def upgrade() -> None:
    op.create_table(
        'conductors',
        sa.Column('id', sa.Integer, nullable=False),
        sa.Column('hostname', sa.String(255), nullable=False),
        sa.Column('incarnation', sa.String(64), nullable=False),
        sa.Column('conductor_group', sa.String(255), nullable=False),
        sa.Column('online', sa.Boolean, nullable=False),
        sa.Column('created_at', _TIME, nullable=False),
        sa.Column('started_at', _TIME, nullable=False),
        sa.Column('heartbeat_at', _TIME, nullable=False),
        sa.PrimaryKeyConstraint('id', name='pk_conductors'),
        sa.UniqueConstraint('hostname', name='uq_conductors_hostname'),
        **_OPTIONS,
    )
    op.create_table(
        'catalogs',
        sa.Column('driver', sa.String(255), nullable=False),
        sa.Column('digest', sa.String(64), nullable=False),
        sa.Column('document', _DOCUMENT, nullable=False),
        sa.Column('created_at', _TIME, nullable=False),
        sa.PrimaryKeyConstraint('driver', 'digest', name='pk_catalogs'),
        **_OPTIONS,
    )
    op.create_index(
        'ix_catalogs_driver_created_at_digest',
        'catalogs',
        ['driver', 'created_at', 'digest'],
    )
    op.create_index('ix_catalogs_digest', 'catalogs', ['digest'])
    op.create_table(
        'conductor_drivers',
        sa.Column('conductor_id', sa.Integer, nullable=False),
        sa.Column('driver', sa.String(255), nullable=False),
        sa.Column('digest', sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint(
            'conductor_id', 'driver', name='pk_conductor_drivers'
        ),
        sa.ForeignKeyConstraint(
            ['conductor_id'],
            ['conductors.id'],
            name='fk_conductor_drivers_conductors',
            ondelete='CASCADE',
        ),
        sa.ForeignKeyConstraint(
            ['driver', 'digest'],
            ['catalogs.driver', 'catalogs.digest'],
            name='fk_conductor_drivers_catalogs',
        ),
        **_OPTIONS,
    )
    op.create_index(
        'ix_conductor_drivers_driver_digest',
        'conductor_drivers',
        ['driver', 'digest'],
    )
