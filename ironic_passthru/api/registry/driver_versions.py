# SPDX-License-Identifier: Apache-2.0
"""Drivers in the versions that live conductors offer."""

import dataclasses
import functools
import json
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

from ironic_passthru import spec as specs
from ironic_passthru.api.registry import target_index
from ironic_passthru.fleet import target_list
from ironic_passthru.rpc import protocol

# Indexes of targets of one driver. There is one for each combination of
# groups that a caller may use.
_MAX_INDEXES = 64

# Live conductors by conductor group.
Groups = Mapping[str, tuple[protocol.ConductorAddress, ...]]


@dataclasses.dataclass(frozen=True)
class DriverVersion:
    """A version of a driver, and the live conductors that offer it.

    :param servers: addresses of the conductors, at least one.
    :param groups: the same addresses by conductor group.
    """

    spec: specs.DriverSpec
    servers: tuple[protocol.ConductorAddress, ...]
    # A change of the group needs a restart of the conductor, so that its
    # address in ``servers``, which is compared, has another incarnation.
    groups: Groups = dataclasses.field(compare=False)


@dataclasses.dataclass(frozen=True)
class MethodRoute:
    """A method and the conductors that offer it as specified.

    :param servers: live conductors.
    :param groups: the same addresses by conductor group; without live
        conductors, the last known groups, without addresses.
    :param index: returns the targets of the servers in some groups.
    :param absent_groups: groups of conductors that are not alive, but whose
        targets are known.
    """

    method: specs.MethodSpec
    servers: tuple[protocol.ConductorAddress, ...]
    groups: Groups
    index: Callable[
        [tuple[str, ...], tuple[protocol.ConductorAddress, ...]],
        target_index.TargetIndex,
    ]
    absent_groups: tuple[str, ...] = ()

    @functools.cached_property
    def all_groups(self) -> tuple[str, ...]:
        """Groups of servers and of absent conductors.

        The targets of the latter are unavailable, not unknown.
        """
        return (*dict.fromkeys([*self.groups, *self.absent_groups]),)

    def within(
        self, names: Sequence[str]
    ) -> tuple[protocol.ConductorAddress, ...]:
        """Return the servers in those of the groups that have some."""
        known = [name for name in names if name in self.groups]
        if len(known) == len(self.groups):
            return self.servers
        return sum((self.groups[name] for name in known), ())

    def targets(self, names: Sequence[str]) -> target_index.TargetIndex:
        """Return the targets of the conductors in the named groups."""
        return self.index(tuple(names), self.within(names))


@dataclasses.dataclass(frozen=True)
class MethodList:
    """Methods of a driver, by name."""

    methods: Mapping[str, specs.MethodSpec]

    @functools.cached_property
    def document(self) -> bytes:
        """The list in JSON, with exactly the fields that Ironic returns."""
        return json.dumps(
            {
                name: method.summary()
                for name, method in sorted(self.methods.items())
            }
        ).encode('ascii')

    @functools.cached_property
    def details(self) -> bytes:
        """The list in JSON with all details of the methods."""
        return json.dumps(
            {
                name: method.details()
                for name, method in sorted(self.methods.items())
            }
        ).encode('ascii')


