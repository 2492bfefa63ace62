# SPDX-License-Identifier: Apache-2.0
"""Detection of conductors that are gone."""

from collections.abc import Collection

from ironic_passthru.db import operations


class AbsenceDetector:
    """Finds runs of conductors whose sign of life does not change.

    No clock but that of this process counts: neither that of the database,
    which may jump, nor that of another host.  A run is gone when its sign
    was seen unchanged, look by look, for ``timeout_seconds``.  A long gap
    between two looks counts for half of that at most, so that a pause of
    this process, or of the whole site, ends no conductor.

    :param timeout_seconds: of a sign of life.
    """

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._unchanged: dict[operations.ActiveIncarnation, float] = {}
        self._looked_at = float('-inf')

    def look(
        self, found: Collection[operations.ActiveIncarnation], now: float
    ) -> list[operations.ActiveIncarnation]:
        """Return those of the ``found`` runs that are gone.

        :param now: ``time.monotonic()`` before they were read.
        """
        step = min(now - self._looked_at, self._timeout_seconds / 2)
        self._looked_at = now
        known = self._unchanged
        self._unchanged = {
            one: known[one] + step if one in known else 0.0 for one in found
        }
        return [
            one
            for one, seconds in self._unchanged.items()
            if one.liveness_at is None or seconds >= self._timeout_seconds
        ]

    def reset(self) -> None:
        """Forget all: after an outage no sign may be new, yet all live."""
        self._unchanged.clear()
