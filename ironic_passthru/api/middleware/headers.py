# SPDX-License-Identifier: Apache-2.0
"""The headers that stand on every answer."""

from collections.abc import Iterable
from typing import Any

from ironic_passthru.api.http import environ_keys as keys
from ironic_passthru.api.http import versions

_VARY = f'Accept, OpenStack-API-Version, {versions.HEADER}'
_FIXED = [
    ('X-OpenStack-Ironic-API-Minimum-Version', str(versions.MINIMUM)),
    ('X-OpenStack-Ironic-API-Maximum-Version', str(versions.MAXIMUM)),
    # What a driver returned is what its media type says, and nothing that a
    # browser might make of it.
    ('X-Content-Type-Options', 'nosniff'),
    # It was for one caller, which no cache can tell from a token.
    ('Cache-Control', 'no-store'),
]


class CommonHeaders:
    """Adds version and security headers to whatever is answered below."""

    def __init__(self, application: Any) -> None:
        self._application = application

    def __call__(
        self, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        def start(
            status: str, headers: list[tuple[str, str]], *args: Any
        ) -> Any:
            version = environ.get(keys.VERSION, versions.MINIMUM)
            # Clients may look at the first header of a name alone.
            vary = [_VARY, *_values(headers, 'vary')]
            headers = [
                *(pair for pair in headers if pair[0].lower() != 'vary'),
                *_FIXED,
                ('Vary', ', '.join(vary)),
                (versions.HEADER, str(version)),
            ]
            return start_response(status, headers, *args)

        return self._application(environ, start)


def _values(headers: Iterable[tuple[str, str]], name: str) -> list[str]:
    return [value for key, value in headers if key.lower() == name]
