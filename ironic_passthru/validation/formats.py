# SPDX-License-Identifier: Apache-2.0
"""Checks of string formats in a JSON Schema by pydantic.

The API, which has only the schema, and the conductor, which converts the value
with pydantic, must agree.
"""

import functools
import pkgutil
from collections.abc import Callable

import jsonschema

# By name: importing pydantic costs some MiB and 0.1 s, which an API process
# should not spend before the first call with a format.
_TYPES = {
    'base64': 'pydantic:Base64Bytes',
    'base64url': 'pydantic:Base64UrlBytes',
    'date': 'datetime:date',
    'date-time': 'datetime:datetime',
    'duration': 'datetime:timedelta',
    'ipv4': 'ipaddress:IPv4Address',
    'ipv4interface': 'ipaddress:IPv4Interface',
    'ipv4network': 'ipaddress:IPv4Network',
    'ipv6': 'ipaddress:IPv6Address',
    'ipv6interface': 'ipaddress:IPv6Interface',
    'ipv6network': 'ipaddress:IPv6Network',
    'ipvanyaddress': 'pydantic:IPvAnyAddress',
    'ipvanyinterface': 'pydantic:IPvAnyInterface',
    'ipvanynetwork': 'pydantic:IPvAnyNetwork',
    'json-string': 'pydantic:Json',
    'regex': 're:Pattern',
    'time': 'datetime:time',
    'uri': 'pydantic:AnyUrl',
    'uuid': 'uuid:UUID',
    'uuid1': 'pydantic:UUID1',
    'uuid3': 'pydantic:UUID3',
    'uuid4': 'pydantic:UUID4',
    'uuid5': 'pydantic:UUID5',
}


#: Maximum length of a regular expression: compiling a long one takes seconds.
MAX_PATTERN_LENGTH = 1000


@functools.cache
def _validate(name: str) -> Callable[[str], object]:
    # A late import; see above.
    import pydantic

    adapter = pydantic.TypeAdapter(pkgutil.resolve_name(_TYPES[name]))
    return adapter.validate_python


def _fits(name: str, value: object) -> bool:
    if not isinstance(value, str):
        return True
    if name == 'regex' and len(value) > MAX_PATTERN_LENGTH:
        return False
    try:
        _validate(name)(value)
    except Exception:
        # Not only ValidationError: OverflowError for a large repetition.
        return False
    return True


def _make_checker() -> jsonschema.FormatChecker:
    checker = jsonschema.FormatChecker(formats=())
    # FormatChecker shares a table of the class otherwise.
    checker.checkers = {
        name: (functools.partial(_fits, name), ()) for name in _TYPES
    }
    return checker


CHECKER = _make_checker()
