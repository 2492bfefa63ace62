# SPDX-License-Identifier: Apache-2.0
"""``auth_strategy = noauth``: no login at all."""

from collections.abc import Iterable
from typing import Any

from ironic_passthru import context as request_context
from ironic_passthru.api import environ as keys

# Everybody may do whatever the policy leaves to administrators.
_ROLES = ('admin', 'member', 'reader')


class Anonymous:
    """Everybody is an administrator, nobody has a name."""

    def __init__(self, application: Any) -> None:
        self._application = application

    def __call__(
        self, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        environ[keys.CONTEXT] = request_context.RequestContext(
            request_id=environ[keys.REQUEST_ID],
            global_request_id=environ.get(keys.GLOBAL_REQUEST_ID),
            roles=list(_ROLES),
            system_scope='all',
        )
        try:
            return self._application(environ, start_response)
        finally:
            # The thread will serve other requests.
            request_context.clear_current()
