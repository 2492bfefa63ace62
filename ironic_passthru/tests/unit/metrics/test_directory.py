# SPDX-License-Identifier: Apache-2.0
"""Values of several processes in one directory."""

import pathlib
import subprocess
import sys

import fixtures

from ironic_passthru.tests import base

# Count in a process, which then ends; a second argument keeps it running.
_COUNT = """
import pathlib, sys
import prometheus_client
from ironic_passthru.metrics import directory

values = directory.ValueDirectory(pathlib.Path(sys.argv[1]))
count = prometheus_client.Counter('calls', 'Calls.', registry=None)
seconds = prometheus_client.Histogram('time', 'Time.', registry=None)
count.inc()
seconds.observe(2)
print('counted', flush=True)
if sys.argv[2] == 'stay':
    sys.stdin.readline()
    found = {s.name: s.value for m in values.collect() for s in m.samples}
    print(found['calls_total'], found['time_count'], found['time_sum'])
"""


class TestValueDirectory(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        temporary = self.useFixture(fixtures.TempDir()).path
        self.path = pathlib.Path(temporary, 'new', 'metrics')

    def start(self, how: str) -> subprocess.Popen[str]:
        """Start a process and wait until it has counted."""
        process = subprocess.Popen(
            [sys.executable, '-c', _COUNT, str(self.path), how],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(process.communicate)
        assert process.stdout is not None
        self.assertEqual('counted\n', process.stdout.readline())
        return process

    def sums(self, process: subprocess.Popen[str]) -> str:
        """Return the sums that a process reads."""
        return process.communicate('\n')[0].strip()

    def test_counts_of_ended_processes_remain_without_their_files(
        self,
    ) -> None:
        staying = self.start('stay')
        for _ in range(2):
            self.start('end').wait()
        self.assertEqual('3.0 3.0 6.0', self.sums(staying))
        kept = {file.name for file in self.path.glob('*.db')}
        self.assertEqual(
            {
                *('counter_0.db', 'histogram_0.db'),
                f'counter_{staying.pid}.db',
                f'histogram_{staying.pid}.db',
            },
            kept,
        )

    def test_the_first_process_empties_it(self) -> None:
        self.start('end').wait()
        self.assertEqual('1.0 1.0 2.0', self.sums(self.start('stay')))
        self.assertEqual(0o700, self.path.stat().st_mode & 0o777)
