# SPDX-License-Identifier: Apache-2.0
"""Tests of the authentication layer."""

from typing import Any

from keystonemiddleware import auth_token
from keystonemiddleware.auth_token import _request
from oslo_context import context as oslo_context

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.api.auth import login
from ironic_passthru.api.http import environ_keys
from ironic_passthru.tests import base


class Strategy:
    """A strategy that accepts every caller, or rejects every one."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error
        self.asked: list[dict[str, Any]] = []

    def identify(
        self, environ: dict[str, Any]
    ) -> request_context.RequestContext:
        self.asked.append(dict(environ))
        if self._error is not None:
            raise self._error
        return login.make_context(environ, user_id='somebody')


class TestLogin(base.TestCase):
    """Authentication of requests."""

    def setUp(self) -> None:
        super().setUp()
        self.seen: list[dict[str, Any]] = []
        self.current: list[Any] = []

    def below(
        self, environ: dict[str, Any], start_response: Any
    ) -> list[bytes]:
        self.seen.append(dict(environ))
        self.current.append(oslo_context.get_current())
        if environ.get('fail'):
            raise KeyError
        return []

    def send(
        self,
        path: str = '/v1/drivers',
        http_method: str = 'GET',
        *,
        strategy: Strategy | None = None,
        **environ: Any,
    ) -> Strategy:
        """Send a request through the layer; return its strategy."""
        strategy = strategy or Strategy()
        login.Login(self.below, strategy)(
            {
                'REQUEST_METHOD': http_method,
                'PATH_INFO': path,
                environ_keys.REQUEST_ID: 'req-1',
                environ_keys.GLOBAL_REQUEST_ID: 'req-2',
            }
            | environ,
            None,
        )
        return strategy

    def test_the_identity_lasts_as_long_as_the_request(self) -> None:
        self.send()
        context = self.seen[0][environ_keys.CONTEXT]
        self.assertIs(context, self.current[0])
        self.assertEqual('somebody', context.user_id)
        self.assertEqual('req-1', context.request_id)
        self.assertEqual('req-2', context.global_request_id)
        self.assertIsNone(oslo_context.get_current())

    def test_it_ends_with_an_error_too(self) -> None:
        self.assertRaises(KeyError, self.send, fail=True)
        self.assertIsNone(oslo_context.get_current())

    def test_who_is_not_known_reaches_nothing(self) -> None:
        for error in (errors.Unauthorized(), errors.IdentityUnavailable()):
            self.assertRaises(type(error), self.send, strategy=Strategy(error))
        self.assertEqual([], self.seen)
        self.assertIsNone(oslo_context.get_current())

    def test_what_is_public_is_not_even_looked_at(self) -> None:
        nobody = Strategy(errors.Unauthorized())
        for path in ('', '/', '/v1', '/v1/'):
            for http_method in ('GET', 'HEAD', 'OPTIONS'):
                self.send(path, http_method, strategy=nobody)
        self.assertEqual(12, len(self.seen))
        self.assertEqual([], nobody.asked)
        for environ in self.seen:
            context = environ[environ_keys.CONTEXT]
            self.assertEqual([], context.roles)
            self.assertIsNone(context.system_scope)
            self.assertEqual('req-1', context.request_id)

    def test_all_else_is_not_public(self) -> None:
        nobody = Strategy(errors.Unauthorized())
        for http_method, path in (
            ('POST', '/'),
            ('DELETE', '/v1'),
            ('GET', '//'),
            ('GET', '/v1//'),
            ('GET', '/v2'),
            ('GET', '/V1'),
            ('GET', '/v1/drivers'),
            ('OPTIONS', '/v1/drivers'),
            ('GET', '/no/such'),
            ('GET', '/healthcheck/detailed'),
        ):
            self.assertRaises(
                errors.Unauthorized,
                self.send,
                path,
                http_method,
                strategy=nobody,
            )
        self.assertEqual([], self.seen)

    def test_what_clients_say_of_themselves_is_dropped(self) -> None:
        # Those that keystonemiddleware drops, and the one that it forgets.
        named = _request._AuthTokenRequest.blank('/')._all_auth_headers()
        forged = {
            'HTTP_' + name.upper().replace('-', '_'): 'admin'
            for name in (*named, 'OpenStack-System-Scope')
        }
        self.assertTrue(len(forged) > 30)
        for path in ('/', '/v1/drivers'):
            strategy = self.send(path, **forged)
            for environ in (*self.seen, *strategy.asked):
                self.assertEqual(
                    [], [name for name in forged if name in environ]
                )

    def test_headers_of_a_strategy_are_kept(self) -> None:
        class Telling(Strategy):
            def identify(self, environ: dict[str, Any]) -> Any:
                environ['HTTP_X_USER_ID'] = 'somebody'
                return super().identify(environ)

        self.send(strategy=Telling(), HTTP_X_USER_ID='root')
        self.assertEqual('somebody', self.seen[0]['HTTP_X_USER_ID'])

    def test_the_middleware_has_no_other_place_for_tokens(self) -> None:
        # Were there one more, it would have to be dropped, or looked at.
        self.assertTrue(auth_token.AuthProtocol)
        for name in ('X-Auth-Token', 'X-Storage-Token'):
            request = _request._AuthTokenRequest.blank('/')
            request.headers[name] = 'token'
            self.assertEqual('token', request.user_token)
