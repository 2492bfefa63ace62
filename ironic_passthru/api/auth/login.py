# SPDX-License-Identifier: Apache-2.0
"""Authentication layer."""

from collections.abc import Iterable
from typing import Any
from typing import Protocol
from wsgiref import types as wsgi_types

from ironic_passthru import context as request_context
from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.http import routes

# Headers of the identity, for libraries such as keystonemiddleware. Clients
# can forge them.
_IDENTITY = (
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
    *(f'HTTP_X_{name}' for name in _IDENTITY),
    *(f'HTTP_X_SERVICE_{name}' for name in _IDENTITY),
    # keystonemiddleware replaces it only for a valid token.
    'HTTP_OPENSTACK_SYSTEM_SCOPE',
    'HTTP_X_SERVICE_CATALOG',
    'HTTP_X_IS_ADMIN_PROJECT',
    # Deprecated names that libraries still read.
    'HTTP_X_ROLE',
    'HTTP_X_USER',
    'HTTP_X_TENANT',
    'HTTP_X_TENANT_ID',
    'HTTP_X_TENANT_NAME',
    # A second place for a token.
    'HTTP_X_STORAGE_TOKEN',
)


class Strategy(Protocol):
    """An authentication strategy."""

    def identify(
        self, environ: wsgi_types.WSGIEnvironment
    ) -> request_context.RequestContext:
        """Return the authenticated identity of the caller.

        The strategy may add headers of the identity to ``environ``, which
        contains none of them before.

        :raises: Unauthorized, IdentityUnavailable.
        """


class Login:
    """Authenticate requests to resources that are not public.

    The identity is added to the environment, and is the current context of
    the thread until the request has finished.
    """

    def __init__(
        self, application: wsgi_types.WSGIApplication, strategy: Strategy
    ) -> None:
        self._application = application
        self._strategy = strategy

    def __call__(
        self,
        environ: wsgi_types.WSGIEnvironment,
        start_response: wsgi_types.StartResponse,
    ) -> Iterable[bytes]:
        for name in FORGEABLE:
            environ.pop(name, None)
        try:
            environ[environ_keys.CONTEXT] = self._identify(environ)
            return self._application(environ, start_response)
        finally:
            # The thread serves other requests.
            request_context.clear_current()

    def _identify(
        self, environ: wsgi_types.WSGIEnvironment
    ) -> request_context.RequestContext:
        if routes.match(environ).public:
            # Ignore credentials: clients with an expired token read these
            # resources to get another one.
            return make_context(environ)
        return self._strategy.identify(environ)


def make_context(
    environ: wsgi_types.WSGIEnvironment, **identity: Any
) -> request_context.RequestContext:
    """Return the context of a request, and set it as that of the thread.

    :param identity: attributes of the context; by default anonymous.
    """
    return request_context.RequestContext(
        request_id=environ[environ_keys.REQUEST_ID],
        global_request_id=environ.get(environ_keys.GLOBAL_REQUEST_ID),
        **identity,
    )
