# SPDX-License-Identifier: Apache-2.0
"""``serve``: run the all-in-one service with a driver; restart on changes."""

import contextlib
import importlib.util
import os
import pathlib
import signal

# Runs this package alone, without a shell.
import subprocess  # nosec B404
import sys
import tempfile
import time
from collections.abc import Iterator
from collections.abc import Sequence
from importlib import metadata

from ironic_passthru import errors
from ironic_passthru.drivers import enabled
from ironic_passthru.drivers import entry_points

#: Interval of the checks for changes, in seconds.
LOOK_SECONDS = 0.5
#: Time of running calls to finish before a restart, in seconds.
STOP_SECONDS = 5

# The service stops with its parent, whose end closes the pipe, even if no
# signal handler of the parent runs.
_SERVICE = """
import os, signal, sys, threading
from ironic_passthru.cmd import all_in_one

def stop_with_parent(pipe):
    os.read(pipe, 1)
    os.kill(os.getpid(), signal.SIGTERM)

pipe = int(sys.argv.pop(1))
threading.Thread(target=stop_with_parent, args=[pipe], daemon=True).start()
sys.argv[0] = 'ironic-passthru'
sys.exit(all_in_one.main())
"""

# State of each file: inode, size and time of the last change.
_Files = dict[str, tuple[int, int, int]]


def run(name: str, *, port: int | None, config_files: Sequence[str]) -> None:
    """Serve a driver until SIGINT, SIGTERM or SIGHUP.

    :param name: name of its entry point, or ``NAME:ENTRY_POINT``.
    :param port: port of the API; None for that of the configuration.
    :param config_files: configuration files of the service.
    :raises: ConfigError if the module of the driver is not installed or a
        configuration file does not exist, DriverLoadError for an unknown
        driver.
    """
    for path in config_files:
        if not pathlib.Path(path).is_file():
            raise errors.ConfigError(
                f'Configuration file {path} does not exist, or is not a file'
            )
    watched = [*_sources(name), *map(pathlib.Path, config_files)]
    for number in (signal.SIGTERM, signal.SIGHUP):
        # nohup ignores SIGHUP.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    with (
        tempfile.TemporaryDirectory() as state,
        contextlib.suppress(KeyboardInterrupt),
    ):
        service = _Service(
            [f'--config-file={path}' for path in config_files],
            _environment(name, port, state),
        )
        try:
            _serve(service, watched)
        finally:
            service.stop()


def _serve(service: '_Service', watched: list[pathlib.Path]) -> None:
    while True:
        # Before the start, which may import a later change.
        before = _state(watched)
        service.start()
        _wait_for_change(service, watched, before)
        _report('Files have changed, restarting')
        service.stop()


def _wait_for_change(
    service: '_Service', watched: list[pathlib.Path], before: _Files
) -> None:
    reported = False
    while _state(watched) == before:
        code = service.exit_code()
        if code is not None and not reported:
            _report(
                f'The service stopped with exit code {code}; waiting for a '
                'change of the source files or configuration files'
            )
            reported = True
        time.sleep(LOOK_SECONDS)


def _report(text: str) -> None:
    sys.stderr.write(f'{text}\n')
    sys.stderr.flush()


class _Service:
    """The all-in-one service in a child process.

    :param arguments: its command line.
    :param environment: its environment.
    """

    def __init__(
        self, arguments: list[str], environment: dict[str, str]
    ) -> None:
        # -P: modules in the working directory are not importable, as in the
        # installed command.
        self._command = [sys.executable, '-P', '-c', _SERVICE]
        self._arguments = arguments
        self._environment = environment
        self._closing = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start a process; it does not receive Ctrl-C of the terminal."""
        pipe, own_end = os.pipe()
        self._closing.callback(os.close, own_end)
        # The arguments are those of the command line of the developer.
        self._process = subprocess.Popen(  # nosec B603
            [*self._command, str(pipe), *self._arguments],
            env=self._environment,
            pass_fds=[pipe],
            start_new_session=True,
        )
        os.close(pipe)

    def exit_code(self) -> int | None:
        """Return the exit code, or None if it runs."""
        return self._process.poll() if self._process else None

    def stop(self) -> None:
        """Stop the process; kill it if calls run for too long."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(2 * STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._closing.close()


def _environment(name: str, port: int | None, state: str) -> dict[str, str]:
    """Return the environment, whose options precede configuration files."""
    options = {
        'OS_CONDUCTOR__ENABLED_DRIVERS': name,
        'OS_CONDUCTOR__DRAIN_SECONDS': '0',
        'OS_CONDUCTOR__GRACEFUL_SHUTDOWN_TIMEOUT': str(STOP_SECONDS),
        'OS_DEFAULT__STATE_PATH': state,
        # Compiled files are outdated for changes within one second.
        'PYTHONDONTWRITEBYTECODE': '1',
    }
    if port is not None:
        options['OS_API__PORT'] = str(port)
    return {**os.environ, **options}


def _sources(name: str) -> list[pathlib.Path]:
    """Return the files and directories of the package of a driver.

    :raises: ConfigError, DriverLoadError.
    """
    driver = enabled.parse_one(name)
    entries = metadata.entry_points(
        group=entry_points.NAMESPACE, name=driver.entry_point
    )
    if not entries:
        # It raises the error.
        driver.make()
    module = next(iter(entries)).module.partition('.')[0]
    # It imports nothing: the module may contain errors.
    found = importlib.util.find_spec(module)
    if found is None:
        raise errors.ConfigError(
            f"Driver '{driver.name}': the Python module '{module}' is not "
            'installed'
        )
    places = found.submodule_search_locations or [found.origin or '']
    return [pathlib.Path(place) for place in places]


def _state(watched: list[pathlib.Path]) -> _Files:
    found: _Files = {}
    # A directory that vanishes now is a change.
    with contextlib.suppress(OSError):
        for path in _files(watched):
            # Editors replace files.
            with contextlib.suppress(OSError):
                status = path.stat()
                found[str(path)] = (
                    status.st_ino,
                    status.st_size,
                    status.st_mtime_ns,
                )
    return found


def _files(watched: list[pathlib.Path]) -> Iterator[pathlib.Path]:
    for path in watched:
        if not path.is_dir():
            yield path
            continue
        # The driver may write other files, such as logs.
        for file in path.rglob('*.py'):
            if not file.name.startswith('.') and file.is_file():
                yield file
