# SPDX-License-Identifier: Apache-2.0
"""Tests of files that hold credentials."""

import pathlib

import fixtures

from ironic_passthru import credentials
from ironic_passthru import errors
from ironic_passthru.tests import base


class TestCheckPrivate(base.TestCase):
    """A file that every user can read is refused, with its name."""

    def setUp(self) -> None:
        super().setUp()
        directory = self.useFixture(fixtures.TempDir()).path
        self.path = pathlib.Path(directory) / 'secrets'
        self.path.write_text('x')

    def test_owner_and_group_may_read_it(self) -> None:
        for mode in (0o600, 0o640, 0o400):
            self.path.chmod(mode)
            credentials.check_private(self.path, 'Option x')

    def test_others_may_neither_read_nor_change_it(self) -> None:
        for mode in (0o644, 0o604, 0o602):
            self.path.chmod(mode)
            error = self.assertRaises(
                errors.ConfigError,
                credentials.check_private,
                self.path,
                'Option x',
            )
            self.assertIn(f'Option x: {self.path} ', error.message)
            self.assertIn(f'chmod o= {self.path}', error.message)

    def test_one_that_is_missing(self) -> None:
        error = self.assertRaises(
            errors.ConfigError,
            credentials.check_private,
            '/no/such/file',
            'Option x',
        )
        self.assertEqual(
            'Option x: /no/such/file: No such file or directory',
            error.message,
        )
