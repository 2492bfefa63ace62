# SPDX-License-Identifier: Apache-2.0
"""End child processes that code of a driver forks and returns from."""

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def contained() -> Iterator[None]:
    """Run code of a driver; end a child process that comes out of it.

    A child of ``os.fork()`` that returns or raises would go on as a second
    conductor, with the connections and without the threads of the first one.
    It ends at once, with the status of its SystemExit, or 1: nothing may be
    logged, flushed or sent, since its locks and buffers are copies.
    """
    parent = os.getpid()
    status = 1
    try:
        yield
    except SystemExit as error:
        status = _status(error.code)
        raise
    finally:
        if os.getpid() != parent:
            os._exit(status)


def _status(code: object) -> int:
    """Return the exit status that Python would choose for SystemExit."""
    if code is None:
        return 0
    return code & 0xFF if isinstance(code, int) else 1
