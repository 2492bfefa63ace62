# SPDX-License-Identifier: Apache-2.0
"""Tests of ``ironic-passthru-driver serve``, without a service."""

import pathlib

import fixtures

from ironic_passthru import errors
from ironic_passthru.driver_kit import serve
from ironic_passthru.tests import base


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
