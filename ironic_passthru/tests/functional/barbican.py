# SPDX-License-Identifier: Apache-2.0
"""A fixture with a real Barbican."""

import base64
import os
import pathlib

import fixtures
from keystoneauth1 import adapter
from keystoneauth1 import exceptions

from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import ironic
from ironic_passthru.tests.functional import keystone
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers

# Members of the project may store and read secrets.
USER = 'project-member'

_PASTE = """
[pipeline:main]
pipeline = request_id authtoken context microversion app
[app:app]
paste.app_factory = barbican.api.app:create_main_app
[pipeline:versions]
pipeline = microversion version
[app:version]
paste.app_factory = barbican.api.app:create_version_app
[filter:request_id]
paste.filter_factory = oslo_middleware.request_id:RequestId.factory
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
[filter:context]
paste.filter_factory = \
barbican.api.middleware.context:ContextMiddleware.factory
[filter:microversion]
paste.filter_factory = \
barbican.api.middleware.microversion:MicroversionMiddleware.factory
[composite:root]
use = egg:Paste#urlmap
/: versions
/v1: main
"""

_WSGI = """
import pathlib
from barbican.common import config
from paste import deploy
here = pathlib.Path(__file__).parent
config.CONF(['--config-file', f'{here}/barbican.conf'], project='barbican')
application = deploy.loadapp(f'config:{here}/paste.ini', name='root')
"""


class BarbicanPackages(ironic.IronicPackages):
    """A virtual environment with Barbican."""

    VARIABLE = 'PASSTHRU_BARBICAN'
    REQUIREMENTS = ('barbican==23.*', 'gunicorn')


class Barbican(fixtures.Fixture):
    """Barbican with SQLite, and with logins.

    :param home: a virtual environment with Barbican.
    :ivar url: URL without the version.
    """

    def __init__(
        self, home: pathlib.Path, identity: keystone.Keystone
    ) -> None:
        super().__init__()
        self._home = home
        self._identity = identity

    def _setUp(self) -> None:
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        port = self.useFixture(servers.ReservedPort()).port
        self.url = f'http://127.0.0.1:{port}'
        options = self._identity.options()
        del options['auth_strategy']
        (directory / 'barbican.conf').write_text(
            deployment.config_text(
                host_href=self.url,
                db_auto_create=True,
                database__connection=f'sqlite:///{directory}/barbican.db',
                secretstore__enabled_secretstore_plugins='store_crypto',
                crypto__enabled_crypto_plugins='simple_crypto',
                simple_crypto_plugin__kek=base64.urlsafe_b64encode(
                    b'k' * 32
                ).decode(),
                **options,
            )
        )
        (directory / 'paste.ini').write_text(_PASTE)
        (directory / 'wsgi_barbican.py').write_text(_WSGI)
        self._process = self.useFixture(
            processes.Process(
                [
                    *(str(self._home / 'bin/python'), '-m', 'gunicorn'),
                    *('--bind', f'127.0.0.1:{port}'),
                    *('--pythonpath', str(directory)),
                    'wsgi_barbican:application',
                ],
                environment={
                    'PATH': os.environ['PATH'],
                    'HOME': str(directory),
                },
                log=directory / 'barbican.log',
            )
        )
        self._api = adapter.Adapter(
            self._identity.api(USER).session,
            endpoint_override=f'{self.url}/v1',
        )
        self.start()

    def start(self) -> None:
        """Start Barbican, and wait until it responds."""
        self._process.start()
        processes.wait_until(self._answers, 'Barbican answers')

    def _answers(self) -> bool:
        if not self._process.running:
            raise processes.Failed(self._process.log())
        try:
            self._api.get('/secrets')
        except exceptions.ConnectFailure:
            return False
        return True

    def stop(self) -> None:
        """Stop Barbican."""
        self._process.kill()

    def store(self, text: str) -> str:
        """Store a secret; return its UUID."""
        response = self._api.post(
            '/secrets',
            json={
                'secret_type': 'passphrase',
                'payload': text,
                'payload_content_type': 'text/plain',
            },
        )
        return str(response.json()['secret_ref']).rpartition('/')[2]

    def castellan(self) -> str:
        """Return the configuration of castellan."""
        login = self._identity.login(USER)
        return deployment.config_text(
            key_manager__backend='barbican',
            key_manager__auth_type='keystone_password',
            **{f'key_manager__{key}': text for key, text in login.items()},
            barbican__barbican_endpoint=self.url,
        )
