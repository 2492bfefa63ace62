# SPDX-License-Identifier: Apache-2.0
"""A vendor interface of Ironic over RabbitMQ, unchanged and ported.

Both drivers are made of one file, and must not differ for clients.
"""

import json
import os
import pathlib
import re
import subprocess
import sysconfig
import tempfile
import venv
from typing import Any

from ironic_passthru.compat import exception
from ironic_passthru.tests import base
from ironic_passthru.tests import pages
from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import web

# Installing Ironic takes too long for each run.
_LONG = 'PASSTHRU_LONG' in os.environ

_PAGE = 'doc/source/drivers/port-a-driver.rst'
_VENDOR = pages.ROOT / 'ironic_passthru/tests/unit/drivers/ironic_style.py'

# What porting replaces.
_IMPORTS = {
    'from ironic_passthru.compat import _': 'from ironic.common.i18n import _',
    'from ironic_passthru.compat import base': 'from ironic.drivers import '
    'base',
    'from ironic_passthru.compat import exception': 'from ironic.common '
    'import exception',
}

_HARDWARE = """
import functools
from ironic.drivers import fake_hardware
from ironic.drivers.modules import noop
import zeta


class Preferred(zeta.ZetaChassisVendor):
    def __init__(self):
        super().__init__()
        del self.driver_routes['whoami']['attach']

    @staticmethod
    def driver_validate(method, http_method, **parameters):
        assert http_method == 'GET'

    @zeta.base.driver_passthru(['GET'], async_call=0)
    def whoami(self, anyone):
        anyone.ensure_thread_contain_context()
        return [type(anyone).__name__, anyone.is_public_api,
                anyone.auth_token_info, anyone.user_id, anyone.auth_token]


class Zeta(fake_hardware.FakeHardware):
    @property
    def supported_vendor_interfaces(self):
        return [noop.NoVendor, Preferred, zeta.ZetaChassisVendor]


class WithoutRoutes(zeta.ZetaChassisVendor):
    def __new__(cls):
        return object.__new__(cls)


class Partial(zeta.ZetaChassisVendor):
    def __init__(self):
        super().__init__()
        route = self.driver_routes['lock']
        route['func'] = functools.partial(route['func'])


class Mistaken(fake_hardware.FakeHardware):
    @property
    def supported_vendor_interfaces(self):
        return [WithoutRoutes, Partial]


class Unavailable(fake_hardware.FakeHardware):
    @property
    def supported_vendor_interfaces(self):
        return [noop.NoVendor]
"""

_ENTRY_POINTS = """
[ironic.hardware.types]
zeta = zeta_hardware:Zeta
zeta-default = zeta_hardware:Zeta
bare = zeta_hardware:Unavailable
mistaken = zeta_hardware:Mistaken
marks = ironic_passthru.tests.functional.marks:MarksVendor
[ironic.hardware.interfaces.vendor]
zeta-chassis = zeta:ZetaChassisVendor
partial = zeta_hardware:Partial
[ironic_passthru.drivers]
ported = zeta_ported:ZetaChassisVendor
"""

_CONDUCTOR = (
    'import sys; from ironic_passthru.cmd import conductor; '
    'sys.exit(conductor.main())'
)

# Print the error of each value of the option.
_LOAD = """
import sys
from oslo_config import cfg
from ironic_passthru import threads
threads.init()
from ironic_passthru import conf as project_conf
from ironic_passthru import errors
from ironic_passthru.drivers import loader
conf = cfg.ConfigOpts()
project_conf.register_opts(conf)
conf([])
conf.set_override('enabled_drivers', ['fake-hardware'], 'conductor')
loader.stop(loader.load(conf).values())
assert 'ironic' not in sys.modules
conf.set_override('enabled_drivers', [], 'conductor')
for types in sys.argv[1:]:
    conf.set_override(
        'enabled_ironic_hardware_types', types.split(','), 'conductor'
    )
    try:
        loader.load(conf)
    except errors.PassthruError as error:
        print(error.message)
"""

# Print status and bases of each exception class of Ironic.
_EXCEPTIONS = """
import json
from ironic.common import exception
print(json.dumps({
    name: [
        int(getattr(kind, 'code', 500)),
        [b.__name__ for b in kind.__mro__ if b.__module__ == kind.__module__],
    ]
    for name, kind in vars(exception).items()
    if isinstance(kind, type) and issubclass(kind, Exception)
    and kind.__module__ == exception.__name__
}))
"""

