# SPDX-License-Identifier: Apache-2.0
"""Tests of long polling."""

import threading
import time

from ironic_passthru import operation
from ironic_passthru.api.calls import long_poll
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.api import fakes


class TestWaits(base.TestCase):
    """Duration of long polling."""

    def setUp(self) -> None:
        super().setUp()
        self.store = fakes.FakeOperations()
        self.store.add('o')

    def make(self, seconds: int = 60, waiting: int = 1) -> long_poll.LongPoll:
        return long_poll.LongPoll(
            self.store,  # type: ignore[arg-type]
            max_seconds=seconds,
            max_waiting=waiting,
        )

    def test_until_the_operation_is_final(self) -> None:
        self.store.on_read = lambda reads: (
            self.store.succeed('o') if reads == 4 else None
        )
        self.assertEqual(60, self.make().wait('o', 100))
        self.assertEqual(4, self.store.reads)

    def test_until_the_time_is_over(self) -> None:
        for asked, bound in ((1, 60), (60, 1)):
            start = time.monotonic()
            self.assertEqual(1, self.make(bound).wait('o', asked))
            self.assertGreaterEqual(time.monotonic() - start, 1.0)
        # Pauses grow, so that the database is not asked all the time.
        self.assertLess(self.store.reads, 2 * 12)

    def test_final_and_unknown_operations(self) -> None:
        for state in operation.FINAL:
            self.store.change('o', state=state)
            # Nor does it need a place.
            self.assertEqual(9, self.make(waiting=0).wait('o', 9))
        self.assertEqual(9, self.make(waiting=0).wait('nothing', 9))

    def test_nothing_to_wait(self) -> None:
        self.assertIsNone(self.make().wait('o', None))
        self.assertIsNone(self.make().wait('o', 0))
        self.assertIsNone(self.make(seconds=0).wait('o', 9))
        self.assertEqual(0, self.store.reads)

    def test_registry_unavailable(self) -> None:
        def leave(reads: int) -> None:
            self.store.unavailable = reads in (3, 4)

        self.store.on_read = leave
        subject = self.make()
        self.assertIsNone(subject.wait('o', 60))
        self.assertIsNone(subject.wait('o', 60))
        # It has given its place back.
        self.store.unavailable = False
        self.store.on_read = lambda reads: (
            self.store.succeed('o') if reads == 6 else None
        )
        self.assertEqual(60, subject.wait('o', 60))

    def test_only_so_many_wait(self) -> None:
        subject = self.make(waiting=2)
        held: list[int | None] = []
        threads = [
            threading.Thread(target=lambda: held.append(subject.wait('o', 60)))
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        self.wait_for(lambda: self.store.reads >= 6, 'both wait')
        self.assertIsNone(subject.wait('o', 60))
        self.store.succeed('o')
        for thread in threads:
            thread.join(10)
        self.assertEqual([60, 60], held)
        self.store.add('p')
        self.store.on_read = lambda reads: self.store.succeed('p')
        self.assertEqual(60, subject.wait('p', 60))
