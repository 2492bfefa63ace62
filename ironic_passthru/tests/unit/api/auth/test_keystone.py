# SPDX-License-Identifier: Apache-2.0
"""Tests of logins with tokens, without an Identity service."""

import pathlib
import socket
import sys
import time
from typing import Any
from unittest import mock

import fixtures
from keystoneauth1 import fixture as tokens
from keystonemiddleware import fixture as middleware
from oslo_config import cfg

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.api.auth import keystone
from ironic_passthru.api.http import environ_keys
from ironic_passthru.tests import base

VALUES = {
    'auth_type': 'password',
    'auth_url': 'http://keystone.example.com/v3',
    'username': 'ironic-passthru',
    'password': 'hunter2',
    'user_domain_id': 'default',
    'system_scope': 'all',
}


class KeystoneCase(base.TestCase):
    """A test with a configuration file, which this group needs."""

    def make_conf_of(self, **values: str | None) -> cfg.ConfigOpts:
        """Return a configuration; a value of None removes an option."""
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        path = directory / 'test.conf'
        groups: dict[str, list[str]] = {'keystone_authtoken': []}
        for key, value in (VALUES | values).items():
            group, _, name = key.rpartition('__')
            if value is not None:
                lines = groups.setdefault(group or 'keystone_authtoken', [])
                lines.append(f'{name} = {value}')
        path.write_text(
            '\n'.join(
                '\n'.join((f'[{group}]', *lines))
                for group, lines in groups.items()
            )
        )
        conf = self.make_conf()
        conf([], project='ironic_passthru', default_config_files=[str(path)])
        return conf

    def make(self, **values: str | None) -> keystone.Keystone:
        """Return the strategy."""
        return keystone.Keystone(self.make_conf_of(**values))


class TestConfiguration(KeystoneCase):
    """Valid and invalid options."""

    def refuse(self, *words: str, **values: str | None) -> None:
        """Fail unless the options prevent the start, with these words."""
        error = self.assertRaises(errors.ConfigError, self.make, **values)
        for word in words:
            self.assertIn(word, error.message)
        self.assertNotIn('\n', error.message)
        self.assertNotIn('hunter2', error.message)

    def test_what_is_missing(self) -> None:
        for name in ('auth_type', 'auth_url', 'username', 'password'):
            self.refuse(
                name,
                '[keystone_authtoken]',
                'auth_strategy',
                'http_basic',
                **{name: None},
            )
        nothing: dict[str, None] = dict.fromkeys(VALUES)
        self.refuse('auth_type', '[keystone_authtoken]', **nothing)

    def test_a_group_of_its_own_for_the_login(self) -> None:
        elsewhere: dict[str, str | None] = {
            f'login__{name}': value for name, value in VALUES.items()
        }
        nothing: dict[str, str | None] = dict.fromkeys(VALUES)
        values = elsewhere | nothing | {'auth_section': 'login'}
        self.assertIsNotNone(self.make(**values))
        self.refuse('password', '[login]', **values | {'login__password': ''})

    def test_what_cannot_be_used(self) -> None:
        for name, value, *words in (
            ('auth_type', 'telepathy', 'telepathy'),
            ('auth_url', 'keystone:5000', 'auth_url'),
            ('auth_url', 'ftp://keystone', 'auth_url'),
            ('www_authenticate_uri', 'http://x"y', 'www_authenticate_uri'),
            ('cafile', '/no/such.pem', 'cafile', '/no/such.pem'),
            ('http_connect_timeout', 'soon', 'http_connect_timeout', 'soon'),
            ('token_cache_time', 'long', 'token_cache_time'),
            ('memcache_security_strategy', 'MAC', 'memcache_secret_key'),
        ):
            self.refuse('[keystone_authtoken]', *words, **{name: value})

    def test_what_memcached_needs_is_not_installed(self) -> None:
        cache: dict[str, str | None] = {'memcached_servers': 'cache:11211'}
        tls = cache | {'memcache_tls_enabled': 'true'}
        sasl = cache | {'memcache_sasl_enabled': 'true'}
        signed = cache | {'memcache_secret_key': 'x'}
        mac = signed | {'memcache_security_strategy': 'MAC'}
        encrypted = signed | {'memcache_security_strategy': 'ENCRYPT'}
        for module, needed, others in (
            ('memcache', (cache, tls, sasl, mac), ({},)),
            ('bmemcached', (tls, sasl), (cache, encrypted)),
            ('cryptography', (encrypted,), (tls, mac)),
        ):
            with mock.patch.dict(sys.modules, {module: None}):
                for values in needed:
                    self.refuse(
                        'memcached_servers',
                        f'({module})',
                        "pip install 'ironic-passthru[memcached]'",
                        **values,
                    )
                for values in others:
                    self.assertIsNotNone(self.make(**values))

    def test_a_plugin_that_lacks_what_it_needs(self) -> None:
        self.refuse(
            'application credential',
            auth_type='v3applicationcredential',
        )

    def test_waiting_for_the_identity_service_ends(self) -> None:
        conf = self.make_conf_of()
        keystone.Keystone(conf)
        options = conf.keystone_authtoken
        self.assertEqual(5, options.http_connect_timeout)
        self.assertEqual(1, options.http_request_max_retries)
        conf = self.make_conf_of(http_connect_timeout='9')
        keystone.Keystone(conf)
        self.assertEqual(9, conf.keystone_authtoken.http_connect_timeout)

    def test_the_configuration_of_the_process_is_left_alone(self) -> None:
        self.make()
        self.assertIsNone(cfg.CONF.keystone_authtoken.auth_type)
        self.assertIsNone(cfg.CONF.keystone_authtoken.http_connect_timeout)

    def test_nothing_connects_before_the_first_request(self) -> None:
        with socket.create_server(('127.0.0.1', 0)) as listening:
            port = listening.getsockname()[1]
            strategy = self.make(
                auth_url=f'http://127.0.0.1:{port}/v3',
                http_connect_timeout='1',
            )
            environ = {environ_keys.REQUEST_ID: 'req-1'}
            # Nor for one that bears no token.
            error = self.assertRaises(
                errors.Unauthorized, strategy.identify, environ
            )
            listening.settimeout(0)
            self.assertRaises(BlockingIOError, listening.accept)
            self.assertIn(str(port), error.kwargs['challenge'])

    def test_where_clients_get_tokens(self) -> None:
        for values, expected in (
            ({}, VALUES['auth_url']),
            ({'www_authenticate_uri': 'https://public'}, 'https://public'),
        ):
            error = self.assertRaises(
                errors.Unauthorized, self.make(**values).identify, {}
            )
            self.assertEqual(
                f'Keystone uri="{expected}"', error.kwargs['challenge']
            )


