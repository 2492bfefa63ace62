# SPDX-License-Identifier: Apache-2.0
"""Table of routes, and the match of each request."""

import dataclasses
import functools
import re
from collections.abc import Iterable
from collections.abc import Mapping
from wsgiref import types as wsgi_types

from ironic_passthru import errors
from ironic_passthru.api.http import environ_keys

READ = ('GET', 'HEAD')
DELETE = ('DELETE',)
# All HTTP methods. The response is 400 if the vendor method does not support
# the HTTP method.
ANY: tuple[str, ...] = ()

HEALTHCHECK = '/healthcheck'
#: Controller of the OPTIONS requests of every path.
OPTIONS = 'options'


@dataclasses.dataclass(frozen=True)
class Route:
    """A row of the table of routes.

    :param http_methods: HTTP methods; empty for all of them.
    :param path: template, in which ``{name}`` matches one segment.
    :param controller: ``controller.method``; empty if a layer responds.
    :param public: whether requests need no login.
    :param audit_event: ``call`` or ``cancel`` if requests are audited.
    """

    http_methods: tuple[str, ...]
    path: str
    controller: str
    public: bool = False
    audit_event: str | None = None

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        """Regular expression of the path, with an optional final slash."""
        slash = '' if self.path == '/' else '/?'
        segments = re.sub(r'\{(\w+)\}', r'(?P<\1>[^/]+)', self.path)
        return re.compile(segments + slash)


_DRIVER = '/v1/drivers/{driver}'
_PASSTHRU = f'{_DRIVER}/vendor_passthru'

# The first row with the path and the HTTP method of a request is used. Paths
# work without the leading /v1 too: see middleware/default_version.py.
ROUTES = (
    Route(READ, '/', 'root.discover', public=True),
    Route(READ, '/v1', 'root.v1', public=True),
    Route(READ, '/v1/drivers', 'drivers.get_all'),
    Route(READ, _DRIVER, 'drivers.get_one'),
    Route(READ, f'{_DRIVER}/properties', 'drivers.properties'),
    Route(READ, f'{_PASSTHRU}/methods', 'passthru.methods'),
    Route(READ, f'{_PASSTHRU}/methods/{{method}}', 'passthru.method'),
    Route(ANY, _PASSTHRU, 'passthru.call_by_query', audit_event='call'),
    Route(
        ANY,
        f'{_PASSTHRU}/{{method}}',
        'passthru.call_by_path',
        audit_event='call',
    ),
    Route(READ, '/v1/conductors', 'conductors.get_all'),
    Route(READ, '/v1/conductors/{hostname}', 'conductors.get_one'),
    Route(READ, '/v1/operations', 'operations.get_all'),
    Route(READ, '/v1/operations/{operation}', 'operations.get_one'),
    Route(
        DELETE,
        '/v1/operations/{operation}',
        'operations.delete',
        audit_event='cancel',
    ),
    Route(READ, '/v1/operations/{operation}/result', 'operations.result'),
    Route(READ, '/v1/operations/{operation}/events', 'operations.events'),
    Route(READ, '/v1/openapi.json', 'openapi.get'),
    # middleware/health.py responds, before version and login are checked.
    Route(READ, HEALTHCHECK, '', public=True),
    Route(READ, '/healthcheck/detailed', 'health.detailed'),
)

#: First segments of the paths below ``/v1``.
RESOURCES = frozenset(
    route.path.split('/')[2]
    for route in ROUTES
    if route.path.startswith('/v1/')
)


@dataclasses.dataclass(frozen=True)
class RouteMatch:
    """Match of a request.

    :param path: template of the path; empty if it is unknown.
    :param route: None if no route has the path and the HTTP method.
    :param variables: segments of the path by name.
    :param allow: HTTP methods of the path if this one is not allowed.
    """

    path: str = ''
    route: Route | None = None
    variables: Mapping[str, str] = dataclasses.field(default_factory=dict)
    allow: tuple[str, ...] = ()

    @property
    def public(self) -> bool:
        """Whether the request needs no login."""
        return self.route is not None and self.route.public

    def require(self, http_method: str) -> Route:
        """Return the route.

        :raises: RouteNotFound, VerbNotAllowed.
        """
        if self.route is not None:
            return self.route
        if self.allow:
            raise errors.VerbNotAllowed(
                http_method=http_method, allow=list(self.allow)
            )
        raise errors.RouteNotFound()


def match(environ: wsgi_types.WSGIEnvironment) -> RouteMatch:
    """Return the match of a request, which is computed once."""
    found: RouteMatch | None = environ.get(environ_keys.ROUTE)
    if found is None:
        # WSGI passes bytes as Latin-1.
        path = environ.get('PATH_INFO', '').encode('latin-1', 'replace')
        found = environ[environ_keys.ROUTE] = find(
            ROUTES,
            environ.get('REQUEST_METHOD', ''),
            path.decode('utf-8', 'replace') or '/',
        )
    return found


def find(routes: Iterable[Route], http_method: str, path: str) -> RouteMatch:
    """Return the match of an HTTP method and a path."""
    template = ''
    allow: dict[str, None] = {}
    for route in routes:
        matched = route.pattern.fullmatch(path)
        if matched is None:
            continue
        if http_method == 'OPTIONS':
            options = Route(
                ('OPTIONS',), route.path, OPTIONS, public=route.public
            )
            return RouteMatch(route.path, options)
        if http_method in route.http_methods or not route.http_methods:
            return RouteMatch(route.path, route, matched.groupdict())
        template = template or route.path
        allow.update(dict.fromkeys(route.http_methods))
    return RouteMatch(template, allow=(*allow, 'OPTIONS') if allow else ())
