# SPDX-License-Identifier: Apache-2.0
"""Bounded lists of the targets of calls."""

import threading
from collections.abc import Iterable

from ironic_passthru.redaction import truncation

#: Number of targets of one list.
MAX_TARGETS = 1000
#: Longest name, in characters of JSON.
MAX_LENGTH = 255
#: Last entry of a list that lacks some targets.
MORE = '... more'


class Targets:
    """A list of unique targets, in the order in which they were added.

    Threads may share one.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._names: dict[str, None] = {}
        self._is_full = False
        self.add(names)

    def add(self, names: Iterable[str]) -> None:
        """Add the names that are not in the list yet.

        :param names: without secrets.
        """
        for name in names:
            short = truncation.of_value(_printable(name), MAX_LENGTH)
            with self._lock:
                if len(self._names) < MAX_TARGETS:
                    self._names[short] = None
                elif short not in self._names:
                    self._is_full = True

    @property
    def names(self) -> tuple[str, ...]:
        """The names, and ``MORE`` if the list lacks some."""
        with self._lock:
            return (*self._names, *([MORE] if self._is_full else []))


def _printable(name: str) -> str:
    """Return a name that every database and every log can store."""
    if name.isprintable():
        return name
    return ''.join(one if one.isprintable() else '?' for one in name)
