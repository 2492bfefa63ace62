# SPDX-License-Identifier: Apache-2.0
"""Store of conductors and of the catalogs of their drivers."""

import collections.abc
import dataclasses
import datetime
import itertools
import json
import sys
import time
import types
from typing import Any
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy import orm

from ironic_passthru import errors
from ironic_passthru.db import models
from ironic_passthru.db import session
from ironic_passthru.db import target_lists

# The default limit of a statement is 16 MiB in MariaDB, 4 MiB in MySQL 5.7.
MAX_DOCUMENT_SIZE = 2 * 1024 * 1024

_KEYS_PER_QUERY = 500

_Key = TypeVar('_Key')

# Digests of catalog documents by driver.
Drivers = collections.abc.Mapping[str, str]

# Driver and digest of a catalog document.
Version = tuple[str, str]

_conductors = models.conductors
_catalogs = models.catalogs
_drivers = models.conductor_drivers


@dataclasses.dataclass(frozen=True)
class CatalogEntry:
    """Catalog document of a driver.

    :param digest: 64 characters, a digest of the document.
    :param document: a JSON object.
    """

    digest: str
    document: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class ConductorRecord:
    """Row of a conductor; times are aware, in UTC.

    :param alive: the conductor is online and its last heartbeat is recent.
    :param created_at: time of the first registration of the host name.
    :param started_at: time of the registration of this incarnation.
    :param heartbeat_monotonic: ``time.monotonic()`` at the last heartbeat.
    :param read_monotonic: ``time.monotonic()`` when the row was read.
    """

    hostname: str
    incarnation: str
    group: str
    alive: bool
    created_at: datetime.datetime
    started_at: datetime.datetime
    heartbeat_at: datetime.datetime
    drivers: Drivers
    heartbeat_monotonic: float = float('-inf')
    read_monotonic: float = float('-inf')


class ConductorStore:
    """Conductors and catalog documents; threads may share an object.

    All methods raise ``RegistryUnavailable`` if the database cannot be used.
    """

    def __init__(self, database: session.Database) -> None:
        self._database = database
        #: The targets that the conductors serve.
        self.target_lists = target_lists.TargetListStore(database)

    def register(
        self,
        hostname: str,
        incarnation: str,
        *,
        group: str,
        drivers: collections.abc.Mapping[str, CatalogEntry],
        targets: target_lists.Targets = types.MappingProxyType({}),
    ) -> None:
        """Register a conductor as online; replace an earlier incarnation.

        :param targets: the targets that its drivers serve.
        :raises ConfigError: a name or a document cannot be stored.
        """
        _check_name('host name', hostname)
        _check_name(
            'incarnation',
            incarnation,
            max_length=models.MAX_INCARNATION_LENGTH,
        )
        if group:
            _check_name('conductor group', group)
        documents = {
            (driver, entry.digest): _encoded(driver, entry)
            for driver, entry in sorted(drivers.items())
        }
        digests = {driver: entry.digest for driver, entry in drivers.items()}
        target_lists.check_size(targets)

        def work(writer: orm.Session) -> None:
            # The row of the conductor is locked first, so that concurrent
            # registrations of a host name are serialized.
            conductor_id = _save_conductor(
                writer, hostname, incarnation=incarnation, group=group
            )
            _add_documents(writer, documents)
            _save_drivers(writer, conductor_id, digests)
            target_lists.save(writer, conductor_id, incarnation, targets)

        self._database.write(work)

    def heartbeat(self, hostname: str, incarnation: str) -> bool:
        """Write a heartbeat, which also sets the conductor online.

        :returns: whether the host name belongs to this incarnation.
        """
        return _update(
            self._database,
            hostname,
            incarnation,
            heartbeat_at=models.utc_now(),
            online=True,
        )

    def liveness_updater(
        self, hostname: str, incarnation: str
    ) -> 'LivenessUpdater':
        """Return the liveness updater of a conductor, for one thread."""
        return LivenessUpdater(
            self._database.dedicated_connection(), hostname, incarnation
        )

    def withdraw(self, hostname: str, incarnation: str) -> bool:
        """Set a conductor offline; its row and its drivers remain.

        :returns: whether the host name belongs to this incarnation.
        """
        return _update(self._database, hostname, incarnation, online=False)

    def conductors(
        self,
        *,
        heartbeat_timeout_seconds: float,
        known: collections.abc.Mapping[str, ConductorRecord] | None = None,
        driver: str | None = None,
    ) -> list[ConductorRecord]:
        """Return all conductors, online or not, sorted by host name.

        :param known: records of an earlier call, by host name. The drivers
            of a conductor are read only after a new registration, and the
            age of a known heartbeat is measured by the clock of this process,
            which is independent of jumps of the clock of the database.
        :param driver: return only conductors with this driver.
        """
        known = known or {}
        rows = sa.select(_conductors, models.utc_now().label('now')).order_by(
            _conductors.c.hostname
        )
        if driver is not None:
            rows = rows.join(
                _drivers,
                _drivers.c.conductor_id == _conductors.c.id,
            ).where(_drivers.c.driver == driver)
        with self._database.reader() as reader:
            found = reader.execute(rows).all()
            read_monotonic = time.monotonic()
            drivers = _known_drivers(found, known)
            drivers |= _read_drivers(
                reader, [row.id for row in found if row.id not in drivers]
            )
        return [
            _record(
                row,
                known.get(row.hostname),
                drivers=drivers[row.id],
                read_monotonic=read_monotonic,
                timeout_seconds=heartbeat_timeout_seconds,
            )
            for row in found
        ]

    def documents(
        self, versions: collections.abc.Iterable[Version]
    ) -> dict[Version, str]:
        """Return the JSON texts of documents; unknown versions are omitted.

        The documents are not decoded, so that an invalid one does not affect
        the others.
        """
        found = {}
        wanted = set(versions)
        columns = sa.select(
            _catalogs.c.driver, _catalogs.c.digest, _catalogs.c.document
        )
        with self._database.reader() as reader:
            for batch in _batches(sorted({digest for _, digest in wanted})):
                query = columns.where(_catalogs.c.digest.in_(batch))
                for driver, digest, document in reader.execute(query):
                    if (driver, digest) in wanted:
                        found[driver, digest] = document
        return found

    def newest_digests(self) -> dict[str, str]:
        """Return the newest digest of each driver, also of former drivers."""
        query = sa.select(_catalogs.c.driver, _catalogs.c.digest).order_by(
            _catalogs.c.driver,
            _catalogs.c.created_at,
            _catalogs.c.digest,
        )
        with self._database.reader() as reader:
            # The newest row of a driver is its last one.
            return {row.driver: row.digest for row in reader.execute(query)}

    def check(self) -> str:
        """Query the database, and return its state for the health check."""
        with self._database.reader() as reader:
            reader.execute(sa.select(_conductors.c.id).limit(1)).all()
        return 'reachable'


