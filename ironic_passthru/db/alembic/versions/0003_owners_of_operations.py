# SPDX-License-Identifier: Apache-2.0
"""Indexes by which projects and users find their own operations."""

from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    for columns in (
        ('project_id', 'created_at', 'id'),
        ('user_id', 'project_id', 'created_at', 'id'),
    ):
        name = f'ix_operations_{"_".join(columns)}'
        op.create_index(name, 'operations', columns)
