# SPDX-License-Identifier: Apache-2.0
"""Nothing that a reader looks up is missing in the pages."""

import json
import pathlib
import re
from collections.abc import Iterator
from typing import Any

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.api import app
from ironic_passthru.api.middleware import audit
from ironic_passthru.drivers import fake
from ironic_passthru.drivers import loader
from ironic_passthru.tests import base

ROOT = pathlib.Path(__file__).parents[3]

# They prevent a start, and are told on the command line.
NO_CLIENT = (errors.ConfigError, errors.DriverLoadError)


def _classes(
    parent: type[errors.PassthruError],
) -> Iterator[type[errors.PassthruError]]:
    yield parent
    for child in parent.__subclasses__():
        # Tests and drivers have classes of their own.
        if child.__module__ == errors.__name__:
            yield from _classes(child)


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
        # Its status is that of the class that it stands for.
        wanted[errors.VendorError.code] = ''
        self.assertEqual(wanted, dict(self.headings))

    def test_no_code_stands_twice(self) -> None:
        codes = [code for code, _ in self.headings]
        self.assertEqual(sorted(set(codes)), sorted(codes))


class TestRoutes(base.TestCase):
    """api-ref/source."""

    def test_every_route_has_its_chapter(self) -> None:
        pages = (ROOT / 'api-ref/source').glob('*.inc')
        text = ''.join(page.read_text() for page in pages)
        described = {
            (verb, path.partition('?')[0])
            for verb, path in re.findall(r'rest_method:: (\S+) (\S+)', text)
        }
        routes = {
            (verbs[0] if verbs else 'METHOD', path)
            for verbs, path, _ in app.ROUTES
        }
        # This is answered by a layer, before any route is looked for.
        routes.add(('GET', '/healthcheck'))
        self.assertEqual(routes, described)


class TestFakeHardware(base.TestCase):
    """doc/source/drivers/fake-hardware.rst."""

    def test_the_table_has_every_method(self) -> None:
        driver = loader.make('fake-hardware', fake.FakeVendor())
        text = (ROOT / 'doc/source/drivers/fake-hardware.rst').read_text()
        rows = re.findall(r'^``(\w+)`` +(.+?) +((?:a?sync)\S*)', text, re.M)
        wanted = {
            method.spec.name: (
                ', '.join(method.spec.http_methods),
                ('async' if method.spec.async_call else 'sync')
                + (',' if method.spec.attach else ''),
            )
            for method in driver.methods.values()
        }
        found = {name: (verbs, kind) for name, verbs, kind in rows}
        self.assertEqual(wanted, found)


class TestTold(base.TestCase):
    """doc/source/admin/audit.rst and notifications.rst, by their samples."""

    pages = ROOT / 'doc/source/admin'

    def fields(self, page: str) -> set[str]:
        """Return what has a row of its own in the tables of a page."""
        rows = re.findall(
            r'^   \* - (``.+``)$', (self.pages / page).read_text(), re.M
        )
        return {name for row in rows for name in re.findall('``(.+?)``', row)}

    def sample(self, name: str) -> dict[str, Any]:
        text = (self.pages / 'samples' / f'{name}.json').read_text()
        return json.loads(text)

    def test_every_field_of_a_line_has_a_row(self) -> None:
        line = self.sample('audit-line')
        self.assertEqual(set(), line.keys() - self.fields('audit.rst'))

    def test_the_line_as_text_is_the_same_line(self) -> None:
        text = (self.pages / 'samples/audit-line.txt').read_text()
        form = audit.FORMS['text']
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
