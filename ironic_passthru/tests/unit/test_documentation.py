# SPDX-License-Identifier: Apache-2.0
"""Completeness of the pages."""

import configparser
import json
import pathlib
import re
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import fixtures
import yaml

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.api.middleware import audit
from ironic_passthru.drivers import entry_points
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.sphinxext import build

ROOT = pathlib.Path(__file__).parents[3]

# Reported at the start, on the command line.
NO_CLIENT = (errors.ConfigError, errors.DriverLoadError)


def _classes(
    parent: type[errors.PassthruError],
) -> Iterator[type[errors.PassthruError]]:
    yield parent
    for child in parent.__subclasses__():
        # Tests and drivers define further classes.
        if child.__module__ == errors.__name__:
            yield from _classes(child)


def _entry_points(group: str) -> list[str]:
    """Return the names of this package's entry points."""
    read = configparser.ConfigParser()
    read.read(ROOT / 'setup.cfg')
    lines = read['entry_points'][group].split('\n')
    return [line.partition('=')[0].strip() for line in lines if line]


class TestErrorCodes(base.TestCase):
    """doc/source/admin/errors.rst."""

    def setUp(self) -> None:
        super().setUp()
        text = (ROOT / 'doc/source/admin/errors.rst').read_text()
        self.headings = re.findall(r'^(\w+)(?: \((\d+)\))?\n-+$', text, re.M)

    def test_every_code_has_a_heading_with_its_status(self) -> None:
        wanted = {
            kind.code: str(kind.status)
            for kind in _classes(errors.PassthruError)
            if kind not in NO_CLIENT
        }
        # Its status is an argument.
        wanted[errors.VendorError.code] = ''
        self.assertEqual(wanted, dict(self.headings))

    def test_each_code_has_one_heading(self) -> None:
        codes = [code for code, _ in self.headings]
        self.assertEqual(sorted(set(codes)), sorted(codes))


class TestContributorPages(base.TestCase):
    """doc/source/contributor, and the tree of the package."""

    package = ROOT / 'ironic_passthru'

    def read(self, page: str) -> str:
        return (ROOT / f'doc/source/contributor/{page}.rst').read_text()

    def test_every_module_of_the_first_level_has_a_row(self) -> None:
        text = self.read('architecture')
        there = {
            f'{path.name}/' if path.is_dir() else path.name
            for path in self.package.iterdir()
            if path.suffix == '.py' or (path / '__init__.py').exists()
        }
        table = text.partition('\nModules\n')[2]
        rows = set(re.findall(r'^``([\w/.]+)`` ', table, re.M))
        self.assertEqual(there - {'__init__.py'}, rows)

    def test_every_named_file_exists(self) -> None:
        for page in ('architecture', 'path-of-a-call', 'recipes', 'decisions'):
            for name in self.files(self.read(page)):
                found = [
                    root / name
                    for root in (self.package, ROOT)
                    if (root / name).exists()
                ]
                self.assertTrue(found, f'{page}: {name}')

    def files(self, text: str) -> set[str]:
        """Return the paths in a text; braces contain several names."""
        found = set()
        for path in re.findall(r'[\w./{},-]+\.py\b', text):
            head, _, rest = path.partition('{')
            names, _, tail = rest.partition('}')
            found |= {
                f'{head}{name}{tail}' for name in names.split(',') or ['']
            }
        return found


class TestReleaseNotes(base.TestCase):
    """releasenotes/notes."""

    def notes(self, section: str) -> list[str]:
        """Return the files with a section."""
        return [
            path.name
            for path in (ROOT / 'releasenotes/notes').iterdir()
            if section in yaml.safe_load(path.read_text())
        ]

    def test_one_note_introduces_the_first_release(self) -> None:
        (name,) = self.notes('prelude')
        self.assertTrue(name.startswith('first-release-'))

    def test_an_upgrade_section_exists(self) -> None:
        self.assertTrue(self.notes('upgrade'))


class TestDrivers(base.TestCase):
    """doc/source/drivers."""

    def test_every_driver_has_a_page_with_all_its_methods(self) -> None:
        names = _entry_points(entry_points.NAMESPACE)
        self.assertIn('fake-hardware', names)
        for name in names:
            page = ROOT / f'doc/source/drivers/{name}.rst'
            options = re.search(
                rf'^\.\. driver-methods:: {name}\n((?:   .*\n)*)',
                page.read_text(),
                re.M,
            )
            self.assertIsNotNone(options, name)
            # This option would hide methods.
            self.assertNotIn(':methods:', options[1], name)

    def test_the_example_of_a_page_can_be_built(self) -> None:
        text = (ROOT / 'doc/source/drivers/reference.rst').read_text()
        (example,) = re.findall(
            r'^\.\. code-block:: rst\n\n((?:(?:   .*)?\n)+)', text, re.M
        )
        place = str(ROOT / 'doc/source/examples/rack-lamps')
        self.useFixture(fixtures.MonkeyPatch('sys.path', [*sys.path, place]))
        built = self.useFixture(
            build.Build({'index': textwrap.dedent(example)})
        )
        self.assertEqual('', built.warnings)
        self.assertIn('PUT set_lamp', built.read('index.txt'))


class TestCommands(base.TestCase):
    """doc/source/admin/commands.rst."""

    def test_every_command_has_its_reference(self) -> None:
        text = (ROOT / 'doc/source/admin/commands.rst').read_text()
        found = re.findall(r'^\.\. command-output:: (\S+) --help$', text, re.M)
        self.assertEqual(_entry_points('console_scripts'), found)


class TestSamples(base.TestCase):
    """doc/source/admin/audit.rst and notifications.rst, with their samples."""

    pages = ROOT / 'doc/source/admin'

    def fields(self, page: str) -> set[str]:
        """Return the names with rows in the tables of a page."""
        rows = re.findall(
            r'^   \* - (``.+``)$', (self.pages / page).read_text(), re.M
        )
        return {name for row in rows for name in re.findall('``(.+?)``', row)}

    def sample(self, name: str) -> dict[str, Any]:
        text = (self.pages / 'samples' / f'{name}.json').read_text()
        return json.loads(text)

    def test_every_field_of_an_audit_record_has_a_row(self) -> None:
        line = self.sample('audit-line')
        self.assertEqual(set(), line.keys() - self.fields('audit.rst'))

    def test_the_text_sample_matches_the_json_sample(self) -> None:
        text = (self.pages / 'samples/audit-line.txt').read_text()
        form = audit.FORMATS['text']
        self.assertEqual(f'{form(self.sample("audit-line"))}\n', text)

    def test_every_field_of_a_payload_has_a_row(self) -> None:
        known = self.fields('notifications.rst')
        for path in (self.pages / 'samples').glob('*.*.json'):
            event = self.sample(path.stem)
            self.assertIn(event['event_type'], known)
            self.assertEqual(set(), event['payload'].keys() - known, path)

    def test_every_state_has_its_event(self) -> None:
        events = {f'operation.{state.value}' for state in operation.State}
        self.assertEqual(set(), events - self.fields('notifications.rst'))
