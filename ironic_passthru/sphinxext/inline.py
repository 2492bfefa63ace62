# SPDX-License-Identifier: Apache-2.0
"""Text with literals in it, and the nodes and tables made of it.

Within a text, what stands between two ``LITERAL`` marks is shown as a
literal. So a sentence can be put together before it becomes nodes.
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
    """Return a JSON value as a client writes it, marked as a literal."""
    return literal(json.dumps(value, ensure_ascii=False))


def to_nodes(text: str) -> list[nodes.Node]:
    """Return a text with marks as nodes."""
    made: list[nodes.Node] = []
    for index, part in enumerate(text.split(LITERAL)):
        if index % 2:
            made.append(nodes.literal(part, part))
        elif part:
            made.append(nodes.Text(part))
    return made


def paragraph(text: str) -> nodes.paragraph:
    """Return a text with marks as a paragraph."""
    return nodes.paragraph('', '', *to_nodes(text))


def plain_paragraphs(text: str) -> list[nodes.Node]:
    """Return text that was not written for a page as paragraphs.

    It is no reStructuredText: nothing in it can be wrong. Only double
    backquotes mean there what they mean here.
    """
    made = [
        paragraph(_QUOTED.sub(lambda match: literal(match[1]), part))
        for part in _BLANK_LINE.split(text.strip())
        if part.strip()
    ]
    for each in made:
        # Nor is -- a dash in it: it may begin an option.
        each['support_smartquotes'] = False
    return list(made)


def table(
    headings: Sequence[str],
    rows: Iterable[Sequence[Sequence[nodes.Node]]],
    *,
    widths: Sequence[int],
) -> nodes.table:
    """Return a table.

    :param rows: of cells, each a sequence of paragraphs and the like.
    :param widths: of the columns, in any unit; builders that break lines
        use their ratios.
    """
    group = nodes.tgroup(cols=len(headings))
    group += [nodes.colspec(colwidth=width) for width in widths]
    head = [[paragraph(heading)] for heading in headings]
    group += nodes.thead('', _row(head))
    group += nodes.tbody('', *(_row(row) for row in rows))
    return nodes.table('', group, classes=['colwidths-given'])


def _row(cells: Iterable[Sequence[nodes.Node]]) -> nodes.row:
    return nodes.row('', *(nodes.entry('', *cell) for cell in cells))
