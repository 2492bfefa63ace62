# SPDX-License-Identifier: Apache-2.0
"""Faults in the parameters of a call, told without its secrets."""

import functools
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from ironic_passthru import pointer as json_pointer
from ironic_passthru.redaction import masking
from ironic_passthru.redaction import redactor


class Shield:
    """Knows what of the parameters of one call may be told.

    :param values: JSON values by name, as they came.
    """

    def __init__(
        self, masker: masking.Masker, values: Mapping[str, Any]
    ) -> None:
        self._masker = masker
        self._values = values

    @functools.cached_property
    def _masked(self) -> dict[str, Any]:
        return self._masker.masked(self._values)

    @functools.cached_property
    def _scrubber(self) -> redactor.Scrubber:
        return redactor.Scrubber(lambda: self._masker.secrets(self._values))

    def faults(self, faults: Iterable[dict[str, str]]) -> list[dict[str, str]]:
        """Return faults that hold no secret, one for each place.

        :param faults: list of ``{'pointer': ..., 'detail': ...}``.
        """
        places: dict[str, dict[str, str]] = {}
        for fault in faults:
            told = self._told(**fault)
            places.setdefault(told['pointer'], told)
        return list(places.values())

    def _told(self, pointer: str, detail: str) -> dict[str, str]:
        path = json_pointer.parts(pointer)
        depth = self._depth(path)
        if depth < len(path):
            # The rest are names that somebody chose.
            path = path[:depth]
            name = '.'.join(path)
            detail = f"parameter '{name}' does not fit its declaration"
            pointer = json_pointer.to(path)
        return {
            'pointer': self._scrubber.text(pointer),
            'detail': self._scrubber.text(detail),
        }

    def _depth(self, path: list[str]) -> int:
        """Return how many parts of a path are not secret themselves."""
        found: tuple[Any, Any] | None = (self._values, self._masked)
        for depth, part in enumerate(path):
            if found is None:
                break
            value, seen = found
            named = isinstance(value, Mapping)
            if seen == masking.MASK and named and not self._is_public(part):
                return depth
            found = _step(value, seen, part=part)
        return len(path)

    def _is_public(self, name: str) -> bool:
        return name in self._masker.declared

    def has(self, path: Iterable[Any], part: Any) -> bool:
        """Tell whether what is at ``path`` has such a part."""
        return _step(*self._at(path), part=part) is not None

    def secrets_at(self, path: Iterable[Any]) -> set[str] | None:
        """Return the texts of a secret value; None if it is no secret.

        :param path: where it is; parts that are not found are left out.
        """
        value, seen = self._at(path)
        if seen != masking.MASK or value == masking.MASK:
            return None
        return masking.texts_of(value)

    def _at(self, path: Iterable[Any]) -> tuple[Any, Any]:
        found: tuple[Any, Any] = (self._values, self._masked)
        for part in path:
            found = _step(*found, part=part) or found
        return found


def nothing_secret(values: Mapping[str, Any]) -> Shield:
    """Return a shield for parameters of which everything may be told."""
    return Shield(masking.Masker({}, guess=False), values)


def _step(value: Any, seen: Any, *, part: Any) -> tuple[Any, Any] | None:
    """Return a part of a value, and what is shown of it."""
    if isinstance(value, Mapping) and part in value:
        return value[part], seen[part] if isinstance(seen, Mapping) else seen
    if isinstance(value, list) and str(part).isdecimal():
        index = int(part)
        if index < len(value):
            return value[index], seen[index] if isinstance(
                seen, list
            ) else seen
    return None
