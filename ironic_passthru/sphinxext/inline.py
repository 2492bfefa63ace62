# SPDX-License-Identifier: Apache-2.0
"""Text with literals, and the nodes and tables made from it.

Text between two ``LITERAL`` marks is shown as a literal.
"""

import json
import re
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

from docutils import nodes

LITERAL = '\0'

_QUOTED = re.compile('``(.+?)``')
_BLANK_LINE = re.compile(r'\n\s*\n')


def literal(text: str) -> str:
    """Return ``text`` marked as a literal."""
    return f'{LITERAL}{text.replace(LITERAL, "")}{LITERAL}'


def json_literal(value: Any) -> str:
    """Return a JSON value marked as a literal."""
    return literal(json.dumps(value, ensure_ascii=False))


def paragraph(text: str) -> nodes.paragraph:
    """Return a text with marks as a paragraph."""
    parts = [
        nodes.literal(part, part) if index % 2 else nodes.Text(part)
        for index, part in enumerate(text.split(LITERAL))
        if part or index % 2
    ]
    return nodes.paragraph('', '', *parts)


def plain_paragraphs(text: str) -> list[nodes.Node]:
    """Return plain text as paragraphs, its double backquotes as literals.

    It is not parsed as reStructuredText, so it cannot contain errors.
    """
    made = [
        paragraph(_QUOTED.sub(lambda match: literal(match[1]), part))
        for part in _BLANK_LINE.split(text.strip())
        if part.strip()
    ]
    for each in made:
        # ``--`` may begin an option and is not a dash.
        each['support_smartquotes'] = False
    return list(made)


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
