# SPDX-License-Identifier: Apache-2.0
"""Processes of functional tests."""

import collections.abc
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import fixtures


class Failed(Exception):
    """A process failed or timed out; the message contains its log."""


def command(name: str) -> str:
    """Return the path of a command, first of this environment."""
    mine = pathlib.Path(sys.executable).parent
    search = os.pathsep.join((str(mine), os.environ.get('PATH', os.defpath)))
    found = shutil.which(name, path=search)
    if found is None:
        raise Failed(f'the command {name} is not installed')
    return found


def wait_until(
    condition: collections.abc.Callable[[], object],
    what: str,
    *,
    seconds: float = 60.0,
    pause: float = 0.02,
) -> None:
    """Wait until ``condition()`` is true.

    :raises: Failed after ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f'{what}: not within {seconds} seconds')
        time.sleep(pause)


class Process(fixtures.Fixture):
    """A restartable process with one log for all runs.

    :param arguments: the command line, beginning with the program's path.
    :param environment: the complete environment.
    :param log: file for both output streams.
    """

    STOP_SECONDS = 60.0

    def __init__(
        self,
        arguments: collections.abc.Sequence[str],
        *,
        environment: collections.abc.Mapping[str, str],
        log: pathlib.Path,
    ) -> None:
        super().__init__()
        self.arguments = list(arguments)
        self.environment = dict(environment)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._from = 0

    def _setUp(self) -> None:
        self.addCleanup(self.kill)

    def start(self) -> None:
        """Start the process, unless it runs."""
        if self.running:
            return
        with self._log.open('ab') as output:
            self._from = output.tell()
            self._process = subprocess.Popen(
                self.arguments,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Its children are killed with it.
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        """Whether it runs or is suspended."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id."""
        if self._process is None:
            raise Failed('the process was never started')
        return self._process.pid

    def log(self) -> str:
        """Return the output of the current run."""
        return self.everything()[self._from :].decode(errors='replace')

    def everything(self) -> bytes:
        """Return the output of all runs."""
        return self._log.read_bytes() if self._log.exists() else b''

    def signal(self, number: int) -> None:
        """Send a signal to the process, not to its children."""
        os.kill(self.pid, number)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Wait until it ends; return its exit code."""
        assert self._process is not None
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed(
                f'{self.arguments[0]} still runs after {seconds} seconds:\n'
                + self.log()
            ) from None

    def stop(self) -> int:
        """Send SIGTERM and wait; return its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """Kill the process and its children."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def wait_for_log(self, text: str, seconds: float = 60.0) -> None:
        """Wait until the output of the current run contains ``text``.

        :raises: Failed, immediately if the process ends.
        """

        def written() -> bool:
            running = self.running
            if text in self.log():
                return True
            if not running:
                raise Failed(f'ended before it wrote {text!r}:\n{self.log()}')
            return False

        wait_until(written, f'{text!r} in the log', seconds=seconds)
