# SPDX-License-Identifier: Apache-2.0
"""Text with literals: text between two ``LITERAL`` marks is a literal."""

import json
import re
from typing import Any

LITERAL = '\0'

_QUOTED = re.compile('``(.+?)``')
_BLANK_LINE = re.compile(r'\n\s*\n')


def literal(text: str) -> str:
    """Return ``text`` marked as a literal."""
    return f'{LITERAL}{text.replace(LITERAL, "")}{LITERAL}'


def json_literal(value: Any) -> str:
    """Return a JSON value marked as a literal."""
    return literal(json.dumps(value, ensure_ascii=False))


def paragraphs(text: str) -> list[str]:
    """Return plain text as paragraphs, its double backquotes as literals."""
    return [
        _QUOTED.sub(lambda match: literal(match[1]), part)
        for part in _BLANK_LINE.split(text.strip())
        if part.strip()
    ]
