# SPDX-License-Identifier: Apache-2.0
"""End child processes that code of a driver forks and returns from."""

import os
from types import TracebackType


class Contained:
    """Context of code of a driver; ends child processes that return from it.

    A child of ``os.fork()`` that returns or raises would continue as a second
    conductor with copies of all connections and without threads. It exits at
    once with the status of its SystemExit, or 1. Nothing may be logged,
    flushed or sent, since its locks and buffers are copies.
    """

    # Not a generator, which takes three times as long; each call enters this
    # context several times.
    def __enter__(self) -> None:
        self._parent = os.getpid()

    def __exit__(
        self,
        _type: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if os.getpid() != self._parent:
            os._exit(_status(error))


def _status(error: BaseException | None) -> int:
    """Return the exit status for the end of a child process."""
    if not isinstance(error, SystemExit):
        return 1
    code = error.code
    if code is None:
        return 0
    return code & 0xFF if isinstance(code, int) else 1
