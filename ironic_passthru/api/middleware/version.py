# SPDX-License-Identifier: Apache-2.0
"""API version of a request."""

from collections.abc import Iterable
from wsgiref import types as wsgi_types

from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.http import versions


class VersionCheck:
    """Negotiate the API version.

    :raises: VersionNotAcceptable.
    """

    def __init__(self, application: wsgi_types.WSGIApplication) -> None:
        self._application = application

    def __call__(
        self,
        environ: wsgi_types.WSGIEnvironment,
        start_response: wsgi_types.StartResponse,
    ) -> Iterable[bytes]:
        environ[environ_keys.VERSION] = versions.negotiate(environ)
        return self._application(environ, start_response)
