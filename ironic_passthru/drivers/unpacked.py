# SPDX-License-Identifier: Apache-2.0
"""Parameters from ``**kwargs: Unpack[TypedDict]`` (PEP 692)."""

import inspect
import keyword
import typing
from collections.abc import Iterator
from typing import Annotated
from typing import Any

import typing_extensions
from pydantic import fields

# typing_extensions has objects of its own for older Pythons.
_UNPACK = (typing.Unpack, typing_extensions.Unpack)
_REQUIRED = (typing.Required, typing_extensions.Required)
_NOT_REQUIRED = (typing.NotRequired, typing_extensions.NotRequired)
_QUALIFIERS = (*_REQUIRED, *_NOT_REQUIRED, typing_extensions.ReadOnly)

#: Default of a parameter that a call may omit; the function then does not
#: receive it.
ABSENT: Any = object()


class UnpackError(Exception):
    """The keys of an annotation are not parameters; ``str()`` is why."""


def expand(
    parameters: list[inspect.Parameter], hints: dict[str, Any]
) -> list[inspect.Parameter]:
    """Return the parameters with the keys of an unpacked TypedDict.

    :param hints: the types of parameters by name; those of keys are added.
    :raises: UnpackError.
    """
    if not parameters:
        return []
    *named, last = parameters
    hint = hints.get(last.name)
    if last.kind is not last.VAR_KEYWORD or (
        typing_extensions.get_origin(hint) not in _UNPACK
    ):
        return [*named, last]
    (options,) = typing.get_args(hint)
    if typing_extensions.is_typeddict(typing.get_origin(options)):
        raise UnpackError(
            f'**{last.name}: a generic TypedDict is not supported; write one '
            'with the types of its keys'
        )
    if not typing_extensions.is_typeddict(options):
        raise UnpackError(f'**{last.name}: Unpack needs a TypedDict')
    keys = list(_keys(options, hints))
    twice = {p.name for p in named} & {p.name for p in keys}
    if twice:
        raise UnpackError(
            f"parameter '{min(twice)}' is declared twice: by name and in "
            f'{options.__name__}'
        )
    return [*named, *keys]


def _keys(options: Any, hints: dict[str, Any]) -> Iterator[inspect.Parameter]:
    for key, hint in _hints(options).items():
        if not key.isidentifier() or keyword.iskeyword(key):
            raise UnpackError(
                f'{options.__name__}: {key!r} cannot be the name of a '
                'parameter'
            )
        # Postponed annotations hide qualifiers from the class.
        required = key in options.__required_keys__
        hints[key], required = _unqualified(hint, required=required)
        absent = not required and not _has_default(hints[key])
        yield inspect.Parameter(
            key,
            inspect.Parameter.KEYWORD_ONLY,
            default=ABSENT if absent else inspect.Parameter.empty,
        )


def _has_default(hint: Any) -> bool:
    return any(
        isinstance(note, fields.FieldInfo) and not note.is_required()
        for note in getattr(hint, '__metadata__', ())
    )


def _hints(options: Any) -> dict[str, Any]:
    """Return the evaluated annotations of a TypedDict.

    :raises: UnpackError; evaluating an annotation runs code of the driver.
    """
    try:
        return typing_extensions.get_type_hints(options, include_extras=True)
    except Exception as error:
        raise UnpackError(
            f'an annotation of {options.__name__} cannot be evaluated: {error}'
        ) from error


def _unqualified(hint: Any, *, required: bool) -> tuple[Any, bool]:
    """Return a type without qualifiers, and whether its key is required."""
    origin = typing.get_origin(hint)
    if origin in _QUALIFIERS:
        if origin is not typing_extensions.ReadOnly:
            required = origin in _REQUIRED
        return _unqualified(typing.get_args(hint)[0], required=required)
    if origin is Annotated:
        inner, required = _unqualified(hint.__origin__, required=required)
        return Annotated[(inner, *hint.__metadata__)], required
    return hint, required
