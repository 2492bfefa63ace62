# SPDX-License-Identifier: Apache-2.0
"""Run migrations on the connection of ``db/migration.py``."""

from alembic import context

from ironic_passthru.db import models

connection = context.config.attributes['connection']
context.configure(
    connection=connection,
    target_metadata=models.metadata,
    # SQLite can roll back DDL because the engine of oslo.db sends BEGIN,
    # which the sqlite3 module does not.
    transactional_ddl=True if connection.dialect.name == 'sqlite' else None,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
