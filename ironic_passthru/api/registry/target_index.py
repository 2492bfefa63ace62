# SPDX-License-Identifier: Apache-2.0
"""Targets of several conductors, and which conductors serve them."""

import functools
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence

from ironic_passthru.fleet import selector
from ironic_passthru.fleet import target_list
from ironic_passthru.rpc import protocol

Servers = tuple[protocol.ConductorAddress, ...]


class TargetIndex:
    """Targets that some conductors with one driver serve.

    Conductors with equal lists are one site.

    :param servers: live conductors.
    :param lists: the published targets by host name.
    :param absent: the published targets of conductors that are not alive.
    """

    def __init__(
        self,
        servers: Sequence[protocol.ConductorAddress],
        lists: Mapping[str, target_list.TargetList],
        absent: Sequence[target_list.TargetList] = (),
    ) -> None:
        sites: dict[str, list[protocol.ConductorAddress]] = {}
        self._lists: dict[str, target_list.TargetList] = {}
        unlisted = []
        for server in servers:
            listed = lists.get(server.hostname)
            if listed is None:
                unlisted.append(server)
                continue
            self._lists[listed.digest] = listed
            sites.setdefault(listed.digest, []).append(server)
        for each in absent:
            # Without a conductor, unless a live one has an equal list.
            self._lists.setdefault(each.digest, each)
            sites.setdefault(each.digest, [])
        self._servers: dict[str, Servers] = {
            digest: tuple(found) for digest, found in sites.items()
        }
        #: Conductors that do not publish targets.
        self.unlisted = tuple(unlisted)

    @property
    def sites(self) -> int:
        """Number of different lists."""
        return len(self._lists)

    @functools.cached_property
    def tags(self) -> selector.TargetTags:
        """Tags of all targets by their names.

        A target of several sites has the tags of all of them.
        """
        found = selector.TargetTags()
        for listed in self._lists.values():
            for name, tags in listed.tags.items():
                known = found.get(name)
                found[name] = tags if known is None else known | tags
        return found

    @functools.cached_property
    def _sites_of(self) -> dict[str, tuple[str, ...]]:
        """Digests of the lists with a target, by the name of the target."""
        found: dict[str, tuple[str, ...]] = {}
        for digest, listed in self._lists.items():
            for name in listed.tags:
                found[name] = (*found.get(name, ()), digest)
        return found

    def unavailable(self, names: Iterable[str]) -> list[str]:
        """Return the targets that no live conductor serves."""
        return sorted(
            name
            for name in names
            if name in self._sites_of
            and not any(self._servers[site] for site in self._sites_of[name])
        )

    def serving(self, names: Iterable[str]) -> Servers:
        """Return the live conductors that serve all of the targets."""
        sites: set[str] | None = None
        for name in names:
            having = self._sites_of.get(name, ())
            sites = {*having} if sites is None else sites.intersection(having)
            if not sites:
                return ()
        return sum(
            (
                servers
                for digest, servers in self._servers.items()
                if sites is None or digest in sites
            ),
            (),
        )

    def split(self, names: Iterable[str]) -> list[tuple[Servers, list[str]]]:
        """Assign each target to one site; as few sites as is simple.

        The site with the most of the targets gets all that it serves, and so
        on; those without a live conductor are last.

        :param names: targets of the index, each once.
        """
        wanted: dict[str, dict[str, None]] = {}
        for name in names:
            for digest in self._sites_of[name]:
                wanted.setdefault(digest, {})[name] = None
        parts = []
        while wanted:
            digest = max(
                wanted,
                key=lambda each: (
                    bool(self._servers[each]),
                    len(wanted[each]),
                ),
            )
            chosen = list(wanted.pop(digest))
            parts.append((self._servers[digest], chosen))
            for digest, rest in list(wanted.items()):
                for name in chosen:
                    rest.pop(name, None)
                if not rest:
                    del wanted[digest]
        return parts
