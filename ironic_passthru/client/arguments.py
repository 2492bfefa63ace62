# SPDX-License-Identifier: Apache-2.0
"""Arguments of requests, checked before they are sent."""

import re
import uuid
from typing import Any
from urllib import parse

from ironic_passthru.client import exceptions
from ironic_passthru.client import records
from ironic_passthru.client import transport

_KEY = re.compile('[!-~]{1,255}')
_GROUP = re.compile('[a-zA-Z0-9_.-]{0,255}')


def idempotency_key(chosen: str | None) -> str:
    """Return the idempotency key of a call.

    :raises: InvalidCall if the service would not accept it.
    """
    if chosen is None:
        return uuid.uuid4().hex
    if not _KEY.fullmatch(chosen):
        raise exceptions.InvalidCall(
            'The idempotency key must be 1 to 255 visible ASCII characters.'
        )
    return chosen


def group_headers(conductor_group: str | None) -> dict[str, str]:
    """Return the header that names a conductor group, if one is chosen.

    :raises: InvalidCall if the service would not accept it.
    """
    if conductor_group is None:
        return {}
    if not _GROUP.fullmatch(conductor_group):
        raise exceptions.InvalidCall(
            'The conductor group must be empty or a name of at most 255 '
            'letters, digits, ".", "_" and "-".'
        )
    return {transport.GROUP_HEADER: conductor_group}


def quoted(segment: str) -> str:
    """Return a segment of a path.

    :raises: InvalidCall for one that would change the path.
    """
    if segment in ('', '.', '..'):
        raise exceptions.InvalidCall(f'The name {segment!r} is not valid.')
    return parse.quote(segment, safe='')


def http_method(method: records.MethodInfo, chosen: str | None) -> str:
    """Return the HTTP method of a call.

    :raises: InvalidCall if it is not supported, or has to be chosen.
    """
    allowed = ', '.join(method.http_methods)
    if chosen is None:
        if len(method.http_methods) == 1:
            return method.http_methods[0]
        raise exceptions.InvalidCall(
            f'Method {method.name} has several HTTP methods; choose one of '
            f'{allowed}.'
        )
    if chosen.upper() not in method.http_methods:
        raise exceptions.InvalidCall(
            f'Method {method.name} does not support HTTP {chosen}; it '
            f'supports {allowed}.'
        )
    return chosen.upper()


def has_secrets(method: records.MethodInfo) -> bool:
    """Return whether parameters or result may contain secrets."""
    return bool(method.secret) or any(
        _is_marked(schema) for schema in (method.parameters, method.result)
    )


def _is_marked(schema: Any) -> bool:
    if isinstance(schema, list):
        return any(map(_is_marked, schema))
    if not isinstance(schema, dict):
        return False
    return (
        schema.get('writeOnly') is True
        or schema.get('format') == 'password'
        or any(map(_is_marked, schema.values()))
    )
