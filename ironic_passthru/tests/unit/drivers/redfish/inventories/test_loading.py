# SPDX-License-Identifier: Apache-2.0
"""Inventory sources of vendors, and errors of their packages."""

import importlib
import pathlib

import fixtures

from ironic_passthru import errors
from ironic_passthru.drivers.redfish.inventories import base as inventories
from ironic_passthru.drivers.redfish.inventories import loading
from ironic_passthru.tests import base

_MODULE = """
from oslo_config import cfg

from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish.inventories import base


class AcmeSource(base.InventorySource):
    def start(self, conf):
        conf.register_opts([cfg.StrOpt('host', default='bmc1')], 'acme_bmcs')
        if conf.acme_bmcs.host == 'down':
            raise OSError('no route')
        address = bmc_target.Address(
            f'https://{conf.acme_bmcs.host}', 'admin', 'secret'
        )
        self.targets = [bmc_target.Target('node-1', address)]

    def current(self):
        return base.Inventory(self.targets)


class Incomplete(base.InventorySource):
    pass
"""


class PluginTest(base.TestCase):
    """A package of a vendor with entry points."""

    def setUp(self) -> None:
        super().setUp()
        root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        info = root / 'acme_bmcs-1.dist-info'
        info.mkdir()
        (info / 'METADATA').write_text('Name: acme-bmcs\nVersion: 1\n')
        (info / 'entry_points.txt').write_text(
            f'[{loading.NAMESPACE}]\n'
            'acme = acme_bmcs:AcmeSource\n'
            'acme-incomplete = acme_bmcs:Incomplete\n'
            'acme-broken = acme_broken:Source\n'
            'acme-other = pathlib:PurePath\n'
        )
        (root / 'acme_bmcs.py').write_text(_MODULE)
        (root / 'acme_broken.py').write_text('\nimport no_such_module\n')
        (root / 'acme.conf').write_text('[acme_bmcs]\nhost = down\n')
        self.root = root
        self.useFixture(fixtures.PythonPathEntry(str(root)))
        self.useFixture(fixtures.MonkeyPatch('sys.dont_write_bytecode', True))
        importlib.invalidate_caches()

    def start(self, name: str) -> inventories.InventorySource:
        source = loading.start(self.make_conf(redfish__inventory=name))
        self.addCleanup(source.stop)
        return source

    def fault(self, name: str) -> str:
        error = self.assertRaises(errors.ConfigError, self.start, name)
        self.assertNotIn('\n', error.message)
        prefix = f'[redfish] inventory {name}: '
        self.assertEqual(prefix, error.message[: len(prefix)])
        return error.message.removeprefix(prefix)

    def test_source_of_a_vendor(self) -> None:
        source = self.start('acme')
        target = source.current().target('node-1')
        self.assertEqual('https://bmc1', target.address.url)
        error = self.assertRaises(
            inventories.PasswordNotStored, source.can_store, 'node-1'
        )
        self.assertIn('stores no passwords', str(error))

    def test_unknown_name(self) -> None:
        fault = self.fault('acm')
        self.assertIn(f'no such entry point in {loading.NAMESPACE}', fault)
        self.assertIn('acme-incomplete, acme-other, file', fault)
        self.assertIn("did you mean 'acme'?", fault)

    def test_packages_with_errors(self) -> None:
        broken = self.root / 'acme_broken.py'
        for name, expected in (
            ('acme-broken', (f'{broken}:2', "module 'no_such_module' is not")),
            ('acme-incomplete', ('abstract method', 'current', 'start')),
            ('acme-other', ('is not a subclass of', 'InventorySource')),
        ):
            fault = self.fault(name)
            for text in expected:
                self.assertIn(text, fault)

    def test_a_start_that_fails(self) -> None:
        conf = self.make_conf(redfish__inventory='acme')
        conf([], default_config_files=[str(self.root / 'acme.conf')])
        conf.set_override('inventory', 'acme', 'redfish')
        error = self.assertRaises(errors.ConfigError, loading.start, conf)
        self.assertIn('start() failed', error.message)
        self.assertIn(f'{self.root / "acme_bmcs.py"}:12', error.message)
        self.assertIn('no route', error.message)