# Ironic derives them from RuntimeError, without a status.
_WITHOUT_STATUS = {
    'ClientSideError',
    'InvalidInput',
    'UnknownArgument',
    'UnknownAttribute',
}

# HTTP method, method, parameters.
_CALLS: tuple[tuple[str, str, Any], ...] = (
    ('POST', 'set_power_cap', {'chassis': 'c1', 'watts': '250'}),
    ('GET', '_manage_power_caps', None),
    ('GET', 'power_caps', None),
    ('DELETE', 'power_caps', {'chassis': 'c1'}),
    ('DELETE', 'power_caps', {'chassis': 'c1'}),
    # An unexpected exception, whose text clients must not see.
    ('DELETE', 'power_caps', {'chassis': ['c1']}),
    ('PUT', 'power_caps', {}),
    ('POST', 'set_power_cap', {'chassis': 'c1'}),
    ('POST', 'set_power_cap', {'chassis': 'c1', 'watts': 'x'}),
    ('POST', 'set_power_cap', {'chassis': 'c1', 'watts': 9001}),
    ('POST', 'set_power_cap', {'chassis': 'c1', 'watts': None}),
    ('POST', 'discover', {'subnet': '192.0.2.0/24', 'vlan': 7}),
    ('POST', 'discover', {}),
    ('GET', 'fru_log', {'chassis': 'é'}),
    ('GET', 'fru_log', {'request': 'x', 'chassis': 'c1'}),
    *(
        ('PUT', 'lock', {'chassis': chassis})
        for chassis in (
            *('gone', 'unknown', 'remote', 'burning', 'broken', 'c1'),
            *('inspected', 'emptied'),
        )
    ),
    ('PUT', 'lock', {'chassis': 'c1', 'extra': 1}),
    ('PUT', 'blink', {'seconds': 1}),
)


