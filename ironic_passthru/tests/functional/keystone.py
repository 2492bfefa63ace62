# SPDX-License-Identifier: Apache-2.0
"""A fixture with a real Identity service and users."""

import atexit
import functools
import os
import pathlib
import secrets
import signal
import subprocess
from concurrent import futures
from typing import Any

import fixtures
import yaml
from keystoneauth1 import adapter
from keystoneauth1 import exceptions
from keystoneauth1 import session as auth_session
from keystoneauth1.identity import v3

from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers

DOMAIN = 'default'
PROJECT = 'racks'

_SYSTEM = {'system_scope': 'all'}
_IN_PROJECT = {'project_name': PROJECT, 'project_domain_id': DOMAIN}
_IN_DOMAIN = {'domain_id': DOMAIN}
_NO_SCOPE: dict[str, str] = {}

# Roles by scope of each user.
USERS: dict[str, tuple[str, dict[str, str]]] = {
    'system-admin': ('admin', _SYSTEM),
    'system-reader': ('reader', _SYSTEM),
    'project-admin': ('admin', _IN_PROJECT),
    'project-member': ('member', _IN_PROJECT),
    'project-reader': ('reader', _IN_PROJECT),
    'domain-admin': ('admin', _IN_DOMAIN),
    'without-roles': ('', _NO_SCOPE),
    # The service under test and services that call it.
    'service': ('service', _IN_PROJECT),
}

# keystone parses sys.argv, which is the command line of gunicorn.
_WSGI = """
import sys
sys.argv = ['keystone']
from keystone.wsgi.api import application
"""


@functools.cache
def shared() -> 'Keystone':
    """Return the Identity service of this process, for many modules.

    It ends with the process. A test must leave it running.
    """
    service = Keystone()
    atexit.register(service.cleanUp)
    service.setUp()
    return service


