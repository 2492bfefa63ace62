# SPDX-License-Identifier: Apache-2.0
"""JSON pointers (RFC 6901)."""

from collections.abc import Iterable


def to(path: Iterable[str | int]) -> str:
    """Return the pointer for a path of names and indices."""
    return ''.join(f'/{_escaped(str(part))}' for part in path)


def parts(pointer: str) -> list[str]:
    """Return the names and indices of a pointer.

    Text before the first slash, such as ``#`` of a reference, is ignored.
    """
    return [_unescaped(part) for part in pointer.split('/')[1:]]


def _escaped(part: str) -> str:
    return part.replace('~', '~0').replace('/', '~1')


def _unescaped(part: str) -> str:
    # In this order: ~01 means ~1.
    return part.replace('~1', '/').replace('~0', '~')
