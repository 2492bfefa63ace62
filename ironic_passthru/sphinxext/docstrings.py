# SPDX-License-Identifier: Apache-2.0
"""Docstrings of drivers, as what they say to those who call a method."""

import dataclasses

from docutils import nodes
from docutils import statemachine
from sphinx.util import docstrings
from sphinx.util import docutils
from sphinx.util import parsing

_PARAMETER = ('param', 'parameter', 'arg', 'argument', 'key', 'keyword')
# Names of types in Python, which the schema tells in other words.
_TYPE = ('type', 'rtype', 'paramtype', 'kwtype')
_LABELS = {
    'return': 'Returns',
    'returns': 'Returns',
    'raise': 'Raises',
    'raises': 'Raises',
    'except': 'Raises',
    'exception': 'Raises',
}


@dataclasses.dataclass(frozen=True)
class Docstring:
    """What a docstring says.

    :param body: all but what it says of single parameters.
    :param parameters: that, by name.
    """

    body: list[nodes.Node]
    parameters: dict[str, list[nodes.Node]]


def read(
    directive: docutils.SphinxDirective, text: str | None, *, source: str
) -> Docstring:
    """Read a docstring, which is reStructuredText.

    :param source: what messages about it say that it is.
    """
    lines = statemachine.StringList(
        docstrings.prepare_docstring(text or ''), source=source
    )
    # Without this a message would name a line of the page.
    with docutils.switch_source_input(directive.state, lines):
        body = parsing.nested_parse_to_nodes(
            directive.state, lines, allow_section_headings=False
        )
    parameters: dict[str, list[nodes.Node]] = {}
    for fields in [one for one in body if isinstance(one, nodes.field_list)]:
        for field in list(fields):
            _sort(fields, field, parameters)
        if not fields.children:
            body.remove(fields)
    return Docstring(body, parameters)


def _sort(
    fields: nodes.field_list,
    field: nodes.field,
    parameters: dict[str, list[nodes.Node]],
) -> None:
    """Take a field out of its list, unless it is for everybody."""
    name, body = field
    kind, _, argument = name.astext().partition(' ')
    if kind in _PARAMETER:
        # The type may stand before the name.
        parameters[argument.rpartition(' ')[2]] = body.children
    if kind in (*_PARAMETER, *_TYPE):
        fields.remove(field)
    elif kind in _LABELS:
        label = f'{_LABELS[kind]} {argument}'.rstrip()
        field[0] = nodes.field_name(label, label)
