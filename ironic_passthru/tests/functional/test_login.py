# SPDX-License-Identifier: Apache-2.0
"""Authentication with a real Identity service and unmodified clients."""

import base64
import datetime
import os
import pathlib
import subprocess
import time
from typing import Any

import bcrypt
import fixtures
import openstack
from openstack import config as sdk_config
from openstack import connection as sdk_connection
from openstack import exceptions as sdk_exceptions

from ironic_passthru import client
from ironic_passthru.tests import base
from ironic_passthru.tests import embedded
from ironic_passthru.tests import routes
from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import keystone
from ironic_passthru.tests.functional import preloaded
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import web

CALL = '/v1/drivers/fake-hardware/vendor_passthru?method=hello'

# Statuses by user: list drivers, call, list conductors.
ALLOWED = {
    'system-admin': (200, 200, 200),
    'system-reader': (200, 403, 200),
    'project-admin': (200, 403, 403),
    'project-member': (200, 403, 403),
    'project-reader': (200, 403, 403),
    'domain-admin': (200, 403, 403),
    'without-roles': (403, 403, 403),
    'service': (403, 403, 403),
}


def with_login(
    service: keystone.Keystone, **options: object
) -> embedded.Embedded:
    """Return a service that validates tokens with ``service``.

    :param options: options of the group ``[keystone_authtoken]``.
    """
    return embedded.Embedded(
        config=deployment.config_text(**service.options(**options)),
        auth_strategy='keystone',
    )


class Site(fixtures.Fixture):
    """Identity service, and a service without a token cache.

    :ivar keystone: the Identity service.
    :ivar api: a client of the service under test.
    :ivar clouds: ``clouds.yaml`` with a cloud for each user.
    """

    def _setUp(self) -> None:
        self.keystone = keystone.shared()
        service = self.useFixture(
            with_login(self.keystone, token_cache_time=-1)
        )
        self.api = web.Client(service.url)
        self.keystone.add_endpoint(service.url)
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.clouds = directory / 'clouds.yaml'
        self.keystone.write_clouds(self.clouds, service.url)


_SITE = Site()


def setUpModule() -> None:
    _SITE.setUp()


def tearDownModule() -> None:
    _SITE.cleanUp()


class LoginTestCase(base.TestCase):
    """A test with both services."""

    def setUp(self) -> None:
        super().setUp()
        self.keystone = _SITE.keystone
        self.api = _SITE.api

    def ask(
        self, token: str, path: str = '/v1/drivers', **headers: str
    ) -> web.Answer:
        """Send a GET with a token."""
        named = {name.replace('_', '-'): v for name, v in headers.items()}
        return self.api.get(path, **{'X-Auth-Token': token} | named)

    def assert_unauthorized(self, answer: web.Answer) -> None:
        self.assertEqual(401, answer.status, answer.body)
        self.assertEqual('Authentication required.', answer.fault)
        self.assertEqual(
            f'Keystone uri="{self.keystone.url}"',
            answer.headers['WWW-Authenticate'],
        )

    def assert_unavailable(self, answer: web.Answer) -> None:
        self.assertEqual(503, answer.status, answer.body)
        self.assertIn(
            'Authentication is temporarily unavailable', answer.fault
        )
        self.assertTrue(answer.headers['Retry-After'])


