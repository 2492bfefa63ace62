# SPDX-License-Identifier: Apache-2.0
"""Tests of the protection against requests of other sites."""

import base64
import json
import pathlib

import bcrypt
import fixtures
import webob

from ironic_passthru import wsgi_server
from ironic_passthru.api.middleware import cross_site
from ironic_passthru.tests import base
from ironic_passthru.tests import callers
from ironic_passthru.tests import routes
from ironic_passthru.tests.unit.api import fakes

_ALLOWED = 'https://horizon.example.com'
_EVIL = 'https://evil.example'
_PROBLEM = {'Accept': 'application/problem+json'}

# Headers of browsers for pages of other sites.
FOREIGN = (
    {'Origin': _EVIL},
    {'Origin': 'null'},
    {'Origin': ''},
    {'Origin': _ALLOWED + '.evil.example'},
    {'Origin': 'http://localhost:6385'},
    {'Origin': 'https://localhost'},
    {'Origin': _EVIL, 'Sec-Fetch-Site': 'cross-site'},
    {'Sec-Fetch-Site': 'cross-site'},
    {'Sec-Fetch-Site': 'same-site'},
)
OWN = (
    {},
    {'Origin': 'http://localhost'},
    {'Origin': 'http://localhost', 'Sec-Fetch-Site': 'same-origin'},
    {'Sec-Fetch-Site': 'same-origin'},
    # The user typed the URL.
    {'Sec-Fetch-Site': 'none'},
)


class CrossSiteCase(fakes.ApplicationCase):
    """A test of the whole application, with a driver."""

    path = '/v1/drivers/d/vendor_passthru/m'

    def setUp(self) -> None:
        super().setUp()
        every = fakes.method('m', http_methods=routes.VERBS)
        self.store.add('c', fakes.driver('d', every))

    def use_passwords(self) -> dict[str, str]:
        """Enable authentication; return credentials."""
        directory = self.useFixture(fixtures.TempDir()).path
        file = pathlib.Path(directory) / 'htpasswd'
        hashed = bcrypt.hashpw(b'wonder', bcrypt.gensalt(4)).decode()
        file.write_text(f'alice:{hashed}\n')
        file.chmod(0o600)
        self.conf.set_override('auth_strategy', 'http_basic')
        self.conf.set_override('http_basic_auth_user_file', str(file))
        self.build()
        login = base64.b64encode(b'alice:wonder').decode()
        return {'Authorization': f'Basic {login}'}

    def send(
        self,
        headers: dict[str, str],
        path: str = path,
        http_method: str = 'POST',
        **environ: str,
    ) -> webob.Response:
        """Send a request with headers and a WSGI environment."""
        request = webob.Request.blank(
            path, method=http_method, environ=environ
        )
        request.headers.update(_PROBLEM | headers)
        return request.get_response(self.application)

    def assert_refused(self, response: webob.Response, header: str) -> None:
        self.assertEqual(403, response.status_int, response.body)
        self.assertEqual('cross_site', response.json['code'])
        self.assertIn(header, response.json['detail'])
        self.assertNotIn('evil', response.text)


class TestPages(CrossSiteCase):
    """Requests that pages of other sites can cause."""

    def test_a_page_of_another_site_reaches_no_route(self) -> None:
        known = {'driver': 'd', 'method': 'm', 'hostname': 'c'}
        asked = routes.requests(**known, operation='o')
        self.assertIn(('POST', self.path), asked)
        for http_method, path in [*asked, ('GET', '/nothing'), ('POST', '/')]:
            for headers in FOREIGN:
                response = self.send(headers, path, http_method)
                if http_method == 'HEAD':
                    self.assertEqual(403, response.status_int)
                else:
                    self.assert_refused(response, next(iter(headers)))
        self.assertEqual([], self.bus.calls)

    def test_who_is_no_such_page_is_served(self) -> None:
        for headers in OWN:
            self.assertEqual(200, self.send(headers).status_int, headers)
        self.assertEqual(len(OWN), len(self.bus.calls))

    def test_what_is_public_can_be_read(self) -> None:
        for headers in FOREIGN:
            for path in ('/', '/v1', '/v1/', '/healthcheck'):
                for http_method in ('GET', 'HEAD'):
                    response = self.send(headers, path, http_method)
                    self.assertEqual(200, response.status_int)

    def test_the_version_precedes(self) -> None:
        version = {'X-OpenStack-Ironic-API-Version': '9.9'}
        response = self.send({'Origin': _EVIL} | version)
        self.assertEqual('version_not_acceptable', response.json['code'])

    def test_a_login_is_not_even_looked_at(self) -> None:
        self.useFixture(callers.Callers())
        self.build()
        self.assertEqual(401, self.send({}).status_int)
        self.assert_refused(self.send({'Origin': _EVIL}), 'Origin')

    def test_passwords_that_a_browser_remembers(self) -> None:
        login = self.use_passwords()
        for headers in FOREIGN:
            self.assert_refused(
                self.send(headers | login), next(iter(headers))
            )
        self.assertEqual([], self.bus.calls)
        for headers in OWN:
            self.assertEqual(200, self.send(headers | login).status_int)

    def test_a_token_is_known_to_its_sender(self) -> None:
        conf = self.make_conf(auth_strategy='keystone')
        self.assertIs(self, cross_site.make(conf, self))


