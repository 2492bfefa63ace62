# SPDX-License-Identifier: Apache-2.0
"""Which schema a database has, told without loading Alembic."""

import enum
import os
import pathlib

import sqlalchemy as sa

from ironic_passthru import errors
from ironic_passthru.db import session

# All revisions in db/alembic/versions, the oldest first.  A start must not
# load Alembic, which takes time and memory, only to find nothing to do.
REVISIONS = ('0001', '0002', '0003', '0004')
HEAD = REVISIONS[-1]


class State(enum.Enum):
    """How the schema of a database compares with this release's."""

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
        return reader.scalar(
            sa.text('SELECT version_num FROM alembic_version')
        )


def state(current: str | None) -> State:
    """Return how the revision ``current`` compares with this release's."""
    if current == HEAD:
        return State.CURRENT
    if current is None:
        return State.MISSING
    return State.OLD if current in REVISIONS else State.UNKNOWN


def refuse_unknown(current: str | None) -> None:
    """Refuse a database that only a newer release understands.

    :raises ConfigError: this release does not know the revision.
    """
    if state(current) is State.UNKNOWN:
        raise errors.ConfigError(
            f'the database schema has revision {current}, which this release '
            f'does not know (its newest is {HEAD}); run the release that '
            'upgraded the database, or a later one'
        )


# Of each dialect a query for the encodings in use, and the one required of
# each.  The tables of MariaDB name their character set themselves, but not
# the one that Alembic keeps its revision in.
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
    """Refuse a database that cannot store all characters.

    :raises ConfigError: the message names the encoding and a remedy.
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


def ensure(database: session.Database) -> None:
    """Make sure that the database has the schema of this release.

    An SQLite file is created and upgraded as needed, by one of the
    processes that start together; a database server is only checked.

    :raises ConfigError: somebody has to act; the text says what to do.
    :raises RegistryUnavailable: the database cannot be used.
    """
    create_file(database)
    require_unicode(database)
    current = revision(database)
    refuse_unknown(current)
    if state(current) is State.CURRENT:
        return
    if database.dialect != 'sqlite':
        raise errors.ConfigError(
            f'the database schema is {state(current).value} (revision '
            f'{current or "none"}, needed {HEAD}); run '
            '"ironic-passthru-dbsync upgrade"'
        )
    # Not at the top: it loads Alembic.
    from ironic_passthru.db import migration

    migration.upgrade(database)


def sqlite_file(database: session.Database) -> pathlib.Path | None:
    """Return the file of an SQLite database, ``None`` for a server."""
    if database.dialect != 'sqlite':
        return None
    return pathlib.Path(database.url.database or '')


def create_file(database: session.Database) -> None:
    """Create the file of an SQLite database, for its owner alone.

    There is nothing to do for a database server.

    :raises ConfigError: the file cannot be created.
    """
    path = sqlite_file(database)
    if path is None:
        return
    try:
        # SQLite would give a new file the mode that the umask leaves.  The
        # files that it puts beside this one get the mode of this one.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as exc:
        raise errors.ConfigError(
            f'the registry database {path} cannot be opened: {exc.strerror}'
        ) from exc
