# SPDX-License-Identifier: Apache-2.0
"""Conductors."""

from collections.abc import Mapping

import webob

from ironic_passthru import errors
from ironic_passthru.api.auth import policy
from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.http import expose
from ironic_passthru.api.http import links
from ironic_passthru.api.http import versions
from ironic_passthru.api.registry import catalog
from ironic_passthru.api.v1 import types
from ironic_passthru.db import conductors
from ironic_passthru.policies import conductors as rules

_FIELDS = expose.Argument(types.name_list, repeatable=True)


class ConductorsController:
    """``/v1/conductors``."""

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

    def _authorize(self, request: webob.Request) -> None:
        # The route does not exist in earlier versions.
        if request.environ[environ_keys.VERSION] < versions.CONDUCTORS:
            raise errors.RouteNotFound()
        self._policy.authorize(
            request.environ[environ_keys.CONTEXT], rules.GET
        )

    def _all(
        self, request: webob.Request
    ) -> Mapping[str, conductors.ConductorRecord]:
        self._authorize(request)
        return self._catalog.snapshot().conductors

    def _one(
        self, request: webob.Request, hostname: str
    ) -> conductors.ConductorRecord:
        self._authorize(request)
        return self._catalog.conductor(hostname)

    @expose.expose(
        types.ConductorCollection,
        subject=_all,
        detail=expose.Argument(types.boolean),
        fields=_FIELDS,
    )
    def get_all(
        self,
        request: webob.Request,
        records: Mapping[str, conductors.ConductorRecord],
        detail: bool | None = None,
        fields: list[str] | None = None,
    ) -> types.ConductorCollection:
        """Return all conductors that are or were registered."""
        types.check_fields(types.ConductorResource, fields, detail=detail)
        return types.ConductorCollection(
            conductors=[
                self._resource(
                    request, record, detail=bool(detail), fields=fields
                )
                for _, record in sorted(records.items())
            ]
        )

    @expose.expose(types.ConductorResource, subject=_one, fields=_FIELDS)
    def get_one(
        self,
        request: webob.Request,
        record: conductors.ConductorRecord,
        fields: list[str] | None = None,
    ) -> types.ConductorResource:
        """Return one conductor in detail."""
        types.check_fields(types.ConductorResource, fields)
        return self._resource(request, record, detail=True, fields=fields)

    def _resource(
        self,
        request: webob.Request,
        record: conductors.ConductorRecord,
        *,
        detail: bool,
        fields: list[str] | None,
    ) -> types.ConductorResource:
        resource = types.ConductorResource(
            hostname=record.hostname,
            conductor_group=record.group,
            alive=record.alive,
            links=self._links.resource(request, 'conductors', record.hostname),
        )
        if detail or fields:
            resource.drivers = sorted(record.drivers)
            resource.created_at = record.created_at
            resource.updated_at = record.heartbeat_at
        if fields:
            types.select(resource, fields)
        return resource
