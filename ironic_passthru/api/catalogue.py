# SPDX-License-Identifier: Apache-2.0
"""Which live conductor offers which driver and methods, in memory."""

import dataclasses
import functools
import threading
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
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

# Name of a driver and digest of the document that says what it offers.
_Version = tuple[str, str]

# Live conductors by the names of their groups.
Groups = Mapping[str, tuple[protocol.Server, ...]]


@dataclasses.dataclass(frozen=True)
class Offer:
    """A version of a driver, and the live conductors that have it.

    :param spec: what they offer.
    :param servers: their addresses, at least one.
    :param groups: the same by the groups of the conductors.
    """

    spec: specs.DriverSpec
    servers: tuple[protocol.Server, ...]
    # A conductor that changes its group is another server.
    groups: Groups = dataclasses.field(compare=False)


@dataclasses.dataclass(frozen=True)
class Route:
    """A method and where a call of it can be sent.

    :param method: its spec.
    :param servers: the live conductors that offer the method as specified.
    :param groups: the same by the groups of the conductors. If none is
        alive, these are the groups of those that were last known.
    """

    method: specs.MethodSpec
    servers: tuple[protocol.Server, ...]
    groups: Groups

    def within(self, names: Sequence[str]) -> tuple[protocol.Server, ...]:
        """Return the servers that are of some of the groups."""
        if len(names) == len(self.groups):
            return self.servers
        return sum((self.groups[name] for name in names), ())


# It equals only itself, so that what is made of it can be kept by it.
@dataclasses.dataclass(frozen=True, eq=False)
class MethodList:
    """Methods of a driver, by name."""

    methods: Mapping[str, specs.MethodSpec]


# An entry equals only itself, so that what is made of it can be kept by it.
@dataclasses.dataclass(frozen=True, eq=False)
class DriverEntry:
    """A driver and the conductors that offer it.

    :param spec: what the conductor that started last offers; if none is
        alive, what was last known.
    :param offers: the versions that live conductors have, first the one of
        the conductor that started last.
    :param last_groups: if none is alive, the groups of those that were last
        known.
    """

    spec: specs.DriverSpec
    offers: tuple[Offer, ...]
    last_groups: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the driver."""
        return self.spec.name

    @functools.cached_property
    def hosts(self) -> list[str]:
        """Host names of the live conductors, sorted."""
        return sorted(
            server.hostname
            for offer in self.offers
            for server in offer.servers
        )

    @functools.cached_property
    def methods(self) -> dict[str, specs.MethodSpec]:
        """All methods of the live conductors; of two specs the newer one.

        While drivers are upgraded one conductor at a time, methods that
        only some of them have are offered too. A dangerous method is that
        of the conductors that allow it, if some do.
        """
        merged = dict(self.spec.methods)
        for offer in self.offers:
            for name, method in offer.spec.methods.items():
                known = merged.setdefault(name, method)
                # One that is not dangerous is of a version that does not
                # know yet that it is.
                if not known.allowed and method.dangerous and method.allowed:
                    merged[name] = method
        return merged

    @functools.cached_property
    def allowed(self) -> MethodList:
        """Those of the methods that conductors do not refuse to run."""
        methods = self.methods.items()
        return MethodList({n: spec for n, spec in methods if spec.allowed})

    @functools.cached_property
    def _routes(self) -> dict[str, Route]:
        return {}

    def route(self, method: str) -> Route:
        """Return where to send a call of a method of this driver."""
        if method not in self._routes:
            wanted = self.methods[method]
            offers = [
                offer
                for offer in self.offers
                if offer.spec.methods.get(method) == wanted
            ]
            groups = _merged([offer.groups for offer in offers])
            # Of one offer, the common case, these are the very objects that
            # all its methods share.
            self._routes[method] = Route(
                method=wanted,
                servers=_joined([offer.servers for offer in offers]),
                groups=groups or dict.fromkeys(self.last_groups, ()),
            )
        return self._routes[method]


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The catalogue at one moment.

    :param drivers: every driver that was ever offered, by name.
    :param conductors: every conductor by host name.
    :param servers: addresses of the live conductors by host name.
    """

    drivers: Mapping[str, DriverEntry]
    conductors: Mapping[str, conductors.ConductorRecord]
    servers: Mapping[str, protocol.Server]

    def groups(self) -> set[str]:
        """Return every group that conductors are or can be in."""
        return {'', *(record.group for record in self.conductors.values())}


