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
import threading
from collections.abc import Iterator

from prometheus_client import metrics_core
from prometheus_client import mmap_dict
from prometheus_client import multiprocess
from prometheus_client import values

from ironic_passthru import errors

_VARIABLE = 'PROMETHEUS_MULTIPROC_DIR'
_LOCK = 'lock'
# In place of a process id.
_ENDED = '0'


class ValueDirectory:
    """Creates, empties and sums up the files.

    Every process that uses the directory, and its children, hold a shared
    lock. A process that gets the exclusive lock is the first one.

    :raises: ConfigError if the directory cannot be used.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self._merging = threading.Lock()
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(
                path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for file in path.glob('*.db'):
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

    def close(self) -> None:
        """Release the lock of this process."""
        os.close(self._lock)

    def collect(self) -> Iterator[metrics_core.Metric]:
        """Return the metrics of all processes."""
        with self._merging:
            self._merge_ended()
            collector = multiprocess.MultiProcessCollector(
                None, str(self._path)
            )
            yield from list(collector.collect())

    def _merge_ended(self) -> None:
        """Add the counts of ended processes to one file of each type.

        Otherwise the number of files would grow without a limit where workers
        are replaced.
        """
        for file in self._path.glob('*.db'):
            kind, _, pid = file.stem.rpartition('_')
            if pid == _ENDED or not pid.isdigit() or _runs(int(pid)):
                continue
            if not kind.startswith('gauge'):
                self._merge(file, kind)
            file.unlink()

    def _merge(self, file: pathlib.Path, kind: str) -> None:
        into = mmap_dict.MmapedDict(str(self._path / f'{kind}_{_ENDED}.db'))
        found = mmap_dict.MmapedDict.read_all_values_from_file(str(file))
        for key, value, _, _ in found:
            before, _ = into.read_value(key)
            into.write_value(key, before + value, 0.0)
        into.close()


def _runs(pid: int) -> bool:
    """Return whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
