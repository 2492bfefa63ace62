# SPDX-License-Identifier: Apache-2.0
"""What private database servers have in common."""

from typing import Any

import sqlalchemy as sa

# Of the databases' users that come over TCP.
LOGIN = 'passthru'
SECRET = 'hunter2-over-the-wire'


def remote(address: str, host: str) -> str:
    """Return login and address for the URL of a database."""
    name, port = address.split(':')
    return f'{LOGIN}:{SECRET}@{host or name}:{port}'


def execute(url: str, statement: str) -> list[Any]:
    engine = sa.create_engine(
        url, isolation_level='AUTOCOMMIT', poolclass=sa.pool.NullPool
    )
    with engine.connect() as connection:
        result = connection.exec_driver_sql(statement)
        return list(result) if result.returns_rows else []
