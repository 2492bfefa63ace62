# SPDX-License-Identifier: Apache-2.0
"""Strict JSON (RFC 8259), without the extensions of Python's parser."""

import json
import math
from typing import Any


class InvalidJSON(ValueError):
    """The text is not valid JSON; ``str()`` is the reason."""


class TooDeep(InvalidJSON):
    """The nesting exceeds the limit."""


def no_constant(name: str) -> Any:
    """Reject NaN and Infinity; for ``parse_constant``."""
    raise InvalidJSON(f'{name} is not a JSON value')


def finite(text: str) -> float:
    """Return a finite number; for ``parse_float``."""
    value = float(text)
    if not math.isfinite(value):
        raise InvalidJSON('a number is out of range')
    return value


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        # Python limits the length (sys.set_int_max_str_digits).
        raise InvalidJSON('an integer has too many digits') from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        # The key may be secret, and of any length.
        raise InvalidJSON('an object has the same key twice')
    return value


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_constant=no_constant,
    parse_float=finite,
    parse_int=_integer,
)


def loads(text: str, *, max_depth: int | None = None) -> Any:
    """Parse ``text``.

    :param max_depth: maximum number of nested arrays and objects.
    :raises: InvalidJSON for malformed text, NaN and Infinity, numbers out of
        range, lone surrogates and repeated keys; TooDeep.
    """
    try:
        value = _DECODER.decode(text)
    except InvalidJSON:
        raise
    except json.JSONDecodeError as error:
        raise InvalidJSON(
            f'{error.msg} at line {error.lineno} column {error.colno}'
        ) from None
    except RecursionError:
        raise TooDeep('it nests too deeply') from None
    if ('\\u' in text or not text.isascii()) and _has_surrogate(value):
        raise InvalidJSON('a string holds a lone surrogate')
    if max_depth is not None and deeper_than(value, max_depth):
        raise TooDeep('it nests too deeply')
    return value


def dumps(value: Any, *, max_depth: int | None = None) -> str:
    """Serialize ``value`` as text that :func:`loads` accepts.

    Tuples are serialized as arrays; keys of objects must be strings.

    :param max_depth: maximum number of nested arrays and objects.
    :raises: InvalidJSON, TooDeep.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode('utf-8')
    except UnicodeEncodeError:
        raise InvalidJSON('a string holds a lone surrogate') from None
    except (TypeError, ValueError):
        raise InvalidJSON('a value cannot be serialized') from None
    except RecursionError:
        raise TooDeep('it nests too deeply') from None
    if max_depth is not None and deeper_than(value, max_depth):
        raise TooDeep('it nests too deeply')
    if not _keys_are_strings(value):
        raise InvalidJSON('a key of an object is not a string')
    return text


def _keys_are_strings(value: Any) -> bool:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if not all(isinstance(key, str) for key in item):
                return False
            stack.extend(item.values())
        elif isinstance(item, list | tuple):
            stack.extend(item)
    return True


def _has_surrogate(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode('utf-8')
    except UnicodeEncodeError:
        return True
    except RecursionError:
        raise TooDeep('it nests too deeply') from None
    return False


def deeper_than(value: Any, limit: int) -> bool:
    """Return whether the nesting exceeds ``limit``; without recursion."""
    level = [value]
    for _ in range(limit + 1):
        containers = [
            item for item in level if isinstance(item, dict | list | tuple)
        ]
        if not containers:
            return False
        level = [
            child
            for item in containers
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    return True
