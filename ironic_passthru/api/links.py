# SPDX-License-Identifier: Apache-2.0
"""Links to resources, as clients can follow them."""

from typing import Any
from urllib import parse

from ironic_passthru.api.v1 import types


class Links:
    """Builds links.

    :param public_endpoint: URL that they start with; by default that of
        each request.
    """

    def __init__(self, public_endpoint: str | None) -> None:
        self._public_endpoint = public_endpoint

    def base(self, request: Any) -> str:
        """Return the URL of the service, without a slash at its end."""
        return (self._public_endpoint or request.application_url).rstrip('/')

    def resource(self, request: Any, *path: str) -> list[types.Link]:
        """Return the pair of links that each resource has in Ironic.

        :param path: the segments below the version.
        """
        base = self.base(request)
        tail = '/'.join(parse.quote(part, safe='') for part in path)
        return [
            types.Link(href=f'{base}/v1/{tail}', rel='self'),
            types.Link(href=f'{base}/{tail}', rel='bookmark'),
        ]

    def version(self, request: Any) -> list[types.Link]:
        """Return the link of the version document."""
        return [types.Link(href=f'{self.base(request)}/v1/', rel='self')]
