# SPDX-License-Identifier: Apache-2.0
"""A request for every route of the API, for tests that leave none out."""

from ironic_passthru.api.http import routes

VERBS = ('GET', 'POST', 'PUT', 'DELETE', 'PATCH')


def requests(**names: str) -> list[tuple[str, str]]:
    """Return verb and path of a request for each route that needs a login.

    Paths without the version, which stand for the same routes, are included.

    :param names: what stands in the paths for ``driver``, ``method``,
        ``hostname`` and ``operation``.
    """
    return [
        (http_method, path.format(**names))
        for route in routes.ROUTES
        if not route.public
        for path in dict.fromkeys((route.path, route.path.removeprefix('/v1')))
        for http_method in route.http_methods or VERBS
    ]
