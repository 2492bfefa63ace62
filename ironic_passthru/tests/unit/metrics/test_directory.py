# SPDX-License-Identifier: Apache-2.0
"""Values of several processes in one directory."""

import os
import pathlib
import subprocess
import sys

import fixtures

from ironic_passthru import errors
from ironic_passthru.metrics import directory
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

    def ended_file(self, name: str) -> pathlib.Path:
        """Return the path of a file of a process that has ended."""
        process = subprocess.Popen(['true'])
        process.wait()
        return self.path / name.format(process.pid)

    def test_files_of_others_remain(self) -> None:
        self.path.mkdir(parents=True)
        others = [self.path / 'site_7.db', self.path / 'registry.db']
        for file in others:
            file.write_bytes(b'SQLite')
        self.assertEqual('1.0 1.0 2.0', self.sums(self.start('stay')))
        for file in others:
            self.assertEqual(b'SQLite', file.read_bytes())

    def test_damaged_files_do_not_hide_the_others(self) -> None:
        staying = self.start('stay')
        empty = self.ended_file('counter_{}.db')
        empty.touch()
        short = self.ended_file('histogram_{}.db')
        short.write_bytes(b'\xff\x7f\0\0\0\0\0\0\x10\0\0\0short')
        running = self.path / f'counter_{os.getpid()}.db'
        running.write_bytes(b'\xff')
        self.assertEqual('1.0 1.0 2.0', self.sums(staying))
        self.assertFalse(empty.exists() or short.exists())

    def test_a_killed_merge_counts_once(self) -> None:
        staying = self.start('stay')
        for number in range(2):
            ended = self.start('end')
            ended.wait()
            for kind in ('counter', 'histogram'):
                file = self.path / f'{kind}_{ended.pid}.db'
                merged = file.with_suffix('.merged')
                merged.write_bytes(file.read_bytes())
                if number:
                    # It was killed later.
                    file.unlink()
        self.assertEqual('3.0 3.0 6.0', self.sums(staying))

    def test_one_process_claims_the_port(self) -> None:
        script = (
            'import pathlib, sys\n'
            'from ironic_passthru.metrics import directory\n'
            'values = directory.ValueDirectory(pathlib.Path(sys.argv[1]))\n'
            'print(values.claim(), flush=True)'
        )

        def claims() -> str:
            return subprocess.run(
                [sys.executable, '-c', script, str(self.path)],
                check=True,
                capture_output=True,
                text=True,
            ).stdout.strip()

        staying = subprocess.Popen(
            [sys.executable, '-c', f'{script}\nsys.stdin.readline()']
            + [str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(staying.communicate)
        assert staying.stdout is not None
        self.assertEqual('True\n', staying.stdout.readline())
        self.assertEqual('False', claims())
        staying.communicate('\n')
        self.assertEqual('True', claims())

    def test_others_must_not_write_there(self) -> None:
        self.path.mkdir(parents=True)
        self.path.chmod(0o777)
        self.assertRaisesRegex(
            errors.ConfigError,
            'directory in group .metrics.: .*other users can write',
            *(directory.ValueDirectory, self.path),
        )

    def test_the_first_process_empties_it(self) -> None:
        self.start('end').wait()
        self.assertEqual('1.0 1.0 2.0', self.sums(self.start('stay')))
        self.assertEqual(0o700, self.path.stat().st_mode & 0o777)
