# SPDX-License-Identifier: Apache-2.0
"""Directives for drivers, by pages that Sphinx builds."""

import json
import re
import subprocess
import sys

from docutils import nodes
from sphinx import addnodes
from sphinx.util import inventory

from ironic_passthru.drivers import entry_points
from ironic_passthru.drivers import loader
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.sphinxext import acme
from ironic_passthru.tests.unit.sphinxext import build

MODULE = acme.__name__
ACME = f'{MODULE}:AcmeVendor'

PAGE = f"""
Acme
====

See :driver-method:`acme.set_tag` and :driver-method:`the file <acme.a_file>`.

.. driver-methods:: {ACME}
   :as: acme
"""


def squeezed(text: str) -> str:
    return ' '.join(text.split())


class TestMethods(base.TestCase):
    """``driver-methods`` for a whole driver."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.build = cls.use_class_fixture(
            build.Build({'index': PAGE}, builder='html')
        )
        cls.tree = cls.build.tree()
        cls.methods = {
            found[0]['ids'][0]: found
            for found in cls.tree.findall(addnodes.desc)
        }

    def text(self, label: str) -> str:
        return squeezed(self.methods[label].astext())

    def attributes(self, label: str) -> dict[str, str]:
        return {
            field[0].astext(): squeezed(field[1].astext())
            for field in self.methods[label].findall(nodes.field)
        }

    def rows(self, table: nodes.table) -> list[list[str]]:
        return [
            [squeezed(entry.astext()) for entry in row]
            for row in table.findall(nodes.row)
        ]

    def parameters(self, label: str) -> list[list[str]]:
        (table,) = self.methods[label].findall(nodes.table)
        return self.rows(table)

    def test_no_warnings(self) -> None:
        self.assertEqual('', self.build.warnings)

    def test_the_driver_is_described(self) -> None:
        text = self.tree.astext()
        self.assertIn('Rack controllers of Acme.', text)
        self.assertIn('They have wheels.', text)

    def test_properties_and_summary(self) -> None:
        properties, summary, *_ = self.tree.findall(nodes.table)
        self.assertEqual(
            [
                ['Property', 'Description'],
                ['acme_rack', 'Name of the rack, see acme_user.'],
            ],
            self.rows(properties),
        )
        self.assertEqual(
            [
                ['Method', 'HTTP methods', 'Kind', 'Description'],
                [
                    'inherited',
                    'GET',
                    'sync',
                    'Do what all drivers of Acme do.',
                ],
                [
                    'set_tag',
                    'PUT, DELETE',
                    'sync, dangerous',
                    'Write the tag of one rack.',
                ],
                [
                    'collect',
                    'POST',
                    'async',
                    'Fetch * everything, see --force.',
                ],
                ['a_file', 'GET', 'async, attach', ''],
            ],
            self.rows(summary),
        )

    def test_each_method_has_an_anchor(self) -> None:
        html = self.build.read('index.html')
        for method in ('inherited', 'set_tag', 'collect', 'a_file'):
            self.assertIn(f'id="acme.{method}"', html)
            # The link in the summary.
            self.assertIn(f'href="#acme.{method}"', html)
        self.assertIn('PUT DELETE set_tag', self.text('acme.set_tag'))

    def test_pages_can_link_to_a_method(self) -> None:
        paragraph = next(iter(self.tree.findall(nodes.paragraph)))
        self.assertEqual('See acme.set_tag and the file.', paragraph.astext())
        with (self.build.output / 'objects.inv').open('rb') as stream:
            found = inventory.InventoryFile.load(
                stream, '', lambda base, path: path
            )
        self.assertIn('acme.a_file', found['std:driver-method'])

    def test_methods_are_in_the_table_of_contents(self) -> None:
        html = self.build.read('index.html')
        self.assertRegex(html, r'<li><a .*href="#acme.set_tag"')

    def test_attributes(self) -> None:
        self.assertEqual(
            {
                'Call': 'Synchronous: the response contains the result.',
                'Timeout': '90 seconds.',
                'Target': 'rack; [conductor] target_limit limits concurrent '
                'calls for one target.',
                'Dangerous': '403 unless [conductor] '
                'allowed_dangerous_methods contains acme.set_tag.',
                'Secret': 'ticket, at any depth: shown as *** in records and '
                'logs.',
                'Returns': 'the ticket of the print.',
                'Raises Jam': 'if the printer is jammed.',
                'see': 'the manual',
            },
            self.attributes('acme.set_tag'),
        )
        attributes = self.attributes('acme.a_file')
        self.assertTrue(attributes['Call'].startswith('Asynchronous'))
        self.assertTrue(attributes['Result'].startswith('A file'))
        self.assertTrue(attributes['Secret'].startswith('The result'))

    def test_docstrings_are_parsed(self) -> None:
        self.assertIn('It is printed at once.', self.text('acme.set_tag'))
        emphasis = self.methods['acme.set_tag'].findall(nodes.emphasis)
        self.assertEqual(['printed'], [one.astext() for one in emphasis])

    def test_parameters_are_described_by_the_docstring(self) -> None:
        self.assertEqual(
            [
                ['Parameter', 'Type', 'Default', 'Description'],
                ['rack', 'string', 'required', 'name of the rack.'],
                ['tag', 'string', '"x"', 'what to print.'],
            ],
            self.parameters('acme.set_tag'),
        )

    def test_a_description_of_its_own_comes_first(self) -> None:
        text = self.text('acme.collect')
        self.assertRegex(text, r'Fetch \* everything, see --force\. Collect\.')

    def test_without_parameters(self) -> None:
        self.assertIn('No parameters.', self.text('acme.a_file'))
        self.assertEqual(
            [], list(self.methods['acme.a_file'].findall(nodes.table))
        )


class TestParts(base.TestCase):
    """Directives for a part of a driver."""

    def build(self, page: str, **options: object) -> build.Build:
        return self.useFixture(build.Build({'index': page}, **options))

    def test_some_methods(self) -> None:
        built = self.build(
            f'T\n=\n\n.. driver-methods:: {ACME}\n'
            '   :as: acme\n   :methods: a_file inherited\n'
        )
        self.assertEqual('', built.warnings)
        names = [
            found[0]['ids'] for found in built.tree().findall(addnodes.desc)
        ]
        self.assertEqual([['acme.a_file'], ['acme.inherited']], names)
        self.assertNotIn('wheels', built.tree().astext())
        self.assertEqual([], list(built.tree().findall(nodes.table)))

    def test_properties_elsewhere(self) -> None:
        built = self.build(
            f'T\n=\n\n.. driver-methods:: {ACME}\n'
            '   :no-properties:\n\n'
            f'U\n-\n\n.. driver-properties:: {ACME}\n'
        )
        self.assertEqual('', built.warnings)
        self.assertEqual(1, built.read('index.txt').count('acme_rack'))

    def test_an_entry_point(self) -> None:
        built = self.build('T\n=\n\n.. driver-methods:: fake-hardware\n')
        self.assertEqual('', built.warnings)
        found = {
            one[0]['_toc_name'] for one in built.tree().findall(addnodes.desc)
        }
        self.assertEqual(
            loader.make(
                'fake-hardware', entry_points.instance('fake-hardware')
            ).methods.keys(),
            found,
        )

    def test_builders_of_all_kinds(self) -> None:
        for builder in ('latex', 'man', 'xml'):
            built = self.build(PAGE, builder=builder)
            self.assertEqual('', built.warnings, builder)

    def test_dashes_of_options_stay_dashes(self) -> None:
        built = self.build(PAGE, builder='html')
        self.assertIn('see --force', built.read('index.html'))

    def test_a_page_is_read_again_when_its_driver_changes(self) -> None:
        built = self.build(PAGE)
        (page,) = built.dependencies()
        self.assertIn(acme.__file__, page)

    def test_a_class_without_a_file(self) -> None:
        built = self.build(f'T\n=\n\n.. driver-methods:: {MODULE}:BuiltIn\n')
        self.assertEqual('', built.warnings)
        self.assertIn('inherited', built.read('index.txt'))


class TestMistakes(base.TestCase):
    """Mistakes are warnings with their location."""

    def assert_warns(self, page: str, *words: str) -> None:
        built = self.useFixture(build.Build({'index': f'T\n=\n\n{page}\n'}))
        (line,) = built.warnings.strip().splitlines()
        for word in ('WARNING', *words):
            self.assertIn(word, line)

    def test_an_unknown_driver(self) -> None:
        self.assert_warns(
            '.. driver-methods:: acme',
            'index.rst:4',
            'driver-methods',
            'no such entry point',
            'fake-hardware',
        )

    def test_an_unknown_class(self) -> None:
        self.assert_warns(
            '.. driver-methods:: acme_nowhere:Vendor', "'acme_nowhere'"
        )
        self.assert_warns(
            f'.. driver-properties:: {acme.__name__}:Vendor', "'Vendor'"
        )

    def test_a_class_that_is_not_a_driver(self) -> None:
        self.assert_warns(
            '.. driver-methods:: collections:Counter', 'no', 'VendorInterface'
        )

    def test_a_driver_that_fails(self) -> None:
        self.assert_warns(
            f'.. driver-methods:: {acme.__name__}:Broken',
            'SystemExit: no library',
        )

    def test_an_invalid_schema(self) -> None:
        self.assert_warns(
            f'.. driver-methods:: {MODULE}:NoSchema',
            "'pair'",
            'invalid JSON Schema',
        )

    def test_an_unknown_method(self) -> None:
        self.assert_warns(
            f'.. driver-methods:: {ACME}\n   :methods: a_file b_file',
            'b_file',
            'collect, inherited',
        )

    def test_an_unknown_link(self) -> None:
        self.assert_warns(':driver-method:`acme.b_file`', 'acme.b_file')

    def test_a_docstring(self) -> None:
        self.assert_warns(
            f'.. driver-methods:: {acme.__name__}:BadText',
            'docstring of',
            'emphatic:1',
            'emphasis',
        )

    def test_the_same_driver_twice(self) -> None:
        one = f'.. driver-methods:: {ACME}\n   :methods: a_file\n\n'
        self.assert_warns(f'{one}{one}', 'duplicate', 'a_file')


class TestRuntime(base.TestCase):
    """The service does not need Sphinx."""

    def test_the_service_does_not_import_sphinx(self) -> None:
        program = (
            'import json, sys\n'
            'from ironic_passthru.cmd import all_in_one, conductor, status\n'
            'from ironic_passthru.drivers import fake, loader\n'
            'from ironic_passthru.testing import conformance\n'
            'print(json.dumps([*sys.modules]))\n'
        )
        done = subprocess.run(
            [sys.executable, '-c', program],
            check=True,
            capture_output=True,
            timeout=60,
        )
        loaded = json.loads(done.stdout)
        self.assertIn('ironic_passthru.drivers.loader', loaded)
        found = [name for name in loaded if re.match('sphinx|docutils', name)]
        self.assertEqual([], found)
