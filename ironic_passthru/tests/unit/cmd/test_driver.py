# SPDX-License-Identifier: Apache-2.0
"""Tests of ``ironic-passthru-driver``."""

import contextlib
import io
import pathlib
import sys

import fixtures

from ironic_passthru.cmd import driver
from ironic_passthru.tests import base

# A module of a vendor: each class has another problem.
_SOURCE = '''
from ironic_passthru import errors
from ironic_passthru.drivers import base

class Undescribed(base.VendorInterface):
    @base.driver_passthru(['GET'])
    def go(self): pass

class Empty(base.VendorInterface):
    pass

class Unready(base.VendorInterface):
    @base.driver_passthru(['GET'])
    def go(self):
        """Go."""
    def start(self, conf):
        raise errors.ConfigError('The address is unset')
'''
_ENTRY_POINTS = """
[ironic_passthru.drivers]
undescribed = acme_cases:Undescribed
empty = acme_cases:Empty
unready = acme_cases:Unready
missing = acme_none:Missing
"""


class TestDriver(base.TestCase):
    """Exit codes and output with an installed package."""

    def setUp(self) -> None:
        super().setUp()
        root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        (root / 'acme_cases.py').write_text(_SOURCE)
        info = root / 'acme_cases-1.dist-info'
        info.mkdir()
        (info / 'METADATA').write_text('Name: Acme.cases\nVersion: 1\n')
        (info / 'entry_points.txt').write_text(_ENTRY_POINTS)
        self.useFixture(
            fixtures.MonkeyPatch('sys.path', [*sys.path, str(root)])
        )
        self.addCleanup(sys.modules.pop, 'acme_cases', None)
        self.place = str(root / 'acme_cases.py')

    def run_command(self, *arguments: str) -> tuple[int, str, str]:
        """Return status, standard output and standard error."""
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = driver.main([*arguments])
        return code, out.getvalue(), err.getvalue()

    def found(self, target: str) -> list[str]:
        code, out, err = self.run_command('check', target)
        self.assertEqual((1, ''), (code, err))
        return out.splitlines()

    def test_the_lines_to_edit_for_a_port(self) -> None:
        root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        file = root / 'acme.py'
        file.write_text('\nfrom ironic.drivers import base\n')
        self.assertEqual(
            (
                1,
                f'{file}:2: from ironic.drivers import base -> from '
                'ironic_passthru.compat import base\n',
                '',
            ),
            self.run_command('port', str(root)),
        )
        file.write_text('from ironic_passthru.compat import base\n')
        self.assertEqual((0, '', ''), self.run_command('port', str(root)))
        code, _, err = self.run_command('port', str(root / 'none'))
        self.assertEqual(1, code)
        self.assertIn('none: No such file or directory', err)

    def test_a_driver_without_problems(self) -> None:
        self.assertEqual(
            (0, "Driver 'fake-hardware': 0 warning(s), no error\n", ''),
            self.run_command('check', 'fake-hardware'),
        )

    def test_an_error_of_the_code_has_its_place(self) -> None:
        (line,) = self.found('empty')
        self.assertIn(f'{self.place}:9: class Empty has no', line)

    def test_a_failed_conformance_test(self) -> None:
        (line,) = self.found('undescribed')
        self.assertIn(f'{self.place}:5: go has no description', line)
        self.assertIn('required: Each method has a description', line)

    def test_a_common_cause_is_reported_once(self) -> None:
        (line,) = self.found('unready')
        self.assertIn('The address is unset', line)

    def test_all_drivers_of_a_package(self) -> None:
        lines = self.found('acme-cases')
        self.assertEqual(4, len(lines), lines)
        self.assertTrue(all(line.startswith('error: ') for line in lines))

    def test_an_unknown_target(self) -> None:
        code, out, err = self.run_command('check', 'acme-none')
        self.assertEqual((1, '', 1), (code, out, err.count('\n')))
        self.assertIn("'acme-none' is neither a driver nor", err)

    def test_a_traceback_needs_debug(self) -> None:
        code, _, err = self.run_command('docs', 'missing')
        self.assertEqual((1, 1), (code, err.count('\n')), err)
        self.assertIn("module 'acme_none' is not installed", err)
        _, _, err = self.run_command('--debug', 'docs', 'missing')
        self.assertIn('Traceback', err)
