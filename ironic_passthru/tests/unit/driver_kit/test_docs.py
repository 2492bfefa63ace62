# SPDX-License-Identifier: Apache-2.0
"""Tests of ``ironic-passthru-driver docs``."""

import io
import typing

import pydantic
from docutils import core
from docutils import nodes

from ironic_passthru import errors
from ironic_passthru.driver_kit import docs
from ironic_passthru.driver_kit import docstrings
from ironic_passthru.driver_kit import page_formats
from ironic_passthru.drivers import base as driver_base
from ironic_passthru.drivers import entry_points
from ironic_passthru.drivers import fake
from ironic_passthru.drivers import loader
from ironic_passthru.sphinxext import markup
from ironic_passthru.tests import base

# Texts that begin a directive, a list, a heading, a rule or an example.
HOSTILE = (
    '.. include:: /etc/hostname',
    '.. raw:: html',
    'See this::',
    '::',
    '~~~',
    '====',
    '- item',
    '1. one',
    'A. one',
    '(i) one',
    ':field: text',
    '>>> 1',
    '| line',
    '-a option',
    '<script> *a* `b` c_ |d| \\ [1]_ __',
)


class Lamp(pydantic.BaseModel):
    """A lamp."""

    state: typing.Literal['on', 'off']


class Lamps(driver_base.VendorInterface):
    """Lamps of racks.

    Configure them::

        [lamps]
          racks = r1
    """

    @driver_base.driver_passthru(['GET'], async_call=False)
    def lamps(self, rack: str) -> dict[str, Lamp]:
        """Return the lamps.

        Broken lamps are
        left out.

        :param str rack: name of the rack, such as ``r1``;
            or of a row.
        :returns: the lamps by name.
        """
        return {}


class TestDocs(base.TestCase):
    """The page of ``fake-hardware``."""

    def test_every_method_with_its_parameters(self) -> None:
        methods = loader.make('fake', fake.FakeVendor()).methods
        for form in page_formats.FORMATS:
            page = docs.run('fake-hardware', form)
            for name, method in methods.items():
                self.assertIn(f'``{name}``', page)
                self.assertIn(method.spec.description, page)
                for parameter in method.spec.schema['properties']:
                    self.assertIn(f'``{parameter}``', page)

    def test_markdown(self) -> None:
        page = docs.run('fake-hardware', 'markdown')
        self.assertIn(
            '### GET ``hello``\n\n'
            'Return a greeting; the simplest method.\n\n'
            '* Kind: sync.\n'
            '* Call: Synchronous: the response contains the result.\n'
            '* Result: object (additionalProperties: string).\n\n'
            '| Parameter | Type | Default | Description |\n'
            '| --- | --- | --- | --- |\n'
            '| ``name`` | string | ``"world"`` |  |\n',
            page,
        )

    def test_rest_has_no_warnings(self) -> None:
        warnings = io.StringIO()
        core.publish_doctree(
            docs.run('fake-hardware', 'rest'),
            settings_overrides={'warning_stream': warnings},
        )
        self.assertEqual('', warnings.getvalue())

    def test_an_unknown_driver(self) -> None:
        self.assertRaises(errors.DriverLoadError, docs.run, 'acme', 'rest')

    def test_docstrings_and_results(self) -> None:
        self.patch(entry_points, 'instance', lambda _name, **_: Lamps())
        page = docs.run('lamps', 'markdown')
        for part in (
            'Configure them:\n\n```\n[lamps]\n  racks = r1\n```\n',
            '\nReturn the lamps.\n\nBroken lamps are left out.\n\n* Kind',
            '* Returns: the lamps by name.\n',
            '| name of the rack, such as ``r1``; or of a row. |',
            '| ``result.*.state`` | ``"on"`` or ``"off"`` |',
        ):
            self.assertIn(part, page)
        self.assertIn(
            'Configure them:\n\n::\n\n   [lamps]\n     racks = r1\n',
            docs.run('lamps', 'rest'),
        )

    def test_fields_of_docstrings_are_no_paragraphs(self) -> None:
        found = docstrings.read('Go.\n\n:raises Odd: if odd\n:rtype: int\n')
        self.assertEqual([docstrings.Paragraph('Go.')], found.body)
        self.assertEqual({'Raises Odd': 'if odd'}, found.others)

    def test_rest_shows_texts_as_they_are(self) -> None:
        form = page_formats.FORMATS['rest']
        for text in (*HOSTILE, *map(markup.literal, ('a``b', '`', 'c\\'))):
            warnings = io.StringIO()
            page = core.publish_doctree(
                f'{form.text(text)}\n\n  next',
                settings_overrides={'warning_stream': warnings},
            )
            self.assertEqual(
                text.strip(markup.LITERAL),
                next(iter(page.findall(nodes.paragraph))).astext(),
            )
            self.assertNotIn('ERROR', warnings.getvalue())
            self.assertEqual([], list(page.findall(nodes.literal_block)))

    def test_markdown_shows_texts_as_they_are(self) -> None:
        form = page_formats.FORMATS['markdown']
        literal = markup.literal
        for text, shown in (
            ('~~~ <b> &lt; $x$', r'\~\~\~ \<b\> \&lt; \$x\$'),
            ('- item', r'\- item'),
            ('12) item', r'12\) item'),
            ('====', r'\===='),
            (f'a | {literal("b|c")}', 'a | ``b|c``'),
            (literal('``<b>``'), '``` ``<b>`` ```'),
        ):
            self.assertEqual(shown, form.text(text))
        self.assertIn(
            r'| a \| ``b\|c`` |',
            form.table(['x'], [[f'a | {literal("b|c")}']]),
        )
        self.assertEqual('````\n```\n````', form.example('```'))