class TestScopes(LoginTestCase):
    """Rights of each kind of token."""

    def test_each_user(self) -> None:
        paths = ('/v1/drivers', CALL, '/v1/conductors')
        for user, expected in ALLOWED.items():
            token = self.keystone.token(user)
            got = tuple(self.ask(token, path).status for path in paths)
            self.assertEqual(expected, got, user)
        self.assertEqual(set(keystone.USERS), set(ALLOWED))

    def test_no_route_is_left_out(self) -> None:
        names = {
            'driver': 'fake-hardware',
            'method': 'hello',
            'hostname': 'embedded',
            'operation': 'nope',
        }
        token = {'X-Auth-Token': self.keystone.token('without-roles')}
        for http_method, path in routes.requests(**names):
            for headers, expected in (({}, 401), (token, 403)):
                got = self.api.request(http_method, path, headers=headers)
                self.assertEqual(expected, got.status, (http_method, path))

    def test_without_the_scope_that_a_rule_wants(self) -> None:
        answer = self.ask(self.keystone.token('project-admin'), CALL)
        self.assertEqual(403, answer.status)
        self.assertIn('baremetal:driver:vendor_passthru', answer.fault)
        self.assertNotIn('WWW-Authenticate', answer.headers)

    def test_identity_headers_of_clients_are_ignored(self) -> None:
        claims = {
            'X-Identity-Status': 'Confirmed',
            'X-Roles': 'admin,reader',
            'X-Role': 'admin',
            'X-User-Id': 'root',
            'X-User': 'root',
            'X-Is-Admin-Project': 'True',
            'OpenStack-System-Scope': 'all',
            'X-Service-Identity-Status': 'Confirmed',
            'X-Service-Roles': 'service,admin',
        }
        self.assert_unauthorized(self.api.get(CALL, **claims))
        token = self.keystone.token('project-admin')
        self.assertEqual(403, self.ask(token, CALL, **claims).status)
        no_roles = self.keystone.token('without-roles')
        self.assertEqual(
            403, self.ask(no_roles, '/v1/drivers', **claims).status
        )

    def test_a_service_token_lends_nothing_to_the_user(self) -> None:
        mine = self.keystone.token('project-admin')
        service = self.keystone.token('service')
        answer = self.ask(mine, CALL, X_Service_Token=service)
        self.assertEqual(403, answer.status)
        answer = self.ask(mine, X_Service_Token=service)
        self.assertEqual(200, answer.status)

    def test_a_service_token_must_be_one(self) -> None:
        admin = self.keystone.token('system-admin')
        for other in (admin, 'garbage'):
            self.assert_unauthorized(self.ask(admin, X_Service_Token=other))

    def test_a_token_that_is_limited_to_some_requests(self) -> None:
        token = self.keystone.limited_token(
            'project-admin',
            access_rules=[
                {
                    'service': 'baremetal',
                    'method': 'GET',
                    'path': '/v1/drivers',
                }
            ],
        )
        self.assertEqual(200, self.ask(token).status)
        self.assert_unauthorized(self.ask(token, '/v1/drivers/fake-hardware'))


class TestTokens(LoginTestCase):
    """Invalid and expired tokens."""

    def test_none(self) -> None:
        for path in ('/v1/drivers', CALL, '/v1/operations', '/no/such', '//'):
            self.assert_unauthorized(self.api.get(path))

    def test_garbage(self) -> None:
        good = self.keystone.token('system-admin')
        for token in (
            'garbage',
            good[:-1],
            good + 'A',
            good[::-1],
            'notused',
            ' ',
            'a b',
            '../../users',
            '%00',
            'x' * 4096,
            'x' * 30_000,
        ):
            self.assert_unauthorized(self.ask(token))

    def test_the_token_of_another_place(self) -> None:
        answer = self.api.get(
            '/v1/drivers',
            **{'X-Storage-Token': self.keystone.token('system-admin')},
        )
        self.assert_unauthorized(answer)

    def test_revoked(self) -> None:
        token = self.keystone.token('system-admin')
        self.assertEqual(200, self.ask(token).status)
        self.keystone.revoke(token)
        self.assert_unauthorized(self.ask(token))

    def test_expired(self) -> None:
        end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(
            seconds=4
        )
        token = self.keystone.limited_token(
            'project-reader', expires_at=end.strftime('%Y-%m-%dT%H:%M:%S')
        )
        self.assertEqual(200, self.ask(token).status)
        self.wait_for(
            lambda: self.ask(token).status != 200, 'it expires', seconds=20
        )
        self.assert_unauthorized(self.ask(token))

    def test_the_error_in_the_other_form(self) -> None:
        answer = self.api.get('/v1/drivers', Accept='application/problem+json')
        self.assertEqual('unauthorized', answer.json['code'])
        self.assertIn('Keystone uri=', answer.headers['WWW-Authenticate'])

    def test_public_routes(self) -> None:
        for path in ('/', '/v1', '/v1/', '/healthcheck'):
            self.assertEqual(200, self.api.get(path).status, path)
            self.assertEqual(200, self.ask('garbage', path).status, path)
        self.assert_unauthorized(self.api.get('/healthcheck/detailed'))


