# SPDX-License-Identifier: Apache-2.0
"""A new driver: commands of the pages, its own tests, and its service."""

import json
import os
import pathlib
import subprocess
import sysconfig
import venv

import fixtures

from ironic_passthru.tests import base
from ironic_passthru.tests import pages
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import web

PAGES = (
    'doc/source/drivers/test-a-driver.rst',
    'doc/source/drivers/publish-a-driver.rst',
)
_MARK = 'ironic_passthru/tests/functional/test_driver_kit.py'


class TestNewDriver(base.TestCase):
    """One package, installed into an environment of its own."""

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

    def run_shell(self, commands: str) -> None:
        done = subprocess.run(
            ['bash', '-euc', commands],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=200,
        )
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

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
        self.serve(package)

    def serve(self, package: pathlib.Path) -> None:
        """Serve the driver, break it, and fix it."""
        port = self.useFixture(servers.ReservedPort()).port
        process = self.useFixture(
            processes.Process(
                [
                    *(str(self.root / 'home/bin/python'), '-P'),
                    str(self.root / 'home/bin/ironic-passthru-driver'),
                    *('serve', 'acme-lights', '--port', str(port)),
                ],
                environment=self.environment,
                log=self.root / 'log',
            )
        )
        process.start()
        process.wait_for_log('curl ')
        client = web.Client(f'http://127.0.0.1:{port}')
        path = '/v1/drivers/acme-lights/vendor_passthru/methods'
        self.assertIn('light', client.get(path).json)
        source = package / 'acme_lights/driver.py'
        text = source.read_text()
        source.write_text(f'{text}\n)')
        process.wait_for_log('waiting for a change')
        self.assertIn('driver.py', process.log())
        source.write_text(text.replace('def light(', 'def lamp('))

        def changed() -> bool:
            return process.log().count('Listening on') == 2

        processes.wait_until(changed, 'the restart', seconds=60)
        self.assertIn('lamp', json.dumps(client.get(path).json))
        self.assertEqual(0, process.stop())
