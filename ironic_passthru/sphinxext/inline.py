# SPDX-License-Identifier: Apache-2.0
"""Nodes and tables made from text with marks for literals."""

from collections.abc import Iterable
from collections.abc import Sequence

from docutils import nodes

from ironic_passthru.sphinxext import markup


def paragraph(text: str) -> nodes.paragraph:
    """Return a text with marks as a paragraph."""
    parts = [
        nodes.literal(part, part) if index % 2 else nodes.Text(part)
        for index, part in enumerate(text.split(markup.LITERAL))
        if part or index % 2
    ]
    return nodes.paragraph('', '', *parts)


def plain_paragraphs(text: str) -> list[nodes.Node]:
    """Return plain text as paragraphs, its double backquotes as literals.

    It is not parsed as reStructuredText, so it cannot contain errors.
    """
    return paragraphs(markup.paragraphs(text))


def paragraphs(texts: Iterable[str | nodes.Node]) -> list[nodes.Node]:
    """Return texts with marks as paragraphs; nodes are unchanged."""
    return [
        _plain_paragraph(text) if isinstance(text, str) else text
        for text in texts
    ]


def _plain_paragraph(text: str) -> nodes.paragraph:
    made = paragraph(text)
    # ``--`` may begin an option and is not a dash.
    made['support_smartquotes'] = False
    return made


def table(
    headings: Sequence[str],
    rows: Iterable[Sequence[Sequence[nodes.Node]]],
    *,
    widths: Sequence[int],
) -> nodes.table:
    """Return a table.

    :param rows: of cells, each a sequence of nodes.
    :param widths: relative widths of the columns.
    """
    group = nodes.tgroup(cols=len(headings))
    group += [nodes.colspec(colwidth=width) for width in widths]
    head = [[paragraph(heading)] for heading in headings]
    group += nodes.thead('', _row(head))
    group += nodes.tbody('', *(_row(row) for row in rows))
    return nodes.table('', group, classes=['colwidths-given'])


def _row(cells: Iterable[Sequence[nodes.Node]]) -> nodes.row:
    return nodes.row('', *(nodes.entry('', *cell) for cell in cells))
