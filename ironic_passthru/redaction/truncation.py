# SPDX-License-Identifier: Apache-2.0
"""The beginnings of JSON values that are too long to be told in full.

What is cut says so, and how long it was. Secrets are masked before: half of
one is a secret, too.
"""

import json
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

# For a note such as "... (1048576 characters)", in its quotes.
_NOTE = 40

# What is longer is not read for an excerpt: one value, and all together, in
# characters. Who shows more of a value than that needs more of it.
_MAX_READ = 16 * 1024
_MAX_READ_IN_ALL = 32 * 1024


def readable(
    values: Mapping[str, Any], needed: Collection[str] = ()
) -> tuple[dict[str, Any], int]:
    """Return what of ``values`` may become an excerpt, to be masked.

    Masking reads every character many times, so what will be cut is better
    left out before. A value is kept whole, or a note stands for it: half of
    a secret would not be known as one.

    :param needed: names that are kept however many there are.
    :returns: the first ones, and how many are left out.
    """
    kept: dict[str, Any] = {}
    room = _MAX_READ_IN_ALL
    for name, value in values.items():
        if len(name) > _MAX_READ or (room < 0 and name not in needed):
            continue
        size = _size(value)
        if size > _MAX_READ:
            value = _note_on(value)
            size = len(value)
        room -= len(name) + size
        kept[name] = value
    return kept, len(values) - len(kept)


def _size(value: Any) -> int:
    """Return about how long the JSON of a value is.

    Of one that is too long not all is counted.
    """
    size = 0
    waiting = [value]
    while waiting and size <= _MAX_READ:
        part = waiting.pop()
        if isinstance(part, str):
            size += len(part) + 2
        elif isinstance(part, Mapping | list | tuple):
            size += 2 * len(part)
            if size <= _MAX_READ:
                waiting.extend(part)
                if isinstance(part, Mapping):
                    waiting.extend(part.values())
        else:
            size += len(str(part))
    return size


def _note_on(value: Any) -> str:
    if isinstance(value, str):
        return f'... ({len(value)} characters)'
    return f'... (more than {_MAX_READ} characters)'


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
    values: Mapping[str, Any], limit: int, *, each: int, more: int = 0
) -> dict[str, Any]:
    """Return ``values``, or if their JSON is longer the first ones, cut.

    :param limit: number of characters, without the note on what is left out.
    :param each: the same for each name and for each value.
    :param more: how many are left out before.
    """
    if len(json.dumps(values)) <= limit and not more:
        return dict(values)
    cut: dict[str, Any] = {}
    room = limit
    for number, (name, value) in enumerate(values.items()):
        short = {of_value(name, each): of_value(value, each)}
        room -= len(json.dumps(short))
        if room < 0:
            more += len(values) - number
            break
        cut |= short
    if more:
        cut['...'] = f'{more} more'
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
