# SPDX-License-Identifier: Apache-2.0
"""The default version of paths without one."""

from collections.abc import Collection
from collections.abc import Iterable
from typing import Any

_PREFIX = '/v1'


class DefaultVersion:
    """Adds ``/v1`` to the paths of resources that lack it, as Ironic does.

    Layers below this one parse only paths with a version.

    :param resources: first segments of paths below ``/v1``.
    """

    def __init__(self, application: Any, resources: Collection[str]) -> None:
        self._application = application
        self._resources = frozenset(resources)

    def __call__(
        self, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        path = environ.get('PATH_INFO', '')
        root, _, rest = path.partition('/')
        if not root and rest.partition('/')[0] in self._resources:
            environ['PATH_INFO'] = _PREFIX + path
        return self._application(environ, start_response)
