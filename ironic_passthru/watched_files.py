# SPDX-License-Identifier: Apache-2.0
"""Content of files that is loaded again when the files change.

Policy rules, users and the Redfish inventory share this mechanism. A change
that is not valid never replaces content: a file that vanishes must not open
what it closed.
"""

import os
import pathlib
import threading
import time
from collections.abc import Callable
from typing import Any
from typing import Generic
from typing import TypeVar

from oslo_log import log

from ironic_passthru import errors

LOG = log.getLogger(__name__)

#: Longest time in which a change stays unnoticed, in seconds.
LOOK_SECONDS = 1.0
#: Interval of the ERROR records, and of new attempts, while files are not
#: valid, in seconds.
REPEAT_SECONDS = 60.0

Content = TypeVar('Content')

# Attributes of a file that change with its content or permissions, or the
# number of the error that hides them.
_Stamp = tuple[int, ...] | int
# A function, its arguments and its result.
_Probe = tuple[Callable[..., Any], tuple[Any, ...], Any]


class Unusable(Exception):
    """A file cannot be used; the text is the reason, as a phrase."""


class Reader:
    """Read files for one load and record the state that was read.

    The state is recorded before the reading, so that a change in between is
    noticed afterwards.
    """

    def __init__(self) -> None:
        self._probes: list[_Probe] = []

    def probe(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return a result on which the loaded content depends.

        :param function: called again at each look; it must not raise.
        """
        result = function(*arguments)
        self._probes.append((function, arguments, result))
        return result

    def read(self, path: str | os.PathLike[str]) -> bytes:
        """Return the content of a file.

        An empty file is not usable: editors and configuration management
        truncate files before they write, and a full disk leaves it so.

        :raises: Unusable.
        """
        self.probe(_stamp, path)
        try:
            data = pathlib.Path(path).read_bytes()
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
        """Return whether anything has changed since it was read."""
        return any(
            function(*arguments) != result
            for function, arguments, result in self._probes
        )


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
    """The last valid content of some files; threads may share it.

    Files are looked at by the threads that need the content: no thread of
    its own, which would not survive a fork of a web server. One thread looks
    while the others continue with the present content.

    :param load: reads all files by the reader and returns their content;
        its second argument is the present content, None at first. It raises
        ConfigError if the files are not valid.
    :param what: plural noun for the content, for the log.
    :param describe: returns a clause about new content, for the log.
    :param look_seconds: shortest time between two looks.
    :param clock: a monotonic clock, in seconds.
    :raises: ConfigError if the files are not valid at first.
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
        # Time of the last ERROR record while the files are not valid.
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
                self._look()
            finally:
                self._looked_at = self._clock()
                self._lock.release()
        return self._content

    def _look(self) -> None:
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
                # Part of a change: the next look reads the files again.
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
