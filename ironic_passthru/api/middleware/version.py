# SPDX-License-Identifier: Apache-2.0
"""The version of every request."""

from collections.abc import Iterable
from typing import Any

from ironic_passthru.api.http import environ_keys as keys
from ironic_passthru.api.http import versions


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
