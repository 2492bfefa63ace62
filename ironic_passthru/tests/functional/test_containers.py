# SPDX-License-Identifier: Apache-2.0
"""Images and the site of the page ``doc/source/install/containers.rst``.

The commands of the page need podman, podman-compose, and the images of Debian,
PostgreSQL and RabbitMQ, or others in the variables of the compose file. Where
podman cannot run a container, the steps of the Containerfile are run in
directories, with private servers instead of those images.
"""

import os
import pathlib
import shutil
import signal
import subprocess

import fixtures
import sqlalchemy

from ironic_passthru.tests import base
from ironic_passthru.tests import pages
from ironic_passthru.tests.functional import console
from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import image_steps
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import web

# It installs systems and packages.
_LONG = 'PASSTHRU_LONG' in os.environ

_PAGE = 'doc/source/install/containers.rst'
_RUN_BY = 'ironic_passthru/tests/functional/test_containers.py'
_BASE = 'docker.io/library/debian:trixie-slim'
_COMPOSE = ('podman-compose', '--file', 'etc/compose/compose.yaml')

# Directory of a Debian, instead of a new one.
_ROOT = 'PASSTHRU_DEBIAN_ROOT'

_BUILD_SECONDS = 1800.0

# Leaves a process that ends, and prints the names of all before it prints.
_ORPHAN = '(sleep 0.1 &); sleep 2; cat /proc/[0-9]*/comm'
_WRITE = 'touch /opt/ironic-passthru/x'


def _podman(*arguments: str) -> bool:
    try:
        done = subprocess.run(
            ['podman', *arguments], capture_output=True, timeout=300
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return not done.returncode


def _has_engine() -> bool:
    """Return whether podman and podman-compose can run containers."""
    return bool(shutil.which('podman-compose')) and _podman(
        'run', '--rm', _BASE, 'true'
    )


class TestPage(base.TestCase):
    """The commands of the page, one after the other."""

    def setUp(self) -> None:
        super().setUp()
        home = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.clone = home / 'clone'
        subprocess.run(
            ['git', 'clone', '--quiet', console.ROOT, self.clone], check=True
        )
        self.addCleanup(
            subprocess.run,
            [*_COMPOSE, 'down', '--volumes'],
            cwd=self.clone,
            capture_output=True,
        )

    def test_commands(self) -> None:
        blocks = [b for b in pages.blocks(_PAGE) if b.run_by == _RUN_BY]
        commands = '\n'.join(block.commands for block in blocks)
        done = subprocess.run(
            ['bash', '-euxc', commands],
            cwd=self.clone,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_BUILD_SECONDS,
        )
        self.assertEqual(0, done.returncode, done.stdout)
        self.assertIn('Hello, world!', done.stdout)
        self.assertIn('healthy: conductor conductor1', done.stdout)


class TestSteps(base.TestCase):
    """The steps of the Containerfile without an engine."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def debian(self) -> pathlib.Path:
        """Return the directory of a Debian."""
        if given := os.environ.get(_ROOT):
            return pathlib.Path(given)
        root = self.directory / 'debian'
        program = servers.require('mmdebstrap', 'mmdebstrap')
        subprocess.run(
            [
                *(program, '--quiet', '--variant=minbase', 'trixie', root),
                'http://deb.debian.org/debian',
            ],
            check=True,
        )
        return root

    def configuration(self, user: str) -> pathlib.Path:
        """Return the directory of the configuration of a site."""
        self.port = self.useFixture(servers.ReservedPort()).port
        database = self.useFixture(servers.PostgreSQL(tcp=True))
        # Its socket is not in a container.
        url = sqlalchemy.make_url(database.new_database()).set(
            host='127.0.0.1', port=database.port, query={}
        )
        site = self.useFixture(
            deployment.Site(
                url.render_as_string(hide_password=False),
                conductor__enabled_drivers='fake-hardware',
                api__port=self.port,
                host='conductor1',
            )
        )
        found = self.directory / 'configuration'
        found.mkdir()
        path = found / 'ironic_passthru.conf'
        path.write_text(site.config.read_text())
        path.chmod(0o400)
        for each in (found, path):
            shutil.chown(each, int(user), int(user))
        return found

    def run_container(self, *command: str) -> image_steps.Container:
        container = self.image.container(self.files, *command)
        self.useFixture(container)
        container.start()
        return container

    def output(self, *command: str) -> tuple[int, str]:
        container = self.run_container(*command)
        return container.wait(), container.log()

    def test_a_site(self) -> None:
        if os.geteuid():
            raise processes.Failed('only root can run these steps')
        self.image = self.useFixture(
            image_steps.Image(self.debian(), 'conductor')
        )
        self.files = self.configuration(self.image.user)
        self.check_confinement()
        conductor = self.run_container()
        conductor.wait_for_log('Conductor conductor1 (')
        api = self.run_container('ironic-passthru-api')
        api.wait_for_log('Listening on')
        client = web.Client(f'http://127.0.0.1:{self.port}')
        self.assertEqual(
            {'greeting': 'Hello, world!'}, client.call('hello').json
        )
        self.assertEqual(200, client.get('/healthcheck').status)
        code, text = self.output('ironic-passthru-status', 'health')
        self.assertEqual(0, code, text)
        conductor.signal(signal.SIGHUP)
        conductor.wait_for_log('Reloading the configuration')
        for container in (api, conductor):
            self.assertEqual(0, container.stop(), container.log())

    def check_confinement(self) -> None:
        code, text = self.output('sh', '-c', _WRITE)
        self.assertNotEqual(0, code)
        self.assertIn('Read-only file system', text)
        code, text = self.output('sh', '-c', _ORPHAN)
        self.assertEqual(0, code, text)
        self.assertEqual(['python', 'sh'], text.split())
        code, text = self.output('cat', '/proc/self/status')
        self.assertRegex(text, r'Uid:\s10001\s')
        self.assertRegex(text, r'CapBnd:\s0+\n')
        self.assertRegex(text, r'NoNewPrivs:\s1\n')


if not _LONG or not _has_engine():
    del TestPage
if not _LONG or 'TestPage' in globals():
    del TestSteps
