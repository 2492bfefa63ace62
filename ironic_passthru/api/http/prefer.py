# SPDX-License-Identifier: Apache-2.0
"""What a client prefers: the Prefer header (RFC 7240)."""

import dataclasses
import re

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
# More seconds than anybody waits; what is longer is no number of seconds.
_SECONDS = re.compile(r'[0-9]{1,9}')


@dataclasses.dataclass(frozen=True)
class Preferences:
    """Those preferences that mean something here.

    :param respond_async: whether not to wait for the method.
    :param wait_seconds: how long an answer may be held.
    """

    respond_async: bool = False
    wait_seconds: int | None = None


_NONE = Preferences()


def parse(header: str | None) -> Preferences:
    """Return what a header says; what is unknown or invalid says nothing.

    :param header: the header, or several of them joined by commas.
    """
    if not header:
        return _NONE
    found: dict[str, str] = {}
    for member in _split(header, ','):
        # What follows the first semicolon are parameters, which neither of
        # the two has.
        name, _, value = _split(f'{member};', ';')[0].partition('=')
        name = name.strip().lower()
        text = _word(value.strip())
        if _TOKEN.fullmatch(name) and text is not None:
            # Of several the first counts.
            found.setdefault(name, text)
    wait = found.get('wait', '')
    return Preferences(
        # An empty value is no value.
        respond_async=found.get('respond-async') == '',
        wait_seconds=int(wait) if _SECONDS.fullmatch(wait) else None,
    )


def applied(preferences: list[str]) -> dict[str, str]:
    """Return the header that tells which preferences an answer follows."""
    if not preferences:
        return {}
    return {'Preference-Applied': ', '.join(preferences)}


def _split(text: str, separator: str) -> list[str]:
    """Split a text where a separator stands outside of quotes."""
    part = rf'(?:[^"{separator}]|"(?:[^"\\]|\\.)*"?)+'
    return re.findall(part, text) or ['']


def _word(text: str) -> str | None:
    """Return the value of a token, a quoted text or nothing."""
    if not text or _TOKEN.fullmatch(text):
        return text
    quoted = _QUOTED.fullmatch(text)
    return re.sub(r'\\(.)', r'\1', quoted[1]) if quoted else None
