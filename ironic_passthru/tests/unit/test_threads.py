# SPDX-License-Identifier: Apache-2.0
"""Tests of native threads and of the pool."""

import gc
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
    """The backend is selected before oslo is imported."""

    def test_threading_without_eventlet(self) -> None:
        result = subprocess.run(
            [sys.executable, '-c', CODE],
            capture_output=True,
            text=True,
        )
        self.assertEqual('THREADING False', result.stdout.strip(), result)
        self.assertNotIn('Eventlet is deprecated', result.stderr)


class ImportsTest(base.TestCase):
    """The garbage collection pauses during imports."""

    def test_it_goes_on_afterwards(self) -> None:
        def fail() -> None:
            with threads.imports():
                self.assertFalse(gc.isenabled())
                raise ImportError

        self.assertTrue(gc.isenabled())
        self.assertRaises(ImportError, fail)
        self.assertTrue(gc.isenabled())

    def test_one_that_is_off_stays_off(self) -> None:
        self.addCleanup(gc.enable)
        gc.disable()
        with threads.imports():
            pass
        self.assertFalse(gc.isenabled())


class PoolTest(base.TestCase):
    """Submitted work runs although threads cannot be started."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger())
        self.pool = threads.ThreadPool(8)
        self.addCleanup(self.pool.shutdown, wait=True)
        self.go_on = threading.Event()
        self.addCleanup(self.go_on.set)

    def submit(self, count: int) -> list[futures.Future[bool]]:
        return [self.pool.submit(self.go_on.wait, 20) for _ in range(count)]

    def test_existing_threads_do_all_work(self) -> None:
        with shortage.ThreadShortage():
            submitted = self.submit(9)
        self.go_on.set()
        self.assertEqual(
            [True] * 9, [future.result(10) for future in submitted]
        )
        self.assertEqual(1, self.log.output.count('Cannot start a thread'))

    def test_grows_with_further_work(self) -> None:
        with shortage.ThreadShortage():
            self.submit(9)
        self.submit(1)
        self.wait_for(lambda: len(self.pool._threads) == 2, 'one more thread')

    def test_recover(self) -> None:
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

    def test_recover_without_missing_threads(self) -> None:
        self.assertTrue(self.pool.recover())
        self.submit(10)
        self.assertTrue(self.pool.recover())

    def test_shutdown(self) -> None:
        with shortage.ThreadShortage():
            self.submit(8)
        self.go_on.set()
        self.pool.shutdown(wait=True)
        self.assertRaises(RuntimeError, self.pool.submit, self.go_on.wait)
        self.assertTrue(self.pool.recover())

    def test_first_thread_cannot_be_started(self) -> None:
        with shortage.ThreadShortage():
            self.assertRaises(RuntimeError, threads.ThreadPool, 8)
