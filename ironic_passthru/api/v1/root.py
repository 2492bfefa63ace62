# SPDX-License-Identifier: Apache-2.0
"""Discovery documents."""

import webob

from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.http import expose
from ironic_passthru.api.http import links
from ironic_passthru.api.http import versions
from ironic_passthru.api.v1 import types

_DESCRIPTION = (
    'Driver vendor passthru of the Bare Metal service as a service of its own.'
)


class RootController:
    """``/`` and ``/v1``."""

    def __init__(self, links: links.Links) -> None:
        self._links = links

    @expose.expose(types.RootResource)
    def discover(self, request: webob.Request) -> types.RootResource:
        """Return the versions of the API."""
        version = self._version(request)
        return types.RootResource(
            name='ironic_passthru',
            description=_DESCRIPTION,
            default_version=version,
            versions=[version],
        )

    @expose.expose(types.V1Resource)
    def v1(self, request: webob.Request) -> types.V1Resource:
        """Return the resources of version 1 of the API."""
        document = types.V1Resource(
            id='v1',
            links=self._links.version(request),
            version=self._version(request),
            drivers=self._links.resource(request, 'drivers'),
            operations=self._links.resource(request, 'operations'),
        )
        if request.environ[environ_keys.VERSION] >= versions.CONDUCTORS:
            document.conductors = self._links.resource(request, 'conductors')
        return document

    def _version(self, request: webob.Request) -> types.VersionResource:
        return types.VersionResource(
            id='v1',
            status='CURRENT',
            min_version=str(versions.MINIMUM),
            version=str(versions.MAXIMUM),
            links=self._links.version(request),
        )
