# SPDX-License-Identifier: Apache-2.0
"""Resources of the loaded application: none that a fork would share."""

import json
import os
import pathlib
import subprocess
import sys

import fixtures

from ironic_passthru.tests import base
from ironic_passthru.tests.functional import deployment

# Prints the resources that child processes must not share. The kernel lists
# a joined thread a moment longer than Python does.
_PROGRAM = """
import json, os, threading, time
import ironic_passthru.wsgi
latest = time.monotonic() + 10
while len(os.listdir('/proc/self/task')) > 1 and time.monotonic() < latest:
    time.sleep(0.01)
held = []
for number in os.listdir('/proc/self/fd'):
    try:
        held.append(os.readlink(f'/proc/self/fd/{number}'))
    except OSError:
        pass
print(json.dumps({
    'threads': [thread.name for thread in threading.enumerate()],
    'tasks': len(os.listdir('/proc/self/task')),
    'held': [name for name in held if not name.startswith(('/dev/', 'pipe:'))],
}))
"""

# Ports without a server: a connection would fail.
_NOBODY = '127.0.0.1:1'


class TestLoading(base.TestCase):
    """Loading the application starts no threads and opens no files."""

    def load(self, **options: object) -> dict[str, object]:
        """Return the resources of a process with the loaded application."""
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        config = directory / 'api.conf'
        values = {
            'transport_url': f'rabbit://guest:guest@{_NOBODY}//',
            'database__connection': f'sqlite:///{directory}/registry.sqlite',
            'state_path': directory,
            **options,
        }
        config.touch(mode=0o600)
        config.write_text(deployment.config_text(**values))
        done = subprocess.run(
            [sys.executable, '-c', _PROGRAM],
            env={
                **os.environ,
                'OTEL_EXPORTER_OTLP_ENDPOINT': f'http://{_NOBODY}',
                deployment.CONFIG_FILES: str(config),
            },
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(0, done.returncode, done.stderr)
        return json.loads(done.stdout)

    def check(self, **options: object) -> None:
        """Check that the process has one thread and no open files."""
        self.assertEqual(
            {'threads': ['MainThread'], 'tasks': 1, 'held': []},
            self.load(**options),
        )

    def test_without_a_login(self) -> None:
        self.check(auth_strategy='noauth')

    def test_with_tokens_and_a_database_server(self) -> None:
        self.check(
            auth_strategy='keystone',
            keystone_authtoken__www_authenticate_uri=f'http://{_NOBODY}',
            keystone_authtoken__auth_url=f'http://{_NOBODY}',
            keystone_authtoken__auth_type='password',
            keystone_authtoken__username='service',
            keystone_authtoken__password='secret',
            keystone_authtoken__project_name='service',
            database__connection=f'postgresql+psycopg2://{_NOBODY}/registry',
        )
