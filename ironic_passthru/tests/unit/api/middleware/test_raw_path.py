# SPDX-License-Identifier: Apache-2.0
"""Tests of paths that servers have normalized."""

from collections.abc import Iterable
from typing import Any

from ironic_passthru.api.middleware import raw_path
from ironic_passthru.tests import base


class TestAsWritten(base.TestCase):
    """The application gets unusual paths as the client sent them."""

    def seen(self, **environ: str) -> str:
        """Return the path that the application gets."""
        paths = []

        def application(
            environ: dict[str, Any], start_response: Any
        ) -> Iterable[bytes]:
            paths.append(environ['PATH_INFO'])
            return []

        raw_path.RawPath(application)(environ, None)
        return paths[0]

    def test_an_ordinary_path_is_the_servers(self) -> None:
        for target in (
            '/',
            '/v1/drivers/',
            '/v1/a%2Fb?x=//../',
            '/v1/..a/b..',
            'http://host',
            'http://host/v1',
            '*',
        ):
            seen = self.seen(PATH_INFO='/its own', REQUEST_URI=target)
            self.assertEqual('/its own', seen, target)

    def test_empty_segments_and_dots_stay(self) -> None:
        for target, expected in (
            ('//', '//'),
            ('//v1', '//v1'),
            ('/v1//drivers', '/v1//drivers'),
            ('/v1%2F%2fdrivers', '/v1//drivers'),
            ('/v1/drivers//?a=b', '/v1/drivers//'),
            ('/v1/../v1', '/v1/../v1'),
            ('/v1/%2E%2e/v1', '/v1/../v1'),
            ('/./v1', '/./v1'),
            ('/v1/..', '/v1/..'),
            ('/v1/.', '/v1/.'),
            ('http://host//v1', '//v1'),
            ('//%C3%A4\xe4', '//\xc3\xa4\xe4'),
        ):
            seen = self.seen(PATH_INFO='/v1', REQUEST_URI=target)
            self.assertEqual(expected, seen, target)

    def test_without_request_uri(self) -> None:
        self.assertEqual('//v1', self.seen(PATH_INFO='//v1'))