class LivenessUpdater:
    """Writes liveness updates: the process of a conductor runs.

    A heartbeat also requires that the conductor receives messages.

    :param connection: used by liveness updates only, so that they do not
        wait for other transactions.
    """

    def __init__(
        self,
        connection: session.DedicatedConnection,
        hostname: str,
        incarnation: str,
    ) -> None:
        self._connection = connection
        self._hostname = hostname
        self._incarnation = incarnation

    def update(self) -> bool:
        """Write a liveness update.

        :returns: whether the host name belongs to this incarnation.
        :raises RegistryUnavailable: the database cannot be used.
        """
        return _update(
            self._connection,
            self._hostname,
            self._incarnation,
            liveness_at=models.utc_now(),
        )

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _update(
    database: session.Database | session.DedicatedConnection,
    hostname: str,
    incarnation: str,
    **values: Any,
) -> bool:
    statement = (
        sa.update(_conductors)
        .where(
            _conductors.c.hostname == hostname,
            _conductors.c.incarnation == incarnation,
        )
        .values(values)
    )

    def work(writer: orm.Session | sa.Connection) -> bool:
        result = writer.execute(statement)
        return bool(result.rowcount == 1)  # type: ignore[attr-defined]

    return database.write(work)


def _save_conductor(
    writer: orm.Session, hostname: str, *, incarnation: str, group: str
) -> int:
    """Insert or update the row of ``hostname``; return its id."""
    now = models.utc_now()
    values: dict[str, Any] = {
        'incarnation': incarnation,
        'conductor_group': group,
        'online': True,
        'started_at': now,
        'heartbeat_at': now,
        'liveness_at': now,
    }
    conductor_id = writer.scalar(
        sa.select(_conductors.c.id).where(_conductors.c.hostname == hostname)
    )
    if conductor_id is None:
        inserted = writer.execute(
            sa.insert(_conductors).values(
                hostname=hostname, created_at=now, **values
            )
        )
        return int(inserted.inserted_primary_key[0])  # type: ignore[attr-defined]
    writer.execute(
        sa.update(_conductors)
        .where(_conductors.c.id == conductor_id)
        .values(values)
    )
    return int(conductor_id)


def _add_documents(
    writer: orm.Session, documents: dict[tuple[str, str], str]
) -> None:
    """Insert new documents in the order of their keys."""
    key = (_catalogs.c.driver, _catalogs.c.digest)
    digests = sorted({digest for _, digest in documents})
    known: set[tuple[str, ...]] = set()
    for batch in _batches(digests):
        query = sa.select(*key).where(_catalogs.c.digest.in_(batch))
        known.update(tuple(row) for row in writer.execute(query))
    for driver, digest in documents:
        if (driver, digest) not in known:
            writer.execute(
                sa.insert(_catalogs).values(
                    driver=driver,
                    digest=digest,
                    document=documents[driver, digest],
                    created_at=models.utc_now(),
                )
            )


