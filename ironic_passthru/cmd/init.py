# SPDX-License-Identifier: Apache-2.0
"""First process of a container: run a command, reap processes, pass signals.

``python -m ironic_passthru.cmd.init COMMAND [ARGUMENT ...]``. The kernel gives
orphaned processes, such as those of drivers, to the first process of a PID
namespace, and ignores signals that this process has no handler for. A service
must not be that process: it cannot wait for unknown processes without taking
the exit status of its own ones, and it has no handlers while it is loaded.

Nothing is imported that this process does not need; it remains small.
"""

import contextlib
import os
import signal
import sys

# Exit codes of shells.
_EXIT_NOT_EXECUTABLE = 126
_EXIT_NOT_FOUND = 127
_EXIT_USAGE = 2
_SIGNALED = 128

# Signals with a meaning for the service, or that end it.
_FORWARDED = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
)

# Python ignores them, which its child would inherit.
_IGNORED = (signal.SIGPIPE, signal.SIGXFSZ)


def main() -> int:
    """Run the command of the arguments; return its exit code."""
    command = sys.argv[1:]
    if not command or not command[0]:
        print('usage: init COMMAND [ARGUMENT ...]', file=sys.stderr)
        return _EXIT_USAGE
    waited = {*_FORWARDED, signal.SIGCHLD}
    # A blocked signal stays pending, also for the first process.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    try:
        pid = _spawn(command, mask)
    except OSError as error:
        print(f'init: {command[0]}: {error.strerror}', file=sys.stderr)
        found = not isinstance(error, FileNotFoundError)
        return _EXIT_NOT_EXECUTABLE if found else _EXIT_NOT_FOUND
    while True:
        number = signal.sigwait(waited)
        if number != signal.SIGCHLD:
            # Until it is reaped, its number is not that of another process.
            os.kill(pid, number)
        elif (status := _reap(pid)) is not None:
            # With the first process, the kernel kills all others.
            return status if status >= 0 else _SIGNALED - status


def _spawn(command: list[str], mask: set[signal.Signals | int]) -> int:
    """Start the command with the signal mask ``mask``; return its PID.

    Its own process group gets the keys of a terminal only once.

    :raises: OSError.
    """
    pid = os.posix_spawnp(
        command[0],
        command,
        os.environ,
        setpgroup=0,
        setsigmask=mask,
        setsigdef=_IGNORED,
    )
    if os.isatty(0):
        _give_terminal(pid)
    return pid


def _give_terminal(group: int) -> None:
    """Make a process group that of the foreground of the terminal."""
    # Background processes are stopped by this signal when they write.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    # A terminal of another session sends no signals.
    with contextlib.suppress(OSError):
        os.tcsetpgrp(0, group)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _reap(pid: int) -> int | None:
    """Reap all ended processes.

    :returns: the exit code of ``pid``, negative for a signal, or None while
        it runs.
    """
    status = None
    while True:
        try:
            ended, code = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if not ended:
            return status
        if ended == pid:
            status = os.waitstatus_to_exitcode(code)


if __name__ == '__main__':
    sys.exit(main())