class TestUnavailable(LoginTestCase):
    """An unavailable Identity service."""

    def setUp(self) -> None:
        super().setUp()
        service = self.useFixture(
            with_login(self.keystone, http_connect_timeout=3)
        )
        self.api = web.Client(service.url)
        self.known = self.keystone.token('system-admin')
        self.assertEqual(200, self.ask(self.known, CALL).status)
        self.new = self.keystone.token('system-admin')

    def test_stopped(self) -> None:
        self.addCleanup(self.keystone.start)
        self.keystone.stop()
        self.assert_unavailable(self.ask(self.new))
        self.assert_unavailable(self.ask('garbage'))
        # A recent validation is cached.
        self.assertEqual(200, self.ask(self.known).status)
        self.assertEqual(200, self.api.get('/').status)
        self.assert_unauthorized(self.api.get('/v1/drivers'))
        self.keystone.start()
        self.assertEqual(200, self.ask(self.new).status)

    def test_hanging(self) -> None:
        self.addCleanup(self.keystone.resume)
        self.keystone.suspend()
        answer = self.ask(self.new)
        self.assert_unavailable(answer)
        self.assertLess(answer.seconds, 20)
        self.assertEqual(200, self.ask(self.known).status)
        self.keystone.resume()
        self.wait_for(
            lambda: self.ask(self.new).status == 200, 'it answers again'
        )

    def test_our_own_login_is_refused(self) -> None:
        service = self.useFixture(with_login(self.keystone, password='wrong'))
        self.api = web.Client(service.url)
        self.assert_unavailable(self.ask(self.new))