class Keystone(fixtures.Fixture):
    """keystone under gunicorn with SQLite and Fernet tokens.

    :ivar url: its URL with the version.
    """

    def _setUp(self) -> None:
        self._directory = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path
        )
        self._password = secrets.token_urlsafe()
        port = self.useFixture(servers.ReservedPort()).port
        self.url = f'http://127.0.0.1:{port}/v3'
        self._config = self._directory / 'keystone.conf'
        self._config.write_text(self._configuration())
        (self._directory / 'wsgi_keystone.py').write_text(_WSGI)
        self._bootstrap()
        self._process = self.useFixture(
            processes.Process(
                [
                    processes.command('gunicorn'),
                    *('--bind', f'127.0.0.1:{port}'),
                    *('--worker-class', 'gthread', '--threads', '4'),
                    *('--pythonpath', str(self._directory)),
                    'wsgi_keystone:application',
                ],
                environment=self._environment(),
                log=self._directory / 'keystone.log',
            )
        )
        self.start()
        self._create_users()

    def _configuration(self) -> str:
        keys = self._directory / 'keys'
        return deployment.config_text(
            log_file=self._directory / 'keystone.log',
            database__connection=f'sqlite:///{self._directory}/keystone.db',
            fernet_tokens__key_repository=keys,
            fernet_receipts__key_repository=keys,
            credential__key_repository=self._directory / 'credential-keys',
            # The lowest cost: the passwords protect nothing.
            identity__password_hash_rounds=4,
        )

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            'HOME': str(self._directory),
            'OS_KEYSTONE_CONFIG_FILES': str(self._config),
            'PYTHONWARNINGS': 'ignore',
        }

    def _manage(self, *arguments: str) -> None:
        done = subprocess.run(
            [
                processes.command('keystone-manage'),
                *('--config-file', str(self._config)),
                *arguments,
            ],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=120,
        )
        if done.returncode:
            raise processes.Failed(f'{arguments[0]}: {done.stderr}')

    def _bootstrap(self) -> None:
        owner = (
            *('--keystone-user', str(os.getuid())),
            *('--keystone-group', str(os.getgid())),
        )
        with futures.ThreadPoolExecutor() as pool:
            tables = pool.submit(self._manage, 'db_sync')
            self._manage('fernet_setup', *owner)
            tables.result()
        self._manage(
            'bootstrap',
            *('--bootstrap-username', 'admin'),
            # It may start with a hyphen.
            f'--bootstrap-password={self._password}',
            *('--bootstrap-service-name', 'keystone'),
            *('--bootstrap-region-id', 'RegionOne'),
            *('--bootstrap-public-url', self.url),
            *('--bootstrap-internal-url', self.url),
        )

    def _create_users(self) -> None:
        api = self.api('admin', system_scope='all')
        roles = {
            role['name']: role['id']
            for role in api.get('/roles').json()['roles']
        }
        project = api.post(
            '/projects', json={'project': {'name': PROJECT}}
        ).json()['project']['id']
        places = {
            'system_scope': '/system',
            'project_name': f'/projects/{project}',
            'domain_id': f'/domains/{DOMAIN}',
        }
        for name, (role, scope) in USERS.items():
            user = {'name': name, 'password': self._password}
            created = api.post('/users', json={'user': user}).json()
            for kind in places.keys() & scope.keys():
                api.put(
                    f'{places[kind]}/users/{created["user"]["id"]}'
                    f'/roles/{roles[role]}'
                )

    def login(self, user: str) -> dict[str, str]:
        """Return the login data of a user."""
        return {
            'auth_url': self.url,
            'username': user,
            'password': self._password,
            'user_domain_id': DOMAIN,
            **USERS[user][1],
        }

    def api(self, user: str, **scope: str) -> adapter.Adapter:
        """Return a client of the Identity service itself.

        :param scope: by default that of the user.
        """
        login = (
            self.login(user)
            if user in USERS
            else self.login('service')
            | {'username': user, **dict.fromkeys(_IN_PROJECT)}
        )
        return adapter.Adapter(
            auth_session.Session(v3.Password(**login | scope)),
            endpoint_override=self.url,
        )

    def token(self, user: str) -> str:
        """Return a new token of one of the users."""
        return str(self.api(user).get_token())

    def limited_token(self, user: str, **limits: Any) -> str:
        """Return a token of an application credential.

        :param limits: limits of the credential: ``access_rules``, or
            ``expires_at``, which limits its tokens, too.
        """
        api = self.api(user)
        credential = {'name': secrets.token_hex(4)} | limits
        made = api.post(
            f'/users/{api.get_user_id()}/application_credentials',
            json={'application_credential': credential},
        ).json()['application_credential']
        login = v3.ApplicationCredential(
            auth_url=self.url,
            application_credential_id=made['id'],
            application_credential_secret=made['secret'],
        )
        return str(auth_session.Session(login).get_token())

    def add_endpoint(self, url: str) -> None:
        """Add our service to the catalog."""
        api = self.api('system-admin')
        service = api.post(
            '/services', json={'service': {'type': 'baremetal'}}
        ).json()['service']['id']
        api.post(
            '/endpoints',
            json={
                'endpoint': {
                    'service_id': service,
                    'interface': 'public',
                    'region_id': 'RegionOne',
                    'url': url,
                }
            },
        )

    def revoke(self, token: str) -> None:
        """Revoke a token."""
        self.api('system-admin').delete(
            '/auth/tokens', headers={'X-Subject-Token': token}
        )

    def options(self, **changed: object) -> dict[str, object]:
        """Return the options of a service that uses this Identity service."""
        group = {
            'auth_type': 'password',
            'www_authenticate_uri': self.url,
            # On a busy machine it may answer later than after 5 seconds.
            'http_connect_timeout': 30,
            **self.login('service'),
            **changed,
        }
        return {'auth_strategy': 'keystone'} | {
            f'keystone_authtoken__{name}': value
            for name, value in group.items()
        }

    def write_clouds(self, path: pathlib.Path, endpoint: str) -> None:
        """Write a ``clouds.yaml`` with one cloud for each user.

        :param endpoint: URL of our service.
        """
        clouds = {
            name: {
                'auth': self.login(name),
                'region_name': 'RegionOne',
                'baremetal_endpoint_override': endpoint,
            }
            for name in USERS
        }
        path.write_text(yaml.safe_dump({'clouds': clouds}))
        path.chmod(0o600)

    def start(self) -> None:
        """Start keystone, unless it runs, and wait until it responds."""
        self._process.start()
        processes.wait_until(self._answers, 'keystone answers')

    def _answers(self) -> bool:
        if not self._process.running:
            raise processes.Failed(
                f'keystone has ended:\n{self._process.log()}'
            )
        try:
            auth_session.Session().get(self.url, timeout=2)
        except exceptions.ClientException:
            return False
        return True

    def stop(self) -> None:
        """Stop keystone and close its port."""
        # An orderly stop would wait for idle connections.
        self._process.kill()

    def suspend(self) -> None:
        """Suspend it; the kernel still accepts connections."""
        os.killpg(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Resume it after suspend()."""
        os.killpg(self._process.pid, signal.SIGCONT)
