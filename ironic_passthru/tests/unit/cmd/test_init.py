# SPDX-License-Identifier: Apache-2.0
"""Tests of the first process of a container."""

import ctypes
import os
import pathlib
import pty
import signal
import subprocess
import sys
from typing import IO

import fixtures

from ironic_passthru.cmd import init
from ironic_passthru.tests import base

# Of prctl(2): orphaned processes are given to this one, as in a PID namespace.
_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None)

# They print their PID; the first one handles a signal.
_TRAP = 'trap "echo got; exit 7" {0}; echo $$; while :; do sleep 0.01; done'
_DEFAULT = 'echo $$; exec sleep 60'
# Leaves an orphan that ends at once, and prints its PID.
_ORPHAN = 'echo $(sh -c "true & echo \\$!"); read line'


def _become_reaper() -> None:
    _LIBC.prctl(_SET_CHILD_SUBREAPER, 1)


class _Terminal(fixtures.Fixture):
    """A terminal that no process controls.

    :ivar ends: descriptors of its two ends.
    """

    def _setUp(self) -> None:
        self.ends = pty.openpty()
        for descriptor in self.ends:
            self.addCleanup(os.close, descriptor)


class TestInit(base.TestCase):
    """The process and its command."""

    def start(
        self, *command: str, stdin: int = subprocess.PIPE
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, '-P', '-m', init.__name__, *command],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # After a fork of a process with threads this one is safe.
            preexec_fn=_become_reaper,
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.terminate)
        return process

    def exit_code(self, *command: str) -> int:
        process = self.start(*command)
        process.communicate(timeout=30)
        return process.returncode

    def line(self, stream: IO[str] | None) -> str:
        assert stream is not None
        return stream.readline().strip()

    def test_exit_codes_are_those_of_the_command(self) -> None:
        self.assertEqual(0, self.exit_code('true'))
        self.assertEqual(5, self.exit_code('sh', '-c', 'exit 5'))
        self.assertEqual(137, self.exit_code('sh', '-c', 'kill -9 $$'))
        self.assertEqual(2, self.exit_code())
        self.assertEqual(2, self.exit_code(''))

    def test_a_command_that_cannot_be_run(self) -> None:
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path) / 'file'
        path.touch(mode=0o600)
        for name, code in (('/nowhere/x', 127), (str(path), 126)):
            process = self.start(name)
            _, printed = process.communicate(timeout=30)
            self.assertEqual(code, process.returncode)
            self.assertRegex(printed, f'^init: {name}: .+\n$')

    def test_signals_reach_the_command(self) -> None:
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1):
            process = self.start('sh', '-c', _TRAP.format(number.name[3:]))
            self.assertNotEqual(
                str(process.pid), self.line(process.stdout), number
            )
            process.send_signal(number)
            self.assertEqual('got', self.line(process.stdout), number)
            self.assertEqual(7, process.wait(30), number)

    def test_a_signal_ends_a_command_without_a_handler(self) -> None:
        """The command does not inherit the blocked signals."""
        process = self.start('sh', '-c', _DEFAULT)
        self.line(process.stdout)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(128 + signal.SIGTERM, process.wait(30))

    def test_no_signal_is_ignored(self) -> None:
        process = self.start('sh', '-c', 'kill -PIPE $$')
        self.assertEqual(128 + signal.SIGPIPE, process.wait(30))

    def test_terminal_of_another_session(self) -> None:
        _, terminal = self.useFixture(_Terminal()).ends
        process = self.start('sh', '-c', 'exit 5', stdin=terminal)
        _, printed = process.communicate(timeout=30)
        self.assertEqual(5, process.returncode, printed)

    def test_keys_of_a_terminal_are_sent_once(self) -> None:
        """The second SIGINT would stop a service at once."""
        process = self.start('sh', '-c', _DEFAULT)
        pid = int(self.line(process.stdout))
        self.assertEqual(pid, os.getpgid(pid))

    def test_orphans_are_reaped(self) -> None:
        process = self.start('sh', '-c', _ORPHAN)
        orphan = pathlib.Path('/proc') / self.line(process.stdout)
        self.wait_for(lambda: not orphan.exists(), 'the end of the orphan')
        self.assertIsNone(process.poll())