class TestIdentity(KeystoneCase):
    """Identities from responses of the Identity service."""

    def setUp(self) -> None:
        super().setUp()
        self.known = self.useFixture(middleware.AuthTokenFixture())
        self.strategy = self.make()

    def send(self, token: str, **environ: Any) -> Any:
        """Return the identity of a request with a token."""
        self.environ = {
            'REQUEST_METHOD': 'GET',
            'PATH_INFO': '/v1/drivers',
            'HTTP_X_AUTH_TOKEN': token,
            environ_keys.REQUEST_ID: 'req-1',
            environ_keys.GLOBAL_REQUEST_ID: 'req-2',
        } | environ
        return self.strategy.identify(self.environ)

    def token(self, *roles: str, scope: str = '', **facts: str) -> str:
        """Return a valid token."""
        token = tokens.V3Token(user_name='alice', user_domain_id='d', **facts)
        if scope == 'system':
            token.set_system_scope()
        elif scope == 'project':
            token.set_project_scope(id='p', name='P', domain_id='pd')
        elif scope == 'domain':
            token.set_domain_scope(id='dd', name='DD')
        for role in roles:
            token.add_role(name=role)
        return str(self.known.add_token(token))

    def test_system_scope(self) -> None:
        token = self.token('admin', 'reader', scope='system', user_id='a1')
        context = self.send(token)
        self.assertEqual('a1', context.user_id)
        self.assertEqual('alice', context.user_name)
        self.assertEqual('d', context.user_domain_id)
        self.assertEqual(['admin', 'reader'], context.roles)
        self.assertEqual('all', context.system_scope)
        self.assertIsNone(context.project_id)
        self.assertIsNone(context.domain_id)
        self.assertEqual('req-1', context.request_id)
        self.assertEqual('req-2', context.global_request_id)

    def test_project_scope(self) -> None:
        context = self.send(self.token('member', scope='project'))
        self.assertEqual('p', context.project_id)
        self.assertEqual('P', context.project_name)
        self.assertEqual('pd', context.project_domain_id)
        self.assertIsNone(context.system_scope)
        self.assertIsNone(context.domain_id)

    def test_domain_scope(self) -> None:
        context = self.send(self.token('member', scope='domain'))
        self.assertEqual('dd', context.domain_id)
        self.assertEqual('DD', context.domain_name)
        self.assertIsNone(context.project_id)
        self.assertIsNone(context.system_scope)

    def test_no_scope(self) -> None:
        context = self.send(self.token())
        self.assertEqual([], context.roles)
        self.assertIsNone(context.project_id)
        self.assertIsNone(context.system_scope)

    def test_no_token_stays_in_it(self) -> None:
        token = self.token('admin', scope='system')
        service = self.token('service', scope='project')
        context = self.send(token, HTTP_X_SERVICE_TOKEN=service)
        told = repr(vars(context)) + repr(context.to_dict())
        self.assertNotIn(token, told)
        self.assertNotIn(service, told)

    def test_a_service_token(self) -> None:
        token = self.token('member', scope='project')
        service = self.token('service', scope='system', user_id='nova')
        context = self.send(token, HTTP_X_SERVICE_TOKEN=service)
        self.assertEqual('nova', context.service_user_id)
        self.assertEqual(['service'], context.service_roles)
        self.assertEqual(['member'], context.roles)
        # Its scope is not that of the user.
        self.assertIsNone(context.system_scope)

    def test_a_service_token_that_is_none(self) -> None:
        token = self.token('admin', scope='system')
        # One of a user does not do.
        for service in (token, 'unknown', '', 'a b'):
            self.assertRaises(
                errors.Unauthorized,
                self.send,
                token,
                HTTP_X_SERVICE_TOKEN=service,
            )

    def test_texts_that_cannot_be_tokens(self) -> None:
        for text in ('', ' ', 'a b', 'x' * 4097, 'a\tb', 'a\nb', 'é', '\0'):
            self.assertRaises(errors.Unauthorized, self.send, text)

    def test_tokens_that_are_not_valid(self) -> None:
        self.assertRaises(errors.Unauthorized, self.send, 'x' * 4096)
        old = self.token('admin', expires='2020-01-01T00:00:00Z')
        self.assertRaises(errors.Unauthorized, self.send, old)

    def test_headers_for_libraries(self) -> None:
        self.send(self.token('admin', scope='system', user_id='a1'))
        self.assertEqual('a1', self.environ['HTTP_X_USER_ID'])
        self.assertEqual('Confirmed', self.environ['HTTP_X_IDENTITY_STATUS'])


