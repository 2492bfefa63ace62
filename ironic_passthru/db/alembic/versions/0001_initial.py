# SPDX-License-Identifier: Apache-2.0
"""Initial schema."""

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
    """Create all tables."""
    _create_conductors()
    _create_catalogs()
    _create_conductor_targets()
    _create_operations()
    _create_targets()
    _create_parts()
    _create_results()
    _create_keys()


def _create_conductors() -> None:
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
        sa.Column('liveness_at', _TIME, nullable=False),
        sa.PrimaryKeyConstraint('id', name='pk_conductors'),
        sa.UniqueConstraint('hostname', name='uq_conductors_hostname'),
        **_OPTIONS,
    )


def _create_catalogs() -> None:
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


def _create_conductor_targets() -> None:
    op.create_table(
        'conductor_targets',
        sa.Column('conductor_id', sa.Integer, nullable=False),
        sa.Column('driver', sa.String(255), nullable=False),
        sa.Column('incarnation', sa.String(64), nullable=False),
        sa.Column('digest', sa.String(64), nullable=False),
        sa.Column('document', _DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint(
            'conductor_id', 'driver', name='pk_conductor_targets'
        ),
        sa.ForeignKeyConstraint(
            ['conductor_id'],
            ['conductors.id'],
            name='fk_conductor_targets_conductors',
            ondelete='CASCADE',
        ),
        **_OPTIONS,
    )
    op.create_index(
        'ix_conductor_targets_digest', 'conductor_targets', ['digest']
    )


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
        sa.Column('targets', _DOCUMENT),
        sa.PrimaryKeyConstraint('id', name='pk_operations'),
        **_OPTIONS,
    )
    for columns in (
        ('state', 'driver', 'created_at', 'id'),
        ('created_at', 'id'),
        ('driver', 'created_at', 'id'),
        ('method', 'created_at', 'id'),
        ('conductor', 'created_at', 'id'),
        ('project_id', 'created_at', 'id'),
        ('user_id', 'project_id', 'created_at', 'id'),
        ('request_id',),
    ):
        name = f'ix_operations_{"_".join(columns)}'
        op.create_index(name, 'operations', columns)


def _create_targets() -> None:
    op.create_table(
        'operation_targets',
        sa.Column('operation_id', sa.String(64), nullable=False),
        sa.Column('number', sa.Integer, nullable=False, autoincrement=False),
        sa.Column('target', sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint(
            'operation_id', 'number', name='pk_operation_targets'
        ),
        sa.ForeignKeyConstraint(
            ['operation_id'],
            ['operations.id'],
            name='fk_operation_targets_operations',
            ondelete='CASCADE',
        ),
        **_OPTIONS,
    )
    op.create_index(
        'ix_operation_targets_target_operation_id',
        'operation_targets',
        ['target', 'operation_id'],
    )


def _create_parts() -> None:
    op.create_table(
        'operation_parts',
        sa.Column('operation_id', sa.String(64), nullable=False),
        sa.Column('number', sa.Integer, nullable=False, autoincrement=False),
        sa.Column('part_id', sa.String(64), nullable=False),
        sa.Column('targets', _DOCUMENT, nullable=False),
        sa.Column('error', _DOCUMENT),
        sa.Column('expected_until', _TIME, nullable=False),
        sa.PrimaryKeyConstraint(
            'operation_id', 'number', name='pk_operation_parts'
        ),
        sa.UniqueConstraint('part_id', name='uq_operation_parts_part_id'),
        sa.ForeignKeyConstraint(
            ['operation_id'],
            ['operations.id'],
            name='fk_operation_parts_operations',
            ondelete='CASCADE',
        ),
        **_OPTIONS,
    )


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
