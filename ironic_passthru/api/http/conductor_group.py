# SPDX-License-Identifier: Apache-2.0
"""The Passthru-Conductor-Group header."""

import re
from wsgiref import types as wsgi_types

from ironic_passthru import errors

HEADER = 'Passthru-Conductor-Group'
_KEY = f'HTTP_{HEADER.upper().replace("-", "_")}'

#: Pattern and length of ``[conductor] conductor_group``. HTTP servers join
#: repeated headers by commas, which no name contains.
PATTERN = '[a-zA-Z0-9_.-]*'
MAX_LENGTH = 255
_NAME = re.compile(PATTERN)


def named(environ: wsgi_types.WSGIEnvironment) -> bool:
    """Return whether a request names a conductor group, valid or not."""
    return _KEY in environ


def is_valid(name: str) -> bool:
    """Return whether a conductor group can have this name."""
    return len(name) <= MAX_LENGTH and _NAME.fullmatch(name) is not None


def of(environ: wsgi_types.WSGIEnvironment) -> str | None:
    """Return the group that a request names, None if it names none.

    The empty text is the group of conductors without a group.

    :raises: InvalidConductorGroup.
    """
    text: str | None = environ.get(_KEY)
    if text is None:
        return None
    name = text.strip(' \t')
    if not is_valid(name):
        raise errors.InvalidConductorGroup(limit=MAX_LENGTH)
    return name
