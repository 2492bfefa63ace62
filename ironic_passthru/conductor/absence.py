# SPDX-License-Identifier: Apache-2.0
"""Detection of conductors that no longer run."""

from collections.abc import Collection

from ironic_passthru.db import operations


class AbsenceDetector:
    """Finds incarnations whose liveness update does not change.

    Only the monotonic clock of this process counts: the clock of the
    database may jump, and the clocks of other hosts may differ. An
    incarnation is absent when its update was unchanged in successive checks
    for ``timeout_seconds``. An interval between two checks is counted as half
    of that at most: after a pause of this process, or of all hosts, no
    conductor is absent immediately.

    :param timeout_seconds: after which an unchanged update is outdated.
    """

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._unchanged_seconds: dict[operations.ActiveIncarnation, float] = {}
        self._checked_at = float('-inf')

    def check(
        self, found: Collection[operations.ActiveIncarnation], now: float
    ) -> list[operations.ActiveIncarnation]:
        """Return the absent incarnations among ``found``.

        :param now: ``time.monotonic()`` before they were read.
        """
        step = min(now - self._checked_at, self._timeout_seconds / 2)
        self._checked_at = now
        known = self._unchanged_seconds
        self._unchanged_seconds = {
            holder: known[holder] + step if holder in known else 0.0
            for holder in found
        }
        return [
            holder
            for holder, seconds in self._unchanged_seconds.items()
            if holder.liveness_at is None or seconds >= self._timeout_seconds
        ]

    def reset(self) -> None:
        """Start again: after an outage all updates are old."""
        self._unchanged_seconds.clear()
