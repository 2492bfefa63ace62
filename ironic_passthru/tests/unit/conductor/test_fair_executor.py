# SPDX-License-Identifier: Apache-2.0
"""No driver occupies all workers, and no work is lost."""

import contextlib
import threading
from typing import Any

from ironic_passthru.conductor import fair_executor
from ironic_passthru.tests import base
from ironic_passthru.tests import shortage


class TestFairExecutor(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.executor = fair_executor.FairExecutor(4, share=3)
        self.addCleanup(self.executor.close)
        self.go_on = threading.Event()
        self.addCleanup(self.go_on.set)
        self.lock = threading.Lock()
        self.done: list[tuple[str, int]] = []
        self.busy = 0
        self.busiest = 0

    def work(self, driver: str, number: int) -> None:
        with self.lock:
            self.busy += 1
            self.busiest = max(self.busiest, self.busy)
        self.go_on.wait(20)
        with self.lock:
            self.busy -= 1
            self.done.append((driver, number))

    def submit(self, driver: str, count: int) -> None:
        for number in range(count):
            self.executor.submit(driver, self.work, driver, number)

    def test_the_share_of_one(self) -> None:
        self.submit('hung', 20)
        self.wait_for(lambda: self.busy == 3, 'its share is taken')
        other = threading.Event()
        self.executor.submit('other', other.set)
        self.assertTrue(other.wait(10))
        self.assertEqual(3, self.busiest)
        self.go_on.set()
        self.wait_for(lambda: len(self.done) == 20, 'all have run')
        self.assertEqual({}, dict(self.executor._running))
        self.assertEqual({}, self.executor._waiting)

    def test_one_after_the_other(self) -> None:
        one = fair_executor.FairExecutor(1, share=1)
        self.addCleanup(one.close)
        self.go_on.set()
        for number in range(50):
            one.submit('a', self.work, 'a', number)
        self.wait_for(lambda: len(self.done) == 50, 'all have run')
        self.assertEqual([('a', n) for n in range(50)], self.done)

    def test_a_worker_is_reserved_if_one_is_free(self) -> None:
        with contextlib.ExitStack() as stack:

            def reserve(driver: str) -> fair_executor.Reservation:
                return stack.enter_context(self.executor.reserve(driver))

            made = [reserve('a') for _ in range(4)]
            self.assertEqual(
                [True, True, True, False], [one.has_worker for one in made]
            )
            self.assertTrue(reserve('b').has_worker)
            self.assertFalse(reserve('b').has_worker, 'all workers are taken')
            ran = threading.Event()
            made[0].submit(ran.set)
            self.assertTrue(ran.wait(10))
        self.wait_for(lambda: not self.executor._running, 'all are released')

    def test_what_waits_takes_a_released_worker(self) -> None:
        ran = threading.Event()
        one = fair_executor.FairExecutor(1, share=1)
        self.addCleanup(one.close)
        with one.reserve('a'):
            one.submit('a', ran.set)
            self.assertFalse(ran.wait(0.05))
        self.assertTrue(ran.wait(10))

    def test_work_that_fails_frees_its_place(self) -> None:
        def fail() -> None:
            raise RuntimeError('no')

        for _ in range(20):
            self.executor.submit('a', fail)
        self.go_on.set()
        self.submit('a', 5)
        self.wait_for(lambda: len(self.done) == 5, 'the others have run')

    def test_nothing_begins_after_the_end(self) -> None:
        self.submit('a', 10)
        self.wait_for(lambda: self.busy == 3, 'they run')
        self.executor.close()
        self.assertRaises(
            RuntimeError, self.executor.submit, 'b', self.go_on.set
        )
        self.go_on.set()
        self.wait_for(lambda: len(self.done) == 3, 'they have ended')
        self.assertEqual(3, self.busiest)

    def test_none_is_lost_while_threads_are_refused(self) -> None:
        with shortage.ThreadShortage():
            self.submit('a', 8)
            self.submit('b', 8)
            self.wait_for(lambda: self.busy == 1, 'one runs')
            self.assertFalse(self.executor.recover())
        self.assertTrue(self.executor.recover())
        self.wait_for(lambda: self.busy == 4, 'all workers are busy')
        self.go_on.set()
        self.wait_for(lambda: len(self.done) == 16, 'all have run')
        self.assertEqual({}, dict(self.executor._running))

    def test_what_is_refused_takes_no_place(self) -> None:
        self.executor._pool.shutdown(wait=False)
        for _ in range(4):
            self.assertRaises(
                RuntimeError, self.executor.submit, 'a', self.go_on.set
            )
        self.assertEqual({}, dict(self.executor._running))

    def test_none_is_lost_when_it_cannot_be_queued_again(self) -> None:
        """For lack of memory; the next submission may succeed."""
        self.submit('a', 6)
        self.wait_for(lambda: self.busy == 3, 'the share is used')
        submit = self.executor._pool.submit
        errors = [MemoryError(), MemoryError()]

        def fail_first(*args: Any) -> Any:
            if errors:
                raise errors.pop()
            return submit(*args)

        self.executor._pool.submit = fail_first  # type: ignore[assignment]
        self.go_on.set()
        self.wait_for(lambda: len(self.done) == 6, 'all have run')
        self.assertEqual([], errors)
        self.wait_for(lambda: not self.executor._running, 'free workers')
