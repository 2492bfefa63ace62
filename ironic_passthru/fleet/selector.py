# SPDX-License-Identifier: Apache-2.0
"""Targets that the parameters of a call select.

Separate from the types of the parameters: the API does not import pydantic.
"""

import fnmatch
import functools
from collections.abc import Mapping
from collections.abc import Sequence
from collections.abc import Set
from typing import Any

from ironic_passthru import errors

#: Tags of targets by their names.
Tags = Mapping[str, Set[str]]

#: The parameters that identify hardware, for ``driver_passthru(target=...)``.
#: Tags refer to targets that only the inventory lists; the methods report
#: these.
NAMES = ('target', 'targets')

_SELECTORS = ('target', 'targets', 'tag', 'tags', 'any_tags')

#: Names of all parameters that select targets.
PARAMETERS = frozenset({*_SELECTORS, 'exclude'})

#: Targets that a change by patterns for all targets may have unconfirmed.
MAX_UNCONFIRMED = 10

# Each pattern is compared with the names of all targets.
_MAX_PATTERNS = 100


class TargetTags(dict[str, Set[str]]):
    """Tags of targets by their names, with an index for many calls."""

    @functools.cached_property
    def by_tag(self) -> Mapping[str, Mapping[str, None]]:
        """The names of the targets with each tag, in order."""
        return _by_tag(self)


def _by_tag(everything: Tags) -> dict[str, dict[str, None]]:
    found: dict[str, dict[str, None]] = {}
    for name, tags in everything.items():
        for tag in tags:
            found.setdefault(tag, {})[name] = None
    return found


def select(
    everything: Tags,
    parameters: Mapping[str, Any],
    *,
    required_by: str | None = None,
) -> list[str]:
    """Return the names of the targets that the parameters of a call select.

    :param everything: all targets.
    :param parameters: those of ``Selection``, and others.
    :param required_by: name of a method that needs a selector, and a
        confirmation if patterns select all of many targets; for other
        methods all targets are selected by default.
    :raises: MissingParameterValue, InvalidParameterValue
    """
    chosen = _base(everything, parameters, required_by=required_by)
    kept = chosen
    if (exclude := parameters.get('exclude')) is not None:
        excluded = set(_named(everything, exclude, 'target in exclude'))
        kept = [name for name in chosen if name not in excluded]
        if not kept:
            raise errors.InvalidParameterValue('exclude leaves no target')
    _check_number(
        len(kept),
        parameters,
        needed_by=required_by if len(chosen) == len(everything) else None,
    )
    return kept


def _check_number(
    count: int, parameters: Mapping[str, Any], *, needed_by: str | None
) -> None:
    """Check the number of selected targets against the expected one.

    :param needed_by: name of a method that all targets were selected for.
    :raises: InvalidParameterValue
    """
    expected = parameters.get('expected_targets')
    if expected not in (None, count):
        raise errors.InvalidParameterValue(
            f'expected_targets is {expected}, but {count} targets are selected'
        )
    names = [
        parameters.get('target') or '',
        *(parameters.get('targets') or ()),
    ]
    if (
        needed_by is not None
        and expected is None
        and count > MAX_UNCONFIRMED
        and any(map(_is_pattern, names))
        and not parameters.get('dry_run')
    ):
        raise errors.InvalidParameterValue(
            f'{needed_by} would change {count} targets, because a pattern '
            'matches all of the inventory; to confirm this, add '
            f'expected_targets: {count}'
        )


def _base(
    everything: Tags,
    parameters: Mapping[str, Any],
    *,
    required_by: str | None,
) -> list[str]:
    """Return the targets of the only selector."""
    given = [name for name in _SELECTORS if parameters.get(name) is not None]
    if len(given) > 1:
        raise errors.InvalidParameterValue(
            f'Give only one of: {", ".join(given)}'
        )
    if not given:
        if required_by is not None:
            raise errors.MissingParameterValue(
                f'The method {required_by} needs one of: '
                f'{", ".join(_SELECTORS)}'
            )
        return list(everything)
    name, value = given[0], parameters[given[0]]
    if name in ('target', 'targets'):
        names = [value] if name == 'target' else value
        return _named(everything, names, 'target')
    tags = [value] if name == 'tag' else value
    return _tagged(everything, tags, any_of=name == 'any_tags')


def _named(everything: Tags, names: Sequence[str], kind: str) -> list[str]:
    """Return the names of targets for names and patterns, each once.

    :raises: InvalidParameterValue for those without a target, and for too
        many patterns.
    """
    if sum(map(_is_pattern, names)) > _MAX_PATTERNS:
        raise errors.InvalidParameterValue(
            f'Give at most {_MAX_PATTERNS} patterns of names'
        )
    found: dict[str, None] = {}
    unknown = []
    for name in dict.fromkeys(names):
        # The parts of a call contain names, which a target may not share
        # with a pattern.
        matches = [name] if name in everything else []
        if not matches and _is_pattern(name):
            matches = fnmatch.filter(everything, name)
        found.update(dict.fromkeys(matches))
        if not matches:
            unknown.append(name)
    _refuse_unknown(kind, unknown)
    return list(found)


def _is_pattern(name: str) -> bool:
    return any(wildcard in name for wildcard in '*?[')


def _tagged(
    everything: Tags, tags: Sequence[str], *, any_of: bool
) -> list[str]:
    """Return the targets with all tags, or with any tag.

    :raises: InvalidParameterValue if no target has them, or one of them.
    """
    by_tag = (
        everything.by_tag
        if isinstance(everything, TargetTags)
        else _by_tag(everything)
    )
    _refuse_unknown('tag', [tag for tag in tags if tag not in by_tag])
    sets = sorted((by_tag[tag] for tag in tags), key=len)
    if any_of and len(sets) > 1:
        union = set[str]().union(*sets)
        chosen = [name for name in everything if name in union]
    else:
        first, *others = sets
        chosen = [n for n in first if all(n in other for other in others)]
    if not chosen:
        raise errors.InvalidParameterValue(
            f'No target has all of the tags: {", ".join(tags)}'
        )
    return chosen


def _refuse_unknown(kind: str, unknown: Sequence[str]) -> None:
    if unknown:
        raise errors.InvalidParameterValue(f'Unknown {kind}: {shown(unknown)}')


def shown(names: Sequence[str], most: int = 10) -> str:
    """Return the first names, and the number of the others, as text."""
    more = len(names) - most
    text = ', '.join(names[:most])
    return f'{text} and {more} more' if more > 0 else text