class TestIronic39(base.TestCase):
    """Interfaces of Ironic 39."""

    version = 39
    requirements: tuple[str, ...] = ()
    python = ''

    @classmethod
    def setUpClass(cls) -> None:
        """Install Ironic into an environment of its own."""
        super().setUpClass()
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        home = pathlib.Path(directory.name)
        venv.create(home, with_pip=True)
        cls.python = str(home / 'bin/python')
        subprocess.run(
            [
                *(cls.python, '-m', 'pip', 'install', '--quiet'),
                *(f'ironic=={cls.version}.*', *cls.requirements),
            ],
            check=True,
            capture_output=True,
            timeout=600,
        )
        # The packages of this environment, with their editable packages.
        (packages,) = home.glob('lib/python*/site-packages')
        (packages / 'tests.pth').write_text(
            f'import site; site.addsitedir({sysconfig.get_path("purelib")!r})'
        )

    def setUp(self) -> None:
        super().setUp()
        self.site = self.useFixture(
            deployment.Site(
                conductor__enabled_drivers='ported',
                conductor__heartbeat_timeout=30.0,
                conductor__ironic_config_files='ironic.conf',
            )
        )
        config = self.site.directory / 'ironic.conf'
        config.write_text('[conductor]\nworkers_pool_size = 7\n')
        text = self.site.config.read_text()
        self.site.config.write_text(
            text.replace('= ironic.conf', f'= {config}')
        )
        self._install()

    def _install(self) -> None:
        source = _VENDOR.read_text()
        for ported, original in _IMPORTS.items():
            self.assertIn(ported, source)
            source = source.replace(f'{ported}\n', f'{original}\n')
        packages = self.site.packages
        (packages / 'zeta.py').write_text(source)
        (packages / 'zeta_ported.py').write_text(self._ported(source))
        (packages / 'zeta_hardware.py').write_text(_HARDWARE)
        metadata = packages / 'zeta-1.0.dist-info'
        metadata.mkdir()
        (metadata / 'METADATA').write_text(
            'Metadata-Version: 2.1\nName: zeta\nVersion: 1.0\n'
        )
        (metadata / 'entry_points.txt').write_text(_ENTRY_POINTS)

    def _ported(self, source: str) -> str:
        """Return a file after the replacement that the page documents."""
        file = self.site.directory / 'acme/vendor.py'
        file.parent.mkdir()
        file.write_text(source)
        command = next(
            block.commands
            for block in pages.blocks(_PAGE)
            if 'sed -i' in block.commands
        )
        subprocess.run(
            ['bash', '-euc', command], cwd=self.site.directory, check=True
        )
        return file.read_text()

    def _conductor(self, types: str) -> processes.Process:
        own = self.site.write_config(
            'own', conductor__enabled_ironic_hardware_types=types
        )
        return self.site.process(
            'ironic',
            [
                *(self.python, '-c', _CONDUCTOR),
                *('--config-file', str(self.site.config)),
                *('--config-file', str(own), '--host', 'c1'),
            ],
        )

    def test_unchanged_and_ported_do_not_differ(self) -> None:
        conductor = self._conductor('zeta:zeta-chassis,zeta-default')
        conductor.start()
        conductor.wait_for_log('Conductor c1 (')
        client = self.site.start_api()
        for path in ('vendor_passthru/methods', 'properties'):
            self.assertEqual(
                *(
                    client.get(f'/v1/drivers/{name}/{path}').json
                    for name in ('ported', 'zeta')
                )
            )
        for call in _CALLS:
            ported, unchanged = (
                self._call(client, name, *call) for name in ('ported', 'zeta')
            )
            self.assertEqual(ported, unchanged, call)
        states = {
            (operation['driver'], operation['state'])
            for operation in client.get('/v1/operations').json['operations']
        }
        self.assertEqual(
            {('ported', 'succeeded'), ('zeta', 'succeeded')}, states
        )
        # The first supported interface; a context with Ironic's attributes.
        self.assertEqual(
            ['IronicContext', False, None, None, None],
            self._call(client, 'zeta-default', 'GET', 'whoami', None)[2],
        )
        log = conductor.log()
        self.assertNotIn('DuplicateOptError', log)

    def _call(
        self,
        client: web.Client,
        driver: str,
        http_method: str,
        method: str,
        parameters: Any,
    ) -> tuple[Any, ...]:
        answer = client.request(
            http_method,
            f'/v1/drivers/{driver}/vendor_passthru?method={method}',
            parameters,
        )
        self.assertNotIn(b'unhashable', answer.body)
        body: Any = answer.body
        if answer.body and 'json' in str(answer.headers['Content-Type']):
            body = answer.json
        if answer.status >= 400:
            # A request id differs.
            body = re.sub(r'req-[-0-9a-f]+', 'req', answer.fault)
        return answer.status, answer.headers['Content-Type'], body

    def test_exceptions_of_compat_have_the_same_status_and_bases(self) -> None:
        done = subprocess.run(
            [self.python, '-c', _EXCEPTIONS],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        found = json.loads(done.stdout)
        self.assertLess(200, len(found))
        for name, (status, bases) in found.items():
            kind = getattr(exception, name)
            if name not in _WITHOUT_STATUS:
                self.assertEqual(status, kind.code, name)
            for base_name in bases:
                self.assertTrue(
                    issubclass(kind, getattr(exception, base_name)),
                    f'{name} is not a {base_name}',
                )

    def test_mistakes_in_the_option(self) -> None:
        expected = {
            'zetta': 'ironic.hardware.types .* did you mean .zeta.',
            'bare': 'the hardware type has no vendor interface',
            'zeta:acme': "no entry point 'acme' in ironic.hardware.interfaces",
            'zeta:no-vendor': 'NoVendor has no driver_passthru method',
            'mistaken': "WithoutRoutes has no attribute 'driver_routes'; its",
            'mistaken:partial': "Partial has a partial object as method 'loc",
            'zeta:redfish': "does not support 'redfish'; it supports NoV",
            'zeta,zeta:zeta-chassis': "another entry has the name 'zeta'",
            'zeta:': 'the form must be TYPE or TYPE:VENDOR_INTERFACE',
            'marks': 'MarksVendor is not a hardware type',
        }
        done = subprocess.run(
            [self.python, '-c', _LOAD, *expected],
            env=self.site.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        messages = done.stdout.splitlines()
        self.assertEqual(len(expected), len(messages), done.stderr)
        for message, pattern in zip(messages, expected.values(), strict=True):
            self.assertRegex(message, pattern)


class TestIronic38(TestIronic39):
    """Interfaces of Ironic 38."""

    version = 38
    # With later releases it cannot be imported: duplicate option tls-ciphers.
    requirements = ('keystoneauth1<5.17',)


if not _LONG:
    del TestIronic38, TestIronic39
