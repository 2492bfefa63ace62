# SPDX-License-Identifier: Apache-2.0
"""Drivers and their properties."""

from collections.abc import Mapping

import webob

from ironic_passthru import errors
from ironic_passthru.api.auth import policy
from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.http import expose
from ironic_passthru.api.http import links
from ironic_passthru.api.http import versions
from ironic_passthru.api.registry import catalog
from ironic_passthru.api.registry import driver_versions
from ironic_passthru.api.v1 import types
from ironic_passthru.policies import drivers as rules

# Ironic calls drivers that consist of interfaces dynamic, and has removed the
# classic ones.
_TYPE = 'dynamic'
#: Values of the query parameter ``type``.
TYPES = ('classic', _TYPE)
_FIELDS = expose.Argument(
    types.name_list, versions.DRIVER_FIELDS, repeatable=True
)


def visible(
    verdict: policy.Verdict, snapshot: catalog.Snapshot
) -> dict[str, driver_versions.DriverEntry]:
    """Return the drivers that a caller may see.

    :param verdict: that of the rule ``baremetal:driver:get``.
    :raises: Forbidden if the rule would allow no driver of any name.
    """
    found = {
        name: entry
        for name, entry in snapshot.drivers.items()
        if verdict({'driver': name})
    }
    # No driver has the empty name; a caller who may see it gets an empty list.
    if not found and not verdict({'driver': ''}):
        raise errors.Forbidden(rule=rules.GET)
    return found


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

    def _all(
        self, request: webob.Request
    ) -> Mapping[str, driver_versions.DriverEntry]:
        """Return the drivers that the caller may see.

        :raises: Forbidden if the rule would allow no driver of any name.
        """
        verdict = self._policy.verdict(
            request.environ[environ_keys.CONTEXT], rules.GET
        )
        return visible(verdict, self._catalog.snapshot())

    def _one(
        self, request: webob.Request, name: str
    ) -> driver_versions.DriverEntry:
        return self._driver(request, name, rules.GET)

    def _with_properties(
        self, request: webob.Request, name: str
    ) -> driver_versions.DriverEntry:
        return self._driver(request, name, rules.GET_PROPERTIES)

    def _driver(
        self, request: webob.Request, name: str, rule: str
    ) -> driver_versions.DriverEntry:
        context = request.environ[environ_keys.CONTEXT]
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
        request: webob.Request,
        entries: Mapping[str, driver_versions.DriverEntry],
        type: str | None = None,
        detail: bool | None = None,
        fields: list[str] | None = None,
    ) -> types.DriverCollection:
        """Return the drivers that live conductors offer."""
        if type not in (None, *TYPES):
            raise errors.InvalidArgument(
                name='type', reason='it must be dynamic or classic'
            )
        types.check_fields(types.DriverResource, fields, detail=detail)
        if type not in (None, _TYPE):
            return types.DriverCollection(drivers=[])
        return types.DriverCollection(
            drivers=[
                self._resource(
                    request, entry, detail=bool(detail), fields=fields
                )
                for _, entry in sorted(entries.items())
                if entry.versions
            ]
        )

    @expose.expose(types.DriverResource, subject=_one, fields=_FIELDS)
    def get_one(
        self,
        request: webob.Request,
        entry: driver_versions.DriverEntry,
        fields: list[str] | None = None,
    ) -> types.DriverResource:
        """Return one driver in detail."""
        types.check_fields(types.DriverResource, fields)
        return self._resource(request, entry, detail=True, fields=fields)

    @expose.expose({str: str}, subject=_with_properties)
    def properties(
        self, _request: webob.Request, entry: driver_versions.DriverEntry
    ) -> dict[str, str]:
        """Return the properties of a driver with their descriptions."""
        return dict(entry.spec.properties)

    def _resource(
        self,
        request: webob.Request,
        entry: driver_versions.DriverEntry,
        *,
        detail: bool,
        fields: list[str] | None,
    ) -> types.DriverResource:
        version = request.environ[environ_keys.VERSION]
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
            types.select(resource, fields)
        return resource
