# SPDX-License-Identifier: Apache-2.0
"""A request for every route of the API, for tests that leave none out."""

from ironic_passthru.api import app

VERBS = ('GET', 'POST', 'PUT', 'DELETE', 'PATCH')
# What clients read before they log in.
PUBLIC = frozenset({'/', '/v1'})


def requests(**names: str) -> list[tuple[str, str]]:
    """Return verb and path of a request for each route that needs a login.

    Paths without the version, which stand for the same routes, are included.

    :param names: what stands in the paths for ``driver``, ``method``,
        ``hostname`` and ``operation``.
    """
    return [
        (http_method, form.format(**names))
        for verbs, path, _ in app.ROUTES
        if path not in PUBLIC
        for form in dict.fromkeys((path, path.removeprefix('/v1')))
        for http_method in verbs or VERBS
    ]
