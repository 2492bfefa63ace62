# SPDX-License-Identifier: Apache-2.0
"""The Content-Disposition of an attachment (RFC 6266)."""

import unicodedata
from urllib import parse

# Browsers show the first as it is and save the other; anything else might
# run in them, with the login that they have for this service.
_HARMLESS = ('text/plain', 'application/octet-stream')

# What most file systems take, in bytes, and how much of it may be suffix.
_MAX_NAME = 255
_MAX_SUFFIX = 32

# They mean something to shells, to file systems or within the header.
_SPECIAL = frozenset('*:<>?|%')


def header(media_type: str, filename: str | None) -> str | None:
    """Return the header, or None where none is needed.

    :param media_type: of the attachment, with parameters if it has some.
    :param filename: as the driver names it, so anything.
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
    """Return the last part of a path, without what nobody can see.

    Characters that turn the direction of writing can show one suffix for
    another; surrogates have no bytes.
    """
    name = filename.replace('\\', '/').rpartition('/')[2]
    name = ''.join(
        char
        for char in name
        if unicodedata.category(char)[0] not in 'CZ' or char == ' '
    )
    # Neither '..' nor a hidden file; Windows drops them at the end.
    return _cut(name.strip(' .'))


def _cut(name: str) -> str:
    """Return at most as much of a name as a file's may have."""
    if len(name.encode()) <= _MAX_NAME:
        return name
    stem, dot, suffix = name.rpartition('.')
    if not stem or len(suffix.encode()) > _MAX_SUFFIX:
        stem, dot, suffix = name, '', ''
    room = _MAX_NAME - len((dot + suffix).encode())
    return stem.encode()[:room].decode(errors='ignore') + dot + suffix
