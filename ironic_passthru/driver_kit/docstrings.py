# SPDX-License-Identifier: Apache-2.0
"""Docstrings as text: paragraphs, examples and fields, without docutils."""

import dataclasses
import inspect
import re
import textwrap

_FIELD = re.compile(r':(\w+)(?: ([^:]*))?:(?:\s+(.*))?$')
_PARAMETER = ('param', 'parameter', 'arg', 'argument', 'key', 'keyword')
# Types of Python; the schema has those of JSON.
_TYPE = ('type', 'rtype', 'paramtype', 'kwtype')
_LABELS = {
    **dict.fromkeys(('return', 'returns'), 'Returns'),
    **dict.fromkeys(('raise', 'raises', 'except', 'exception'), 'Raises'),
}


@dataclasses.dataclass(frozen=True)
class Paragraph:
    """A part of a docstring.

    :param is_literal: whether its line breaks and spaces are kept.
    """

    text: str
    is_literal: bool = False


@dataclasses.dataclass(frozen=True)
class DocstringText:
    """A docstring in parts.

    :param body: all but the fields.
    :param parameters: descriptions by the name of the parameter.
    :param others: further fields with their labels.
    """

    body: list[Paragraph]
    parameters: dict[str, str]
    others: dict[str, str]


def read(text: str | None) -> DocstringText:
    """Return the parts of a docstring."""
    body: list[str] = []
    found = DocstringText([], {}, {})
    field: list[str] | None = None
    fields: list[tuple[str, str, list[str]]] = []
    for line in inspect.cleandoc(text or '').splitlines():
        match = _FIELD.match(line)
        if match:
            field = [match[3] or '']
            fields.append((match[1], match[2] or '', field))
        elif field is not None and line[:1] in ('', ' '):
            field.append(line.strip())
        else:
            field = None
            body.append(line)
    for kind, argument, lines in fields:
        described = ' '.join(lines).strip()
        if kind in _PARAMETER:
            # The type may precede the name.
            found.parameters[argument.rpartition(' ')[2]] = described
        elif kind not in _TYPE:
            label = f'{_LABELS.get(kind, kind)} {argument}'.rstrip()
            found.others[label] = described
    found.body.extend(_paragraphs('\n'.join(body)))
    return found


def _paragraphs(text: str) -> list[Paragraph]:
    found: list[Paragraph] = []
    is_example = False
    for part in re.split(r'\n(?:[ \t]*\n)+', text.strip('\n')):
        if not part.strip():
            continue
        if is_example and part[0].isspace():
            shown = textwrap.dedent(part)
            if found[-1].is_literal:
                shown = f'{found.pop().text}\n\n{shown}'
            found.append(Paragraph(shown, is_literal=True))
            continue
        is_example = part.rstrip().endswith('::')
        if is_example:
            part = part.rstrip()[:-1]
        if part.strip() != ':':
            found.append(Paragraph(part))
    return found
