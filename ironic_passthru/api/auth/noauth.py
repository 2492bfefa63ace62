# SPDX-License-Identifier: Apache-2.0
"""``auth_strategy = noauth``: no login at all."""

from typing import Any

from ironic_passthru import context as request_context
from ironic_passthru.api.auth import login

# Everybody may do whatever the policy leaves to administrators.
_ROLES = ('admin', 'member', 'reader')


class Anonymous:
    """Everybody is an administrator, nobody has a name."""

    def identify(
        self, environ: dict[str, Any]
    ) -> request_context.RequestContext:
        """Return the identity that all callers share."""
        return login.make_context(
            environ, roles=list(_ROLES), system_scope='all'
        )
