# SPDX-License-Identifier: Apache-2.0
"""Tests of ``ironic-passthru-driver``."""

import contextlib
import io
import os
import pathlib
import subprocess
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


# Modules of one package with several drivers.
_GOOD = """
from ironic_passthru import errors
from ironic_passthru.drivers import base

class Good(base.VendorInterface):
    @base.driver_passthru(['GET'])
    def go(self):
        'Go.'
"""
_MODULES = {
    '__init__': '',
    'good': _GOOD,
    'odd': f"""{_GOOD}
class Early(errors.DriverError):
    status = 200

class Text(errors.DriverError):
    status = '404'
""",
    'silent': f"""{_GOOD}
class Silent(Exception):
    def __str__(self):
        return self.missing

raise Silent()
""",
    'waiting': f"""{_GOOD}
import threading
threading.Thread(target=threading.Event().wait, name='waits').start()
""",
}


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
        self.root = root
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

    def test_an_instance(self) -> None:
        self.assertEqual(
            (0, "Driver 'lab': 0 warning(s), no error\n", ''),
            self.run_command('check', 'lab:fake-hardware'),
        )
        code, out, _ = self.run_command('docs', 'lab:fake-hardware')
        self.assertEqual(0, code)
        self.assertTrue(out.startswith('# Driver ``lab``\n'), out[:80])
        for command in ('check', 'docs', 'serve'):
            code, out, err = self.run_command(command, 'lab:none')
            self.assertEqual(1, code)
            self.assertIn("no entry point 'none' in", out + err)
            code, _, err = self.run_command(command, 'a:b:c')
            self.assertEqual((1, 1), (code, err.count('\n')))
            self.assertIn("'a:b:c': the form must be NAME or", err)

    def test_an_error_of_the_code_has_its_place(self) -> None:
        (line,) = self.found('empty')
        self.assertIn(f'{self.place}:9: class Empty has no', line)

    def test_a_failed_conformance_test(self) -> None:
        (line,) = self.found('undescribed')
        self.assertIn(f'{self.place}:5: go has no description', line)
        self.assertIn('required: Each method has a description', line)

    def test_a_common_cause_is_reported_once(self) -> None:
        (line,) = self.found('unready')
        self.assertIn('start() failed: The address is unset', line)
        self.assertIn('required: The driver starts', line)

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

    def install_modules(self, *names: str) -> None:
        """Install the package ``acme-odd`` with the drivers of modules."""
        info = self.root / 'acme_odd-1.dist-info'
        info.mkdir()
        (info / 'METADATA').write_text('Name: acme-odd\nVersion: 1\n')
        (info / 'entry_points.txt').write_text(
            '[ironic_passthru.drivers]\n'
            + ''.join(f'{name} = acme_odd.{name}:Good\n' for name in names)
        )
        (self.root / 'acme_odd').mkdir()
        for name, source in _MODULES.items():
            (self.root / f'acme_odd/{name}.py').write_text(source)
            self.addCleanup(sys.modules.pop, f'acme_odd.{name}', None)
        self.addCleanup(sys.modules.pop, 'acme_odd', None)

    def test_error_classes_of_several_drivers(self) -> None:
        self.install_modules('odd', 'good')
        # The module is loaded before the other driver is checked.
        self.found('odd')
        good, line = self.found('acme-odd')
        self.assertEqual("Driver 'good': 0 warning(s), no error", good)
        place = self.root / 'acme_odd/odd.py'
        for text in (
            f'Early ({place}:10) has the status 200',
            f"Text ({place}:13) has the status '404'",
            'a status from 400 to 599',
        ):
            self.assertIn(text, line)

    def test_an_exception_without_text(self) -> None:
        self.install_modules('silent')
        (line,) = self.found('silent')
        self.assertIn("Driver 'silent' cannot be loaded: ", line)
        self.assertRegex(line, r'silent.py:\d+\): Silent, whose text cannot')

    def run_process(self, *arguments: str) -> 'subprocess.Popen[str]':
        """Start the command in a process of its own."""
        script = (
            'import sys; from ironic_passthru.cmd import driver; '
            'sys.exit(driver.main())'
        )
        process = subprocess.Popen(
            [sys.executable, '-c', script, *arguments],
            env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(process.kill)
        return process

    def test_a_thread_that_does_not_end(self) -> None:
        self.install_modules('waiting')
        process = self.run_process('check', 'waiting')
        _, err = process.communicate(timeout=60)
        self.assertEqual(1, process.returncode)
        self.assertIn('threads that prevent the end of the process: wai', err)

    def test_a_reader_that_ends_early(self) -> None:
        process = self.run_process('check', 'fake-hardware')
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        self.assertEqual('', process.stderr.read())
        process.stderr.close()
        self.assertEqual(1, process.wait(60))
