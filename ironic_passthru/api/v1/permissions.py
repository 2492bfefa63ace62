# SPDX-License-Identifier: Apache-2.0
"""Decisions of the policy on calls: methods, HTTP methods and groups."""

from collections.abc import Iterable
from collections.abc import Iterator
from typing import Protocol

from ironic_passthru import spec
from ironic_passthru.api.auth import policy
from ironic_passthru.api.registry import driver_versions


class PermittedGroups(Protocol):
    """Function that selects the groups in which a call is permitted."""

    def __call__(self, groups: Iterable[str], *, dangerous: bool) -> list[str]:
        """Return the permitted ones of some groups."""


def permitted_http_methods(
    verdict: policy.Verdict,
    entry: driver_versions.DriverEntry,
    method: spec.MethodSpec,
) -> Iterator[str]:
    """Yield the HTTP methods with which a caller may call a method.

    :param verdict: that of the rule ``baremetal:driver:vendor_passthru``.
    """
    groups = entry.route(method.name).groups
    return permitted_verbs(verdict, entry.name, method, groups)


def permitted_list(
    verdict: policy.Verdict, entry: driver_versions.DriverEntry
) -> driver_versions.MethodList:
    """Return the methods of a driver that a caller may call."""
    every = entry.allowed.methods
    permitted = {
        name: method
        for name, method in every.items()
        if any(permitted_http_methods(verdict, entry, method))
    }
    if len(permitted) == len(every):
        # Its JSON text is cached.
        return entry.allowed
    return driver_versions.MethodList(permitted)


def permitted_verbs(
    verdict: policy.Verdict,
    driver: str,
    method: spec.MethodSpec,
    groups: Iterable[str],
) -> Iterator[str]:
    """Yield the HTTP methods with which a call is permitted in a group."""
    for http_method in method.http_methods:
        if permitted_groups(
            verdict,
            driver,
            method.name,
            groups,
            http_method=http_method,
            dangerous=method.dangerous,
        ):
            yield http_method


def permitted_groups(
    verdict: policy.Verdict,
    driver: str,
    method: str,
    groups: Iterable[str],
    *,
    http_method: str,
    dangerous: bool,
) -> list[str]:
    """Return the conductor groups in which a call is permitted."""
    target = {
        'driver': driver,
        'method': method,
        'http_method': http_method,
        'dangerous': dangerous,
    }
    return [
        group
        for group in groups
        if verdict({**target, 'conductor_group': group})
    ]
