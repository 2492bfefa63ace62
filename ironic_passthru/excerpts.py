# SPDX-License-Identifier: Apache-2.0
"""The beginnings of JSON values that are too long to be told in full.

What is cut says so, and how long it was. Secrets are masked before: half of
one is a secret, too.
"""

import json
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

# For a note such as "... (1048576 characters)", in its quotes.
_NOTE = 40


def of_value(value: Any, limit: int) -> Any:
    """Return ``value``, or the start of its text if its JSON is longer.

    :param limit: number of characters, at least 64.
    """
    whole = json.dumps(value)
    if len(whole) <= limit:
        return value
    text = value if isinstance(value, str) else whole
    start = text[:limit]
    while len(json.dumps(start)) > limit - _NOTE:
        start = start[: len(start) * 3 // 4]
    return f'{start}... ({len(text)} characters)'


def of_object(
    values: Mapping[str, Any], limit: int, *, each: int
) -> dict[str, Any]:
    """Return ``values``, or if their JSON is longer the first ones, cut.

    :param limit: number of characters, without the note on what is left out.
    :param each: the same for each name and for each value.
    """
    if len(json.dumps(values)) <= limit:
        return dict(values)
    cut: dict[str, Any] = {}
    room = limit
    for number, (name, value) in enumerate(values.items()):
        short = {of_value(name, each): of_value(value, each)}
        room -= len(json.dumps(short))
        if room < 0:
            cut['...'] = f'{len(values) - number} more'
            break
        cut |= short
    return cut


def of_list(values: Sequence[str], limit: int, *, each: int) -> list[str]:
    """Return ``values``, or if their JSON is longer the first ones, cut.

    :param limit: number of characters, without the note on what is left out.
    :param each: the same for each value.
    """
    if len(json.dumps(values)) <= limit:
        return list(values)
    cut: list[str] = []
    room = limit
    for number, value in enumerate(values):
        short = of_value(value, each)
        room -= len(json.dumps(short)) + 2
        if room < 0:
            cut.append(f'... {len(values) - number} more')
            break
        cut.append(short)
    return cut
