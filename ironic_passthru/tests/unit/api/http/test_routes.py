# SPDX-License-Identifier: Apache-2.0
"""Tests of the matching of routes."""

from ironic_passthru import errors
from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.http import routes
from ironic_passthru.tests import base

_ROUTES = (
    routes.Route(('GET', 'HEAD'), '/', 'c.one', public=True),
    routes.Route(('GET',), '/a/{x}/fixed', 'c.one'),
    routes.Route(('PUT',), '/a/{x}/fixed', 'c.many', audit_event='call'),
    routes.Route(routes.ANY, '/b/{x}/{y}', 'c.many'),
)


def find(http_method: str, path: str) -> routes.RouteMatch:
    """Return the match in the table of the tests."""
    return routes.find(_ROUTES, http_method, path)


class TestFind(base.TestCase):
    """A table of routes."""

    def test_matches(self) -> None:
        for http_method, path, controller, segments in (
            ('GET', '/', 'c.one', []),
            ('GET', '/a/1/fixed', 'c.one', ['1']),
            ('GET', '/a/1/fixed/', 'c.one', ['1']),
            ('PUT', '/a/1/fixed', 'c.many', ['1']),
            ('BREW', '/b/ä b/\n', 'c.many', ['ä b', '\n']),
            ('OPTIONS', '/a/1/fixed', 'options', []),
            ('OPTIONS', '/b/1/2', 'options', []),
        ):
            match = find(http_method, path)
            self.assertEqual(controller, match.require(http_method).controller)
            self.assertEqual(segments, list(match.variables.values()))

    def test_unknown_paths(self) -> None:
        for path in (
            '',
            '//',
            '/a',
            '/a//fixed',
            '/a/1/fixed//',
            '/a/1/fixed/x',
            '/b/1',
            '/b/1/',
            '/b/1/2/3',
            '/A/1/fixed',
        ):
            for http_method in ('GET', 'OPTIONS'):
                match = find(http_method, path)
                self.assertEqual(routes.RouteMatch(), match)
                self.assertRaises(
                    errors.RouteNotFound, match.require, http_method
                )

    def test_all_http_methods_of_a_path_are_allowed(self) -> None:
        error = self.assertRaises(
            errors.VerbNotAllowed, find('POST', '/a/1/fixed').require, 'POST'
        )
        self.assertEqual(['GET', 'PUT', 'OPTIONS'], error.kwargs['allow'])

    def test_public_routes(self) -> None:
        for http_method, path, public in (
            ('GET', '/', True),
            ('OPTIONS', '/', True),
            ('POST', '/', False),
            ('GET', '/a/1/fixed', False),
            ('GET', '/x', False),
        ):
            self.assertEqual(public, find(http_method, path).public)


class TestMatch(base.TestCase):
    """The match of a request."""

    def test_it_is_kept_in_the_environment(self) -> None:
        environ = {
            'REQUEST_METHOD': 'POST',
            'PATH_INFO': '/v1/drivers/\xc3\xa4/vendor_passthru/m',
        }
        match = routes.match(environ)
        self.assertEqual({'driver': 'ä', 'method': 'm'}, match.variables)
        self.assertIs(match, environ[environ_keys.ROUTE])
        self.assertIs(match, routes.match(environ))

    def test_a_path_that_is_not_utf_8(self) -> None:
        environ = {
            'REQUEST_METHOD': 'GET',
            'PATH_INFO': '/v1/drivers/\xff',
        }
        self.assertEqual({'driver': '\ufffd'}, routes.match(environ).variables)

    def test_a_missing_path_is_the_root(self) -> None:
        self.assertEqual('/', routes.match({'REQUEST_METHOD': 'GET'}).path)
