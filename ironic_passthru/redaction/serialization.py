# SPDX-License-Identifier: Apache-2.0
"""JSON of results, with the secrets that pydantic hides.

pydantic replaces ``SecretStr``, ``SecretBytes`` and ``Secret[...]`` in all
JSON that it generates. Its JSON is therefore walked along with the result.
"""

import itertools
import marshal
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import pydantic_core

from ironic_passthru.redaction import masking
from ironic_passthru.redaction import values

#: The form that pydantic shows in place of a secret.
HIDDEN = '**********'

_SCALARS = (str, bytes, bytearray, int, float, bool, type(None))
# A value that contains itself has no last part.
_MAX_DEPTH = 20
_PLAIN = frozenset({str, int, float, bool, type(None)})


def to_json(value: Any) -> Any:
    """Return the JSON value that pydantic generates."""
    return pydantic_core.to_jsonable_python(value, inf_nan_mode='constants')


def plain_containers(value: Any) -> Any:
    """Return a value with dicts and lists for other containers.

    Vendors' methods return what ``oslo_serialization.jsonutils`` converts:
    views of dicts, ranges, mapping proxies, iterators and objects with an
    ``items`` method.
    """
    if isinstance(value, _SCALARS) or hasattr(
        type(value), '__pydantic_serializer__'
    ):
        return value
    if isinstance(value, Mapping) or callable(getattr(value, 'items', None)):
        return {
            name: plain_containers(part)
            for name, part in dict(value.items()).items()
        }
    if isinstance(value, Collection | Iterator) and not isinstance(
        value, itertools.count | itertools.cycle | itertools.repeat
    ):
        return [plain_containers(part) for part in value]
    return value


def unserializable(value: Any) -> tuple[str, str]:
    """Return the path and the type of the part that has no JSON form."""
    path = '$'
    for _ in range(_MAX_DEPTH):
        for name, part in _parts(value):
            try:
                to_json(part)
            except Exception:
                path, value = f'{path}{name}', part
                break
        else:
            break
    return path, f'{type(value).__module__}.{type(value).__qualname__}'


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    parts = values.members(value)
    for index, (name, part) in enumerate(parts or ()):
        yield (f'[{index}]' if name is None else f'.{name}'), part


def contains_secret(value: Any) -> bool:
    """Return whether a result contains a secret of a type of pydantic.

    The generated JSON is no evidence: a class may choose its own form.
    """
    try:
        # It accepts only Python's own types and is ten times as fast as the
        # search. Most results consist of these.
        marshal.dumps(value)
    except ValueError:
        return _search(value)
    return False


def _search(value: Any) -> bool:
    pending, seen = [value], set()
    while pending:
        part = pending.pop()
        if type(part) in _PLAIN or id(part) in seen:
            continue
        if isinstance(part, values.SECRETS):
            return True
        # Fields that a model does not show may refer back to it.
        seen.add(id(part))
        pending.extend(member for _, member in values.members(part) or ())
    return False


def reveal(value: Any, shown: Any) -> tuple[Any, Any]:
    """Return the JSON of a result with its secrets, and with ``***``.

    :param shown: result of :func:`to_json`.
    :raises: ValueError for a secret that cannot be found.
    """
    if isinstance(value, values.SECRETS):
        inner = value.get_secret_value()
        return reveal(inner, to_json(inner))[0], masking.MASK
    if isinstance(shown, dict):
        pairs = _pairs(value, shown.values())
        revealed, masked = _unzipped(pairs)
        return (
            dict(zip(shown, revealed, strict=True)),
            dict(zip(shown, masked, strict=True)),
        )
    if isinstance(shown, list):
        return _unzipped(_pairs(value, shown))
    plain = _plain(value)
    if plain is not value:
        # A model that consists of one value.
        return reveal(plain, shown)
    if shown == HIDDEN and not isinstance(value, str):
        raise ValueError('a secret cannot be found')
    return shown, shown


def _unzipped(pairs: list[tuple[Any, Any]]) -> tuple[list[Any], list[Any]]:
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _pairs(value: Any, shown: Iterable[Any]) -> list[tuple[Any, Any]]:
    parts = values.members(_plain(value))
    if parts is None:
        raise ValueError('a result cannot be searched for secrets')
    members = [member for _, member in parts]
    return [reveal(*pair) for pair in zip(members, shown, strict=True)]


def _plain(value: Any) -> Any:
    """Return a model as Python values, in which secrets stay secrets."""
    serializer = getattr(type(value), '__pydantic_serializer__', None)
    if serializer is None or isinstance(value, values.SECRETS):
        return value
    return serializer.to_python(value, mode='python', by_alias=True)
