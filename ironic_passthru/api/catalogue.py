# SPDX-License-Identifier: Apache-2.0
"""Which live conductor offers which driver and methods, in memory."""

import dataclasses
import datetime
import functools
import threading
import time
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import TypeVar

from oslo_log import log

from ironic_passthru import errors
from ironic_passthru import spec as specs
from ironic_passthru.db import conductors
from ironic_passthru.rpc import protocol

LOG = log.getLogger(__name__)

# After a miss the registry is read at once, but not more often than this:
# otherwise asking for unknown names would be a way to overload it.
_MISS_SECONDS = 0.2

_Found = TypeVar('_Found')


@dataclasses.dataclass(frozen=True)
class Offer:
    """One live conductor that offers a driver.

    :param server: its address.
    :param spec: what it offers.
    :param started_at: when this run of it began.
    """

    server: protocol.Server
    spec: specs.DriverSpec
    started_at: datetime.datetime


# An entry equals only itself, so that what is made of it can be kept by it.
@dataclasses.dataclass(frozen=True, eq=False)
class DriverEntry:
    """A driver and the conductors that offer it.

    :param spec: what the conductor that started last offers; if none is
        alive, what was last known.
    :param offers: the live conductors.
    """

    spec: specs.DriverSpec
    offers: tuple[Offer, ...]

    @property
    def name(self) -> str:
        """Name of the driver."""
        return self.spec.name

    @functools.cached_property
    def hosts(self) -> list[str]:
        """Host names of the live conductors, sorted."""
        return sorted(offer.server.hostname for offer in self.offers)

    @functools.cached_property
    def methods(self) -> dict[str, specs.MethodSpec]:
        """All methods of the live conductors; of two specs the newer one.

        While drivers are upgraded one conductor at a time, methods that
        only some of them have are offered too.
        """
        merged = dict(self.spec.methods)
        for offer in self.offers:
            for name, method in offer.spec.methods.items():
                merged.setdefault(name, method)
        return merged

    @functools.cached_property
    def _servers(self) -> dict[str, tuple[protocol.Server, ...]]:
        return {}

    def servers(self, method: str) -> tuple[protocol.Server, ...]:
        """Return the live conductors that offer a method as published."""
        if method not in self._servers:
            wanted = self.methods[method]
            self._servers[method] = tuple(
                offer.server
                for offer in self.offers
                if offer.spec.methods.get(method) == wanted
            )
        return self._servers[method]


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The catalogue at one moment.

    :param drivers: every driver that was ever offered, by name.
    :param conductors: every conductor by host name.
    """

    drivers: Mapping[str, DriverEntry]
    conductors: Mapping[str, conductors.ConductorRecord]


class Catalogue:
    """Keeps a recent snapshot of the registry.

    While the registry is away the last snapshot serves.

    :param store: the registry.
    :param max_age_seconds: age at which a snapshot is read anew, by one
        thread while the others go on with the old one.
    :param heartbeat_timeout_seconds: when a conductor counts as dead.
    """

    def __init__(
        self,
        store: conductors.ConductorStore,
        *,
        max_age_seconds: float,
        heartbeat_timeout_seconds: float,
    ) -> None:
        self._store = store
        self._max_age_seconds = max_age_seconds
        self._heartbeat_timeout_seconds = heartbeat_timeout_seconds
        self._refreshing = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._read_at = float('-inf')
        self._failed_at = float('-inf')
        self._specs: dict[str, specs.DriverSpec] = {}
        self._away = False
        self._unreadable: set[str] = set()

    def snapshot(self) -> Snapshot:
        """Return a snapshot that is recent if the registry is there.

        :raises: RegistryUnavailable if none was ever read.
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
        """Return what ``finder`` finds, if need be in a new snapshot."""
        found = finder(self.snapshot())
        if found is None:
            found = finder(self._refresh(not_older_than=_MISS_SECONDS))
        return found

    def driver(self, name: str) -> DriverEntry:
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

    def route(
        self, driver: str, method: str
    ) -> tuple[specs.MethodSpec, tuple[protocol.Server, ...]]:
        """Return the spec of a method and the conductors to send a call to.

        :raises: DriverNotFound, NoLiveConductor, MissingMethod,
            MethodNotFound.
        """
        entry = self.driver(driver)
        if not entry.offers or (method and method not in entry.methods):
            fresh = self._refresh(not_older_than=_MISS_SECONDS)
            entry = fresh.drivers.get(driver, entry)
        if not entry.offers:
            raise errors.NoLiveConductor(driver=driver)
        if not method:
            raise errors.MissingMethod()
        if method not in entry.methods:
            raise errors.MethodNotFound(method=method)
        return entry.methods[method], entry.servers(method)

    def check(self) -> str:
        """Make sure that there is a live conductor.

        :returns: a phrase for people.
        :raises: RegistryUnavailable, NotRun.
        """
        known = self.snapshot().conductors.values()
        alive = sum(record.alive for record in known)
        if not alive:
            raise errors.NoConductorAlive(known=len(known))
        return f'{alive} of {len(known)} alive'

    def _refresh(self, *, not_older_than: float) -> Snapshot:
        asked_at = time.monotonic()
        with self._refreshing:
            # Another thread may have read it while this one waited.
            if self._snapshot is not None and (
                time.monotonic() - self._read_at <= not_older_than
            ):
                return self._snapshot
            if self._failed_at > asked_at:
                # Or have failed to: were each one to try for itself, the
                # last of many would wait for all of them.
                raise errors.RegistryUnavailable()
            return self._read()

    def _read(self) -> Snapshot:
        """Read the registry; the caller holds the lock."""
        try:
            self._snapshot = self._load()
            self._away = False
        except errors.RegistryUnavailable:
            if self._snapshot is None:
                self._failed_at = time.monotonic()
                raise
            if not self._away:
                LOG.warning('The registry is away; the last catalogue serves')
            self._away = True
        self._read_at = time.monotonic()
        return self._snapshot

    def _load(self) -> Snapshot:
        records = self._store.conductors(
            heartbeat_timeout_seconds=self._heartbeat_timeout_seconds
        )
        newest = self._store.newest_digests()
        offered = {
            (driver, digest)
            for record in records
            if record.alive
            for driver, digest in record.drivers.items()
        }
        specs = self._load_specs(offered | set(newest.items()))
        offers: dict[str, list[Offer]] = {}
        for record in records:
            if not record.alive:
                continue
            server = protocol.Server(record.hostname, record.incarnation)
            for driver, digest in record.drivers.items():
                if digest in specs:
                    offers.setdefault(driver, []).append(
                        Offer(server, specs[digest], record.started_at)
                    )
        drivers = {}
        for driver, digest in newest.items():
            live = sorted(
                offers.get(driver, []),
                key=lambda offer: offer.started_at,
                reverse=True,
            )
            spec = live[0].spec if live else specs.get(digest)
            if spec is not None:
                drivers[driver] = DriverEntry(spec=spec, offers=tuple(live))
        return Snapshot(
            drivers=drivers,
            conductors={record.hostname: record for record in records},
        )

    def _load_specs(
        self, wanted: set[tuple[str, str]]
    ) -> dict[str, specs.DriverSpec]:
        """Return specs by digest; only those not yet known are read."""
        missing = {
            digest: driver
            for driver, digest in wanted
            if digest not in self._specs
        }
        documents = self._store.documents(list(missing)) if missing else {}
        known = {
            digest: self._specs[digest]
            for _, digest in wanted
            if digest in self._specs
        }
        for digest, driver in missing.items():
            spec = self._read_document(driver, documents.get(digest))
            if spec is not None:
                known[digest] = spec
        self._specs = known
        return known

    def _read_document(
        self, driver: str, document: dict[str, Any] | None
    ) -> specs.DriverSpec | None:
        """Return what a document says, or None if it cannot be read.

        One that another release has written, or nobody, must not hide all
        the others.
        """
        if document is None:
            return None
        try:
            return specs.DriverSpec.from_document(driver, document)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            if driver not in self._unreadable:
                LOG.error(
                    "A catalogue of driver '%s' cannot be read: %r",
                    driver,
                    error,
                )
            self._unreadable.add(driver)
            return None
