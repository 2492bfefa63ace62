# SPDX-License-Identifier: Apache-2.0
"""Targets that the driver of a conductor serves, as published."""

import functools
import hashlib
import json
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

#: Longest name of a target or tag, in characters.
MAX_NAME_LENGTH = 255


class InvalidTargets(ValueError):
    """The targets of a driver are invalid; ``str()`` is the reason."""


class TargetList:
    """Names and tags of targets; two lists with one digest are equal.

    :param tags: tags by name of the target.
    """

    def __init__(self, tags: Mapping[str, frozenset[str]]) -> None:
        self.tags = tags

    @classmethod
    def of(cls, targets: Any) -> 'TargetList':
        """Return the list that a driver provides.

        :param targets: a mapping of names to iterables of tags.
        :raises: InvalidTargets.
        """
        if not isinstance(targets, Mapping):
            raise InvalidTargets(
                'it must be a mapping of names to lists of tags, not '
                f'{type(targets).__name__}'
            )
        return cls(
            {
                _name('name', name): frozenset(
                    _name(f'tag of target {name!r}', tag)
                    for tag in _tags(name, tags)
                )
                for name, tags in targets.items()
            }
        )

    @classmethod
    def from_document(cls, text: str) -> 'TargetList':
        """Return the list of a published document.

        :raises: InvalidTargets.
        """
        try:
            return cls.of(json.loads(text))
        except ValueError as error:
            raise InvalidTargets(str(error)) from None

    @functools.cached_property
    def document(self) -> str:
        """The JSON text, the same for equal lists."""
        return json.dumps(
            {name: sorted(tags) for name, tags in self.tags.items()},
            separators=(',', ':'),
            sort_keys=True,
        )

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the document, in hexadecimal."""
        return hashlib.sha256(self.document.encode('ascii')).hexdigest()


def _tags(name: str, tags: Any) -> Iterable[Any]:
    if isinstance(tags, str) or not isinstance(tags, Iterable):
        raise InvalidTargets(
            f'the tags of target {name!r} must be a list, not '
            f'{type(tags).__name__}'
        )
    return tags


def _name(what: str, value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME_LENGTH:
        raise InvalidTargets(
            f'a {what} must be a string of 1 to {MAX_NAME_LENGTH} '
            f'characters, not {str(value)[:40]!r}'
        )
    return value
