# SPDX-License-Identifier: Apache-2.0
"""Query strings, read strictly."""

from typing import Any
from urllib import parse

from ironic_passthru import errors
from ironic_passthru.api.http import environ_keys as keys

# More than any client sends; parsing is linear, but each costs memory.
_MAX_FIELDS = 100


def parameters(environ: dict[str, Any]) -> dict[str, str]:
    """Return the query parameters of a request.

    :raises: RequestError if the query is not UTF-8 or too long,
        InvalidArgument if a name stands twice.
    """
    pairs = _pairs(environ[keys.QUERY], 'strict')
    values = dict(pairs)
    if len(values) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise errors.InvalidArgument(name=twice, reason='it stands twice')
    return values


def first(environ: dict[str, Any], name: str) -> str:
    """Return the first value of a parameter, or the empty text.

    What else is wrong with the query is left for :func:`parameters` to
    find, because other faults may have to answer before.

    :raises: RequestError if the query is too long.
    """
    pairs = _pairs(environ[keys.QUERY], 'replace')
    return next((value for key, value in pairs if key == name), '')


def _pairs(query: str, on_error: str) -> list[tuple[str, str]]:
    if not query:
        return []
    try:
        return parse.parse_qsl(
            # WSGI hands out bytes as Latin-1.
            query.encode('latin-1').decode('utf-8', on_error),
            keep_blank_values=True,
            errors=on_error,
            max_num_fields=_MAX_FIELDS,
        )
    except UnicodeError:
        raise errors.RequestError(reason='its query is not UTF-8') from None
    except ValueError:
        raise errors.RequestError(reason='its query is too long') from None
