# SPDX-License-Identifier: Apache-2.0
"""New and ported drivers: commands of the pages, and their services."""

import os
import pathlib
import re
import shlex
import subprocess
import sysconfig
import venv

import fixtures

from ironic_passthru.tests import base
from ironic_passthru.tests import pages
from ironic_passthru.tests.functional import console
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import web

PAGES = (
    'doc/source/drivers/test-a-driver.rst',
    'doc/source/drivers/publish-a-driver.rst',
)
PORT_PAGE = 'doc/source/drivers/port-a-driver.rst'
_MARK = 'ironic_passthru/tests/functional/test_driver_kit.py'


class DriverKitCase(base.TestCase):
    """A package is installed into an environment of its own."""

    def setUp(self) -> None:
        super().setUp()
        self.root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        home = self.root / 'home'
        venv.create(home, symlinks=True)
        # The packages of this environment, with their editable packages.
        places = home.glob('lib/python*/site-packages')
        (next(places) / 'tests.pth').write_text(
            f'import site; site.addsitedir({sysconfig.get_path("purelib")!r})'
        )
        for name, module in {
            'pip': 'pip',
            'pytest': 'pytest',
            'ironic-passthru-driver': 'ironic_passthru.cmd.driver',
        }.items():
            self._script(home / 'bin' / name, module)
        self.environment = {
            **os.environ,
            'PATH': f'{home / "bin"}:{os.environ["PATH"]}',
            # Without downloads.
            'PIP_NO_BUILD_ISOLATION': '0',
            'PIP_NO_DEPS': '1',
            'PIP_DISABLE_PIP_VERSION_CHECK': '1',
            'PYTHONDONTWRITEBYTECODE': '1',
        }

    def _script(self, path: pathlib.Path, module: str) -> None:
        call = 'sys.exit(module.main())'
        if module == 'pip':
            call = "sys.exit(__import__('runpy').run_module('pip', "
            call += "run_name='__main__'))"
        path.write_text(
            f'#!{path.parent / "python"} -P\nimport sys\n'
            f'import {module} as module\n{call}\n'
        )
        path.chmod(0o755)

    def run_shell(self, commands: str, directory: str = '') -> str:
        """Run commands; return their output."""
        done = subprocess.run(
            ['bash', '-euc', commands],
            cwd=self.root / directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=200,
        )
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return done.stdout

    def serve(self, command: str, directory: str) -> None:
        """Start a ``serve`` command of a page at a free port."""
        port = self.useFixture(servers.ReservedPort()).port
        program, *arguments = shlex.split(command)
        script = (
            f'cd {self.root / directory}; exec {self.root}/home/bin/python -P '
            f'{self.root}/home/bin/{program} {shlex.join(arguments)} '
            f'--port {port}'
        )
        self.process = self.useFixture(
            processes.Process(
                ['/bin/sh', '-c', script],
                environment=self.environment,
                log=self.root / 'log',
            )
        )
        self.process.start()
        self.client = web.Client(f'http://127.0.0.1:{port}')
        self.starts = 0
        self.wait_for_start()

    def wait_for_start(self) -> None:
        """Wait until the service has started once more."""
        self.starts += 1
        processes.wait_until(
            lambda: self.process.log().count('curl ') == self.starts,
            f'start {self.starts}',
        )


class TestNewDriver(DriverKitCase):
    """The package of ``new``."""

    def test_the_pages_and_the_service(self) -> None:
        commands = ''.join(
            block.commands
            for page in PAGES
            for block in pages.blocks(page)
            if block.run_by == _MARK
        )
        self.run_shell(commands)
        package = self.root / 'acme-lights'
        self.assertTrue(list((package / 'dist').glob('*.whl')))
        self.assertIn('``blink``', (package / 'reference.md').read_text())
        self.serve('ironic-passthru-driver serve acme-lights', '.')
        path = '/v1/drivers/acme-lights/vendor_passthru/methods'
        self.assertIn('light', self.client.get(path).json)
        source = package / 'acme_lights/driver.py'
        text = source.read_text()
        source.write_text(f'{text}\n)')
        self.process.wait_for_log('waiting for a change')
        self.assertIn('driver.py', self.process.log())
        source.write_text(text.replace('def light(', 'def lamp('))
        self.wait_for_start()
        self.assertIn('lamp', self.client.get(path).json)
        self.assertEqual(0, self.process.stop())


class TestPortedDriver(DriverKitCase):
    """The example of a package for Ironic."""

    def setUp(self) -> None:
        super().setUp()
        clone = self.root / 'clone'
        clone.mkdir()
        (clone / 'doc').symlink_to(pages.ROOT / 'doc')
        self.config = self.root / 'acme-chassis/acme-chassis.conf'

    def test_the_page_and_the_configuration_file(self) -> None:
        directory, service = 'clone', ''
        for block in pages.blocks(PORT_PAGE):
            if ' serve ' in block.commands:
                service = block.commands
            elif block.run_by == _MARK and 'curl' not in block.commands:
                script = block.commands.replace('port .', 'port . || true')
                output = self.run_shell(script, directory)
                if 'ironic-passthru-driver' in script:
                    expected = re.sub(r'(?m)^\$ .*\n', '', block.text)
                    self.assertIn(expected, output)
                    self.assertEqual('->' in expected, '->' in output)
                directory = 'acme-chassis'
        self.serve(service, directory)
        for example in console.examples(PORT_PAGE):
            self.assertEqual(
                console.stable(example.answer),
                console.stable(example.run(self.client.url)),
            )
        self.change_configuration()

    def change_configuration(self) -> None:
        self.config.write_text('[acme_chassis]\nslots = 5\n')
        self.wait_for_start()
        self.assertEqual(200, self.switch_led(5))
        self.config.write_text('[acme_chassis]\nslots = many\n')
        self.process.wait_for_log('waiting for a change')
        (line,) = [
            line for line in self.process.log().splitlines() if 'many' in line
        ]
        self.assertIn(f'slots from {self.config} is not valid', line)
        self.assertNotIn('Traceback', self.process.log())
        self.config.write_text('[acme_chassis]\nslots = 1\n')
        self.wait_for_start()
        self.assertEqual(400, self.switch_led(5))
        self.assertEqual(0, self.process.stop())

    def switch_led(self, slot: int) -> int:
        """Return the status of a call."""
        return self.client.call(
            'set_led', 'PUT', driver='acme-chassis', slot=slot, state='on'
        ).status
