# SPDX-License-Identifier: Apache-2.0
"""Conductors and the catalogs of what their drivers offer."""

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

# MariaDB refuses a statement of more than 16 MiB, MySQL 5.7 one of 4 MiB.
MAX_DOCUMENT_SIZE = 2 * 1024 * 1024

_KEYS_PER_QUERY = 500

_Key = TypeVar('_Key')

# Of each driver of a conductor the digest of its catalog document.
Drivers = collections.abc.Mapping[str, str]

# Name of a driver and digest of one of its catalog documents.
Version = tuple[str, str]

_conductors = models.conductors
_catalogs = models.catalogs
_offers = models.conductor_drivers


@dataclasses.dataclass(frozen=True)
class CatalogEntry:
    """What one driver offers.

    :param digest: 64 characters that change when the document does.
    :param document: a JSON object.
    """

    digest: str
    document: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class ConductorRecord:
    """One conductor as the registry knows it; times are aware, in UTC.

    :param alive: it has not withdrawn and its last heartbeat is recent.
    :param created_at: when a conductor of this hostname first registered.
    :param started_at: when this incarnation registered.
    :param drivers: digest of the catalog document of each driver.
    :param beat_at: ``time.monotonic()`` of this process at that heartbeat.
    :param read_at: ``time.monotonic()`` when the record was read.
    """

    hostname: str
    incarnation: str
    group: str
    alive: bool
    created_at: datetime.datetime
    started_at: datetime.datetime
    heartbeat_at: datetime.datetime
    drivers: Drivers
    beat_at: float = float('-inf')
    read_at: float = float('-inf')


