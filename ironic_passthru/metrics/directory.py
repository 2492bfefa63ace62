# SPDX-License-Identifier: Apache-2.0
"""Directory with the values of all API processes of a host.

The multiprocess mode of prometheus_client keeps one file for each process and
type of metric. It never removes files of ended processes: their counts must
remain in the sums.
"""

import contextlib
import fcntl
import os
import pathlib
import re
import struct
import threading
from collections.abc import Iterator

from oslo_log import log
from prometheus_client import metrics_core
from prometheus_client import multiprocess
from prometheus_client import values

from ironic_passthru import errors
from ironic_passthru.metrics import value_file

LOG = log.getLogger(__name__)

_VARIABLE = 'PROMETHEUS_MULTIPROC_DIR'
_LOCK = 'lock'
_LISTENER = 'listener'
# In place of a process id.
_ENDED = '0'

# The directory may contain files of others, such as databases of SQLite.
_VALUES = re.compile('(counter|histogram|gauge_livemax)_([0-9]+)[.]db')
# A merge that has not finished: the type, and the id of the ended process.
_MERGED = re.compile('(counter|histogram)_([0-9]+)[.]merged')

_OWN = re.compile(f'{_VALUES.pattern}|{_MERGED.pattern}')


class ValueDirectory:
    """Creates, empties and sums up the files.

    Every process that uses the directory, and its children, hold a shared
    lock. A process that gets the exclusive lock is the first one.

    :raises: ConfigError if the directory cannot be used.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self._merging = threading.Lock()
        self._unreadable: set[str] = set()
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check_owner(path)
            self._lock = _open(path / _LOCK)
            self._listener = _open(path / _LISTENER)
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for file in path.iterdir():
                    if _OWN.fullmatch(file.name):
                        file.unlink()
            fcntl.flock(self._lock, fcntl.LOCK_SH)
        except OSError as error:
            raise errors.ConfigError(
                f'Option directory in group [metrics]: {path}: '
                f'{error.strerror}'
            ) from None
        os.environ[_VARIABLE] = str(path)
        # Another library may have imported the module before.
        values.ValueClass = values.get_value_class()
        value_file.allocate_space()

    def close(self) -> None:
        """Release the locks of this process."""
        os.close(self._lock)
        os.close(self._listener)

    def claim(self) -> bool:
        """Return whether this process is the one that serves the metrics.

        It is until it ends. The children of a process do not inherit this
        kind of lock.
        """
        try:
            fcntl.lockf(self._listener, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        with self._merging, contextlib.suppress(OSError):
            # Workers may be replaced while no system reads the metrics.
            self._merge_ended()
        return True

    def collect(self) -> Iterator[metrics_core.Metric]:
        """Return the metrics of all processes."""
        with self._merging:
            self._merge_ended()
            readable = [
                str(file) for file, _, _ in self._files() if self._read(file)
            ]
            yield from multiprocess.MultiProcessCollector.merge(readable)

    def _files(self) -> list[tuple[pathlib.Path, str, str]]:
        """Return the files, with their types and process ids."""
        return [
            (file, match[1], match[2])
            for file in self._path.iterdir()
            if (match := _VALUES.fullmatch(file.name))
        ]

    def _read(self, file: pathlib.Path) -> list[tuple[str, float]] | None:
        """Return the values in a file; None for a damaged one.

        A process that is starting, or was killed then, has an empty file.
        """
        try:
            return value_file.read(file)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RuntimeError, struct.error):
            if file.name not in self._unreadable:
                self._unreadable.add(file.name)
                LOG.warning(
                    'Cannot read the metrics in %s: its counts are lost', file
                )
            return None

    def _merge_ended(self) -> None:
        """Add the counts of ended processes to one file of each type.

        Otherwise the number of files would grow without a limit where workers
        are replaced.
        """
        self._finish_merges()
        for file, kind, pid in self._files():
            if pid == _ENDED or _runs(int(pid)):
                continue
            found = None if kind == 'gauge_livemax' else self._read(file)
            if found:
                self._merge(file, kind, found)
            else:
                file.unlink()

    def _merge(
        self, file: pathlib.Path, kind: str, found: list[tuple[str, float]]
    ) -> None:
        """Replace the sum of ended processes.

        A process that is killed here, or a full disk, must neither lose
        counts nor add them twice.
        """
        into = self._path / f'{kind}_{_ENDED}.db'
        sums = dict((into.exists() and self._read(into)) or [])
        for key, value in found:
            sums[key] = sums.get(key, 0.0) + value
        merged = file.with_suffix('.merged')
        value_file.write(merged, sums)
        file.unlink()
        merged.rename(into)

    def _finish_merges(self) -> None:
        """Finish merges of a process that was killed."""
        for merged in self._path.iterdir():
            match = _MERGED.fullmatch(merged.name)
            if match is None:
                continue
            if merged.with_suffix('.db').exists():
                merged.unlink()
            else:
                merged.rename(self._path / f'{match[1]}_{_ENDED}.db')


def _open(file: pathlib.Path) -> int:
    return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _check_owner(path: pathlib.Path) -> None:
    """Refuse a directory in which others can replace files.

    :raises: ConfigError.
    """
    found = path.stat()
    if found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o002:
        raise errors.ConfigError(
            f'Option directory in group [metrics]: {path}: other users can '
            'write to it; it must belong to the user of the service'
        )


def _runs(pid: int) -> bool:
    """Return whether a process exists."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
