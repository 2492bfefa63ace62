# SPDX-License-Identifier: Apache-2.0
"""One endpoint for this service and a real Ironic, behind two proxies."""

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
from keystoneauth1 import noauth
from keystoneauth1 import session

from ironic_passthru.client import client as passthru
from ironic_passthru.client import exceptions
from ironic_passthru.tests import base
from ironic_passthru.tests import embedded
from ironic_passthru.tests import pages
from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import ironic
from ironic_passthru.tests.functional import keystone
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import web
from ironic_passthru.tests.functional.faults import proxy
from ironic_passthru.tests.unit.api.forwarding import stub

# An installation of Ironic takes too long for each run.
_LONG = 'PASSTHRU_LONG' in os.environ

_PAGE = 'doc/source/admin/beside-ironic.rst'
_SELF = 'ironic_passthru/tests/functional/test_beside_ironic.py'

_ACME = '/v1/drivers/acme/vendor_passthru'

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


class Services(fixtures.Fixture):
    """An Identity service, Ironic, and this service beside it.

    :ivar identity: the Identity service.
    :ivar ironic: Ironic, with a node.
    :ivar own: this service.
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
        config = {k: v for k, v in login.items() if '__' in k}
        self.own = self.useFixture(
            embedded.Embedded(
                config=deployment.config_text(
                    **config,
                    oslo_middleware__enable_proxy_headers_parsing=True,
                ),
                auth_strategy='keystone',
                api__console=True,
                ironic__forward=True,
                ironic__timeout=10.0,
                ironic__endpoint_override=self.ironic.url,
            )
        )

    def _packages(self) -> pathlib.Path:
        """Return a directory with the hardware type."""
        packages = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        (packages / 'acme_hardware.py').write_text(_HARDWARE)
        metadata = packages / 'acme-1.0.dist-info'
        metadata.mkdir()
        (metadata / 'METADATA').write_text(
            'Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n'
        )
        (metadata / 'entry_points.txt').write_text(_ENTRY_POINTS)
        return packages


_SERVICES = Services()


def setUpModule() -> None:
    if _LONG:
        _SERVICES.setUp()


def tearDownModule() -> None:
    if _LONG:
        _SERVICES.cleanUp()


class BesideIronicCase(base.TestCase):
    """A test with the services of this module."""

    services = _SERVICES

    def client(self, url: str, **more: Any) -> web.Client:
        token = self.services.identity.token('system-admin')
        return web.Client(url, headers={'X-Auth-Token': token}, **more)


# HTTP method, path and body; the responses do not differ.
_SAME: tuple[tuple[str, str, Any], ...] = (
    ('GET', '/v1/drivers/acme', None),
    ('GET', '/v1/drivers/acme/', None),
    ('GET', '/drivers/acme', None),
    ('GET', '/v1/drivers/acme?fields=name', None),
    ('GET', '/v1/drivers/acme?bogus=1', None),
    ('GET', '/v1/drivers/nope', None),
    ('GET', '/v1/drivers/acme.json', None),
    ('GET', '/v1/drivers/acme/properties', None),
    ('GET', f'{_ACME}/methods', None),
    ('POST', f'{_ACME}/echo', {'a': 'ü', 'b': [1.5, None]}),
    ('PUT', f'{_ACME}/echo', {}),
    ('GET', f'{_ACME}/echo', {'a': 1}),
    ('DELETE', f'{_ACME}/echo', None),
    ('POST', f'{_ACME}/echo?a=1', {'b': 1}),
    ('POST', f'{_ACME}/echo', b'{'),
    ('POST', f'{_ACME}/echo', [1]),
    ('POST', f'{_ACME}/echo', {'bad': 1}),
    ('POST', f'{_ACME}/later', {}),
    ('GET', f'{_ACME}/later', None),
    ('PATCH', f'{_ACME}/later', {}),
    ('POST', f'{_ACME}/nope', {}),
    ('GET', '/v1/conductors/host1', None),
    ('GET', '/v1/conductors/nope', None),
)

# Status of Ironic and of this service.
_DIFFERENT: tuple[tuple[str, str, Any, tuple[int, int]], ...] = (
    ('GET', '/v1/drivers/acme/x', None, (400, 404)),
    ('GET', '/v1/drivers//acme', None, (200, 404)),
    ('GET', f'{_ACME}/methods?detail=True', None, (400, 200)),
    ('GET', f'{_ACME}/methods/echo', None, (500, 200)),
    ('GET', '/v1/conductors?limit=1', None, (200, 400)),
    ('POST', f'{_ACME}?method=echo', {'a': 1}, (500, 200)),
    ('TRACE', f'{_ACME}/echo', None, (400, 405)),
    # The same status, with the body of the service that responds.
    ('POST', f'{_ACME}/echo', b'"' + b'x' * (1 << 20) + b'"', (413, 413)),
    ('PUT', '/v1/drivers/acme', {}, (405, 405)),
    ('GET', '/v1/drivers?fields=nope', None, (400, 400)),
)

# Those of the service that sends the response.
_OWN_HEADERS = {
    'cache-control',
    'connection',
    'date',
    'openstack-request-id',
    'server',
    'vary',
    'x-content-type-options',
    'x-openstack-request-id',
}


class TestClient(base.TestCase):
    """The client of this service calls methods of Ironic."""

    def setUp(self) -> None:
        super().setUp()
        self.stub = self.useFixture(stub.StubIronic(self.answer))
        own = self.useFixture(
            embedded.Embedded(
                ironic__forward=True, ironic__endpoint_override=self.stub.url
            )
        )
        self.proxy = self.useFixture(proxy.Proxy(int(own.url.split(':')[2])))
        url = f'http://127.0.0.1:{self.proxy.port}'
        self.client = passthru.Client(
            session.Session(noauth.NoAuth(endpoint=url))
        )

    def answer(self, request: stub.StubRequest) -> None:
        if request.line.startswith('GET'):
            entry = {'attach': False, 'description': ''}
            entry['http_methods'] = ['POST']
            request.send_json(
                {
                    'echo': {**entry, 'async': False},
                    'later': {**entry, 'async': True},
                }
            )
            return
        self.calls.append(json.loads(request.body))
        if self.loses:
            self.proxy.reset()
        status = '202 Accepted' if 'later' in request.line else '200 OK'
        request.send_json(self.calls[-1], status)

    calls: list[Any]
    loses = False

    def test_calls(self) -> None:
        self.calls = []
        self.assertEqual({'a': 1}, self.client.call('acme', 'echo', a=1))
        self.assertIsNone(self.client.call('acme', 'later', wait=True))
        self.assertRaises(
            exceptions.InvalidCall,
            self.client.call,
            'acme',
            'echo',
            idempotency_key='k',
        )
        self.assertEqual([{'a': 1}, {}], self.calls)

    def test_lost_connection(self) -> None:
        """A call with an idempotency key would be repeated."""
        self.calls = []
        self.client.method('acme', 'echo')
        self.loses = True
        self.assertRaises(
            exceptions.UnknownOutcome, self.client.call, 'acme', 'echo'
        )
        self.assertEqual([{}], self.calls)


class TestDifferences(BesideIronicCase):
    """Responses of Ironic, direct and forwarded."""

    def setUp(self) -> None:
        super().setUp()
        self.direct = self.client(self.services.ironic.url)
        self.own = self.client(self.services.own.url)

    def asked(
        self, client: web.Client, *request: Any
    ) -> tuple[int, bytes, dict[str, str]]:
        answer = client.request(
            *request, headers={'Content-Type': 'application/json'}
        )
        body = answer.body.replace(client.url.encode(), b'URL')
        headers = {k.lower(): v for k, v in answer.headers.items()}
        # It depends on the length of the URL.
        del headers['content-length']
        return answer.status, body, headers

    def test_same_responses(self) -> None:
        statuses = set()
        for request in _SAME:
            direct, own = (
                self.asked(client, *request)
                for client in (self.direct, self.own)
            )
            self.assertEqual(direct[:2], own[:2], request)
            # A response that never reached the API of Ironic lacks them.
            differing = dict(direct[2].items() - own[2].items())
            self.assertEqual(set(), differing.keys() - _OWN_HEADERS, request)
            statuses.add(own[0])
        self.assertLessEqual({200, 202, 400, 404}, statuses)

    def test_different_responses(self) -> None:
        for *request, statuses in _DIFFERENT:
            direct, own = (
                self.asked(client, *request)
                for client in (self.direct, self.own)
            )
            self.assertEqual(statuses, (direct[0], own[0]), request[:2])
            self.assertNotEqual(direct[1], own[1])

    def test_version_beyond_that_of_this_service(self) -> None:
        version = {'X-OpenStack-Ironic-API-Version': '1.116'}
        for client in (self.direct, self.own):
            answer = client.request('GET', '/v1/drivers/acme', None, version)
            self.assertEqual(406, answer.status)

    def test_policy_of_ironic(self) -> None:
        token = self.services.identity.token('project-reader')
        for client in (self.direct, self.own):
            answer = client.with_headers({'X-Auth-Token': token}).get(
                f'{_ACME}/methods'
            )
            # Its status for a token of the wrong scope.
            self.assertEqual(500, answer.status)
            self.assertIn('driver:vendor_passthru', answer.fault)

    def test_without_login(self) -> None:
        for client in (self.direct, self.own):
            answer = client.with_headers({'X-Auth-Token': 'x'}).get(
                '/v1/drivers/acme'
            )
            self.assertEqual(401, answer.status)
            self.assertIn('WWW-Authenticate', answer.headers)

    def test_silence(self) -> None:
        """A call that Ironic receives, but does not answer in time."""
        self.services.ironic.suspend()
        self.addCleanup(self.services.ironic.resume)
        listed = self.own.get('/v1/drivers')
        self.assertEqual(200, listed.status)
        lost = self.own.request('POST', f'{_ACME}/echo', {})
        self.assertEqual(504, lost.status)
        self.assertLess(lost.seconds, 10 + deployment.SLACK_SECONDS)
        # Calls of this service are not affected.
        hello = '/v1/drivers/fake-hardware/vendor_passthru/hello'
        self.assertEqual(200, self.own.get(hello).status)

    def test_outage(self) -> None:
        self.services.ironic.stop()
        self.addCleanup(self.services.ironic.start)
        refused = self.own.request('POST', f'{_ACME}/echo', {})
        self.assertEqual(503, refused.status)
        listed = self.own.get('/v1/drivers').json['drivers']
        self.assertEqual(['fake-hardware'], [one['name'] for one in listed])
        self.services.ironic.start()
        self.wait_for(
            lambda: len(self.own.get('/v1/drivers').json['drivers']) == 3,
            'the drivers of Ironic',
        )


class ProxyCases(BesideIronicCase):
    """One endpoint, with the configuration of the page.

    :cvar language: of the block with the configuration.
    """

    language: str

    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.port = self.useFixture(servers.ReservedPort()).port
        self.url = f'https://localhost:{self.port}'
        self.tls = self.make_certificate()
        proxy = self.useFixture(
            processes.Process(
                self.command(self.configuration()),
                environment=os.environ,
                log=self.directory / 'log',
            )
        )
        proxy.start()
        self.api = self.client(self.url, tls=self.tls)
        processes.wait_until(
            lambda: self.answers(proxy), 'both services answer'
        )
        self.write_clouds()

    def make_certificate(self) -> ssl.SSLContext:
        """Create the files of the server; return a context for clients."""
        authority = trustme.CA()
        self.authority = self.directory / 'authority.pem'
        authority.cert_pem.write_to_path(str(self.authority))
        issued = authority.issue_cert('localhost')
        self.certificate = self.directory / 'baremetal.pem'
        issued.private_key_and_cert_chain_pem.write_to_path(
            str(self.certificate)
        )
        context = ssl.create_default_context()
        authority.configure_trust(context)
        return context

    def configuration(self) -> str:
        """Return the block of the page, with the addresses of the test."""
        (block,) = (
            one
            for one in pages.blocks(_PAGE)
            if one.run_by == _SELF and one.language == self.language
        )
        text = block.text
        for old, new in (
            (':6385', f':{self.port}'),
            ('Listen 6385', f'Listen {self.port}'),
            ('http://127.0.0.1:6386', self.services.own.url),
            ('http://127.0.0.1:6387', self.services.ironic.url),
            ('127.0.0.1:6386', self.services.own.url.split('/')[2]),
            ('127.0.0.1:6387', self.services.ironic.url.split('/')[2]),
            ('/etc/haproxy/baremetal.pem', str(self.certificate)),
            ('/etc/ssl/certs/baremetal.pem', str(self.certificate)),
            ('/etc/ssl/private/baremetal.key', str(self.certificate)),
        ):
            text = text.replace(old, new)
        return text

    def command(self, text: str) -> list[str]:
        """Return the command line of the proxy with a configuration."""
        raise NotImplementedError

    def answers(self, proxy: processes.Process) -> bool:
        if not proxy.running:
            raise processes.Failed(f'the proxy ended:\n{proxy.log()}')
        try:
            return all(
                self.api.get(path).status == 200
                for path in ('/v1/nodes', '/v1/operations')
            )
        except OSError:
            return False

    def write_clouds(self) -> None:
        cloud = {
            'auth': self.services.identity.login('system-admin'),
            'region_name': 'RegionOne',
            'baremetal_endpoint_override': self.url,
            'cacert': str(self.authority),
        }
        self.clouds = self.directory / 'clouds.yaml'
        self.clouds.write_text(yaml.safe_dump({'clouds': {'site': cloud}}))

    def run_client(self, *command: str, stdin: str = '') -> str:
        """Return the output of a client."""
        done = subprocess.run(
            command,
            env={
                'PATH': os.defpath,
                'HOME': str(self.directory),
                'OS_CLIENT_CONFIG_FILE': str(self.clouds),
                'OS_CLOUD': 'site',
                # As installed with the tests.
                'PYTHONPATH': os.pathsep.join(sys.path),
            },
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.assertEqual('', done.stderr)
        return done.stdout

    def test_commands_of_the_page(self) -> None:
        (block,) = (
            one for one in pages.blocks(_PAGE) if one.language == 'console'
        )
        commands = [
            line.removeprefix('openstack ') + ' -f json'
            for line in block.commands.splitlines()
        ]
        rest = self.run_client(
            processes.command('openstack'), stdin='\n'.join(commands)
        ).strip()
        found = []
        while rest:
            value, end = json.JSONDecoder().raw_decode(rest)
            found.append(value)
            rest = rest[end:].lstrip()
        drivers, shown, own, acme, conductors, nodes = found
        hosts = {row['name']: row['hosts'] for row in drivers}
        self.assertEqual(
            {
                'acme': 'host1',
                'fake-hardware': 'embedded, host1',
                'redfish': 'host1',
            },
            hosts,
        )
        self.assertEqual('fake-hardware', shown['default_vendor_interface'])
        self.assertEqual('fake', shown['default_power_interface'])
        self.assertIn('hello', {row['name'] for row in own})
        self.assertEqual({'echo', 'later'}, {row['name'] for row in acme})
        self.assertEqual(
            {'embedded', 'host1'}, {row['hostname'] for row in conductors}
        )
        self.assertEqual(['n1'], [row['name'] for row in nodes])

    def test_script_of_the_page(self) -> None:
        (block,) = (
            one for one in pages.blocks(_PAGE) if one.language == 'python'
        )
        output = self.run_client(sys.executable, '-c', block.text)
        for text in (
            "['acme', 'fake-hardware', 'redfish']",
            "['n1']",
            "dict_keys(['echo', 'later'])",
        ):
            self.assertIn(text, output)
        self.assertEqual(4, len(output.splitlines()), output)

    def test_commands_of_this_service(self) -> None:
        openstack = processes.command('openstack')
        words = 'passthru method list acme -f json'
        listed = json.loads(self.run_client(openstack, *words.split()))
        self.assertEqual(['echo', 'later'], [row['name'] for row in listed])
        words = 'passthru call acme echo --http-method POST --param a=x'
        found = json.loads(
            self.run_client(openstack, *words.split(), '-f', 'json')
        )
        self.assertEqual({'a': 'x', 'http_method': 'POST'}, found)

    def test_paths(self) -> None:
        for path, is_own in (
            ('/', False),
            ('/v1', False),
            ('/v1/nodes/n1', False),
            ('/v1/drivers/fake-hardware/raid/logical_disk_properties', False),
            ('/drivers/fake-hardware/raid/logical_disk_properties', False),
            ('/v1/drivers/fake-hardware', True),
            ('/drivers', True),
            ('/v1/conductors/', True),
            ('/v1/operations?limit=1', True),
            ('/v1/openapi.json', True),
            ('/console/', True),
        ):
            answer = self.api.get(path)
            self.assertEqual(200, answer.status, path)
            # Only this service sends it.
            own = 'X-Content-Type-Options' in answer.headers
            self.assertEqual(is_own, own, path)

    def test_links(self) -> None:
        """Links of both services have the URL of the endpoint."""
        drivers = self.api.get('/v1/drivers').json['drivers']
        node = self.api.get('/v1/nodes/n1').json
        for one in (*drivers, node):
            for link in one['links']:
                self.assertTrue(link['href'].startswith(self.url), link)

    def test_call(self) -> None:
        path = f'{_ACME}/echo'
        answer = self.api.request(
            'POST', path, {'a': 1}, {'Content-Type': 'application/json'}
        )
        self.assertEqual(200, answer.status)
        # Ironic passes it to every method.
        self.assertEqual({'a': 1, 'http_method': 'POST'}, answer.json)


class TestHaproxy(ProxyCases):
    language = 'text'

    def command(self, text: str) -> list[str]:
        file = self.directory / 'haproxy.cfg'
        file.write_text(text)
        program = servers.require('haproxy', 'haproxy', ('/usr/sbin',))
        return [program, '-db', '-f', str(file)]


class TestApache(ProxyCases):
    language = 'apacheconf'

    def command(self, text: str) -> list[str]:
        lines = [
            f'LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so'
            for name in _APACHE_MODULES
        ]
        file = self.directory / 'apache2.conf'
        server = _APACHE.format(directory=self.directory)
        file.write_text('\n'.join((*lines, server, text)))
        program = servers.require('apache2', 'apache2', ('/usr/sbin',))
        return [program, '-D', 'FOREGROUND', '-f', str(file)]


# Its tests need a configuration.
del ProxyCases

if not _LONG:
    del TestDifferences, TestHaproxy, TestApache