@dataclasses.dataclass(frozen=True)
class DriverEntry:
    """A driver and the conductors that offer it.

    :param spec: spec of the conductor that started last; without live
        conductors, the last known spec.
    :param versions: versions of live conductors; first the version of the
        conductor that started last.
    :param last_groups: groups of dead conductors that offered it; without
        live conductors, at least one.
    :param targets: the published targets by host name.
    :param absent: groups of the conductors with published targets that are
        not alive, by host name.
    """

    spec: specs.DriverSpec
    versions: tuple[DriverVersion, ...]
    last_groups: tuple[str, ...] = ()
    targets: Mapping[str, target_list.TargetList] = dataclasses.field(
        default_factory=dict
    )
    absent: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the driver."""
        return self.spec.name

    @functools.cached_property
    def hosts(self) -> list[str]:
        """Host names of the live conductors, sorted."""
        return sorted(
            server.hostname
            for version in self.versions
            for server in version.servers
        )

    @functools.cached_property
    def methods(self) -> dict[str, specs.MethodSpec]:
        """All methods of the live conductors, each in its newest spec.

        During a rolling upgrade this includes methods that only some
        conductors offer. For a dangerous method the spec of a conductor that
        allows it takes precedence.
        """
        merged = dict(self.spec.methods)
        for version in self.versions:
            for name, method in version.spec.methods.items():
                known = merged.setdefault(name, method)
                # An older version of the driver may lack the dangerous mark;
                # its spec must not replace the newer spec.
                if not known.allowed and method.dangerous and method.allowed:
                    merged[name] = method
        return merged

    @functools.cached_property
    def allowed(self) -> MethodList:
        """The methods that conductors allow."""
        methods = self.methods.items()
        return MethodList({n: spec for n, spec in methods if spec.allowed})

    @functools.cached_property
    def _groups(self) -> dict[str, 'DriverEntry']:
        names = {name for version in self.versions for name in version.groups}
        if len(names) == 1 and names.issuperset(self.absent.values()):
            # The common case shares the cached lists.
            narrow = dict.fromkeys(names, self)
        else:
            narrow = {name: self._narrowed(name) for name in sorted(names)}
        for name in self.last_groups:
            narrow.setdefault(name, DriverEntry(self.spec, (), (name,)))
        return narrow

    def _narrowed(self, group: str) -> 'DriverEntry':
        versions = tuple(
            DriverVersion(
                version.spec,
                version.groups[group],
                {group: version.groups[group]},
            )
            for version in self.versions
            if group in version.groups
        )
        return DriverEntry(
            versions[0].spec,
            versions,
            targets=self.targets,
            absent={
                host: name
                for host, name in self.absent.items()
                if name == group
            },
        )

    def within_group(self, name: str) -> 'DriverEntry | None':
        """Return the driver as the conductors of a group offer it.

        If all of them are dead, it has the methods of the last known spec,
        without servers.

        :returns: None if no known conductor of the group offers the driver.
        """
        return self._groups.get(name)

    @functools.cached_property
    def _routes(self) -> dict[str, MethodRoute]:
        return {}

    def route(self, method: str) -> MethodRoute:
        """Return the route of a method of this driver."""
        if method not in self._routes:
            spec = self.methods[method]
            numbers = tuple(
                number
                for number, version in enumerate(self.versions)
                if version.spec.methods.get(method) == spec
            )
            versions = [self.versions[number] for number in numbers]
            groups = _merged([version.groups for version in versions])
            self._routes[method] = MethodRoute(
                method=spec,
                servers=_joined([version.servers for version in versions]),
                groups=groups or dict.fromkeys(self.last_groups, ()),
                index=functools.partial(self._index, numbers),
                absent_groups=tuple(sorted({*self.absent.values()})),
            )
        return self._routes[method]

    @functools.cached_property
    def _indexes(
        self,
    ) -> dict[
        tuple[tuple[int, ...], tuple[str, ...]], target_index.TargetIndex
    ]:
        return {}

    def _index(
        self,
        versions: tuple[int, ...],
        groups: tuple[str, ...],
        servers: tuple[protocol.ConductorAddress, ...],
    ) -> target_index.TargetIndex:
        """Return the targets of the servers with some versions, in groups.

        Methods with the same servers share an index, which may be large.
        """
        found = self._indexes.get((versions, groups))
        if found is None:
            if len(self._indexes) >= _MAX_INDEXES:
                self._indexes.clear()
            absent = [
                self.targets[host]
                for host, name in self.absent.items()
                if name in groups
            ]
            found = target_index.TargetIndex(servers, self.targets, absent)
            self._indexes[versions, groups] = found
        return found


def make_version(
    spec: specs.DriverSpec,
    servers: Sequence[protocol.ConductorAddress],
    group_of: Mapping[str, str],
) -> DriverVersion:
    """Return a version of a driver.

    :param servers: conductors that offer it.
    :param group_of: conductor groups by host name.
    """
    groups: dict[str, list[protocol.ConductorAddress]] = {}
    for server in servers:
        groups.setdefault(group_of[server.hostname], []).append(server)
    every = tuple(servers)
    if len(groups) == 1:
        # The common case shares one tuple.
        return DriverVersion(spec, every, dict.fromkeys(groups, every))
    return DriverVersion(
        spec, every, {name: tuple(found) for name, found in groups.items()}
    )


def _joined(
    parts: Sequence[tuple[protocol.ConductorAddress, ...]],
) -> tuple[protocol.ConductorAddress, ...]:
    # In the common case of a single part all methods share its tuple.
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
