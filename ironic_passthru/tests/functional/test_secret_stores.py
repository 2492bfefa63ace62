# SPDX-License-Identifier: Apache-2.0
"""Options and passwords of BMCs in a real Barbican."""

import logging
import os
import pathlib
import uuid

import fixtures
from oslo_config import cfg

from ironic_passthru import conf as project_conf
from ironic_passthru import errors
from ironic_passthru.cmd import parsing
from ironic_passthru.drivers.redfish.inventories import file
from ironic_passthru.tests import base
from ironic_passthru.tests.functional import barbican
from ironic_passthru.tests.functional import keystone

# An installation of Barbican takes too long for each run.
_LONG = 'PASSTHRU_LONG' in os.environ

DATABASE = 'postgresql://me:correct-horse@db.example.com/passthru'


class TestBarbican(base.TestCase):
    """Secrets, their changes, errors, and times without Barbican."""

    home: pathlib.Path

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.home = cls.use_class_fixture(barbican.BarbicanPackages()).home

    def setUp(self) -> None:
        super().setUp()
        self.server = self.useFixture(
            barbican.Barbican(self.home, keystone.shared())
        )
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.castellan = self.write('castellan', self.server.castellan())

    def store(self, *texts: str) -> list[str]:
        """Store secrets; start to watch the log, which then has no secret."""
        found = [self.server.store(text) for text in texts]
        self.log = self.useFixture(
            fixtures.FakeLogger(level=logging.DEBUG, nuke_handlers=False)
        )
        return found

    def write(self, name: str, text: str) -> pathlib.Path:
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def read(self, secret: str) -> cfg.ConfigOpts:
        """Read a configuration with a secret for the database."""
        mapping = self.write('map', f'[database]\nconnection = {secret}\n')
        main = self.write(
            'main',
            '[DEFAULT]\nconfig_source = barbican\n[barbican]\n'
            f'driver = castellan\nconfig_file = {self.castellan}\n'
            f'mapping_file = {mapping}\n',
        )
        conf = cfg.ConfigOpts()
        project_conf.register_opts(conf)
        parsing.parse(conf, ['--config-file', str(main)])
        return conf

    def test_options(self) -> None:
        (secret,) = self.store(DATABASE)
        conf = self.read(secret)
        self.assertEqual(DATABASE, conf.database.connection)
        for secret in (str(uuid.uuid4()), 'rack1'):
            error = self.assertRaises(errors.ConfigError, self.read, secret)
            for part in ('Option connection in', 'its secret does not exist'):
                self.assertIn(part, error.message)
        self.server.stop()
        error = self.assertRaises(errors.ConfigError, self.read, 'rack1')
        self.assertIn('Connection refused', error.message)
        self.assertNotIn('correct-horse', self.log.output)

    def test_passwords(self) -> None:
        secrets = self.store('hunter0', 'hunter1', 'hunter2')
        inventory = self.write(
            'inventory.yaml',
            ''.join(
                f'n{n}: {{address: bmc{n}, username: me, '
                f'password_secret: {secret}}}\n'
                for n, secret in enumerate(secrets)
            ),
        )
        source = file.FileSource(look_seconds=0.0)
        source.start(
            self.make_conf(
                redfish__inventory_file=str(inventory),
                redfish__castellan_config_file=str(self.castellan),
                redfish__inventory_refresh=1.0,
            )
        )
        self.addCleanup(source.stop)
        self.server.stop()
        warning = 'n0: the secret store cannot be used: Connection refused'
        self.wait_for(lambda: warning in self.log.output, warning)
        found = [t.address.password for t in source.current().everything()]
        self.assertEqual(['hunter0', 'hunter1', 'hunter2'], found)
        self.server.start()
        again = 'All 3 passwords of targets are read'
        self.wait_for(lambda: again in self.log.output, again)
        self.assertNotIn('hunter', self.log.output)


if not _LONG:
    del TestBarbican
