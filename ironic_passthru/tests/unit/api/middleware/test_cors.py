# SPDX-License-Identifier: Apache-2.0
"""Tests of CORS."""

import webob
from oslo_middleware import cors as oslo_cors

from ironic_passthru.conf import cors
from ironic_passthru.tests.unit.api import fakes

_FRIEND = 'https://horizon.example.com'
_ALLOWED = 'Access-Control-Allow-Origin'


class TestCors(fakes.ApplicationCase):
    """CORS is off, unless an origin is allowed."""

    def allow(self, *origins: str) -> None:
        self.conf.set_override('allowed_origin', [*origins], group='cors')
        self.build()

    def preflight(
        self,
        path: str,
        origin: str = _FRIEND,
        http_method: str = 'POST',
        **more: str,
    ) -> webob.Response:
        return self.ask(
            path,
            'OPTIONS',
            Origin=origin,
            Access_Control_Request_Method=http_method,
            **more,
        )

    def test_it_is_off(self) -> None:
        for response in (
            self.ask('/', Origin=_FRIEND),
            self.preflight('/v1/drivers'),
        ):
            self.assertNotIn(_ALLOWED, response.headers)
            self.assertNotIn('Origin', response.headers['Vary'])

    def test_an_allowed_origin(self) -> None:
        self.allow(_FRIEND)
        for path, status in (
            ('/v1/drivers', 200),
            ('/v1/drivers/none', 404),
            ('/v1/drivers?bogus=1', 400),
            ('/healthcheck', 200),
        ):
            response = self.ask(path, Origin=_FRIEND)
            self.assertEqual(status, response.status_int)
            self.assertEqual(_FRIEND, response.headers[_ALLOWED])
            self.assertIn('Origin', response.headers['Vary'])
            self.assertIn('Accept', response.headers['Vary'])
            shown = response.headers['Access-Control-Expose-Headers']
            for name in ('openstack-request-id', 'Retry-After', 'Location'):
                self.assertIn(name, shown)

    def test_a_refused_version_can_be_read(self) -> None:
        self.allow(_FRIEND)
        response = self.ask(
            '/v1/drivers',
            Origin=_FRIEND,
            X_OpenStack_Ironic_API_Version='9.9',
        )
        self.assertEqual(406, response.status_int)
        self.assertEqual(_FRIEND, response.headers[_ALLOWED])

    def test_other_origins(self) -> None:
        self.allow(_FRIEND)
        for origin in ('https://evil.example', 'null', _FRIEND + '.evil', ''):
            response = self.ask('/v1', Origin=origin)
            self.assertEqual(200, response.status_int)
            self.assertNotIn(_ALLOWED, response.headers)
            self.assertNotIn(_ALLOWED, self.preflight('/', origin).headers)

    def test_a_preflight_reaches_nothing(self) -> None:
        """Browsers send preflights without a login."""
        self.allow(_FRIEND)
        self.store.add('c', fakes.driver('d', fakes.method('m')))
        for path in ('/v1/drivers/d/vendor_passthru/m', '/nothing'):
            response = self.preflight(
                path,
                Access_Control_Request_Headers=(
                    'x-auth-token,content-type,idempotency-key,prefer,'
                    'passthru-conductor-group,'
                    'openstack-api-version,x-openstack-ironic-api-version'
                ),
                X_OpenStack_Ironic_API_Version='9.9',
            )
            self.assertEqual(200, response.status_int)
            self.assertEqual(b'', response.body)
            self.assertEqual(_FRIEND, response.headers[_ALLOWED])
            self.assertIn('openstack-request-id', response.headers)
        self.assertEqual([], self.bus.calls)

    def test_a_preflight_for_more_is_not_granted(self) -> None:
        self.allow(_FRIEND)
        for response in (
            self.preflight('/v1', http_method='TRACE'),
            self.preflight('/v1', Access_Control_Request_Headers='x-evil'),
        ):
            self.assertEqual(200, response.status_int)
            self.assertNotIn(_ALLOWED, response.headers)

    def test_other_options_are_answered_as_ever(self) -> None:
        self.allow(_FRIEND)
        for headers in ({}, {'Origin': _FRIEND}):
            response = self.ask('/nothing', 'OPTIONS', **headers)
            self.assertEqual(404, response.status_int)
            response = self.ask('/v1', 'OPTIONS', **headers)
            self.assertEqual(200, response.status_int)

    def test_defaults_are_of_this_service_alone(self) -> None:
        self.assertIn('X-Auth-Token', self.conf.cors.allow_headers)
        for option in oslo_cors.OPTS:
            if option.name in ('allow_headers', 'expose_headers'):
                self.assertEqual([], option.default)
        other = self.make_conf(auth_strategy='noauth')
        other.register_opts(oslo_cors.OPTS, group='cors')
        self.assertEqual([], other.cors.allow_headers)

    def test_the_sample_shows_our_defaults(self) -> None:
        for option in oslo_cors.OPTS:
            self.addCleanup(setattr, option, 'default', option.default)
        cors.set_sample_defaults()
        shown = {option.name: option.default for option in oslo_cors.OPTS}
        for name, value in cors.DEFAULTS.items():
            self.assertEqual(value, shown[name])
