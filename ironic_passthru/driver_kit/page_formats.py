# SPDX-License-Identifier: Apache-2.0
"""Page formats: Markdown and reStructuredText.

Markup in the texts of vendors is escaped, so that it is shown as it is.
"""

import abc
import re
import textwrap
import types
from collections.abc import Iterable
from collections.abc import Sequence

from ironic_passthru.sphinxext import markup

# Characters with a special meaning within a line.
_OF_MARKDOWN = re.compile(r'([\\`*_{}\[\]<>#&~$])')
_OF_REST = re.compile(r'([\\`*_|])')

# Starts of lines that begin a list, a directive, a heading or a rule.
_BLOCK_OF_REST = re.compile(r'[^\w\\\s]|\(?\w+[.)](\s|$)')
_NUMBER_OF_MARKDOWN = re.compile(r'\d+[.)]')


class Format(abc.ABC):
    """Syntax of a page. ``markup.LITERAL`` encloses literals in texts."""

    @abc.abstractmethod
    def heading(self, text: str, level: int) -> str:
        """Return a heading."""

    @abc.abstractmethod
    def text(self, text: str) -> str:
        """Return a text with its literals, in one line."""

    @abc.abstractmethod
    def example(self, text: str) -> str:
        """Return lines as they are."""

    @abc.abstractmethod
    def table(
        self, headings: Sequence[str], rows: Iterable[Sequence[str]]
    ) -> str:
        """Return a table."""

    def items(self, texts: Iterable[str]) -> str:
        """Return a list."""
        return '\n'.join(f'* {self.text(text)}' for text in texts)


class _Markdown(Format):
    """Markdown with the tables of GitHub."""

    def heading(self, text: str, level: int) -> str:
        return f'{"#" * level} {self.text(text)}'

    def text(self, text: str) -> str:
        shown = ''.join(
            self._literal(part)
            if index % 2
            else _OF_MARKDOWN.sub(r'\\\1', part)
            for index, part in enumerate(_pieces(text))
        )
        if shown.startswith(('-', '+', '=', ':')):
            return f'\\{shown}'
        number = _NUMBER_OF_MARKDOWN.match(shown)
        if number:
            return f'{number[0][:-1]}\\{shown[number.end() - 1 :]}'
        return shown

    def _literal(self, text: str) -> str:
        fence = _fence(text, 2)
        # Markdown removes one space at each end of a literal.
        space = ' ' if text.strip('` ') != text or not text else ''
        return f'{fence}{space}{text}{space}{fence}'

    def example(self, text: str) -> str:
        fence = _fence(text, 3)
        return f'{fence}\n{text}\n{fence}'

    def table(
        self, headings: Sequence[str], rows: Iterable[Sequence[str]]
    ) -> str:
        lines = [headings, ['---'] * len(headings)]
        lines += [
            # A vertical bar would end the cell, even in a literal.
            [self.text(cell).replace('|', r'\|') for cell in row]
            for row in rows
        ]
        return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


class _Rest(Format):
    """The reStructuredText of docutils."""

    def heading(self, text: str, level: int) -> str:
        shown = self.text(text)
        return f'{shown}\n{"=-~"[level - 1] * len(shown)}'

    def text(self, text: str) -> str:
        pieces = _pieces(text)
        shown = ''.join(
            # An empty comment separates a literal from adjacent letters.
            rf'\ {self._literal(part)}\ '
            if index % 2
            else _OF_REST.sub(r'\\\1', part)
            for index, part in enumerate(pieces)
        )
        if _BLOCK_OF_REST.match(shown):
            shown = f'\\{shown}'
        # A final :: would make the next paragraph a literal block.
        return f'{shown[:-1]}\\:' if shown.endswith('::') else shown

    def _literal(self, text: str) -> str:
        text = text.strip()
        if text.strip('`\\') == text and '``' not in text and text:
            return f'``{text}``'
        escaped = re.sub(r'([\\`])', r'\\\1', text)
        return f':literal:`{escaped}`'

    def example(self, text: str) -> str:
        return f'::\n\n{textwrap.indent(text, "   ")}'

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


def _fence(text: str, length: int) -> str:
    """Return more backquotes than the text contains in a row."""
    longest = max(map(len, re.findall('`+', text)), default=0)
    return '`' * max(length, longest + 1)


def _pieces(text: str) -> list[str]:
    """Return alternately plain text and literals, without line breaks."""
    return ' '.join(text.split()).split(markup.LITERAL)
