# SPDX-License-Identifier: Apache-2.0
"""The wheel and the source archive, built and installed."""

import os
import pathlib
import subprocess
import sys
import tarfile
import venv
import zipfile
from concurrent import futures

import fixtures

from ironic_passthru.tests import base
from ironic_passthru.tests.functional import console
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import test_commands
from ironic_passthru.tests.functional import web

# An installation takes too long for each run.
_LONG = 'PASSTHRU_LONG' in os.environ

_VERSION = '1.2.3'

# Arguments: what to build and the directory.
_BUILD = """
import sys
from pbr import build
getattr(build, 'build_' + sys.argv[1])(sys.argv[2])
"""

# One module of each extra.
_EXTRAS = {
    'postgresql': 'psycopg2',
    'mysql': 'pymysql',
    'memcached': 'cryptography',
    'tracing': 'opentelemetry',
}

# Variables that refer to the checkout or set the version.
_NOT_PASSED = ('OS_', 'XDG_', 'GIT_', 'PYTHONPATH', 'PBR_')

# Written during the build.
_DIFFERENT = ('/RECORD', '/pbr.json')


class Packages(fixtures.Fixture):
    """The package built from the current files of the checkout.

    :ivar wheel: built from a snapshot of the checkout.
    :ivar archive: the source archive, built from it as well.
    :ivar rebuilt: a wheel built from the source archive.
    :ivar home: virtual environment for it.
    """

    def _setUp(self) -> None:
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.home = self.directory / 'home'
        source = self._snapshot()
        self.wheel = self._build('wheel', source)
        self.archive = self._build('sdist', source)
        with tarfile.open(self.archive) as archive:
            archive.extractall(self.directory, filter='data')
            # Recent releases of setuptools write an underscore.
            top = archive.getnames()[0].partition('/')[0]
        unpacked = self.directory / top
        self.rebuilt = self._build('wheel', unpacked, 'rebuilt')

    @property
    def environment(self) -> dict[str, str]:
        """An environment without references to the checkout."""
        return {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(_NOT_PASSED)
        } | {'HOME': str(self.directory)}

    def run(
        self,
        *arguments: object,
        cwd: pathlib.Path | None = None,
        check: bool = True,
        **environment: str,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program until it ends."""
        done = subprocess.run(
            [str(argument) for argument in arguments],
            cwd=cwd or self.directory,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=180,
        )
        if check and done.returncode:
            raise processes.Failed(f'{arguments}: {done.stdout}{done.stderr}')
        return done

    def command(self, name: str) -> pathlib.Path:
        """Return the path of an installed command."""
        return self.home / 'bin' / name

    def install(self, *what: object) -> None:
        """Install packages with the versions of the tests."""
        self.run(
            *(sys.executable, '-m', 'pip', '--python', self.command('python')),
            # Modules are compiled when they are imported.
            *('install', '--quiet', '--no-compile'),
            *('-c', console.ROOT / 'constraints.txt', *what),
        )

    def _snapshot(self) -> pathlib.Path:
        """Return a repository with the files of the checkout.

        pbr reads the list of files from git.
        """
        servers.require('git', 'git')
        source = self.directory / 'source'
        self.run('git', 'init', '--quiet', source)
        there = ('git', f'--git-dir={source / ".git"}')
        self.run(*there, f'--work-tree={console.ROOT}', 'add', '--all', '.',
                 cwd=console.ROOT)  # fmt: skip
        who = ('-c', 'user.name=Tests', '-c', 'user.email=tests@example.com')
        self.run('git', *who, 'commit', '--quiet', '-m', 'All', cwd=source)
        self.run('git', 'checkout', '--quiet', '--', '.', cwd=source)
        return source

    def _build(
        self, what: str, source: pathlib.Path, place: str = 'built'
    ) -> pathlib.Path:
        target = self.directory / place / what
        target.mkdir(parents=True)
        self.run(
            *(sys.executable, '-c', _BUILD, what, target),
            cwd=source,
            PBR_VERSION=_VERSION,
        )
        (found,) = target.iterdir()
        return found


_PACKAGES = Packages()


def setUpModule() -> None:
    _PACKAGES.setUp()


def tearDownModule() -> None:
    _PACKAGES.cleanUp()


def _contents(wheel: pathlib.Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _tracked(*folders: str) -> list[str]:
    listed = _PACKAGES.run(
        'git', 'ls-files', '--', *folders, cwd=_PACKAGES.directory / 'source'
    )
    return listed.stdout.splitlines()


class TestContents(base.TestCase):
    """Contents of wheel and archive."""

    def test_the_wheel_has_all_of_the_package(self) -> None:
        found = _contents(_PACKAGES.wheel)
        missing = set(_tracked('ironic_passthru')) - found.keys()
        self.assertEqual(set(), missing)

    def test_the_wheel_has_all_of_etc(self) -> None:
        data = f'ironic_passthru-{_VERSION}.data/data/'
        found = {
            name.removeprefix(data)
            for name in _contents(_PACKAGES.wheel)
            if name.startswith(data)
        }
        wanted = {
            name
            if name.startswith('etc/ironic_passthru/')
            else 'share/ironic-passthru/' + name.removeprefix('etc/')
            for name in _tracked('etc')
        }
        self.assertEqual(wanted, found)

    def test_the_archive_has_all_of_the_checkout(self) -> None:
        with tarfile.open(_PACKAGES.archive) as archive:
            found = {name.partition('/')[2] for name in archive.getnames()}
        # pbr omits the files of git.
        missing = {n for n in _tracked() if '.git' not in n} - found
        self.assertEqual(set(), missing)

    def test_the_archive_gives_the_same_wheel(self) -> None:
        """It does not require git."""
        first, second = (
            {
                name: content
                for name, content in _contents(wheel).items()
                if not name.endswith(_DIFFERENT)
            }
            for wheel in (_PACKAGES.wheel, _PACKAGES.rebuilt)
        )
        self.assertEqual(first.keys(), second.keys())
        differ = [name for name in first if first[name] != second[name]]
        self.assertEqual([], differ)


class TestInstalled(base.TestCase):
    """The installed package without the checkout."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        venv.create(_PACKAGES.home, symlinks=True)
        _PACKAGES.install(_PACKAGES.wheel)

    def setUp(self) -> None:
        super().setUp()
        self.home = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def run_command(self, name: str, *arguments: str) -> str:
        done = _PACKAGES.run(_PACKAGES.command(name), *arguments)
        return done.stdout

    def config(self, text: str = '') -> str:
        """Write a configuration with a new registry."""
        path = self.home / 'test.conf'
        path.touch(mode=0o600)
        path.write_text(f'[DEFAULT]\nstate_path = {self.home}/state\n{text}')
        return str(path)

    def importable(self, *modules: str) -> list[str]:
        """Return which modules are installed."""
        code = (
            'import importlib.util, sys\n'
            'for name in sys.argv[1:]:\n'
            '    if importlib.util.find_spec(name): print(name)'
        )
        return self.run_command('python', '-c', code, *modules).split()

    def test_the_commands(self) -> None:
        calls = [
            (name, argument)
            for name in test_commands.COMMANDS
            for argument in ('--version', '--help')
        ]
        with futures.ThreadPoolExecutor(2) as pool:
            outputs = list(
                pool.map(lambda call: self.run_command(*call), calls)
            )
        for (name, argument), text in zip(calls, outputs, strict=True):
            if argument == '--version':
                self.assertEqual(_VERSION, text.strip(), name)
            else:
                self.assertIn(f'usage: {name}', text)

    def test_the_registry(self) -> None:
        config = self.config()
        for command in ('upgrade', 'check'):
            self.run_command(
                'ironic-passthru-dbsync', '--config-file', config, command
            )

    def test_a_call(self) -> None:
        port = self.useFixture(servers.ReservedPort()).port
        process = self.useFixture(
            processes.Process(
                [
                    str(_PACKAGES.command('ironic-passthru')),
                    *('--config-file', self.config(f'[api]\nport = {port}\n')),
                ],
                environment=_PACKAGES.environment,
                log=self.home / 'log',
            )
        )
        process.start()
        process.wait_for_log('curl ')
        answer = web.Client(f'http://127.0.0.1:{port}').call('hello')
        self.assertEqual({'greeting': 'Hello, world!'}, answer.json)
        self.assertEqual(0, process.stop())

    def test_extras(self) -> None:
        """The base has the drivers, but not the requirements of the extras."""
        self.assertEqual([], self.importable(*_EXTRAS.values()))
        arguments = (
            *('--config-file',),
            self.config('[conductor]\nenabled_drivers = redfish\n'),
        )
        checked = _PACKAGES.run(
            _PACKAGES.command('ironic-passthru-status'),
            *(*arguments, 'upgrade', 'check', '--json'),
            check=False,
        )
        self.assertIn('"details": "redfish"', checked.stdout)
        _PACKAGES.install(f'{_PACKAGES.wheel}[{",".join(_EXTRAS)}]')
        self.assertEqual(
            list(_EXTRAS.values()), self.importable(*_EXTRAS.values())
        )


if not _LONG:
    del TestInstalled