class TestCommandLine(LoginTestCase):
    """``openstack --os-cloud …``, of python-ironicclient."""

    def test_a_reader(self) -> None:
        """Calls of an administrator: see ``test_apache``."""
        commands = (
            'list',
            'passthru list fake-hardware',
            'passthru call --http-method GET fake-hardware hello',
        )
        done = subprocess.run(
            [processes.command('openstack'), '--os-cloud', 'system-reader'],
            env={
                'PATH': '/usr/bin:/bin',
                'HOME': str(_SITE.clouds.parent),
                'OS_CLIENT_CONFIG_FILE': str(_SITE.clouds),
            },
            input='\n'.join(f'baremetal driver {each}' for each in commands),
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.assertIn('fake-hardware', done.stdout, done.stderr)
        # A reader may call no method, so the list of methods is empty.
        self.assertNotIn('hello', done.stdout)
        self.assertIn('HTTP 403', done.stderr)


class TestSdk(LoginTestCase):
    """openstacksdk."""

    def connect(self, cloud: str) -> Any:
        """Return the SDK's Bare Metal proxy of a user."""
        found = sdk_config.OpenStackConfig(
            config_files=[str(_SITE.clouds)], load_envvars=False
        ).get_one(cloud)
        connection = sdk_connection.Connection(config=found)
        self.addCleanup(connection.close)
        return connection.baremetal

    def call(self, baremetal: Any) -> Any:
        """Call a method."""
        return baremetal.call_driver_vendor_passthru(
            'fake-hardware', 'GET', 'hello', body={'name': 'you'}
        )

    def test_calls_without_the_role(self) -> None:
        for cloud in ('system-reader', 'project-admin', 'project-member'):
            baremetal = self.connect(cloud)
            self.assertEqual(1, len(list(baremetal.drivers())), cloud)
            error = self.assertRaises(
                sdk_exceptions.ForbiddenException, self.call, baremetal
            )
            self.assertIn('baremetal:driver:vendor_passthru', str(error))

    def test_a_token_that_ends_is_replaced(self) -> None:
        baremetal = self.connect('system-admin')
        self.assertEqual(200, self.call(baremetal).status_code)
        self.keystone.revoke(baremetal.get_token())
        # It logs in again after a 401.
        self.assertEqual(200, self.call(baremetal).status_code)


class TestHttpBasic(base.TestCase):
    """``auth_strategy = http_basic``."""

    def setUp(self) -> None:
        super().setUp()
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.users = directory / 'htpasswd'
        self.write(alice='wonder', bob='builder')
        self.service = self.useFixture(
            embedded.Embedded(
                auth_strategy='http_basic',
                http_basic_auth_user_file=str(self.users),
                http_basic_roles={'alice': 'admin', '*': 'reader'},
            )
        )
        self.api = web.Client(self.service.url)

    def write(self, **passwords: str) -> None:
        """Replace the file of users."""
        new = self.users.with_name('new')
        new.write_text(
            ''.join(
                f'{name}:{hash_of(password)}\n'
                for name, password in passwords.items()
            )
        )
        new.chmod(0o600)
        new.replace(self.users)

    def ask(
        self, user: str, password: str, path: str = '/v1/drivers'
    ) -> web.Answer:
        """Send a GET with the login of a user."""
        login = base64.b64encode(f'{user}:{password}'.encode()).decode()
        return self.api.get(path, Authorization=f'Basic {login}')

    def test_users(self) -> None:
        for user, password, expected in (
            ('alice', 'wonder', (200, 200, 200)),
            ('bob', 'builder', (200, 403, 200)),
            ('alice', 'builder', (401, 401, 401)),
            ('eve', 'wonder', (401, 401, 401)),
        ):
            paths = ('/v1/drivers', CALL, '/v1/conductors')
            got = tuple(
                self.ask(user, password, path).status for path in paths
            )
            self.assertEqual(expected, got, user)

    def test_the_challenge(self) -> None:
        for answer in (
            self.api.get('/v1/drivers'),
            self.api.get('/v1/drivers', **{'X-Auth-Token': 'notused'}),
            self.ask('alice', 'x' * 100),
            self.api.get('/no/such', Authorization='Basic !'),
        ):
            self.assertEqual(401, answer.status)
            self.assertEqual('Authentication required.', answer.fault)
            self.assertEqual(
                'Basic realm="ironic_passthru", charset="UTF-8"',
                answer.headers['WWW-Authenticate'],
            )
        self.assertEqual(200, self.api.get('/').status)

    def test_changes_need_no_restart(self) -> None:
        self.write(alice='other')
        self.wait_for(
            lambda: self.ask('alice', 'wonder').status == 401,
            'the old password is refused',
        )
        self.assertEqual(200, self.ask('alice', 'other', CALL).status)
        self.assertEqual(401, self.ask('bob', 'builder').status)

    def test_a_login_is_checked_once(self) -> None:
        # At this cost each check takes a fifth of a second or more.
        self.users.write_text(f'alice:{hash_of("slow", cost=12)}\n')
        self.wait_for(
            lambda: self.ask('alice', 'wonder').status == 401,
            'the new users are in force',
        )
        first = self.ask('alice', 'slow')
        self.assertEqual(200, first.status)
        began = time.monotonic()
        for _ in range(10):
            self.assertEqual(200, self.ask('alice', 'slow').status)
        self.assertLess(time.monotonic() - began, 10 * first.seconds)

    def test_the_sdk(self) -> None:
        connection = openstack.connect(
            auth_type='http_basic',
            auth={
                'endpoint': self.service.url,
                'username': 'alice',
                'password': 'wonder',
            },
            # Required for version discovery.
            baremetal_endpoint_override=self.service.url,
            load_envvars=False,
            load_yaml_config=False,
        )
        self.addCleanup(connection.close)
        answer = connection.baremetal.call_driver_vendor_passthru(
            'fake-hardware', 'GET', 'hello', body={'name': 'you'}
        )
        self.assertEqual({'greeting': 'Hello, you!'}, answer.json())

    def test_the_command_line(self) -> None:
        done = subprocess.run(
            [
                processes.command('openstack'),
                *('--os-auth-type', 'http_basic'),
                *('--os-endpoint', self.service.url),
                *('--os-username', 'bob', '--os-password', 'builder'),
                *('baremetal', 'driver', 'list', '-f', 'json'),
            ],
            env={'PATH': '/usr/bin:/bin', 'HOME': str(self.users.parent)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn('fake-hardware', done.stdout)


class TestPassthruCommands(LoginTestCase):
    """``openstack passthru`` and the Python client with logins."""

    def run_command(
        self, *arguments: str, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        home = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        return preloaded.run(
            preloaded.OPENSTACK,
            *('passthru', *arguments),
            environment={'PATH': os.defpath, 'HOME': str(home), **environment},
            cwd=home,
        )

    def test_tokens_and_the_service_catalog(self) -> None:
        login = {
            f'OS_{name.upper()}': value
            for name, value in self.keystone.login('system-admin').items()
        }
        done = self.run_command(
            'call', 'fake-hardware', 'hello', '-f', 'value', **login
        )
        self.assertEqual('Hello, world!\n', done.stdout, done.stderr)
        # The policy decides which methods exist for a caller.
        done = self.run_command(
            'call', 'fake-hardware', 'hello',
            OS_CLIENT_CONFIG_FILE=str(_SITE.clouds), OS_CLOUD='project-reader',
        )  # fmt: skip
        self.assertEqual(2, done.returncode, done.stderr)
        done = self.run_command('driver', 'list', **login | {
            'OS_PASSTHRU_SERVICE_TYPE': 'other',
        })  # fmt: skip
        self.assertEqual(1, done.returncode)
        self.assertIn('endpoint for other', done.stderr)

    def test_the_python_client(self) -> None:
        session = sdk_connection.Connection(
            config=sdk_config.OpenStackConfig(
                config_files=[str(_SITE.clouds)], load_envvars=False
            ).get_one('system-admin')
        )
        self.addCleanup(session.close)
        found = client.Client(session.baremetal)
        self.assertEqual(
            {'greeting': 'Hello, you!'},
            found.call('fake-hardware', 'hello', name='you'),
        )

    def test_passwords(self) -> None:
        users = pathlib.Path(self.useFixture(fixtures.TempDir()).path) / 'u'
        users.write_text(f'alice:{hash_of("wonder")}\n')
        users.chmod(0o600)
        service = self.useFixture(
            embedded.Embedded(
                auth_strategy='http_basic',
                http_basic_auth_user_file=str(users),
            )
        )
        login = {
            'OS_AUTH_TYPE': 'http_basic',
            'OS_ENDPOINT': service.url,
            'OS_USERNAME': 'alice',
            'OS_PASSWORD': 'wonder',
        }
        done = self.run_command(
            'call', 'fake-hardware', 'hello', '-f', 'value', **login
        )
        self.assertEqual('Hello, world!\n', done.stdout, done.stderr)
        login['OS_PASSWORD'] = 'wrong'
        done = self.run_command('driver', 'list', **login)
        self.assertEqual(1, done.returncode)
        self.assertIn('Authentication required.', done.stderr)


def hash_of(password: str, cost: int = 4) -> str:
    """Return the hash of a password for the file of users."""
    salt = bcrypt.gensalt(cost, b'2b')
    return bcrypt.hashpw(password.encode(), salt).decode()
