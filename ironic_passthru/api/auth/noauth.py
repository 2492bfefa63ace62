# SPDX-License-Identifier: Apache-2.0
"""``auth_strategy = noauth``: no authentication."""

from wsgiref import types as wsgi_types

from ironic_passthru import context as request_context
from ironic_passthru.api.auth import login

_ROLES = ('admin', 'member', 'reader')


class Anonymous:
    """Identify every caller as an anonymous administrator."""

    def identify(
        self, environ: wsgi_types.WSGIEnvironment
    ) -> request_context.RequestContext:
        """Return the identity of all callers."""
        return login.make_context(
            environ, roles=list(_ROLES), system_scope='all'
        )
