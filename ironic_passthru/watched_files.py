# SPDX-License-Identifier: Apache-2.0
"""Reloading of files that change: policy, users, Redfish inventory.

An invalid change never replaces valid content: removing a file must not
remove restrictions.
"""

import os
import stat
import threading
import time
from collections.abc import Callable
from typing import Any
from typing import Generic
from typing import TypeVar

from oslo_log import log

from ironic_passthru import errors

LOG = log.getLogger(__name__)

#: Interval of the checks for changes, in seconds.
LOOK_SECONDS = 1.0
#: Interval of the attempts to load invalid files, and of their ERROR log
#: records, in seconds.
REPEAT_SECONDS = 60.0

Content = TypeVar('Content')

# Attributes that change with the content or permissions of a file, or the
# errno of stat().
_Stamp = tuple[int, ...] | int
# Function, arguments, result.
_Probe = tuple[Callable[..., Any], tuple[Any, ...], Any]


class Unusable(Exception):
    """A file cannot be used; ``str()`` is the reason, as a phrase."""


class Reader:
    """Read files and record their state.

    The state is recorded before a file is read, so that a later change is
    detected.
    """

    def __init__(self) -> None:
        self._probes: list[_Probe] = []

    def probe(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return and record a result on which the content depends.

        :param function: called at each check; it must not raise.
        """
        result = function(*arguments)
        self._probes.append((function, arguments, result))
        return result

    def read(self, path: str | os.PathLike[str]) -> bytes:
        """Return the content of a file.

        Empty files are rejected: editors and configuration management
        truncate files before they write, and the disk may be full.

        :raises: Unusable.
        """
        self.probe(_stamp, path)
        try:
            data = _read_regular(path)
        except OSError as error:
            raise Unusable(error.strerror or type(error).__name__) from None
        except ValueError:
            raise Unusable('the path contains a NUL character') from None
        if not data.strip():
            raise Unusable('the file is empty')
        return data

    def names(self, directory: str) -> tuple[str, ...]:
        """Return the sorted names of the visible files of a directory.

        :raises: Unusable.
        """
        found = self.probe(_names, directory)
        if isinstance(found, int):
            raise Unusable(os.strerror(found))
        return tuple(found)

    def is_outdated(self) -> bool:
        """Return whether a recorded state has changed."""
        return any(
            function(*arguments) != result
            for function, arguments, result in self._probes
        )


def _read_regular(path: str | os.PathLike[str]) -> bytes:
    """Return the content of a regular file; reading a FIFO would block.

    :raises: OSError; ValueError; Unusable.
    """

    def _open(name: str, flags: int) -> int:
        return os.open(name, flags | os.O_NONBLOCK)

    with open(path, 'rb', opener=_open) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Unusable('the file is not a regular file')
        return file.read()


def _stamp(path: str | os.PathLike[str]) -> _Stamp:
    try:
        status = os.stat(path)
    except OSError as error:
        return error.errno or -1
    except ValueError:
        return -1
    return (
        status.st_dev,
        status.st_ino,
        status.st_mode,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def _names(directory: str) -> tuple[str, ...] | int:
    try:
        names = sorted(os.listdir(directory))
    except OSError as error:
        return error.errno or -1
    return tuple(
        name
        for name in names
        if not name.startswith('.')
        and not os.path.isdir(os.path.join(directory, name))
    )


class WatchedFiles(Generic[Content]):
    """The last valid content of files; thread-safe.

    A thread that needs the content checks the files, since background
    threads do not survive the fork of a web server. Meanwhile other threads
    use the present content.

    :param load: reads all files with the reader and returns their content;
        the second argument is the present content, None at first. It raises
        ConfigError if the files are invalid.
    :param what: plural noun for the content, for the log.
    :param describe: returns a clause about new content, for the log.
    :param look_seconds: minimum interval of the checks.
    :param clock: a monotonic clock, in seconds.
    :raises: ConfigError if the files are invalid at first.
    """

    def __init__(
        self,
        load: Callable[[Reader, Content | None], Content],
        *,
        what: str,
        describe: Callable[[Content], str],
        look_seconds: float = LOOK_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._what = what
        self._describe = describe
        self._look_seconds = look_seconds
        self._clock = clock
        self._lock = threading.Lock()
        # Time of the last ERROR record; None while the files are valid.
        self._failed_at: float | None = None
        self._reader = Reader()
        self._content = load(self._reader, None)
        self._looked_at = clock()

    def current(self) -> Content:
        """Return the content; the same object until the files change."""
        if self._clock() - self._looked_at >= self._look_seconds and (
            self._lock.acquire(blocking=False)
        ):
            try:
                self._check()
            finally:
                self._looked_at = self._clock()
                self._lock.release()
        return self._content

    def reload(self) -> None:
        """Check the files now, after a change by this process."""
        with self._lock:
            self._check()

    def _check(self) -> None:
        is_due = (
            self._failed_at is not None
            and self._clock() - self._failed_at >= REPEAT_SECONDS
        )
        if not is_due and not self._reader.is_outdated():
            return
        reader = Reader()
        try:
            content = self._load(reader, self._content)
        except errors.ConfigError as error:
            self._fail(error.message)
        except Exception as error:
            # A request must not fail because of a file.
            self._fail(f'Unexpected {type(error).__name__}')
        else:
            if reader.is_outdated():
                # The change is incomplete: load the files at the next check.
                return
            self._replace(content)
        self._reader = reader

    def _fail(self, reason: str) -> None:
        self._failed_at = self._clock()
        LOG.error('%s; the last valid %s remain in force', reason, self._what)

    def _replace(self, content: Content) -> None:
        state = 'changed' if self._failed_at is None else 'are valid again'
        self._failed_at = None
        self._content = content
        LOG.info('Watched files %s: %s', state, self._describe(content))
