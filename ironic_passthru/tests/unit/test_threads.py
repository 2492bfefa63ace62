# SPDX-License-Identifier: Apache-2.0
"""The service runs on native threads, also where some are refused."""

import subprocess
import sys
import threading
from concurrent import futures

import fixtures

from ironic_passthru import threads
from ironic_passthru.tests import base
from ironic_passthru.tests import shortage

CODE = """
import sys
from ironic_passthru import threads
threads.init()
threads.init()
from oslo_service import backend
import oslo_messaging
from oslo_service import service
print(backend.get_backend_type().name, bool(sys.modules.get('eventlet')))
"""


class InitTest(base.TestCase):
    """Chosen once, before oslo is imported."""

    def test_threading_without_eventlet(self) -> None:
        result = subprocess.run(
            [sys.executable, '-c', CODE],
            capture_output=True,
            text=True,
        )
        self.assertEqual('THREADING False', result.stdout.strip(), result)
        self.assertNotIn('Eventlet is deprecated', result.stderr)


class PoolTest(base.TestCase):
    """Work that the pool takes runs, whatever the host refuses."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        self.pool = threads.ThreadPool(8)
        self.addCleanup(self.pool.shutdown, wait=True)
        self.go_on = threading.Event()
        self.addCleanup(self.go_on.set)

    def submit(self, count: int) -> list[futures.Future[bool]]:
        return [self.pool.submit(self.go_on.wait, 20) for _ in range(count)]

    def test_the_threads_that_there_are_do_all_work(self) -> None:
        with shortage.ThreadShortage():
            submitted = self.submit(9)
        self.go_on.set()
        self.assertEqual([True] * 9, [one.result(10) for one in submitted])
        self.assertEqual(1, self.log.output.count('Cannot start a thread'))

    def test_it_grows_with_further_work_once_it_may(self) -> None:
        with shortage.ThreadShortage():
            self.submit(9)
        self.submit(1)
        self.wait_for(lambda: len(self.pool._threads) == 2, 'one more thread')

    def test_and_without_any_when_asked(self) -> None:
        with shortage.ThreadShortage():
            self.submit(9)
            self.wait_for(
                lambda: self.pool._work_queue.qsize() == 8, 'one is busy'
            )
            self.assertFalse(self.pool.recover())
        self.assertTrue(self.pool.recover())
        self.wait_for(
            lambda: self.pool._work_queue.qsize() == 1, 'eight are busy'
        )
        self.assertEqual(8, len(self.pool._threads))

    def test_nothing_that_lacks_a_thread_is_well(self) -> None:
        self.assertTrue(self.pool.recover())
        self.submit(10)
        self.assertTrue(self.pool.recover())

    def test_its_end_joins_only_what_has_started(self) -> None:
        with shortage.ThreadShortage():
            self.submit(8)
        self.go_on.set()
        self.pool.shutdown(wait=True)
        self.assertRaises(RuntimeError, self.pool.submit, self.go_on.wait)
        self.assertTrue(self.pool.recover())

    def test_there_is_none_without_a_first_thread(self) -> None:
        with shortage.ThreadShortage():
            self.assertRaises(RuntimeError, threads.ThreadPool, 8)
