# SPDX-License-Identifier: Apache-2.0
"""Hardware types of Ironic that cannot be used, and their configuration."""

import pathlib
import subprocess
import sys

import fixtures

from ironic_passthru import errors
from ironic_passthru.drivers import loader
from ironic_passthru.tests import base

# A process of its own, since cfg.CONF belongs to the process.
_READ = """
import sys
from oslo_config import cfg
from ironic_passthru.cmd import launch
conf = launch.read_configuration(sys.argv[1:])
print('conductor' in cfg.CONF)
"""


class TestUnusable(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.conf = self.make_conf()
        for option, value in {
            'enabled_drivers': [],
            'enabled_ironic_hardware_types': ['acme'],
        }.items():
            self.conf.set_override(option, value, group='conductor')

    def message(self) -> str:
        error = self.assertRaises(errors.ConfigError, loader.load, self.conf)
        return error.message

    def test_without_ironic(self) -> None:
        self.assertEqual(
            'Option enabled_ironic_hardware_types in group [conductor] '
            'requires the Python package ironic, version 38 or 39, which is '
            'not installed',
            self.message(),
        )

    def test_another_version(self) -> None:
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        metadata = directory / 'ironic-37.0.1.dist-info'
        metadata.mkdir()
        (metadata / 'METADATA').write_text('Name: ironic\nVersion: 37.0.1\n')
        self.useFixture(
            fixtures.MonkeyPatch('sys.path', [str(directory), *sys.path])
        )
        self.assertIn(
            'requires Ironic 38 or 39; Ironic 37.0.1 is installed',
            self.message(),
        )


class TestConfiguration(base.TestCase):
    """Ironic registers options on cfg.CONF that would be registered twice."""

    def read(self, text: str) -> str:
        file = pathlib.Path(self.useFixture(fixtures.TempDir()).path, 'conf')
        file.write_text(f'[DEFAULT]\nstate_path = {file.parent}\n{text}')
        return subprocess.run(
            [sys.executable, '-c', _READ, '--config-file', str(file)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout

    def test_the_global_one_is_left_to_ironic(self) -> None:
        printed = self.read(
            '[conductor]\nenabled_ironic_hardware_types = acme\n'
        )
        self.assertEqual('False', printed.strip())
