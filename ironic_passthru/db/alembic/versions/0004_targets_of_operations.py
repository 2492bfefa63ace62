# SPDX-License-Identifier: Apache-2.0
"""The targets of operations."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

_DOCUMENT = sa.Text().with_variant(mysql.LONGTEXT(), 'mysql')


def upgrade() -> None:
    op.add_column('operations', sa.Column('targets', _DOCUMENT))
