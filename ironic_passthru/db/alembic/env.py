# SPDX-License-Identifier: Apache-2.0
"""Runs migrations on the connection that ``db/migration.py`` hands over."""

from alembic import context

from ironic_passthru.db import models

connection = context.config.attributes['connection']
context.configure(
    connection=connection,
    target_metadata=models.metadata,
    # SQLite too can take back a half-done migration: oslo.db's engine sends
    # a real BEGIN, which the standard library's driver alone does not.
    transactional_ddl=True if connection.dialect.name == 'sqlite' else None,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
