# SPDX-License-Identifier: Apache-2.0
"""The functions of a method: its decorators' and its own."""

import inspect
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any


def parameters(
    function: Callable[..., Any],
) -> Iterator[tuple[int, list[inspect.Parameter]]]:
    """Yield the parameters of a function and of those that it wraps.

    :returns: for each function, the number of instances that it receives,
        and its parameters.
    """
    bound = 0
    layer: Any = function
    while layer is not None:
        if inspect.ismethod(layer):
            layer = layer.__func__
            bound += 1
        yield bound, _own_parameters(layer)
        layer = getattr(layer, '__wrapped__', None)


def positional_names(
    function: Callable[..., Any], *, context: bool = False
) -> frozenset[str]:
    """Return the names of parameters that a call passes by position.

    Python rejects a second value by name.

    :param context: whether the call passes the context by position.
    """
    return frozenset(
        parameter.name
        for bound, found in parameters(function)
        for parameter in found[: bound + context]
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    )


def accepted_names(function: Callable[..., Any]) -> frozenset[str] | None:
    """Return the names that a call may pass; None if these are all."""
    known: frozenset[str] | None = None
    for bound, found in parameters(function):
        if any(p.kind is p.VAR_KEYWORD for p in found):
            continue
        names = frozenset(p.name for p in found[bound:])
        known = names if known is None else known & names
    return known


def _own_parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        signature = inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):
        # Functions in C may have none.
        return [inspect.Parameter('_', inspect.Parameter.VAR_KEYWORD)]
    return list(signature.parameters.values())
