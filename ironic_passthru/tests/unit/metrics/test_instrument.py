# SPDX-License-Identifier: Apache-2.0
"""Failures of the files of metrics."""

import pathlib
import subprocess
import sys

import fixtures

from ironic_passthru.tests import base

# Record after the directory was removed, or without space for a file.
_FAIL = """
import logging, os, pathlib, resource, shutil, sys
import prometheus_client
from ironic_passthru.metrics import directory
from ironic_passthru.metrics import instrument

logging.basicConfig(stream=sys.stdout, format='%(message)s')
path = pathlib.Path(sys.argv[1])
directory.ValueDirectory(path)
metric = prometheus_client.Counter('calls', 'Calls.', ['method'])
calls = instrument.Instrument(metric)
if sys.argv[2] == 'removed':
    shutil.rmtree(path)
    calls.inc('a')
else:
    limit = 1 << 16 if sys.argv[2] == 'grown' else 1000
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
for number in range(2000):
    calls.inc(str(number))
print('served', [file.name for file in path.glob('*.db')])
"""


class TestInstrument(base.TestCase):
    def fail(self, how: str) -> list[str]:
        """Return the output of a process."""
        directory = self.useFixture(fixtures.TempDir()).path
        found = subprocess.run(
            [sys.executable, '-c', _FAIL, f'{directory}/metrics', how],
            capture_output=True,
            text=True,
        )
        self.assertEqual('', found.stderr)
        return found.stdout.replace(str(pathlib.Path(directory)), '').split(
            '\n'
        )[:-1]

    def test_a_removed_directory(self) -> None:
        self.assertEqual(
            [
                'Cannot record metrics: No such file or directory',
                'served []',
            ],
            self.fail('removed'),
        )

    def test_no_space_for_a_new_file(self) -> None:
        self.assertEqual(
            ['Cannot record metrics: File too large', 'served []'],
            self.fail('new'),
        )

    def test_no_space_for_a_larger_file(self) -> None:
        lines = self.fail('grown')
        self.assertEqual('Cannot record metrics: File too large', lines[0])
        self.assertRegex(lines[1], 'served .*counter_[0-9]+.db')
