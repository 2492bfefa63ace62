# SPDX-License-Identifier: Apache-2.0
"""Escape characters that change lines, terminals or the reading order."""

import re

# C0, DEL and C1 controls, Unicode line breaks, marks and overrides of the
# writing direction, and lone surrogates, which no stream can encode.
_UNSAFE = re.compile(
    '[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069'
    '\ud800-\udfff]'
)
_ESCAPES = {
    '\n': r'\n',
    '\r': r'\r',
    '\t': r'\t',
    # JSON allows DEL in a string, and a log record may contain JSON: this
    # form keeps it valid, \x7f would not.
    '\x7f': r'\u007f',
}


def escape(text: str) -> str:
    """Return a text as one line of harmless characters.

    A backslash stays as it is, so the result is for people: it cannot be
    converted back.
    """
    return _UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    form = f'\\x{code:02x}' if code < 0x100 else f'\\u{code:04x}'
    return _ESCAPES.get(character, form)
