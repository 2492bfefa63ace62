# SPDX-License-Identifier: Apache-2.0
"""Links to resources."""

import re
from collections.abc import Iterable
from urllib import parse

import webob

from ironic_passthru import errors
from ironic_passthru.api.v1 import types

# Host of a URL (RFC 3986) with its port: a DNS name or an IP address.
_HOST = re.compile(r'([\w.~%-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]*)?', re.ASCII)

_SCHEMES = ('http', 'https')
_REMEDY = '; behind a proxy, set [api] public_endpoint'


class Links:
    """Build links.

    :param public_endpoint: URL of the service; by default that of each
        request.
    """

    def __init__(self, public_endpoint: str | None) -> None:
        self._public_endpoint = public_endpoint

    def base(self, request: webob.Request) -> str:
        """Return the URL of the service, without a slash at its end.

        :raises: RequestError if the URL of the request is not valid.
        """
        if self._public_endpoint:
            return self._public_endpoint.rstrip('/')
        environ = request.environ
        host = environ.get('HTTP_HOST')
        # The headers of a proxy may set all three.
        if environ['wsgi.url_scheme'] not in _SCHEMES:
            raise errors.RequestError(reason='its scheme is not valid')
        if not _is_prefix(environ.get('SCRIPT_NAME', '')):
            raise errors.RequestError(reason='its prefix is not valid')
        if not host:
            # WebOb then uses the address of the server.
            environ.pop('HTTP_HOST', None)
        elif not _HOST.fullmatch(host):
            raise errors.RequestError(
                reason=f'its Host header is not valid{_REMEDY}'
            )
        return str(request.application_url).rstrip('/')

    def href(self, request: webob.Request, *path: str) -> str:
        """Return the URL of a resource.

        :param path: the segments below the version.
        :raises: RequestError as :meth:`base`.
        """
        return f'{self.base(request)}/v1/{_joined(path)}'

    def resource(
        self, request: webob.Request, *path: str
    ) -> list[types.LinkResource]:
        """Return the links ``self`` and ``bookmark`` of a resource.

        :param path: the segments below the version.
        """
        base = self.base(request)
        tail = _joined(path)
        return [
            types.LinkResource(href=f'{base}/v1/{tail}', rel='self'),
            types.LinkResource(href=f'{base}/{tail}', rel='bookmark'),
        ]

    def version(self, request: webob.Request) -> list[types.LinkResource]:
        """Return the link of the version document."""
        return [types.LinkResource(href=self.href(request), rel='self')]


def _is_prefix(text: str) -> bool:
    """Return whether a SCRIPT_NAME is valid UTF-8 and an absolute path."""
    try:
        text.encode('latin-1').decode('utf-8')
    except UnicodeError:
        return False
    return not text or text.startswith('/')


def _joined(path: Iterable[str]) -> str:
    return '/'.join(parse.quote(part, safe='') for part in path)
