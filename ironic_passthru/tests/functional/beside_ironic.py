# SPDX-License-Identifier: Apache-2.0
"""Fixtures with a real Ironic and a proxy that is one endpoint for both."""

import json
import os
import pathlib
import ssl
import subprocess
import sys
from typing import Any

import fixtures
import trustme
import yaml

from ironic_passthru.tests import pages
from ironic_passthru.tests.functional import ironic
from ironic_passthru.tests.functional import keystone
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import web

PAGE = 'doc/source/admin/beside-ironic.rst'

# A hardware type of Ironic with methods of its own.
_HARDWARE = """
from ironic.common import exception
from ironic.drivers import base
from ironic.drivers import fake_hardware


class AcmeVendor(base.VendorInterface):
    def get_properties(self):
        return {'acme_rack': 'The rack.'}

    def validate(self, task, method, **kwargs):
        pass

    def driver_validate(self, method, **kwargs):
        if 'bad' in kwargs:
            raise exception.InvalidParameterValue('bad is bad')

    @base.driver_passthru(
        ['GET', 'POST', 'PUT', 'DELETE'], async_call=False, description='Echo.'
    )
    def echo(self, context, **kwargs):
        return kwargs

    @base.driver_passthru(['POST'])
    def later(self, context, **kwargs):
        pass


class Acme(fake_hardware.FakeHardware):
    @property
    def supported_vendor_interfaces(self):
        return [AcmeVendor]
"""

_ENTRY_POINTS = """
[ironic.hardware.types]
acme = acme_hardware:Acme
[ironic.hardware.interfaces.vendor]
acme = acme_hardware:AcmeVendor
"""

_APACHE = """
ServerName localhost
User www-data
Group www-data
PidFile {directory}/pid
DefaultRuntimeDir {directory}
ErrorLog /dev/stderr
"""
_APACHE_MODULES = (
    'mpm_event',
    'authz_core',
    'env',
    'headers',
    'proxy',
    'proxy_http',
    'socache_shmcb',
    'ssl',
)


class ExistingIronic(fixtures.Fixture):
    """An Identity service, and Ironic with the hardware type ``acme``.

    :ivar identity: the Identity service.
    :ivar ironic: Ironic, with a node.
    :ivar options: options of this service beside it.
    """

    def _setUp(self) -> None:
        home = self.useFixture(ironic.IronicPackages()).home
        self.identity = self.useFixture(keystone.Keystone())
        login = self.identity.options()
        self.ironic = self.useFixture(
            ironic.Ironic(
                home,
                packages=self._packages(),
                **login
                | {
                    'auth_strategy': 'keystone',
                    'enabled_hardware_types': 'redfish,fake-hardware,acme',
                    'enabled_vendor_interfaces': 'no-vendor,fake,acme',
                    'oslo_middleware__enable_proxy_headers_parsing': True,
                },
            )
        )
        admin = self.identity.api('system-admin')
        self.ironic.create_node(
            self.ironic.api(admin.session), name='n1', driver='fake-hardware'
        )
        self.options = login | {
            'oslo_middleware__enable_proxy_headers_parsing': True,
            'api__console': True,
            'ironic__forward': True,
            'ironic__timeout': 10.0,
            'ironic__endpoint_override': self.ironic.url,
        }

    def _packages(self) -> pathlib.Path:
        """Return a directory with the hardware type."""
        packages = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        ironic.write_package(packages, 'acme', _HARDWARE, _ENTRY_POINTS)
        return packages

    def client(
        self, url: str, user: str = 'system-admin', **more: Any
    ) -> web.Client:
        """Return a client with a token."""
        token = self.identity.token(user)
        return web.Client(url, headers={'X-Auth-Token': token}, **more)


