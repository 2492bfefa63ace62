# SPDX-License-Identifier: Apache-2.0
"""Catalog: a recent snapshot of the registry in memory."""

import dataclasses
import functools
import json
import math
import threading
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from typing import TypeVar

from oslo_log import log

from ironic_passthru import errors
from ironic_passthru import spec as specs
from ironic_passthru.api.registry import driver_versions
from ironic_passthru.db import conductors
from ironic_passthru.fleet import target_list
from ironic_passthru.metrics import observer
from ironic_passthru.rpc import protocol
from ironic_passthru.validation import strict_json

LOG = log.getLogger(__name__)

# After a miss the registry is read again, but not more often than this:
# requests with unknown names must not overload the database.
_MISS_SECONDS = 0.2

_Found = TypeVar('_Found')


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The catalog at one moment.

    :param drivers: every driver that was ever registered, by name.
    :param conductors: every conductor, by host name.
    :param servers: addresses of the live conductors, by host name.
    """

    drivers: Mapping[str, driver_versions.DriverEntry]
    conductors: Mapping[str, conductors.ConductorRecord]
    servers: Mapping[str, protocol.ConductorAddress]

    @functools.cached_property
    def groups(self) -> frozenset[str]:
        """All conductor groups, and the default one."""
        return frozenset(
            ['', *(record.group for record in self.conductors.values())]
        )


_EMPTY = Snapshot(drivers={}, conductors={}, servers={})


class Catalog:
    """Provide a recent snapshot of the registry.

    The last snapshot is used while the registry database is unavailable.

    :param max_age_seconds: age at which one thread reads a new snapshot,
        while the other threads use the old one.
    :param heartbeat_timeout_seconds: heartbeat age of a dead conductor.
    :param targets_retention_seconds: heartbeat age at which the targets of a
        dead conductor are no longer known.
    :param metrics: records the reads.
    """

    def __init__(
        self,
        store: conductors.ConductorStore,
        *,
        max_age_seconds: float,
        heartbeat_timeout_seconds: float,
        targets_retention_seconds: float = math.inf,
        metrics: observer.Metrics = observer.NO_METRICS,
    ) -> None:
        self._store = store
        self._max_age_seconds = max_age_seconds
        self._heartbeat_timeout_seconds = heartbeat_timeout_seconds
        self._targets_retention_seconds = targets_retention_seconds
        self._metrics = metrics
        self._refreshing = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._read_at = float('-inf')
        self._failed_at = float('-inf')
        self._lists: dict[str, target_list.TargetList | None] = {}
        self._specs: dict[conductors.Version, specs.DriverSpec | None] = {}
        self._unavailable = False

    def snapshot(self) -> Snapshot:
        """Return the snapshot, which is recent if the registry is available.

        :raises: RegistryUnavailable if no snapshot was read before.
        """
        current = self._snapshot
        if current is None:
            return self._refresh(not_older_than=self._max_age_seconds)
        if time.monotonic() - self._read_at > self._max_age_seconds and (
            self._refreshing.acquire(blocking=False)
        ):
            try:
                return self._read()
            finally:
                self._refreshing.release()
        return current

    def find(
        self, finder: Callable[[Snapshot], _Found | None]
    ) -> _Found | None:
        """Return the result of ``finder``; on a miss, of a new snapshot."""
        found = finder(self.snapshot())
        if found is None:
            found = finder(self._refresh(not_older_than=_MISS_SECONDS))
        return found

    def driver(self, name: str) -> driver_versions.DriverEntry:
        """Return a driver.

        :raises: DriverNotFound if no conductor ever offered it.
        """
        entry = self.find(lambda snapshot: snapshot.drivers.get(name))
        if entry is None:
            raise errors.DriverNotFound(driver=name)
        return entry

    def conductor(self, hostname: str) -> conductors.ConductorRecord:
        """Return a conductor.

        :raises: ConductorNotFound.
        """
        record = self.find(lambda s: s.conductors.get(hostname))
        if record is None:
            raise errors.ConductorNotFound(hostname=hostname)
        return record

    def route(self, driver: str, method: str) -> driver_versions.MethodRoute:
        """Return the route of a method.

        Without live conductors the route has no servers; earlier calls with
        the same Idempotency-Key can still be repeated.

        :raises: DriverNotFound, NoLiveConductor, MissingMethod,
            MethodNotFound.
        """
        entry = self.driver(driver)
        if not entry.versions or (method and method not in entry.methods):
            fresh = self._refresh(not_older_than=_MISS_SECONDS)
            entry = fresh.drivers.get(driver, entry)
        if not entry.versions and method not in entry.methods:
            raise errors.NoLiveConductor(driver=driver)
        if not method:
            raise errors.MissingMethod()
        if method not in entry.methods:
            raise errors.MethodNotFound(method=method)
        return entry.route(method)

    def known_route(
        self, driver: str, method: str
    ) -> driver_versions.MethodRoute | None:
        """Return the route of a method, or None; never refresh.

        For callers who must not learn which methods exist: a refresh on a
        miss would show in the response time.
        """
        entry = self.snapshot().drivers.get(driver)
        if entry is None or method not in entry.methods:
            return None
        return entry.route(method)

    def check(self) -> str:
        """Check that a conductor is alive.

        :returns: the number of live conductors, as text.
        :raises: RegistryUnavailable, NotRun.
        """
        known = self.snapshot().conductors.values()
        alive = sum(record.alive for record in known)
        if not alive:
            raise errors.NoConductorAlive(known=len(known))
        return f'{alive} of {len(known)} alive'

    def _refresh(self, *, not_older_than: float) -> Snapshot:
        requested_at = time.monotonic()
        with self._refreshing:
            # Another thread may have read one in the meantime.
            if self._snapshot is not None and (
                time.monotonic() - self._read_at <= not_older_than
            ):
                return self._snapshot
            if self._failed_at > requested_at:
                # If each waiting thread tried again, the last one would
                # wait for all of them.
                raise errors.RegistryUnavailable()
            return self._read()

    def _read(self) -> Snapshot:
        """Read the registry; the caller holds the lock."""
        started = time.monotonic()
        failed = True
        try:
            self._snapshot = self._load()
            self._unavailable = failed = False
        except errors.RegistryUnavailable:
            if self._snapshot is None:
                self._failed_at = time.monotonic()
                raise
            if not self._unavailable:
                LOG.warning(
                    'Registry database unavailable; the last catalog is used'
                )
            self._unavailable = True
        finally:
            seconds = time.monotonic() - started
            self._metrics.catalog_read(seconds, failed=failed)
        self._read_at = time.monotonic()
        return self._snapshot

    def _load(self) -> Snapshot:
        """Read changes, and keep the objects of everything else."""
        old = self._snapshot or _EMPTY
        records = self._store.conductors(
            heartbeat_timeout_seconds=self._heartbeat_timeout_seconds,
            known=old.conductors,
        )
        newest = self._store.newest_digests()
        servers = _live_servers(records, old.servers)
        serving = _serving(records, servers)
        groups = {record.hostname: record.group for record in records}
        last_groups = _last_groups(records)
        specs = self._load_specs({*newest.items(), *serving})
        targets = self._load_targets()
        absent = self._absent(records)
        offered: dict[str, list[driver_versions.DriverVersion]] = {}
        for version, addresses in serving.items():
            spec = specs.get(version)
            if spec is not None:
                found = driver_versions.make_version(spec, addresses, groups)
                offered.setdefault(spec.name, []).append(found)
        drivers = {}
        for version in newest.items():
            name, _ = version
            live = tuple(offered.get(name, ()))
            spec = live[0].spec if live else specs.get(version)
            if spec is not None:
                last = last_groups.get(name, () if live else ('',))
                lists = targets.get(name, {})
                drivers[name] = _entry(
                    driver_versions.DriverEntry(
                        spec,
                        live,
                        last,
                        lists,
                        {h: absent[h] for h in lists if h in absent},
                    ),
                    old.drivers.get(name),
                )
        return Snapshot(
            drivers=drivers,
            conductors={record.hostname: record for record in records},
            servers=servers,
        )

    def _load_specs(
        self, wanted: set[conductors.Version]
    ) -> dict[conductors.Version, specs.DriverSpec | None]:
        """Return the specs of documents, read only if they are new.

        None stands for an invalid document.
        """
        known = {
            version: self._specs[version]
            for version in wanted
            if version in self._specs
        }
        missing = wanted - known.keys()
        if missing:
            documents = self._store.documents(missing)
            for version, text in documents.items():
                known[version] = _spec(version, text)
        self._specs = known
        return known

    def _absent(
        self, records: Iterable[conductors.ConductorRecord]
    ) -> dict[str, str]:
        """Return the groups of conductors that died recently, by host name."""
        return {
            record.hostname: record.group
            for record in records
            if not record.alive
            and record.read_monotonic - record.heartbeat_monotonic
            < self._targets_retention_seconds
        }

    def _load_targets(
        self,
    ) -> dict[str, dict[str, target_list.TargetList]]:
        """Return the published targets by driver and host name.

        An invalid list is like none. Equal lists are the same object.
        """
        digests = self._store.target_lists.digests()
        wanted = set(digests.values())
        known = {d: v for d, v in self._lists.items() if d in wanted}
        missing = wanted - known.keys()
        if missing:
            documents = self._store.target_lists.documents(missing)
            for digest, text in documents.items():
                known[digest] = _target_list(digest, text)
        self._lists = known
        found: dict[str, dict[str, target_list.TargetList]] = {}
        for (hostname, driver), digest in digests.items():
            listed = known.get(digest)
            if listed is not None:
                found.setdefault(driver, {})[hostname] = listed
        return found


def _target_list(digest: str, text: str) -> target_list.TargetList | None:
    try:
        return target_list.TargetList.from_document(text)
    except target_list.InvalidTargets as error:
        # Forged by a user of the database, or of another release.
        LOG.error('Published targets %s are invalid: %s', digest, error)
        return None


def _live_servers(
    records: Iterable[conductors.ConductorRecord],
    known: Mapping[str, protocol.ConductorAddress],
) -> dict[str, protocol.ConductorAddress]:
    """Return the addresses of the live conductors by host name.

    Known addresses stay the same objects, which makes comparisons of large
    snapshots cheap.
    """
    servers = {}
    for record in records:
        if record.alive:
            server = known.get(record.hostname)
            if server is None or server.incarnation != record.incarnation:
                server = protocol.ConductorAddress(
                    record.hostname, record.incarnation
                )
            servers[record.hostname] = server
    return servers


def _serving(
    records: Iterable[conductors.ConductorRecord],
    servers: Mapping[str, protocol.ConductorAddress],
) -> dict[conductors.Version, list[protocol.ConductorAddress]]:
    """Return the servers of each version, the last started one first."""
    serving: dict[conductors.Version, list[protocol.ConductorAddress]] = {}
    for record in sorted(
        (record for record in records if record.alive),
        key=lambda record: record.started_at,
        reverse=True,
    ):
        server = servers[record.hostname]
        for version in record.drivers.items():
            serving.setdefault(version, []).append(server)
    return serving


def _last_groups(
    records: Iterable[conductors.ConductorRecord],
) -> dict[str, tuple[str, ...]]:
    """Return the groups of dead conductors by driver."""
    groups: dict[str, set[str]] = {}
    for record in records:
        if not record.alive:
            for driver in record.drivers:
                groups.setdefault(driver, set()).add(record.group)
    return {driver: tuple(sorted(names)) for driver, names in groups.items()}


def _entry(
    new: driver_versions.DriverEntry, old: driver_versions.DriverEntry | None
) -> driver_versions.DriverEntry:
    """Return an entry: the old one, with its caches, if it is equal."""
    if (
        old is not None
        and old.spec is new.spec
        and old.versions == new.versions
        and old.last_groups == new.last_groups
        and old.targets == new.targets
        and old.absent == new.absent
    ):
        return old
    return new


def _spec(version: conductors.Version, text: str) -> specs.DriverSpec | None:
    """Return the spec in a document, None if it is invalid.

    An invalid document hides only its own driver.
    """
    driver, digest = version
    try:
        if len(text) > conductors.MAX_DOCUMENT_SIZE:
            raise ValueError(f'it has {len(text)} characters')
        document = json.loads(
            text,
            parse_constant=strict_json.no_constant,
            parse_float=strict_json.finite,
        )
        return specs.DriverSpec.from_document(driver, document)
    except Exception as error:
        # The document may be of another release, or forged by a user of the
        # database.
        LOG.error(
            "Catalog document %s of driver '%s' is invalid, the driver is "
            'hidden: %s: %s',
            digest,
            driver,
            type(error).__name__,
            error,
        )
        return None
