# SPDX-License-Identifier: Apache-2.0
"""Operations, their results and their keys; the life of conductors."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

_OPTIONS: Any = {
    'mysql_engine': 'InnoDB',
    'mysql_charset': 'utf8mb4',
    'mysql_collate': 'utf8mb4_bin',
}
_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql')
_LONG_AGO = '1970-01-01 00:00:00.000000'
_DOCUMENT = sa.Text().with_variant(mysql.LONGTEXT(), 'mysql')


def upgrade() -> None:
    _add_seen_at()
    _create_operations()
    _create_results()
    _create_keys()


def _add_seen_at() -> None:
    # With a default, since SQLite can change no column afterwards but by
    # making the table anew, which would delete what refers to it.
    column = sa.Column(
        'seen_at', _TIME, nullable=False, server_default=_LONG_AGO
    )
    op.add_column('conductors', column)
    op.execute('UPDATE conductors SET seen_at = heartbeat_at')


def _create_operations() -> None:
    op.create_table(
        'operations',
        sa.Column('id', sa.String(64), nullable=False),
        sa.Column('driver', sa.String(255), nullable=False),
        sa.Column('method', sa.String(255), nullable=False),
        sa.Column('http_method', sa.String(16), nullable=False),
        sa.Column('parameters', _DOCUMENT, nullable=False),
        sa.Column('user_id', sa.String(255)),
        sa.Column('project_id', sa.String(255)),
        sa.Column('request_id', sa.String(255)),
        sa.Column('conductor', sa.String(255), nullable=False),
        sa.Column('incarnation', sa.String(64), nullable=False),
        sa.Column('accepted', sa.Boolean, nullable=False),
        sa.Column('attach', sa.Boolean, nullable=False),
        sa.Column('state', sa.String(16), nullable=False),
        sa.Column('created_at', _TIME, nullable=False),
        sa.Column('started_at', _TIME),
        sa.Column('finished_at', _TIME),
        sa.Column('progress_percent', sa.Double),
        sa.Column('progress_message', sa.String(255)),
        sa.Column('cancel_requested', sa.Boolean, nullable=False),
        sa.Column('error', _DOCUMENT),
        sa.Column('result_parts', sa.Integer),
        sa.PrimaryKeyConstraint('id', name='pk_operations'),
        **_OPTIONS,
    )
    for columns in (
        ('state', 'driver', 'created_at', 'id'),
        ('created_at', 'id'),
        ('driver', 'created_at', 'id'),
        ('conductor', 'created_at', 'id'),
        ('request_id',),
    ):
        name = f'ix_operations_{"_".join(columns)}'
        op.create_index(name, 'operations', columns)


def _create_results() -> None:
    op.create_table(
        'operation_results',
        sa.Column('operation_id', sa.String(64), nullable=False),
        sa.Column('part', sa.Integer, nullable=False, autoincrement=False),
        sa.Column('body', _DOCUMENT, nullable=False),
        sa.Column('created_at', _TIME, nullable=False),
        sa.PrimaryKeyConstraint(
            'operation_id', 'part', name='pk_operation_results'
        ),
        sa.ForeignKeyConstraint(
            ['operation_id'],
            ['operations.id'],
            name='fk_operation_results_operations',
            ondelete='CASCADE',
        ),
        **_OPTIONS,
    )
    op.create_index(
        'ix_operation_results_created_at', 'operation_results', ['created_at']
    )


def _create_keys() -> None:
    op.create_table(
        'operation_keys',
        sa.Column('digest', sa.String(64), nullable=False),
        sa.Column('operation_id', sa.String(64), nullable=False),
        sa.Column('fingerprint', sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint('digest', name='pk_operation_keys'),
        sa.UniqueConstraint(
            'operation_id', name='uq_operation_keys_operation_id'
        ),
        sa.ForeignKeyConstraint(
            ['operation_id'],
            ['operations.id'],
            name='fk_operation_keys_operations',
            ondelete='CASCADE',
        ),
        **_OPTIONS,
    )
