# SPDX-License-Identifier: Apache-2.0
"""A conductor that cannot start threads for a while."""

import contextlib
import pathlib
import re
import resource
from collections.abc import Iterator

from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional.faults import driver
from ironic_passthru.tests.functional.faults import scenario

_SITE = scenario.FaultSite(
    conductor__sync_workers=64, conductor__async_workers=64
)

# A thread needs address space for its stack. With stacks of this size a
# limit on the address space prevents threads and nothing else.
_STACK_BYTES = 64 << 20
_ROOM_BYTES = _STACK_BYTES // 2

_REFUSED = 'Cannot start a thread'


def setUpModule() -> None:
    _SITE.setUp()


def tearDownModule() -> None:
    _SITE.cleanUp()


@contextlib.contextmanager
def no_more_threads(process: processes.Process) -> Iterator[None]:
    """Prevent further threads of a process."""
    status = pathlib.Path(f'/proc/{process.pid}/status').read_text()
    found = re.search(r'VmSize:\s+(\d+) kB', status)
    assert found, status
    used = int(found[1]) * 1024
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_AS)
    resource.prlimit(
        process.pid, resource.RLIMIT_AS, (used + _ROOM_BYTES, hard)
    )
    try:
        yield
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_AS, (hard, hard))


class TestThreads(scenario.FaultTestCase):
    """Threads are prevented in one of two conductors, then allowed again."""

    site = _SITE

    def start_with_large_stacks(self, host: str) -> processes.Process:
        """Start a conductor with large stacks."""
        own = self.site.conductor(host, conductor__drain_seconds=0.5)
        own.arguments = ['prlimit', f'--stack={_STACK_BYTES}', *own.arguments]
        # Otherwise each thread reserves address space for its own arena.
        own.environment['MALLOC_ARENA_MAX'] = '1'
        self.addCleanup(own.kill)
        own.start()
        self.wait_for_host(host)
        return own

    def executed_by(self, host: str) -> int:
        """Return the number of executions of a conductor."""
        executions = driver.read(self.site.executions)
        return sum(execution.host == host for execution in executions)

    def test_refused_and_allowed_again(self) -> None:
        own = self.start_with_large_stacks('k1')
        with self.under_load() as running:
            with no_more_threads(own):
                self.note('k1 gets no more threads')
                self.warm_up(running)
                self.assertIn(_REFUSED, own.log())
            self.note('k1 gets threads again')
            running.wait_for_successes(scenario.CALLS // 4)
            self.wait_for_host('k1')
        self.check()
        self.assertTrue(own.running)
        before = self.executed_by('k1')
        with self.under_load() as running:
            running.wait_for_successes(scenario.CALLS // 4)
        self.check()
        self.assertGreater(self.executed_by('k1'), before)
        self.assertEqual(0, own.stop(), own.log()[-2000:])
        self.assertNotIn('cannot join thread', own.log())