class TestAllowedOrigins(CrossSiteCase):
    """Origins that are allowed."""

    def test_scripts_of_allowed_origins(self) -> None:
        self.conf.set_override('allowed_origin', [_ALLOWED], group='cors')
        self.build()
        for site in ('cross-site', 'same-site'):
            response = self.send({'Origin': _ALLOWED, 'Sec-Fetch-Site': site})
            self.assertEqual(200, response.status_int)
            self.assertEqual(
                _ALLOWED, response.headers['Access-Control-Allow-Origin']
            )
        for headers in FOREIGN:
            response = self.send(headers)
            self.assert_refused(response, next(iter(headers)))
            self.assertNotIn('Access-Control-Allow-Origin', response.headers)

    def test_a_wildcard_allows_no_origin(self) -> None:
        self.conf.set_override('allowed_origin', ['*'], group='cors')
        self.build()
        for origin in (_EVIL, '*', 'null'):
            self.assert_refused(self.send({'Origin': origin}), 'Origin')

    def test_our_own_name_behind_a_proxy(self) -> None:
        origin = {'Origin': 'https://bm.example'}
        self.assert_refused(self.send(origin), 'Origin')
        for endpoint in ('https://bm.example/x', 'https://bm.example:443'):
            self.build(public_endpoint=endpoint)
            self.assertEqual(200, self.send(origin).status_int)
        self.build(public_endpoint='https://bm.example:8443')
        self.assert_refused(self.send(origin), 'Origin')

    def test_the_name_that_a_proxy_tells(self) -> None:
        self.conf.set_override(
            'enable_proxy_headers_parsing', True, group='oslo_middleware'
        )
        self.build()
        told = {'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'bm.example'}
        own = {'Origin': 'https://bm.example'}
        self.assertEqual(200, self.send(told | own).status_int)
        self.assert_refused(
            self.send(told | {'Origin': 'http://localhost'}), 'Origin'
        )


class TestHosts(CrossSiteCase):
    """A server that listens on a loopback address."""

    def ask_as(self, host: str, **headers: str) -> webob.Response:
        """Send a request with a Host header."""
        return self.send(
            {name.replace('_', '-'): v for name, v in headers.items()}
            | {'Host': host or 'localhost'},
            **{wsgi_server.LOOPBACK_HOST: host},
        )

    def test_names_of_loopback(self) -> None:
        for host in (
            '',
            'localhost',
            'LocalHost:6385',
            '127.0.0.1',
            '127.0.0.1:6385',
            '127.1.2.3:',
            '[::1]',
            '[::1]:6385',
            '[::ffff:127.0.0.1]:80',
        ):
            self.assertEqual(200, self.ask_as(host).status_int, host)

    def test_names_that_others_have_made(self) -> None:
        for host in (
            'evil.example',
            'evil.example:6385',
            'localhost.evil.example',
            '127.0.0.1.evil.example',
            '192.0.2.1:6385',
            '[2001:db8::1]:6385',
            '0.0.0.0',
            'evil',
            ':',
            '\xff',
        ):
            refused = self.ask_as(host)
            self.assert_refused(refused, 'Host')
            # Behind a proxy it is the configuration that is wrong.
            self.assertIn('[api] public_endpoint', refused.json['detail'])
            self.assertNotIn('browser', refused.json['detail'])
            own = self.ask_as(host, Origin=f'http://{host}')
            self.assert_refused(own, 'Host')
        self.assertEqual([], self.bus.calls)

    def test_headers_of_proxies_are_ignored(self) -> None:
        self.conf.set_override(
            'enable_proxy_headers_parsing', True, group='oslo_middleware'
        )
        self.build()
        response = self.ask_as('evil.example', X_Forwarded_Host='localhost')
        self.assert_refused(response, 'Host')

    def test_the_name_in_the_public_endpoint(self) -> None:
        self.build(public_endpoint='https://BM.example:8443/x')
        for host in ('bm.example', 'bm.example:6385', 'localhost'):
            self.assertEqual(200, self.ask_as(host).status_int)
        self.assert_refused(self.ask_as('x.bm.example'), 'Host')

    def test_where_others_get_in_any_name_will_do(self) -> None:
        response = self.send({'Host': 'h.example'})
        self.assertEqual(200, response.status_int)

    def test_where_a_password_is_needed_any_name_will_do(self) -> None:
        login = self.use_passwords()
        response = self.ask_as('evil.example', **login)
        self.assertEqual(200, response.status_int)


class TestEnvelope(CrossSiteCase):
    """The form of the error."""

    def test_it(self) -> None:
        response = self.send({'Origin': _EVIL, 'Accept': '*/*'})
        told = json.loads(response.json['error_message'])
        self.assertEqual('Client', told['faultcode'])
        self.assertIn('header Origin', told['faultstring'])
        self.assertIn('openstack-request-id', response.headers)


class TestOff(base.TestCase):
    """Strategies with this protection."""

    def test_all_but_keystone(self) -> None:
        for strategy in ('noauth', 'http_basic'):
            conf = self.make_conf(auth_strategy=strategy)
            self.assertIsInstance(
                cross_site.make(conf, None), cross_site.CrossSiteProtection
            )
