# SPDX-License-Identifier: Apache-2.0
"""Links to resources, as clients can follow them."""

import re
from collections.abc import Iterable
from typing import Any
from urllib import parse

from ironic_passthru import errors
from ironic_passthru.api.v1 import types

# The host of a URL (RFC 3986) with its port, as DNS and addresses need it.
_HOST = re.compile(r'([\w.~%-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]*)?', re.ASCII)

_SCHEMES = ('http', 'https')


class Links:
    """Builds links.

    :param public_endpoint: URL that they start with; by default that of
        each request.
    """

    def __init__(self, public_endpoint: str | None) -> None:
        self._public_endpoint = public_endpoint

    def base(self, request: Any) -> str:
        """Return the URL of the service, without a slash at its end.

        :raises: RequestError if what the request says of it makes no URL.
        """
        if self._public_endpoint:
            return self._public_endpoint.rstrip('/')
        # Both may come from the headers of a proxy, or of who acts as one.
        if request.environ['wsgi.url_scheme'] not in _SCHEMES:
            raise errors.RequestError(reason='its scheme is not valid')
        if not _is_prefix(request.environ.get('SCRIPT_NAME', '')):
            raise errors.RequestError(reason='its prefix is not valid')
        host = request.environ.get('HTTP_HOST')
        if not host:
            # The address of the server stands in for it.
            request.environ.pop('HTTP_HOST', None)
        elif not _HOST.fullmatch(host):
            raise errors.RequestError(reason='its Host header is not valid')
        return request.application_url.rstrip('/')

    def href(self, request: Any, *path: str) -> str:
        """Return the URL of a resource.

        :param path: the segments below the version.
        :raises: RequestError as :meth:`base`.
        """
        return f'{self.base(request)}/v1/{_joined(path)}'

    def resource(self, request: Any, *path: str) -> list[types.LinkResource]:
        """Return the pair of links that each resource has in Ironic.

        :param path: the segments below the version.
        """
        base = self.base(request)
        tail = _joined(path)
        return [
            types.LinkResource(href=f'{base}/v1/{tail}', rel='self'),
            types.LinkResource(href=f'{base}/{tail}', rel='bookmark'),
        ]

    def version(self, request: Any) -> list[types.LinkResource]:
        """Return the link of the version document."""
        return [
            types.LinkResource(href=f'{self.base(request)}/v1/', rel='self')
        ]


def _is_prefix(text: str) -> bool:
    """Tell whether a path, as WSGI has it, can stand before others."""
    try:
        text.encode('latin-1').decode('utf-8')
    except UnicodeError:
        return False
    return not text or text.startswith('/')


def _joined(path: Iterable[str]) -> str:
    return '/'.join(parse.quote(part, safe='') for part in path)
