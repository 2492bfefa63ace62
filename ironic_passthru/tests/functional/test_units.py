# SPDX-License-Identifier: Apache-2.0
"""Files for systemd and logrotate, checked by these programs."""

import pathlib
import re
import subprocess

import fixtures

from ironic_passthru.tests import base
from ironic_passthru.tests.functional import console
from ironic_passthru.tests.functional import servers

_ETC = console.ROOT / 'etc'
_UNITS = sorted((_ETC / 'systemd').glob('*.service'))

# Exposure level of systemd-analyze: from 0 (safe) to 10.
_EXPOSURE = 1.5


class UnitTestCase(base.TestCase):
    """A test with a directory for changed copies of the files."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def run_command(self, *arguments: object) -> str:
        """Run a command that must succeed; return its output."""
        done = subprocess.run(
            [str(argument) for argument in arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        self.assertEqual(0, done.returncode, done.stdout)
        return done.stdout

    def copy(self, path: pathlib.Path, *changes: tuple[str, str]) -> str:
        """Copy a file with some text replaced; return the new path."""
        text = path.read_text()
        for pattern, replacement in changes:
            text = re.sub(pattern, replacement, text)
        copied = self.directory / path.name
        copied.write_text(text)
        copied.chmod(0o644)
        return str(copied)


class TestSystemd(UnitTestCase):
    """The units, and the modes of files."""

    def test_units_are_understood_and_confined(self) -> None:
        program = servers.require('systemd-analyze', 'systemd')
        self.assertEqual(2, len(_UNITS))
        for unit in _UNITS:
            # Their programs are not installed.
            copied = self.copy(
                unit, (r'/opt/ironic-passthru/\S+', '/bin/true')
            )
            self.assertEqual(
                '',
                # Their man pages are not installed everywhere.
                self.run_command(program, 'verify', '--man=no', copied),
            )
            judged = self.run_command(
                program, 'security', '--offline=true', copied
            )
            exposure = re.search(r'exposure level .*: ([0-9.]+)', judged)
            assert exposure is not None, judged
            self.assertLessEqual(float(exposure[1]), _EXPOSURE, judged)

    def test_configuration_is_private(self) -> None:
        program = servers.require('systemd-tmpfiles', 'systemd')
        path = self.copy(
            _ETC / 'tmpfiles.d' / 'ironic-passthru.conf',
            (r' root ironic-passthru ', ' - - '),
            (r' ironic-passthru (ironic-passthru|adm) ', ' - - '),
        )
        root = self.directory / 'root'
        config = root / 'etc' / 'ironic_passthru' / 'ironic_passthru.conf'
        nested = config.parent / 'policy.d' / 'rules.yaml'
        nested.parent.mkdir(parents=True)
        for file in (config, nested):
            file.touch(mode=0o666)
        self.run_command(program, '--create', f'--root={root}', path)
        for file, mode in (
            (config, 0o640),
            (nested, 0o640),
            (nested.parent, 0o750),
            (config.parent, 0o750),
            (root / 'var' / 'lib' / 'ironic-passthru', 0o700),
        ):
            self.assertEqual(mode, file.stat().st_mode & 0o777, file)


class TestLogrotate(UnitTestCase):
    """The rotation of log files."""

    def test_a_log_is_rotated(self) -> None:
        program = servers.require('logrotate', 'logrotate', ('/usr/sbin',))
        log = self.directory / 'log' / 'api.log'
        log.parent.mkdir(mode=0o750)
        log.write_text('a line\n')
        path = self.copy(
            _ETC / 'logrotate.d' / 'ironic-passthru',
            (r'/var/log/ironic-passthru', str(log.parent)),
            (r'\n +su .*', ''),
            (r'create 0640 .*', 'create 0640'),
        )
        self.run_command(
            program, '--force', '--state', self.directory / 'state', path
        )
        self.assertEqual('', log.read_text())
        self.assertEqual('a line\n', log.with_suffix('.log.1').read_text())
