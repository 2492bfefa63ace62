# SPDX-License-Identifier: Apache-2.0
"""Version headers on every answer, and the version of every request."""

from collections.abc import Iterable
from typing import Any

from ironic_passthru.api import environ as keys
from ironic_passthru.api import versions

_VARY = f'Accept, OpenStack-API-Version, {versions.HEADER}'
_FIXED = [
    ('X-OpenStack-Ironic-API-Minimum-Version', str(versions.MINIMUM)),
    ('X-OpenStack-Ironic-API-Maximum-Version', str(versions.MAXIMUM)),
    ('Vary', _VARY),
]


class VersionHeaders:
    """Adds the version headers to whatever the layers below answer."""

    def __init__(self, application: Any) -> None:
        self._application = application

    def __call__(
        self, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        def start(
            status: str, headers: list[tuple[str, str]], *args: Any
        ) -> Any:
            version = environ.get(keys.VERSION, versions.MINIMUM)
            headers = [*headers, *_FIXED, (versions.HEADER, str(version))]
            return start_response(status, headers, *args)

        return self._application(environ, start)


class VersionCheck:
    """Settles which version of the API a request speaks.

    :raises: VersionNotAcceptable, which the layer above renders.
    """

    def __init__(self, application: Any) -> None:
        self._application = application

    def __call__(
        self, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        environ[keys.VERSION] = versions.negotiate(environ)
        return self._application(environ, start_response)
