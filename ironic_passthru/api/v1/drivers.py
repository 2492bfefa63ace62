# SPDX-License-Identifier: Apache-2.0
"""The drivers and their properties."""

from collections.abc import Mapping
from typing import Any

from ironic_passthru import errors
from ironic_passthru.api.auth import policy
from ironic_passthru.api.http import environ_keys as keys
from ironic_passthru.api.http import expose
from ironic_passthru.api.http import links
from ironic_passthru.api.http import versions
from ironic_passthru.api.registry import catalog
from ironic_passthru.api.registry import driver_versions
from ironic_passthru.api.v1 import types
from ironic_passthru.policies import drivers as rules

_ALWAYS = frozenset({'links'})
# Every driver is of the kind that Ironic came to call dynamic: put together
# from interfaces. The other kind left Ironic long ago.
_TYPE = 'dynamic'
_TYPES = ('classic', _TYPE)
_FIELDS = expose.Argument(types.name_list, versions.DRIVER_FIELDS)


class DriversController:
    """``/v1/drivers``."""

    def __init__(
        self,
        catalog: catalog.Catalog,
        links: links.Links,
        *,
        policy: policy.Policy,
    ) -> None:
        self._catalog = catalog
        self._links = links
        self._policy = policy

    def _all(self, request: Any) -> Mapping[str, driver_versions.DriverEntry]:
        """Return the drivers that the caller may see.

        :raises: Forbidden if that is none, though there may be some.
        """
        context = request.environ[keys.CONTEXT]
        verdict = self._policy.verdict(context, rules.GET)
        every = self._catalog.snapshot().drivers
        seen = {
            name: entry
            for name, entry in every.items()
            if verdict({'driver': name})
        }
        # An empty list is for those who may see drivers of other names; no
        # driver has this one.
        if not seen and not verdict({'driver': ''}):
            raise errors.Forbidden(rule=rules.GET)
        return seen

    def _one(self, request: Any, name: str) -> driver_versions.DriverEntry:
        return self._driver(request, name, rules.GET)

    def _with_properties(
        self, request: Any, name: str
    ) -> driver_versions.DriverEntry:
        return self._driver(request, name, rules.GET_PROPERTIES)

    def _driver(
        self, request: Any, name: str, rule: str
    ) -> driver_versions.DriverEntry:
        context = request.environ[keys.CONTEXT]
        self._policy.authorize(context, rule, {'driver': name})
        return self._catalog.driver(name)

    @expose.expose(
        types.DriverCollection,
        subject=_all,
        type=expose.Argument(str, versions.DRIVER_DETAIL),
        detail=expose.Argument(types.boolean, versions.DRIVER_DETAIL),
        fields=_FIELDS,
    )
    def get_all(
        self,
        request: Any,
        entries: Mapping[str, driver_versions.DriverEntry],
        type: str | None = None,
        detail: bool | None = None,
        fields: list[str] | None = None,
    ) -> types.DriverCollection:
        """Return the drivers that live conductors offer."""
        if type not in (None, *_TYPES):
            raise errors.InvalidArgument(
                name='type', reason='it must be dynamic or classic'
            )
        _check_fields(fields)
        if detail and fields:
            raise errors.InvalidArgument(
                name='fields', reason='it cannot stand together with detail'
            )
        if type not in (None, _TYPE):
            return types.DriverCollection(drivers=[])
        return types.DriverCollection(
            drivers=[
                self._resource(
                    request, entry, detail=bool(detail), fields=fields
                )
                for _, entry in sorted(entries.items())
                if entry.offers
            ]
        )

    @expose.expose(types.DriverResource, subject=_one, fields=_FIELDS)
    def get_one(
        self,
        request: Any,
        entry: driver_versions.DriverEntry,
        fields: list[str] | None = None,
    ) -> types.DriverResource:
        """Return one driver in detail."""
        _check_fields(fields)
        return self._resource(request, entry, detail=True, fields=fields)

    @expose.expose({str: str}, subject=_with_properties)
    def properties(
        self, request: Any, entry: driver_versions.DriverEntry
    ) -> dict[str, str]:
        """Return the properties of a driver with their descriptions."""
        return dict(entry.spec.properties)

    def _resource(
        self,
        request: Any,
        entry: driver_versions.DriverEntry,
        *,
        detail: bool,
        fields: list[str] | None,
    ) -> types.DriverResource:
        version = request.environ[keys.VERSION]
        resource = types.DriverResource(
            name=entry.name,
            hosts=entry.hosts,
            links=self._links.resource(request, 'drivers', entry.name),
        )
        if version >= versions.PROPERTIES_LINK:
            resource.properties = self._links.resource(
                request, 'drivers', entry.name, 'properties'
            )
        if version >= versions.DRIVER_DETAIL:
            resource.type = _TYPE
            if detail or fields:
                resource.default_vendor_interface = entry.name
                resource.enabled_vendor_interfaces = [entry.name]
        if fields:
            types.select(resource, fields, _ALWAYS)
        return resource


def _check_fields(fields: list[str] | None) -> None:
    unknown = types.unknown_fields(types.DriverResource, fields or [])
    if unknown:
        raise errors.InvalidArgument(
            name='fields', reason=f'a driver has no {", ".join(unknown)}'
        )
