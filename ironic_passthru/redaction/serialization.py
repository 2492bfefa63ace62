# SPDX-License-Identifier: Apache-2.0
"""The secrets within a result, for the one who called the method.

pydantic hides what is of its types ``SecretStr``, ``SecretBytes`` and
``Secret[...]`` whenever it makes JSON, and offers no other way. So what it
made is walked along with the result itself.
"""

import collections
import dataclasses
import marshal
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

import pydantic
import pydantic_core

from ironic_passthru.redaction import converted_values
from ironic_passthru.redaction import masking

#: What pydantic shows for a secret.
HIDDEN = '**********'

_SEQUENCES = (list, tuple, set, frozenset, collections.deque)
_PLAIN = frozenset({str, int, float, bool, type(None)})


def to_json(value: Any) -> Any:
    """Return what pydantic makes of a value."""
    return pydantic_core.to_jsonable_python(value, inf_nan_mode='constants')


def holds_secret(value: Any) -> bool:
    """Tell whether a secret is found in a result.

    What it is shown as tells nothing: a class may choose that.
    """
    try:
        # It takes nothing but values of Python's own types, and is ten times
        # as fast as the search. Most results are no more than that.
        marshal.dumps(value)
    except ValueError:
        return _search(value)
    return False


def _search(value: Any) -> bool:
    waiting, seen = [value], set()
    while waiting:
        one = waiting.pop()
        if type(one) in _PLAIN or id(one) in seen:
            continue
        if isinstance(one, converted_values.SECRETS):
            return True
        # What a model does not show may lead back to it.
        seen.add(id(one))
        waiting.extend(_held(one))
    return False


def _held(value: Any) -> Iterable[Any]:
    """Return what a value consists of, without running code of its own."""
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, _SEQUENCES):
        return value
    if isinstance(value, pydantic.BaseModel):
        return (*vars(value).values(), *(value.model_extra or {}).values())
    if dataclasses.is_dataclass(value):
        return _fields(value)
    return ()


def reveal(value: Any, shown: Any) -> tuple[Any, Any]:
    """Return the JSON of a result with its secrets, and with ``***``.

    :param shown: what :func:`to_json` made of it.
    :raises: ValueError for a secret that cannot be found.
    """
    if isinstance(value, converted_values.SECRETS):
        inner = value.get_secret_value()
        return reveal(inner, to_json(inner))[0], masking.MASK
    if isinstance(shown, dict):
        pairs = dict(zip(shown, _pairs(value, shown.values()), strict=True))
        return _split(pairs)
    if isinstance(shown, list):
        items = _pairs(value, shown)
        return [item[0] for item in items], [item[1] for item in items]
    plain = _plain(value)
    if plain is not value:
        # A model that consists of one value.
        return reveal(plain, shown)
    if shown == HIDDEN and not isinstance(value, str):
        raise ValueError('a secret cannot be found')
    return shown, shown


def _split(pairs: dict[str, tuple[Any, Any]]) -> tuple[Any, Any]:
    return (
        {key: pair[0] for key, pair in pairs.items()},
        {key: pair[1] for key, pair in pairs.items()},
    )


def _pairs(value: Any, shown: Any) -> list[tuple[Any, Any]]:
    parts = _parts(_plain(value))
    return [reveal(*pair) for pair in zip(parts, shown, strict=True)]


def _plain(value: Any) -> Any:
    """Return what a model holds; its secrets are secrets there, too."""
    serializer = getattr(type(value), '__pydantic_serializer__', None)
    if serializer is None or isinstance(value, converted_values.SECRETS):
        return value
    return serializer.to_python(value, mode='python', by_alias=True)


def _parts(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, _SEQUENCES):
        return list(value)
    if dataclasses.is_dataclass(value):
        return _fields(value)
    raise ValueError('a result cannot be searched for secrets')


def _fields(value: Any) -> list[Any]:
    return [getattr(value, one.name) for one in dataclasses.fields(value)]
