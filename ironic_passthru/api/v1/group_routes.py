# SPDX-License-Identifier: Apache-2.0
"""Routes of methods within the conductor group that a call names.

A caller who may use a group may learn what it offers. Errors reveal what
other groups offer only as far as the caller may use these, too.
"""

from ironic_passthru import errors
from ironic_passthru.api.registry import catalog
from ironic_passthru.api.registry import driver_versions
from ironic_passthru.api.v1 import permissions


def known_route(
    source: catalog.Catalog, driver: str, method: str, group: str | None
) -> driver_versions.MethodRoute | None:
    """Return the route of a method, or None; never refresh.

    Without live conductors the route has no servers.

    :param group: the only conductor group; None for any.
    """
    if group is None:
        return source.known_route(driver, method)
    return _route_within(source.snapshot(), driver, method, group)


def route(
    source: catalog.Catalog,
    driver: str,
    method: str,
    group: str | None,
    permitted: permissions.PermittedGroups,
) -> driver_versions.MethodRoute:
    """Return the route of a method, within the named group if there is one.

    For a named group the registry is read again unless a live conductor of
    the group offers the method.

    :raises: ConductorGroupNotFound, errors of Catalog.route().
    """
    if group is None:
        return source.route(driver, method)
    if not method:
        raise errors.MissingMethod()

    def live(snapshot: catalog.Snapshot) -> driver_versions.MethodRoute | None:
        found = _route_within(snapshot, driver, method, group)
        return found if found is not None and found.servers else None

    found = source.find(live) or known_route(source, driver, method, group)
    if found is not None:
        return found
    entry = _entry(source.snapshot(), driver, group)
    if entry is not None and not entry.versions:
        raise errors.NoLiveConductor(driver=driver, group=group)
    raise errors.ConductorGroupNotFound(
        driver=driver,
        method=method,
        group=group,
        groups=_usable_groups(source, driver, method, permitted),
    )


def _entry(
    snapshot: catalog.Snapshot, driver: str, group: str
) -> driver_versions.DriverEntry | None:
    found = snapshot.drivers.get(driver)
    return None if found is None else found.within_group(group)


def _route_within(
    snapshot: catalog.Snapshot, driver: str, method: str, group: str
) -> driver_versions.MethodRoute | None:
    entry = _entry(snapshot, driver, group)
    if entry is None or method not in entry.methods:
        return None
    return entry.route(method)


def _usable_groups(
    source: catalog.Catalog,
    driver: str,
    method: str,
    permitted: permissions.PermittedGroups,
) -> list[str]:
    """Return the groups that offer a method and that the caller may use.

    :raises: errors of Catalog.route() for callers who may use all groups.
    """
    snapshot = source.snapshot()
    every = snapshot.groups
    usable = {
        dangerous: permitted(every, dangerous=dangerous)
        for dangerous in (True, False)
    }
    if all(len(groups) == len(every) for groups in usable.values()):
        # It raises the errors of unknown names.
        source.route(driver, method)
    found = {
        name: _route_within(snapshot, driver, method, name) for name in every
    }
    return sorted(
        name
        for name, offered in found.items()
        if offered is not None
        and offered.servers
        and name in usable[offered.method.dangerous]
    )
