# SPDX-License-Identifier: Apache-2.0
"""Truncation of JSON values that are too long for a record.

A truncated value contains a note with its original length. Secrets must be
masked before: a part of a secret is secret, too.
"""

import json
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

# For a note such as "... (1048576 characters)", in its quotes.
_NOTE = 40

# Longest values that are read for a record, in characters: one value, and all
# together. Limits of records must not exceed these.
_MAX_READ = 16 * 1024
_MAX_READ_IN_ALL = 32 * 1024


def readable(
    values: Mapping[str, Any], needed: Collection[str] = ()
) -> tuple[dict[str, Any], int]:
    """Return the first of ``values``, before they are masked.

    Masking reads every character many times, so omitting values before it
    saves time. A value is kept as a whole or replaced by a note, since a part
    of a secret would not be recognized.

    :param needed: names that are always kept.
    :returns: the values, and the number of omitted ones.
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
    """Return the approximate length of the JSON of a value.

    Counting stops when the value is too long.
    """
    size = 0
    pending = [value]
    while pending and size <= _MAX_READ:
        part = pending.pop()
        if isinstance(part, str):
            size += len(part) + 2
        elif isinstance(part, Mapping | list | tuple):
            size += 2 * len(part)
            if size <= _MAX_READ:
                pending.extend(part)
                if isinstance(part, Mapping):
                    pending.extend(part.values())
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
    """Return ``values``, truncated if their JSON exceeds ``limit``.

    :param limit: number of characters, without the note on omitted values.
    :param each: limit of each name and of each value.
    :param more: number of values that were omitted before.
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
    """Return ``values``, truncated if their JSON exceeds ``limit``.

    :param limit: number of characters, without the note on omitted values.
    :param each: limit of each value.
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
