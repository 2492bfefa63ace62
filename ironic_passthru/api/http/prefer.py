# SPDX-License-Identifier: Apache-2.0
"""The Prefer header (RFC 7240)."""

import dataclasses
import re
from collections.abc import Sequence

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_SECONDS = re.compile(r'[0-9]{1,9}')


@dataclasses.dataclass(frozen=True)
class Preferences:
    """The supported preferences of a request.

    :param respond_async: whether to respond before the method has finished.
    :param wait_seconds: how long to wait for a final operation.
    """

    respond_async: bool = False
    wait_seconds: int | None = None


_NONE = Preferences()


def parse(header: str | None) -> Preferences:
    """Return the preferences; unknown and invalid ones are ignored.

    :param header: the header, or several of them joined by commas.
    """
    if not header:
        return _NONE
    found: dict[str, str] = {}
    for member in _split(header, ','):
        # Parameters follow the first semicolon; neither preference has any.
        name, _, value = _split(f'{member};', ';')[0].partition('=')
        name = name.strip().lower()
        text = _unquoted(value.strip())
        if _TOKEN.fullmatch(name) and text is not None:
            # RFC 7240: the first of several counts.
            found.setdefault(name, text)
    wait = found.get('wait', '')
    return Preferences(
        respond_async=found.get('respond-async') == '',
        wait_seconds=int(wait) if _SECONDS.fullmatch(wait) else None,
    )


def applied(preferences: Sequence[str]) -> dict[str, str]:
    """Return the header that lists the applied preferences."""
    if not preferences:
        return {}
    return {'Preference-Applied': ', '.join(preferences)}


def _split(text: str, separator: str) -> list[str]:
    """Split a text at separators outside of quotes."""
    part = rf'(?:[^"{separator}]|"(?:[^"\\]|\\.)*"?)+'
    return re.findall(part, text) or ['']


def _unquoted(text: str) -> str | None:
    """Return the value of a token or quoted string, None if it is invalid."""
    if not text or _TOKEN.fullmatch(text):
        return text
    quoted = _QUOTED.fullmatch(text)
    return re.sub(r'\\(.)', r'\1', quoted[1]) if quoted else None
