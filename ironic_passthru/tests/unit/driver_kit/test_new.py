# SPDX-License-Identifier: Apache-2.0
"""Tests of ``ironic-passthru-driver new``."""

import ast
import pathlib
from importlib import resources

import fixtures

from ironic_passthru import driver_kit
from ironic_passthru import errors
from ironic_passthru.driver_kit import new
from ironic_passthru.tests import base


class TestNew(base.TestCase):
    """Names and files."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def refused(self, name: str, reason: str) -> None:
        with self.assertRaisesRegex(errors.ConfigError, reason):
            new.run(name, self.directory)
        self.assertEqual([], list(self.directory.iterdir()))

    def test_names_that_are_not_allowed(self) -> None:
        for name in ('', '3com', 'Acme', 'a b', '../acme', 'a--b', '-a', 'ä'):
            self.refused(name, 'allowed are lower-case letters')
        for name in ('import', 'true', 'none'):
            self.refused(name, 'keyword of Python')

    def test_names_that_are_used(self) -> None:
        self.refused('fake-hardware', 'has a driver of this name')
        self.refused('json', 'Python module json is installed')
        self.refused('pyyaml', 'a package of this name is installed')

    def test_an_existing_directory_is_unchanged(self) -> None:
        (self.directory / 'acme').mkdir()
        with self.assertRaisesRegex(errors.ConfigError, 'acme exists'):
            new.run('acme', self.directory)
        self.assertEqual([], list((self.directory / 'acme').iterdir()))

    def test_a_missing_parent(self) -> None:
        with self.assertRaisesRegex(errors.ConfigError, 'Cannot write .*/no'):
            new.run('acme', self.directory / 'no')

    def test_every_template_is_written(self) -> None:
        written = new.run('acme-rack2', self.directory)
        templates = resources.files(driver_kit) / 'template'
        self.assertEqual(
            {each.name for each in templates.iterdir()}, {*new.FILES}
        )
        self.assertEqual(len(new.FILES), len(written))
        for path in written:
            text = path.read_text()
            self.assertNotIn('${', text, path)
            if path.suffix == '.py':
                ast.parse(text)
        driver = self.directory / 'acme-rack2/acme_rack2/driver.py'
        self.assertIn('class AcmeRack2(', driver.read_text())
