# SPDX-License-Identifier: Apache-2.0
"""Docstrings of drivers, for the callers of their methods."""

import dataclasses

from docutils import nodes
from docutils import statemachine
from sphinx.util import docstrings
from sphinx.util import docutils
from sphinx.util import parsing

_PARAMETER = ('param', 'parameter', 'arg', 'argument', 'key', 'keyword')
# Types of Python; the schema has those of JSON.
_TYPE = ('type', 'rtype', 'paramtype', 'kwtype')
_LABELS = {
    **dict.fromkeys(('return', 'returns'), 'Returns'),
    **dict.fromkeys(('raise', 'raises', 'except', 'exception'), 'Raises'),
}


@dataclasses.dataclass(frozen=True)
class Docstring:
    """A docstring as nodes.

    :param body: all but the descriptions of parameters.
    :param parameters: descriptions by the name of the parameter.
    """

    body: list[nodes.Node]
    parameters: dict[str, list[nodes.Node]]


def read(
    directive: docutils.SphinxDirective, text: str | None, *, source: str
) -> Docstring:
    """Parse a docstring, which is reStructuredText.

    :param source: name of the source in warnings.
    """
    lines = statemachine.StringList(
        docstrings.prepare_docstring(text or ''), source=source
    )
    # Otherwise, warnings would name a line of the page.
    with docutils.switch_source_input(directive.state, lines):
        body = parsing.nested_parse_to_nodes(
            directive.state, lines, allow_section_headings=False
        )
    parameters: dict[str, list[nodes.Node]] = {}
    for fields in [
        node for node in body if isinstance(node, nodes.field_list)
    ]:
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
    """Remove a field that describes a parameter; label any other."""
    name, body = field
    kind, _, argument = name.astext().partition(' ')
    if kind in _PARAMETER:
        # The type may precede the name.
        parameters[argument.rpartition(' ')[2]] = body.children
    if kind in (*_PARAMETER, *_TYPE):
        fields.remove(field)
    elif kind in _LABELS:
        label = f'{_LABELS[kind]} {argument}'.rstrip()
        field[0] = nodes.field_name(label, label)
