# SPDX-License-Identifier: Apache-2.0
"""Tests of links."""

import webob

from ironic_passthru import errors
from ironic_passthru.api.http import links
from ironic_passthru.tests import base


class TestLinks(base.TestCase):
    """Base URLs of links, and encoding of names."""

    def base(self, endpoint: str | None = None, **environ: str) -> str:
        request = webob.Request.blank('/v1', environ=environ or None)
        return links.Links(endpoint).base(request)

    def test_the_host_of_the_request(self) -> None:
        for host, expected in (
            ('h', 'http://h'),
            ('h:80', 'http://h'),
            ('h:6385', 'http://h:6385'),
            ('[::1]:6385', 'http://[::1]:6385'),
        ):
            self.assertEqual(expected, self.base(HTTP_HOST=host))

    def test_the_server_where_no_host_is_named(self) -> None:
        for host in ({}, {'HTTP_HOST': ''}):
            environ = {'SERVER_NAME': '192.0.2.1', 'SERVER_PORT': '6385'}
            request = webob.Request({**environ, 'wsgi.url_scheme': 'http'})
            request.environ.update(host)
            self.assertEqual(
                'http://192.0.2.1:6385', links.Links(None).base(request)
            )

    def test_scheme_and_prefix(self) -> None:
        self.assertEqual(
            'https://h/a/b%20c',
            self.base(
                HTTP_HOST='h',
                SCRIPT_NAME='/a/b c',
                **{'wsgi.url_scheme': 'https'},
            ),
        )

    def test_hosts_that_are_none(self) -> None:
        for host in ('a b', 'a/b', 'a@b', '"', 'h:x', '[h]', 'h\n', 'ü'):
            self.assertRaises(errors.RequestError, self.base, HTTP_HOST=host)

    def test_schemes_that_are_none(self) -> None:
        for scheme in ('javascript', 'ftp', 'https, http', 'HTTPS', ''):
            environ = {'wsgi.url_scheme': scheme}
            self.assertRaises(errors.RequestError, self.base, **environ)

    def test_prefixes_that_are_none(self) -> None:
        for prefix in ('/\xff', '/ü', '/\u20ac', 'x', '.evil.example', '@e'):
            self.assertRaises(
                errors.RequestError, self.base, SCRIPT_NAME=prefix
            )

    def test_the_public_endpoint_wins(self) -> None:
        wrong = {'wsgi.url_scheme': 'javascript', 'SCRIPT_NAME': '/\xff'}
        for endpoint in ('https://p/x', 'https://p/x/'):
            self.assertEqual(
                'https://p/x', self.base(endpoint, HTTP_HOST='a b', **wrong)
            )

    def test_names_are_escaped(self) -> None:
        request = webob.Request.blank('/')
        found = links.Links('http://h').resource(request, 'drivers', 'a/ä?')
        self.assertEqual(
            [
                ('self', 'http://h/v1/drivers/a%2F%C3%A4%3F'),
                ('bookmark', 'http://h/drivers/a%2F%C3%A4%3F'),
            ],
            [(link.rel, link.href) for link in found],
        )

    def test_the_place_of_a_resource(self) -> None:
        request = webob.Request.blank('/v1')
        href = links.Links('http://h/x').href(request, 'operations', 'a/b ä')
        self.assertEqual('http://h/x/v1/operations/a%2Fb%20%C3%A4', href)
