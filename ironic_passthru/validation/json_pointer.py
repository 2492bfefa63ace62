# SPDX-License-Identifier: Apache-2.0
"""JSON pointers (RFC 6901): places in a JSON value, as text."""

from collections.abc import Iterable


def to(path: Iterable[str | int]) -> str:
    """Return the pointer to what the names and numbers of a path lead to."""
    return ''.join(f'/{_escaped(str(part))}' for part in path)


def parts(pointer: str) -> list[str]:
    """Return the names and numbers of a pointer.

    What stands before the first slash, such as the ``#`` of a reference, is
    no part of it.
    """
    return [_unescaped(part) for part in pointer.split('/')[1:]]


def _escaped(part: str) -> str:
    return part.replace('~', '~0').replace('/', '~1')


def _unescaped(part: str) -> str:
    # In this order: ~01 is ~1, and no slash.
    return part.replace('~1', '/').replace('~0', '~')
