# SPDX-License-Identifier: Apache-2.0
"""Tests of ``ironic-passthru-driver serve``, without a service."""

import pathlib
import signal
import subprocess
import sys

import fixtures

from ironic_passthru import errors
from ironic_passthru.driver_kit import serve
from ironic_passthru.tests import base

SCRIPT = """
from ironic_passthru.driver_kit import serve
serve.run('fake-hardware', port=0, config_files=[])
"""


class TestServe(base.TestCase):
    def test_a_configuration_file_that_does_not_exist(self) -> None:
        directory = self.useFixture(fixtures.TempDir()).path
        for path in (directory, f'{directory}/missing.conf'):
            error = self.assertRaises(
                errors.ConfigError,
                serve.run,
                'fake-hardware',
                port=None,
                config_files=[path],
            )
            self.assertEqual(
                f'Configuration file {path} does not exist, or is not a file',
                error.message,
            )

    def test_a_directory_that_vanishes_is_a_change(self) -> None:
        class Vanishing(pathlib.PosixPath):
            def rglob(self, pattern):
                yield pathlib.Path(__file__)
                raise FileNotFoundError(self)

        watched = [Vanishing(pathlib.Path(__file__).parent)]
        self.assertEqual([__file__], list(serve._state(watched)))

    def test_only_python_files_are_watched(self) -> None:
        root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        for name in ('driver.py', 'driver.log', 'state.json', '.#driver.py'):
            (root / name).touch()
        config = root / 'acme.conf'
        config.touch()
        self.assertEqual(
            [str(root / 'driver.py'), str(config)],
            list(serve._state([root, config])),
        )

    def test_the_files_of_an_instance(self) -> None:
        self.assertEqual(
            serve._sources('fake-hardware'),
            serve._sources('lab:fake-hardware'),
        )

    def test_the_service_stops_with_its_parent(self) -> None:
        for number in (signal.SIGHUP, signal.SIGKILL):
            parent = subprocess.Popen(
                [sys.executable, '-c', SCRIPT],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            self.addCleanup(parent.kill)
            assert parent.stdout is not None
            self.addCleanup(parent.stdout.close)
            self.assertIn(b'Listening', parent.stdout.readline())
            parent.send_signal(number)
            # The output ends with the service, which has inherited it;
            # otherwise this raises TimeoutExpired.
            parent.communicate(timeout=60)