def _save_drivers(
    writer: orm.Session,
    conductor_id: int,
    digests: Drivers,
) -> None:
    """Replace the drivers of a conductor; equal rows are not written.

    Most conductors restart with the same drivers.
    """
    own = _drivers.c.conductor_id == conductor_id
    query = sa.select(_drivers.c.driver, _drivers.c.digest).where(own)
    stored = {row.driver: row.digest for row in writer.execute(query)}
    for driver in sorted(stored):
        if stored[driver] != digests.get(driver):
            writer.execute(
                sa.delete(_drivers).where(own, _drivers.c.driver == driver)
            )
    added = [
        {'conductor_id': conductor_id, 'driver': driver, 'digest': digest}
        for driver, digest in sorted(digests.items())
        if stored.get(driver) != digest
    ]
    if added:
        writer.execute(sa.insert(_drivers), added)


def _record(
    row: Any,
    known: ConductorRecord | None,
    *,
    drivers: Drivers,
    read_monotonic: float,
    timeout_seconds: float,
) -> ConductorRecord:
    heartbeat_monotonic = _heartbeat_monotonic(row, known, read_monotonic)
    age = read_monotonic - heartbeat_monotonic
    return ConductorRecord(
        hostname=row.hostname,
        incarnation=row.incarnation,
        group=row.conductor_group,
        alive=row.online and age < timeout_seconds,
        created_at=_aware(row.created_at),
        started_at=_aware(row.started_at),
        heartbeat_at=_aware(row.heartbeat_at),
        drivers=drivers,
        heartbeat_monotonic=heartbeat_monotonic,
        read_monotonic=read_monotonic,
    )


def _heartbeat_monotonic(
    row: Any, known: ConductorRecord | None, read_monotonic: float
) -> float:
    """Return ``time.monotonic()`` at the last heartbeat of a conductor.

    The clock of the database is used once for each heartbeat. The result is
    limited to the time between the previous read and this one.
    """
    if known is not None and (
        known.incarnation == row.incarnation
        and known.heartbeat_at == _aware(row.heartbeat_at)
    ):
        return known.heartbeat_monotonic
    age: float = (row.now - row.heartbeat_at).total_seconds()
    heartbeat_monotonic = read_monotonic - max(0.0, age)
    return (
        heartbeat_monotonic
        if known is None
        else max(heartbeat_monotonic, known.read_monotonic)
    )


def _known_drivers(
    found: collections.abc.Iterable[Any],
    known: collections.abc.Mapping[str, ConductorRecord],
) -> dict[int, Drivers]:
    """Return the drivers of conductors without a new registration.

    The start time also changes if an incarnation registers twice.
    """
    return {
        row.id: record.drivers
        for row in found
        if (record := known.get(row.hostname))
        and record.incarnation == row.incarnation
        and record.started_at == _aware(row.started_at)
    }


def _read_drivers(
    reader: orm.Session, conductor_ids: collections.abc.Iterable[int]
) -> dict[int, Drivers]:
    """Return the drivers of conductors, by the id of the conductor."""
    found: dict[int, dict[str, str]] = {key: {} for key in conductor_ids}
    columns = sa.select(
        _drivers.c.conductor_id,
        _drivers.c.driver,
        _drivers.c.digest,
    )
    for batch in _batches(found):
        query = columns.where(_drivers.c.conductor_id.in_(batch))
        for conductor_id, driver, digest in reader.execute(query):
            # Thousands of conductors have the same drivers: interned strings
            # are stored once.
            drivers = found[conductor_id]
            drivers[sys.intern(driver)] = sys.intern(digest)
    return {key: types.MappingProxyType(found[key]) for key in found}


def _batches(
    keys: collections.abc.Iterable[_Key],
) -> collections.abc.Iterator[list[_Key]]:
    remaining = iter(keys)
    while batch := list(itertools.islice(remaining, _KEYS_PER_QUERY)):
        yield batch


def _aware(time_: datetime.datetime) -> datetime.datetime:
    return time_.replace(tzinfo=datetime.UTC)


def _check_name(
    what: str, name: str, *, max_length: int = models.MAX_NAME_LENGTH
) -> None:
    """Reject names that the databases treat differently.

    PostgreSQL rejects NUL, 'a' equals 'a ' in MariaDB, and SQLite stores
    strings of any length.
    """
    if not 0 < len(name) <= max_length:
        raise errors.ConfigError(
            f'the {what} {name[:40]!r} has {len(name)} characters; 1 to '
            f'{max_length} can be stored'
        )
    if not name.isprintable() or name != name.strip():
        raise errors.ConfigError(
            f'the {what} {name!r} has leading or trailing white space or '
            'characters that cannot be printed'
        )


def _encoded(driver: str, entry: CatalogEntry) -> str:
    _check_name('driver name', driver)
    if len(entry.digest) != models.DIGEST_LENGTH:
        raise errors.ConfigError(
            f"the digest of driver '{driver}' has {len(entry.digest)} "
            f'characters, not {models.DIGEST_LENGTH}'
        )
    # Escapes all characters outside ASCII, also NUL and lone surrogates.
    document = json.dumps(entry.document, separators=(',', ':'))
    if len(document) > MAX_DOCUMENT_SIZE:
        raise errors.ConfigError(
            f"the methods and properties of driver '{driver}' take "
            f'{len(document)} bytes; up to {MAX_DOCUMENT_SIZE} can be stored'
        )
    return document
