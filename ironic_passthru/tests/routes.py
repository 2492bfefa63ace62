# SPDX-License-Identifier: Apache-2.0
"""One request for each route of the API, for tests of all routes."""

from ironic_passthru.api.http import routes

VERBS = ('GET', 'POST', 'PUT', 'DELETE', 'PATCH')


def requests(**names: str) -> list[tuple[str, str]]:
    """Return HTTP method and path for each route that needs a login.

    Paths without the version, which lead to the same routes, are included.

    :param names: values of ``driver``, ``method``, ``hostname`` and
        ``operation`` in the paths.
    """
    return [
        (http_method, path.format(**names))
        for route in routes.ROUTES
        if not route.public
        for path in dict.fromkeys((route.path, route.path.removeprefix('/v1')))
        for http_method in route.http_methods or VERBS
    ]