class TestAway(KeystoneCase):
    """An unavailable Identity service."""

    def ask(self, url: str) -> request_context.RequestContext:
        """Send a request with a token."""
        environ = {
            'REQUEST_METHOD': 'GET',
            'PATH_INFO': '/v1/drivers',
            'HTTP_X_AUTH_TOKEN': 'token',
            environ_keys.REQUEST_ID: 'req-1',
        }
        strategy = self.make(auth_url=url, http_connect_timeout='1')
        return strategy.identify(environ)

    def test_a_closed_port(self) -> None:
        with socket.socket() as unused:
            unused.bind(('127.0.0.1', 0))
            port = unused.getsockname()[1]
            for scheme in ('http', 'https'):
                self.assertRaises(
                    errors.IdentityUnavailable,
                    self.ask,
                    f'{scheme}://127.0.0.1:{port}/v3',
                )

    def test_a_server_without_response(self) -> None:
        with socket.create_server(('127.0.0.1', 0)) as silent:
            port = silent.getsockname()[1]
            began = time.monotonic()
            self.assertRaises(
                errors.IdentityUnavailable,
                self.ask,
                f'http://127.0.0.1:{port}/v3',
            )
            # Looking for versions, and logging in.
            self.assertLess(time.monotonic() - began, 10)

    def test_an_unexpected_exception(self) -> None:
        self.useFixture(
            fixtures.MonkeyPatch(
                'keystonemiddleware.auth_token.AuthProtocol.fetch_token',
                _fail,
            )
        )
        self.assertRaises(
            errors.IdentityUnavailable, self.ask, 'http://127.0.0.1:1/v3'
        )


def _fail(*_: object, **__: object) -> None:
    raise KeyError('token')
