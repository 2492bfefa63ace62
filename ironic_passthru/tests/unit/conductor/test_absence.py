# SPDX-License-Identifier: Apache-2.0
"""A conductor is absent when its liveness update does not change."""

import datetime

from ironic_passthru.conductor import absence
from ironic_passthru.db import operations
from ironic_passthru.tests import base

_NOON = datetime.datetime(2026, 1, 1, 12)


def holder(
    liveness_at: datetime.datetime | None = _NOON,
) -> operations.ActiveIncarnation:
    return operations.ActiveIncarnation('host', 'run', liveness_at)


class TestAbsence(base.TestCase):
    """A timeout of 30 seconds."""

    def setUp(self) -> None:
        super().setUp()
        self.detector = absence.AbsenceDetector(30.0)

    def gone_after(
        self, *checks: tuple[float, datetime.datetime | None]
    ) -> list[bool]:
        """Return whether it was gone at each check."""
        return [
            bool(self.detector.check([holder(liveness_at)], now))
            for now, liveness_at in checks
        ]

    def test_an_unchanged_update_is_outdated_after_the_timeout(self) -> None:
        checks = [(1000.0 + 7.5 * n, _NOON) for n in range(6)]
        self.assertEqual(4 * [False] + 2 * [True], self.gone_after(*checks))

    def test_any_change_of_the_update_counts(self) -> None:
        """The clock of the database jumps, back and ahead."""
        minutes = [0, 2, 2.1, -3, -2.9, 600, -9000]
        checks = [
            (10.0 * n, _NOON + datetime.timedelta(minutes=minute))
            for n, minute in enumerate(minutes)
        ]
        self.assertEqual(7 * [False], self.gone_after(*checks))

    def test_an_old_update_is_not_outdated_at_the_first_check(self) -> None:
        long_ago = _NOON - datetime.timedelta(days=1)
        self.assertEqual([False], self.gone_after((10.0, long_ago)))

    def test_a_pause_of_the_observer_is_no_absence(self) -> None:
        """All may have been paused, and none has gone on before this one."""
        checks = [(0.0, _NOON), (7.5, _NOON), (5000.0, _NOON)]
        self.assertEqual(3 * [False], self.gone_after(*checks))
        # It takes one more check.
        self.assertEqual([True], self.gone_after((5010.0, _NOON)))

    def test_after_an_outage_all_start_again(self) -> None:
        self.gone_after((0.0, _NOON), (10.0, _NOON), (20.0, _NOON))
        self.detector.reset()
        checks = [(31.0, _NOON), (41.0, _NOON), (51.0, _NOON), (61.0, _NOON)]
        self.assertEqual(3 * [False] + [True], self.gone_after(*checks))

    def test_one_whose_name_is_taken_is_gone_at_once(self) -> None:
        self.assertEqual([True], self.gone_after((0.0, None)))

    def test_a_holder_without_operations_for_a_while_starts_again(
        self,
    ) -> None:
        self.gone_after((0.0, _NOON), (10.0, _NOON), (20.0, _NOON))
        self.detector.check([], 25.0)
        self.assertEqual([False], self.gone_after((35.0, _NOON)))
