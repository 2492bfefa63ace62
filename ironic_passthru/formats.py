# SPDX-License-Identifier: Apache-2.0
"""Formats of strings in a JSON Schema, checked the way pydantic reads them.

Both tiers must come to one verdict: the API, which only has the schema, and
the conductor, which converts the value with pydantic afterwards.
"""

import datetime
import functools
import ipaddress
import uuid
from typing import Any

import jsonschema
import pydantic

_TYPES: dict[str, Any] = {
    'date': datetime.date,
    'date-time': datetime.datetime,
    'duration': datetime.timedelta,
    'ipv4': ipaddress.IPv4Address,
    'ipv4interface': ipaddress.IPv4Interface,
    'ipv4network': ipaddress.IPv4Network,
    'ipv6': ipaddress.IPv6Address,
    'ipv6interface': ipaddress.IPv6Interface,
    'ipv6network': ipaddress.IPv6Network,
    'json-string': pydantic.Json,
    'time': datetime.time,
    'uri': pydantic.AnyUrl,
    'uuid': uuid.UUID,
}


@functools.cache
def _adapter(name: str) -> pydantic.TypeAdapter[Any]:
    return pydantic.TypeAdapter(_TYPES[name])


def _fits(name: str, value: object) -> bool:
    if not isinstance(value, str):
        return True
    try:
        _adapter(name).validate_python(value)
    except pydantic.ValidationError:
        return False
    return True


def _make_checker() -> jsonschema.FormatChecker:
    checker = jsonschema.FormatChecker(formats=())
    # Instance-level: FormatChecker() otherwise shares one class-wide table.
    checker.checkers = {
        name: (functools.partial(_fits, name), ()) for name in _TYPES
    }
    return checker


CHECKER = _make_checker()
