# SPDX-License-Identifier: Apache-2.0
"""Schema revision, encoding and file of a database, without Alembic."""

import enum
import os
import pathlib

import sqlalchemy as sa

from ironic_passthru import errors
from ironic_passthru.db import session

#: Revisions in ``db/alembic/versions``, oldest first: a start with a current
#: schema must not load Alembic, which takes time and memory.
REVISIONS = ('0001',)
HEAD = REVISIONS[-1]


class SchemaState(enum.Enum):
    """Schema of a database in comparison with that of this release."""

    CURRENT = 'current'
    MISSING = 'missing'
    OLD = 'old'
    UNKNOWN = 'unknown'


def revision(database: session.Database) -> str | None:
    """Return the revision of the schema, ``None`` if there is no schema.

    :raises RegistryUnavailable: the database cannot be used.
    """
    with database.reader() as reader:
        if not sa.inspect(reader.connection()).has_table('alembic_version'):
            return None
        revision: str | None = reader.scalar(
            sa.text('SELECT version_num FROM alembic_version')
        )
        return revision


def state(current: str | None) -> SchemaState:
    """Return the state of a schema with the revision ``current``."""
    if current == HEAD:
        return SchemaState.CURRENT
    if current is None:
        return SchemaState.MISSING
    return SchemaState.OLD if current in REVISIONS else SchemaState.UNKNOWN


def refuse_unknown(current: str | None) -> None:
    """Reject the schema of a newer release.

    :raises ConfigError: the revision is unknown.
    """
    if state(current) is SchemaState.UNKNOWN:
        raise errors.ConfigError(
            f'the database schema has revision {current}, which is unknown '
            f'to this release (newest: {HEAD}); run the release that '
            'upgraded the database, or a later one'
        )


# For each dialect: query for the encodings of the database and of the
# connection, the required encoding, and the remedy. All tables of MariaDB
# declare a character set, except the one of Alembic.
_ENCODINGS = {
    'postgresql': (
        "SELECT current_setting('server_encoding'), "
        "current_setting('client_encoding')",
        'UTF8',
        "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0",
    ),
    'mysql': (
        'SELECT @@character_set_database, @@character_set_connection',
        'utf8mb4',
        'CREATE DATABASE ... CHARACTER SET utf8mb4 COLLATE utf8mb4_bin',
    ),
}


def require_unicode(database: session.Database) -> None:
    """Reject a database that cannot store all characters.

    :raises ConfigError: the encoding is not the required one.
    :raises RegistryUnavailable: the database cannot be used.
    """
    if database.dialect not in _ENCODINGS:
        return
    query, required, remedy = _ENCODINGS[database.dialect]
    with database.reader() as reader:
        stored, sent = reader.execute(sa.text(query)).one()
    if stored != required:
        raise errors.ConfigError(
            f'the database has the encoding {stored}, and {required} is '
            f'required; create another one with "{remedy}"'
        )
    if sent != required:
        raise errors.ConfigError(
            f'[database] connection uses the encoding {sent}, and {required} '
            'is required; remove it from the URL'
        )


def sqlite_file(database: session.Database) -> pathlib.Path | None:
    """Return the path of an SQLite database, ``None`` for a server."""
    if database.dialect != 'sqlite':
        return None
    return pathlib.Path(database.url.database or '')


def create_file(database: session.Database) -> None:
    """Create the file of an SQLite database with mode 0600.

    A database server needs no file.

    :raises ConfigError: the file cannot be created.
    """
    path = sqlite_file(database)
    if path is None:
        return
    try:
        # SQLite derives the mode of a database from the umask, and the mode
        # of its journal files from the mode of the database.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as exc:
        raise errors.ConfigError(
            f'the registry database {path} cannot be opened: {exc.strerror}'
        ) from exc
