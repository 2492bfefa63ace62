# SPDX-License-Identifier: Apache-2.0
"""Strict parsing of query strings."""

from collections.abc import Collection
from collections.abc import Container
from collections.abc import Iterable
from urllib import parse
from wsgiref import types as wsgi_types

from ironic_passthru import errors
from ironic_passthru.api.http import environ_keys

# Each parameter costs memory; clients send far fewer.
_MAX_FIELDS = 100


def parameters(environ: wsgi_types.WSGIEnvironment) -> dict[str, str]:
    """Return the query parameters of a request.

    :raises: RequestError if the query is not UTF-8 or has too many
        parameters, InvalidArgument if a name is repeated.
    """
    return {name: text for name, (text,) in texts(environ).items()}


def texts(
    environ: wsgi_types.WSGIEnvironment, repeatable: Container[str] = ()
) -> dict[str, list[str]]:
    """Return all values of each query parameter of a request.

    :param repeatable: names that may occur more than once.
    :raises: as :func:`parameters`.
    """
    values: dict[str, list[str]] = {}
    for name, text in _pairs(environ[environ_keys.QUERY], 'strict'):
        if name in values and name not in repeatable:
            raise errors.InvalidArgument(
                name=name, reason='it occurs more than once'
            )
        values.setdefault(name, []).append(text)
    return values


def first(query: str, name: str) -> str:
    """Return the first value of a parameter, or the empty string.

    Other errors of the query are left to :func:`parameters`, because other
    checks precede it.

    :raises: RequestError if the query has too many parameters.
    """
    pairs = _pairs(query, 'replace')
    return next((value for key, value in pairs if key == name), '')


def check_names(
    names: Iterable[str], allowed: Collection[str], hint: str = ''
) -> None:
    """Check that the query contains only allowed parameters.

    :param hint: addition to the message; by default the allowed names.
    :raises: UnexpectedArguments.
    """
    unexpected = [name for name in names if name not in allowed]
    if unexpected:
        if not hint and allowed:
            hint = f'Allowed: {", ".join(sorted(allowed))}.'
        raise errors.UnexpectedArguments(
            names=', '.join(unexpected), hint=hint
        )


def _pairs(query: str, on_error: str) -> list[tuple[str, str]]:
    if not query:
        return []
    try:
        return parse.parse_qsl(
            # WSGI passes bytes as Latin-1.
            query.encode('latin-1').decode('utf-8', on_error),
            keep_blank_values=True,
            errors=on_error,
            max_num_fields=_MAX_FIELDS,
        )
    except UnicodeError:
        raise errors.RequestError(reason='its query is not UTF-8') from None
    except ValueError:
        raise errors.RequestError(
            reason=f'its query has more than {_MAX_FIELDS} parameters'
        ) from None
