# SPDX-License-Identifier: Apache-2.0
"""Headers of every response."""

from collections.abc import Iterable
from typing import Any
from wsgiref import types as wsgi_types

from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.http import versions

_VARY = f'Accept, OpenStack-API-Version, {versions.HEADER}'
_FIXED = [
    (versions.MINIMUM_HEADER, str(versions.MINIMUM)),
    (versions.MAXIMUM_HEADER, str(versions.MAXIMUM)),
    # A browser must not guess another media type for the data of a driver.
    ('X-Content-Type-Options', 'nosniff'),
    # Responses depend on the caller, which caches cannot recognize.
    ('Cache-Control', 'no-store'),
]


class CommonHeaders:
    """Add version and security headers to every response."""

    def __init__(self, application: wsgi_types.WSGIApplication) -> None:
        self._application = application

    def __call__(
        self,
        environ: wsgi_types.WSGIEnvironment,
        start_response: wsgi_types.StartResponse,
    ) -> Iterable[bytes]:
        def start(
            status: str, headers: list[tuple[str, str]], *args: Any
        ) -> Any:
            version = environ.get(environ_keys.VERSION, versions.MINIMUM)
            # A response of Ironic contains versions of its own.
            known = {name.lower() for name, _ in headers}
            vary = [value for name, value in headers if name.lower() == 'vary']
            headers = [
                *(pair for pair in headers if pair[0].lower() != 'vary'),
                *(pair for pair in _FIXED if pair[0].lower() not in known),
                # One header: some clients read only the first of a name.
                ('Vary', ', '.join([_VARY, *vary])),
            ]
            if versions.HEADER.lower() not in known:
                headers.append((versions.HEADER, str(version)))
            return start_response(status, headers, *args)

        return self._application(environ, start)
