# SPDX-License-Identifier: Apache-2.0
"""Query strings, read strictly."""

from typing import Any
from urllib import parse

from ironic_passthru import errors
from ironic_passthru.api import environ as keys

# More than any client sends; parsing is linear, but each costs memory.
_MAX_FIELDS = 1000


def parameters(environ: dict[str, Any]) -> dict[str, str]:
    """Return the query parameters of a request.

    :raises: RequestError if the query is not UTF-8 or too long,
        InvalidArgument if a name stands twice.
    """
    text = environ[keys.QUERY]
    if not text:
        return {}
    try:
        pairs = parse.parse_qsl(
            text,
            keep_blank_values=True,
            errors='strict',
            max_num_fields=_MAX_FIELDS,
        )
    except UnicodeError:
        raise errors.RequestError(reason='its query is not UTF-8') from None
    except ValueError:
        raise errors.RequestError(reason='its query is too long') from None
    values = dict(pairs)
    if len(values) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise errors.InvalidArgument(name=twice, reason='it stands twice')
    return values
