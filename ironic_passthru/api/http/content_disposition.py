# SPDX-License-Identifier: Apache-2.0
"""The Content-Disposition of an attachment (RFC 6266)."""

import unicodedata
from urllib import parse

# Browsers display or save these. Other media types might run scripts with the
# user's credentials for this service.
_HARMLESS = ('text/plain', 'application/octet-stream')

# Limit of most file systems, in bytes, and the part of it for a suffix.
_MAX_NAME = 255
_MAX_SUFFIX = 32

# Special characters of shells, file systems and the header.
_SPECIAL = frozenset('*:<>?|%')


def header(media_type: str, filename: str | None) -> str | None:
    """Return the header, or None if it is not needed.

    :param media_type: of the attachment, optionally with parameters.
    :param filename: any text of the driver.
    """
    name = _safe(filename or '')
    if name:
        plain = ''.join(
            char if char.isascii() and char not in _SPECIAL else '_'
            for char in name
            if char != '"'
        )
        encoded = parse.quote(name, safe='')
        return f'attachment; filename="{plain}"; filename*=UTF-8\'\'{encoded}'
    kind = media_type.partition(';')[0].strip().lower()
    return None if kind in _HARMLESS else 'attachment'


def _safe(filename: str) -> str:
    """Return the last part of a path, without invisible characters.

    Bidirectional control characters can disguise a suffix; surrogates cannot
    be encoded.
    """
    name = filename.replace('\\', '/').rpartition('/')[2]
    name = ''.join(
        char
        for char in name
        if unicodedata.category(char)[0] not in 'CZ' or char == ' '
    )
    # Prevents '..' and hidden files; Windows drops final dots and spaces.
    return _cut(name.strip(' .'))


def _cut(name: str) -> str:
    """Return a name cut to ``_MAX_NAME`` bytes, with its suffix."""
    if len(name.encode()) <= _MAX_NAME:
        return name
    stem, dot, suffix = name.rpartition('.')
    if not stem or len(suffix.encode()) > _MAX_SUFFIX:
        stem, dot, suffix = name, '', ''
    room = _MAX_NAME - len((dot + suffix).encode())
    return stem.encode()[:room].decode(errors='ignore') + dot + suffix