_EMPTY = Snapshot(drivers={}, conductors={}, servers={})


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
        self._specs: dict[_Version, specs.DriverSpec | None] = {}
        self._away = False

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

    def route(self, driver: str, method: str) -> Route:
        """Return where to send a call of a method.

        There are no servers while nobody alive offers it; what a call came
        to that was sent before can be told all the same.

        :raises: DriverNotFound, NoLiveConductor, MissingMethod,
            MethodNotFound.
        """
        entry = self.driver(driver)
        if not entry.offers or (method and method not in entry.methods):
            fresh = self._refresh(not_older_than=_MISS_SECONDS)
            entry = fresh.drivers.get(driver, entry)
        if not entry.offers and method not in entry.methods:
            raise errors.NoLiveConductor(driver=driver)
        if not method:
            raise errors.MissingMethod()
        if method not in entry.methods:
            raise errors.MethodNotFound(method=method)
        return entry.route(method)

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
        """Read what has changed; keep what is made of all else."""
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
        offers: dict[str, list[Offer]] = {}
        for version, its_servers in serving.items():
            spec = specs.get(version)
            if spec is not None:
                offer = _offer(spec, its_servers, groups)
                offers.setdefault(spec.name, []).append(offer)
        drivers = {}
        for version in newest.items():
            name, _ = version
            live = tuple(offers.get(name, ()))
            spec = live[0].spec if live else specs.get(version)
            if spec is not None:
                # Nobody need be left that offers it.
                last = () if live else last_groups.get(name, ('',))
                drivers[name] = _entry(
                    DriverEntry(spec, live, last), old.drivers.get(name)
                )
        return Snapshot(
            drivers=drivers,
            conductors={record.hostname: record for record in records},
            servers=servers,
        )

    def _load_specs(
        self, wanted: set[_Version]
    ) -> dict[_Version, specs.DriverSpec | None]:
        """Return what documents say; only those not yet known are read.

        None stands for one that cannot be read.
        """
        known = {
            version: self._specs[version]
            for version in wanted
            if version in self._specs
        }
        missing = wanted - known.keys()
        if missing:
            documents = self._store.documents(
                [digest for _, digest in missing]
            )
            for driver, digest in missing:
                if digest in documents:
                    known[driver, digest] = _spec(driver, documents[digest])
        self._specs = known
        return known


def _live_servers(
    records: Iterable[conductors.ConductorRecord],
    known: Mapping[str, protocol.Server],
) -> dict[str, protocol.Server]:
    """Return the addresses of the live conductors by host name.

    Those that are known stay the same objects, which makes it cheap to
    compare a thousand of them with an earlier thousand.
    """
    servers = {}
    for record in records:
        if record.alive:
            server = known.get(record.hostname)
            if server is None or server.incarnation != record.incarnation:
                server = protocol.Server(record.hostname, record.incarnation)
            servers[record.hostname] = server
    return servers


def _serving(
    records: Iterable[conductors.ConductorRecord],
    servers: Mapping[str, protocol.Server],
) -> dict[_Version, list[protocol.Server]]:
    """Return the servers of each version, what started last in front."""
    serving: dict[_Version, list[protocol.Server]] = {}
    for record in sorted(
        (record for record in records if record.alive),
        key=lambda record: record.started_at,
        reverse=True,
    ):
        server = servers[record.hostname]
        for version in record.drivers.items():
            serving.setdefault(version, []).append(server)
    return serving


def _offer(
    spec: specs.DriverSpec,
    servers: Iterable[protocol.Server],
    group_of: Mapping[str, str],
) -> Offer:
    groups: dict[str, list[protocol.Server]] = {}
    for server in servers:
        groups.setdefault(group_of[server.hostname], []).append(server)
    every = tuple(servers)
    if len(groups) == 1:
        # The common case: both are one tuple.
        return Offer(spec, every, dict.fromkeys(groups, every))
    return Offer(spec, every, {g: tuple(its) for g, its in groups.items()})


def _joined(
    parts: Sequence[tuple[protocol.Server, ...]],
) -> tuple[protocol.Server, ...]:
    first, *others = parts or [()]
    return sum(others, first)


def _merged(parts: Sequence[Groups]) -> Groups:
    if len(parts) == 1:
        return parts[0]
    names = {name: None for part in parts for name in part}
    return {
        name: _joined([part[name] for part in parts if name in part])
        for name in names
    }


def _last_groups(
    records: Iterable[conductors.ConductorRecord],
) -> dict[str, tuple[str, ...]]:
    """Return the groups of the conductors that are gone, by driver."""
    groups: dict[str, set[str]] = {}
    for record in records:
        if not record.alive:
            for driver in record.drivers:
                groups.setdefault(driver, set()).add(record.group)
    return {driver: tuple(sorted(its)) for driver, its in groups.items()}


def _entry(new: DriverEntry, old: DriverEntry | None) -> DriverEntry:
    """Return an entry: the old one, with all it keeps, if it says this."""
    if (
        old is not None
        and old.spec is new.spec
        and old.offers == new.offers
        and old.last_groups == new.last_groups
    ):
        return old
    return new


def _spec(driver: str, document: dict[str, Any]) -> specs.DriverSpec | None:
    """Return what a document says, or None if it cannot be read.

    One that another release has written must not hide all the others.
    """
    try:
        return specs.DriverSpec.from_document(driver, document)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        LOG.error(
            "A catalogue of driver '%s' cannot be read: %r", driver, error
        )
        return None