class ConductorStore:
    """Reads and writes conductors; threads may share one.

    Every method raises ``RegistryUnavailable`` while the database is away.
    """

    def __init__(self, database: session.Database) -> None:
        self._database = database

    def register(
        self,
        hostname: str,
        incarnation: str,
        *,
        group: str,
        drivers: collections.abc.Mapping[str, CatalogEntry],
    ) -> None:
        """Publish a conductor, online, in place of an earlier incarnation.

        :raises ConfigError: a name or a document cannot be stored.
        """
        _check_name('host name', hostname)
        _check_name(
            'incarnation', incarnation, longest=models.MAX_INCARNATION_LENGTH
        )
        if group:
            _check_name('conductor group', group)
        documents = {
            (driver, entry.digest): _encoded(driver, entry)
            for driver, entry in sorted(drivers.items())
        }
        offers = {driver: entry.digest for driver, entry in drivers.items()}

        def work(writer: orm.Session) -> None:
            # The row of the conductor comes first: two incarnations of one
            # host that register at once queue up for it.
            conductor_id = _save_conductor(
                writer, hostname, incarnation=incarnation, group=group
            )
            _add_documents(writer, documents)
            _save_offers(writer, conductor_id, offers)

        self._database.write(work)

    def heartbeat(self, hostname: str, incarnation: str) -> bool:
        """Say that a conductor is alive; it is online again thereby.

        :return: whether the host still belongs to this incarnation.
        """
        return self._update(
            hostname, incarnation, heartbeat_at=models.utc_now(), online=True
        )

    def sign_of_life(self, hostname: str, incarnation: str) -> 'SignOfLife':
        """Return the sign of life of a conductor, for one thread."""
        return SignOfLife(self._database.kept(), hostname, incarnation)

    def withdraw(self, hostname: str, incarnation: str) -> bool:
        """Take a conductor offline; it and its drivers stay known.

        :return: whether the host still belongs to this incarnation.
        """
        return self._update(hostname, incarnation, online=False)

    def conductors(
        self,
        *,
        heartbeat_timeout_seconds: float,
        known: collections.abc.Mapping[str, ConductorRecord] | None = None,
        driver: str | None = None,
    ) -> list[ConductorRecord]:
        """Return all conductors that ever registered, by hostname.

        :param driver: return only those that offer this driver.
        :param known: what an earlier look found, by hostname. A conductor
            says what it offers when it registers and never again, so this
            is read only where it has registered since. With it the age of a
            heartbeat is measured by the clock of this process, and a jump
            of the database's clock makes no conductor dead or alive.
        """
        known = known or {}
        rows = sa.select(_conductors, models.utc_now().label('now')).order_by(
            _conductors.c.hostname
        )
        if driver is not None:
            rows = rows.join(
                _offers, _offers.c.conductor_id == _conductors.c.id
            ).where(_offers.c.driver == driver)
        with self._database.reader() as reader:
            found = reader.execute(rows).all()
            read_at = time.monotonic()
            drivers = _known_drivers(found, known)
            drivers |= _read_drivers(
                reader, [row.id for row in found if row.id not in drivers]
            )
        records = []
        for row in found:
            beat_at = _beat_at(row, known.get(row.hostname), read_at)
            age = read_at - beat_at
            records.append(
                ConductorRecord(
                    hostname=row.hostname,
                    incarnation=row.incarnation,
                    group=row.conductor_group,
                    alive=row.online and age < heartbeat_timeout_seconds,
                    created_at=_aware(row.created_at),
                    started_at=_aware(row.started_at),
                    heartbeat_at=_aware(row.heartbeat_at),
                    drivers=drivers[row.id],
                    beat_at=beat_at,
                    read_at=read_at,
                )
            )
        return records

    def documents(
        self, versions: collections.abc.Iterable[Version]
    ) -> dict[Version, str]:
        """Return the documents of those ``versions`` that are known.

        They are returned as JSON text, so that one that cannot be decoded
        does not affect the others.
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
        """Return the newest digest of each driver that was ever offered."""
        query = sa.select(_catalogs.c.driver, _catalogs.c.digest).order_by(
            _catalogs.c.driver,
            _catalogs.c.created_at,
            _catalogs.c.digest,
        )
        with self._database.reader() as reader:
            # Of several the last, which is the newest, stays.
            return {row.driver: row.digest for row in reader.execute(query)}

    def ping(self) -> None:
        """Return if the database answers and has the tables."""
        with self._database.reader() as reader:
            reader.execute(sa.select(_conductors.c.id).limit(1)).all()

    def _update(self, hostname: str, incarnation: str, **values: Any) -> bool:
        return _update(self._database, hostname, incarnation, **values)


class SignOfLife:
    """The sign that the process of a conductor lives, whatever it receives.

    It has a connection of its own, so that it waits for no other work.

    :param writes: the connection, of the thread that uses this object.
    """

    def __init__(
        self, writes: session.KeptConnection, hostname: str, incarnation: str
    ) -> None:
        self._writes = writes
        self._hostname = hostname
        self._incarnation = incarnation

    def write(self) -> bool:
        """Write the sign.

        :return: whether the host still belongs to this incarnation.
        :raises RegistryUnavailable: the database cannot be used.
        """
        return _update(
            self._writes,
            self._hostname,
            self._incarnation,
            seen_at=models.utc_now(),
        )

    def close(self) -> None:
        """Give the connection back."""
        self._writes.close()


def _update(
    writes: session.Database | session.KeptConnection,
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
    return writes.write(lambda writer: _rows_matched(writer, statement) == 1)


def _save_conductor(
    writer: orm.Session, hostname: str, *, incarnation: str, group: str
) -> int:
    """Insert or take over the row of ``hostname``; return its id."""
    now = models.utc_now()
    values: dict[str, Any] = {
        'incarnation': incarnation,
        'conductor_group': group,
        'online': True,
        'started_at': now,
        'heartbeat_at': now,
        'seen_at': now,
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
        return inserted.inserted_primary_key[0]  # type: ignore[attr-defined]
    writer.execute(
        sa.update(_conductors)
        .where(_conductors.c.id == conductor_id)
        .values(values)
    )
    return conductor_id


def _add_documents(
    writer: orm.Session, documents: dict[tuple[str, str], str]
) -> None:
    """Insert those documents, in the order of their keys, that are new."""
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


def _save_offers(
    writer: orm.Session,
    conductor_id: int,
    offers: collections.abc.Mapping[str, str],
) -> None:
    """Make ``offers``, driver to digest, those of the conductor.

    Rows that can stay are not touched, the common case when a conductor
    restarts.
    """
    mine = _offers.c.conductor_id == conductor_id
    query = sa.select(_offers.c.driver, _offers.c.digest).where(mine)
    stored = {row.driver: row.digest for row in writer.execute(query)}
    for driver in sorted(stored):
        if stored[driver] != offers.get(driver):
            writer.execute(
                sa.delete(_offers).where(mine, _offers.c.driver == driver)
            )
    added = [
        {'conductor_id': conductor_id, 'driver': driver, 'digest': digest}
        for driver, digest in sorted(offers.items())
        if stored.get(driver) != digest
    ]
    if added:
        writer.execute(sa.insert(_offers), added)


def _beat_at(row: Any, known: ConductorRecord | None, read_at: float) -> float:
    """Return ``time.monotonic()`` at the last heartbeat of a conductor.

    The clock of the database is asked once for each heartbeat, and not
    believed if it calls one older than the last look or newer than this one.
    """
    if known is not None and (
        known.incarnation == row.incarnation
        and known.heartbeat_at == _aware(row.heartbeat_at)
    ):
        return known.beat_at
    age = (row.now - row.heartbeat_at).total_seconds()
    beat_at = read_at - max(0.0, age)
    return beat_at if known is None else max(beat_at, known.read_at)


def _known_drivers(
    found: collections.abc.Iterable[Any],
    known: collections.abc.Mapping[str, ConductorRecord],
) -> dict[int, Drivers]:
    """Return the drivers of conductors that have not registered since.

    The time tells more than the incarnation alone: it changes even if one
    should register twice.
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
    """Return the drivers of each of some conductors."""
    found: dict[int, dict[str, str]] = {each: {} for each in conductor_ids}
    columns = sa.select(
        _offers.c.conductor_id, _offers.c.driver, _offers.c.digest
    )
    for batch in _batches(found):
        query = columns.where(_offers.c.conductor_id.in_(batch))
        for conductor_id, driver, digest in reader.execute(query):
            # Thousands of conductors offer the same few drivers: the texts
            # are kept once.
            drivers = found[conductor_id]
            drivers[sys.intern(driver)] = sys.intern(digest)
    return {each: types.MappingProxyType(found[each]) for each in found}