class Endpoint(fixtures.Fixture):
    """A proxy with a configuration of the page.

    :param services: Ironic and its Identity service.
    :param own: URL of this service.
    :param language: of the block with the configuration: ``text`` for
        haproxy, ``apacheconf`` for Apache.
    :ivar url: URL of the endpoint.
    :ivar tls: TLS context of its clients.
    """

    def __init__(
        self, services: ExistingIronic, own: str, language: str = 'text'
    ) -> None:
        super().__init__()
        self._services = services
        self._own = own
        self._language = language

    def _setUp(self) -> None:
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self._port = self.useFixture(servers.ReservedPort()).port
        self.url = f'https://localhost:{self._port}'
        self.tls = self._make_certificate()
        command = _haproxy if self._language == 'text' else _apache
        self._proxy = self.useFixture(
            processes.Process(
                command(self.directory, self._configuration()),
                environment=os.environ,
                log=self.directory / 'log',
            )
        )
        self._proxy.start()
        self.api = self.client()
        processes.wait_until(self._answers, 'both services answer')
        self._write_clouds()

    def client(self, user: str = 'system-admin') -> web.Client:
        """Return a client with a token."""
        return self._services.client(self.url, user, tls=self.tls)

    def _make_certificate(self) -> ssl.SSLContext:
        """Create the files of the server; return a context for clients."""
        authority = trustme.CA()
        self._authority = self.directory / 'authority.pem'
        authority.cert_pem.write_to_path(str(self._authority))
        issued = authority.issue_cert('localhost')
        self._certificate = self.directory / 'baremetal.pem'
        issued.private_key_and_cert_chain_pem.write_to_path(
            str(self._certificate)
        )
        context = ssl.create_default_context()
        authority.configure_trust(context)
        return context

    def _configuration(self) -> str:
        """Return the block of the page, with the addresses of the test."""
        (block,) = (
            one
            for one in pages.blocks(PAGE)
            if one.run_by and one.language == self._language
        )
        text = block.text
        ironic_url = self._services.ironic.url
        for old, new in (
            (':6385', f':{self._port}'),
            ('Listen 6385', f'Listen {self._port}'),
            ('http://127.0.0.1:6386', self._own),
            ('http://127.0.0.1:6387', ironic_url),
            ('127.0.0.1:6386', self._own.split('/')[2]),
            ('127.0.0.1:6387', ironic_url.split('/')[2]),
            ('/etc/haproxy/baremetal.pem', str(self._certificate)),
            ('/etc/ssl/certs/baremetal.pem', str(self._certificate)),
            ('/etc/ssl/private/baremetal.key', str(self._certificate)),
        ):
            text = text.replace(old, new)
        return text

    def _answers(self) -> bool:
        if not self._proxy.running:
            raise processes.Failed(f'the proxy ended:\n{self._proxy.log()}')
        try:
            return all(
                self.api.get(path).status == 200
                for path in ('/v1/nodes', '/v1/operations')
            )
        except OSError:
            return False

    def _write_clouds(self) -> None:
        """Write a ``clouds.yaml`` with one cloud for each user."""
        clouds = {
            user: {
                'auth': self._services.identity.login(user),
                'region_name': 'RegionOne',
                'baremetal_endpoint_override': self.url,
                'cacert': str(self._authority),
            }
            for user in keystone.USERS
        }
        self._clouds = self.directory / 'clouds.yaml'
        self._clouds.write_text(yaml.safe_dump({'clouds': clouds}))

    def run(
        self, *command: str, stdin: str = '', user: str = 'system-admin'
    ) -> subprocess.CompletedProcess[str]:
        """Run a client until it ends."""
        return subprocess.run(
            command,
            env={
                'PATH': os.defpath,
                'HOME': str(self.directory),
                'OS_CLIENT_CONFIG_FILE': str(self._clouds),
                'OS_CLOUD': user,
                # As installed with the tests.
                'PYTHONPATH': os.pathsep.join(sys.path),
            },
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def run_openstack(self, *commands: str) -> list[Any]:
        """Run commands of OpenStackClient; return their JSON output."""
        lines = '\n'.join(f'{command} -f json' for command in commands)
        done = self.run(processes.command('openstack'), stdin=lines)
        if done.stderr:
            raise processes.Failed(done.stderr)
        rest = done.stdout.strip()
        found = []
        while rest:
            value, end = json.JSONDecoder().raw_decode(rest)
            found.append(value)
            rest = rest[end:].lstrip()
        return found


def _haproxy(directory: pathlib.Path, text: str) -> list[str]:
    """Return the command line of haproxy with a configuration."""
    file = directory / 'haproxy.cfg'
    file.write_text(text)
    program = servers.require('haproxy', 'haproxy', ('/usr/sbin',))
    return [program, '-db', '-f', str(file)]


def _apache(directory: pathlib.Path, text: str) -> list[str]:
    """Return the command line of Apache with a configuration."""
    lines = [
        f'LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so'
        for name in _APACHE_MODULES
    ]
    file = directory / 'apache2.conf'
    server = _APACHE.format(directory=directory)
    file.write_text('\n'.join((*lines, server, text)))
    program = servers.require('apache2', 'apache2', ('/usr/sbin',))
    return [program, '-D', 'FOREGROUND', '-f', str(file)]
