# SPDX-License-Identifier: Apache-2.0
"""The layer that asks each request who sent it."""

from collections.abc import Iterable
from typing import Any
from typing import Protocol

from ironic_passthru import context as request_context
from ironic_passthru.api.http import environ_keys as keys

# What anybody may read: clients look there for how to go on.
PUBLIC_PATHS = ('', '/', '/v1', '/v1/')
PUBLIC_VERBS = ('GET', 'HEAD', 'OPTIONS')

# Headers by which a login tells the layers below, and libraries such as the
# audit middleware, who asks; a client may send them as well.
_WHO = (
    'DOMAIN_ID',
    'DOMAIN_NAME',
    'PROJECT_ID',
    'PROJECT_NAME',
    'PROJECT_DOMAIN_ID',
    'PROJECT_DOMAIN_NAME',
    'USER_ID',
    'USER_NAME',
    'USER_DOMAIN_ID',
    'USER_DOMAIN_NAME',
    'ROLES',
    'IDENTITY_STATUS',
)
FORGEABLE = (
    *(f'HTTP_X_{name}' for name in _WHO),
    *(f'HTTP_X_SERVICE_{name}' for name in _WHO),
    # keystonemiddleware replaces this one of a valid token only.
    'HTTP_OPENSTACK_SYSTEM_SCOPE',
    'HTTP_X_SERVICE_CATALOG',
    'HTTP_X_IS_ADMIN_PROJECT',
    # Names of long ago, which libraries still look at.
    'HTTP_X_ROLE',
    'HTTP_X_USER',
    'HTTP_X_TENANT',
    'HTTP_X_TENANT_ID',
    'HTTP_X_TENANT_NAME',
    # A second place for a token.
    'HTTP_X_STORAGE_TOKEN',
)


class Strategy(Protocol):
    """Finds out who sent a request."""

    def identify(
        self, environ: dict[str, Any]
    ) -> request_context.RequestContext:
        """Return who sent the request, having proved it.

        It may also leave headers about the caller in ``environ``, which
        holds none when it is called.

        :raises: Unauthorized, IdentityUnavailable.
        """


class Login:
    """Lets only callers with a login through.

    The identity stands in the environment of the request, and is the
    current context of the thread for as long as the request lasts.
    """

    def __init__(self, application: Any, strategy: Strategy) -> None:
        self._application = application
        self._strategy = strategy

    def __call__(
        self, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        for name in FORGEABLE:
            environ.pop(name, None)
        try:
            environ[keys.CONTEXT] = self._identify(environ)
            return self._application(environ, start_response)
        finally:
            # The thread will serve other requests.
            request_context.clear_current()

    def _identify(
        self, environ: dict[str, Any]
    ) -> request_context.RequestContext:
        if is_public(environ):
            # Not even a look at what it bears: a client whose token has
            # expired reads here where to get another one.
            return make_context(environ)
        return self._strategy.identify(environ)


def is_public(environ: dict[str, Any]) -> bool:
    """Tell whether a request needs no login."""
    return (
        environ['REQUEST_METHOD'] in PUBLIC_VERBS
        and environ.get('PATH_INFO', '') in PUBLIC_PATHS
    )


def make_context(
    environ: dict[str, Any], **identity: Any
) -> request_context.RequestContext:
    """Return the context of a request, and make it that of the thread.

    :param identity: what is known of the caller; by default nothing.
    """
    return request_context.RequestContext(
        request_id=environ[keys.REQUEST_ID],
        global_request_id=environ.get(keys.GLOBAL_REQUEST_ID),
        **identity,
    )
