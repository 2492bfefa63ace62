# SPDX-License-Identifier: Apache-2.0
"""``docs``: the reference page of a driver, as Markdown or reStructuredText.

The driver is loaded, but not started.
"""

import abc
import inspect
import re
import types
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

from ironic_passthru.drivers import entry_points
from ironic_passthru.drivers import loader
from ironic_passthru.sphinxext import attributes
from ironic_passthru.sphinxext import markup
from ironic_passthru.sphinxext import parameters

# Characters that have a meaning in plain text.
_OF_MARKDOWN = re.compile(r'([\\`*_{}\[\]<>|#])')
_OF_REST = re.compile(r'([\\`*_|])')


def run(name: str, form: str) -> str:
    """Return the page of a driver.

    :param form: a key of ``FORMATS``.
    :raises: DriverLoadError.
    """
    driver = loader.make(name, entry_points.instance(name))
    return '\n\n'.join(_parts(driver, FORMATS[form])) + '\n'


class _Format(abc.ABC):
    """Syntax of a page. Texts contain marks for literals."""

    @abc.abstractmethod
    def heading(self, text: str, level: int) -> str:
        """Return a heading."""

    @abc.abstractmethod
    def text(self, text: str) -> str:
        """Return a text with its literals, in one line."""

    @abc.abstractmethod
    def table(
        self, headings: Sequence[str], rows: Iterable[Sequence[str]]
    ) -> str:
        """Return a table."""

    def items(self, texts: Iterable[str]) -> str:
        """Return a list."""
        return '\n'.join(f'* {self.text(text)}' for text in texts)


class _Markdown(_Format):
    """Markdown with the tables of GitHub."""

    def heading(self, text: str, level: int) -> str:
        return f'{"#" * level} {self.text(text)}'

    def text(self, text: str) -> str:
        return ''.join(
            # A vertical bar would end the cell of a table.
            f'``{part}``'.replace('|', r'\|')
            if index % 2
            else _OF_MARKDOWN.sub(r'\\\1', part)
            for index, part in enumerate(_pieces(text))
        )

    def table(
        self, headings: Sequence[str], rows: Iterable[Sequence[str]]
    ) -> str:
        lines = [headings, ['---'] * len(headings)]
        lines += [[self.text(cell) for cell in row] for row in rows]
        return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


class _Rest(_Format):
    """The reStructuredText of docutils."""

    def heading(self, text: str, level: int) -> str:
        shown = self.text(text)
        return f'{shown}\n{"=-~"[level - 1] * len(shown)}'

    def text(self, text: str) -> str:
        return ''.join(
            # An empty comment separates a literal from adjacent letters.
            rf'\ ``{part}``\ ' if index % 2 else _OF_REST.sub(r'\\\1', part)
            for index, part in enumerate(_pieces(text))
        )

    def table(
        self, headings: Sequence[str], rows: Iterable[Sequence[str]]
    ) -> str:
        lines = ['.. list-table::', '   :header-rows: 1', '']
        for row in [headings, *rows]:
            for index, cell in enumerate(row):
                start = ' ' if index else '*'
                lines.append(f'   {start} - {self.text(cell)}'.rstrip())
        return '\n'.join(lines)


FORMATS = types.MappingProxyType({'markdown': _Markdown(), 'rest': _Rest()})


def _pieces(text: str) -> list[str]:
    """Return alternately plain text and literals, without line breaks."""
    return ' '.join(text.split()).split(markup.LITERAL)


def _parts(driver: loader.Driver, form: _Format) -> Iterator[str]:
    yield form.heading(f'Driver {markup.literal(driver.name)}', 1)
    yield from _docstring(type(driver.interface).__doc__, form)
    if driver.spec.properties:
        yield form.heading('Properties', 2)
        yield form.table(
            ('Property', 'Description'),
            [
                (markup.literal(name), ' '.join(markup.paragraphs(text)))
                for name, text in driver.spec.properties.items()
            ],
        )
    yield form.heading('Methods', 2)
    for name in attributes.in_order(driver):
        yield from _method(driver, name, form)


def _method(driver: loader.Driver, name: str, form: _Format) -> Iterator[str]:
    method = driver.methods[name].spec
    yield form.heading(
        f'{", ".join(method.http_methods)} {markup.literal(name)}', 3
    )
    yield from map(form.text, markup.paragraphs(method.description))
    yield form.items(
        f'{label}: {text}' for label, text in _attributes(driver, name).items()
    )
    rows = parameters.Parameters(method).rows()
    if not rows:
        yield form.text('No parameters.')
        return
    yield form.table(
        ('Parameter', 'Type', 'Default', 'Description'),
        [
            (
                row.name,
                row.type,
                'required' if row.required else row.default or 'optional',
                ' '.join(map(str, row.description)),
            )
            for row in rows
        ],
    )


def _attributes(driver: loader.Driver, name: str) -> dict[str, str]:
    method = driver.methods[name]
    found = {
        'Kind': f'{attributes.kind(method.spec)}.',
        **attributes.of_method(driver.name, method.spec),
    }
    returned = inspect.signature(method.function).return_annotation
    if 'Result' not in found and returned is not inspect.Signature.empty:
        shown = inspect.formatannotation(returned)
        found['Result'] = f'{markup.literal(shown)}.'
    return found


def _docstring(text: str | None, form: _Format) -> Iterator[str]:
    """Yield the paragraphs of a docstring without its markup."""
    for paragraph in markup.paragraphs(inspect.cleandoc(text or '')):
        yield form.text(paragraph)
