# SPDX-License-Identifier: Apache-2.0
"""What live conductors offer under the name of one driver."""

import dataclasses
import functools
from collections.abc import Mapping
from collections.abc import Sequence

from ironic_passthru import spec as specs
from ironic_passthru.rpc import protocol

# Live conductors by the names of their groups.
Groups = Mapping[str, tuple[protocol.ConductorAddress, ...]]


@dataclasses.dataclass(frozen=True)
class DriverVersion:
    """A version of a driver, and the live conductors that have it.

    :param spec: what they offer.
    :param servers: their addresses, at least one.
    :param groups: the same by the groups of the conductors.
    """

    spec: specs.DriverSpec
    servers: tuple[protocol.ConductorAddress, ...]
    # A conductor that changes its group is another server.
    groups: Groups = dataclasses.field(compare=False)


@dataclasses.dataclass(frozen=True)
class MethodRoute:
    """A method and where a call of it can be sent.

    :param method: its spec.
    :param servers: the live conductors that offer the method as specified.
    :param groups: the same by the groups of the conductors. If none is
        alive, these are the groups of those that were last known.
    """

    method: specs.MethodSpec
    servers: tuple[protocol.ConductorAddress, ...]
    groups: Groups

    def within(
        self, names: Sequence[str]
    ) -> tuple[protocol.ConductorAddress, ...]:
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
    offers: tuple[DriverVersion, ...]
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
    def _routes(self) -> dict[str, MethodRoute]:
        return {}

    def route(self, method: str) -> MethodRoute:
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
            self._routes[method] = MethodRoute(
                method=wanted,
                servers=_joined([offer.servers for offer in offers]),
                groups=groups or dict.fromkeys(self.last_groups, ()),
            )
        return self._routes[method]


def make_offer(
    spec: specs.DriverSpec,
    servers: Sequence[protocol.ConductorAddress],
    group_of: Mapping[str, str],
) -> DriverVersion:
    """Return what conductors offer that have one version of a driver.

    :param group_of: the groups of conductors by host name.
    """
    groups: dict[str, list[protocol.ConductorAddress]] = {}
    for server in servers:
        groups.setdefault(group_of[server.hostname], []).append(server)
    every = tuple(servers)
    if len(groups) == 1:
        # The common case: both are one tuple.
        return DriverVersion(spec, every, dict.fromkeys(groups, every))
    return DriverVersion(
        spec, every, {g: tuple(its) for g, its in groups.items()}
    )


def _joined(
    parts: Sequence[tuple[protocol.ConductorAddress, ...]],
) -> tuple[protocol.ConductorAddress, ...]:
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