def _rows_matched(
    writer: orm.Session | sa.Connection, statement: sa.Update
) -> int:
    result = writer.execute(statement)
    return result.rowcount  # type: ignore[attr-defined]


def _batches(
    keys: collections.abc.Iterable[_Key],
) -> collections.abc.Iterator[list[_Key]]:
    remaining = iter(keys)
    while batch := list(itertools.islice(remaining, _KEYS_PER_QUERY)):
        yield batch


def _aware(moment: datetime.datetime) -> datetime.datetime:
    return moment.replace(tzinfo=datetime.UTC)


def _check_name(
    what: str, name: str, *, longest: int = models.MAX_NAME_LENGTH
) -> None:
    """Refuse what the databases would treat differently.

    PostgreSQL refuses a NUL, MariaDB takes 'a' and 'a ' for the same name,
    and SQLite stores texts of any length.
    """
    if not 0 < len(name) <= longest:
        raise errors.ConfigError(
            f'the {what} {name[:40]!r} has {len(name)} characters; 1 to '
            f'{longest} can be stored'
        )
    if not name.isprintable() or name != name.strip():
        raise errors.ConfigError(
            f'the {what} {name!r} has white space around it or characters '
            'that cannot be printed'
        )


def _encoded(driver: str, entry: CatalogEntry) -> str:
    _check_name('driver name', driver)
    if len(entry.digest) != models.DIGEST_LENGTH:
        raise errors.ConfigError(
            f"the digest of driver '{driver}' has {len(entry.digest)} "
            f'characters, not {models.DIGEST_LENGTH}'
        )
    # Escapes all that is not ASCII, NUL and lone surrogates included.
    document = json.dumps(entry.document, separators=(',', ':'))
    if len(document) > MAX_DOCUMENT_SIZE:
        raise errors.ConfigError(
            f"the methods and properties of driver '{driver}' take "
            f'{len(document)} bytes; up to {MAX_DOCUMENT_SIZE} can be stored'
        )
    return document
