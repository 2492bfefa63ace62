# SPDX-License-Identifier: Apache-2.0
"""End child processes that code of a driver forks and returns from."""

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def contained() -> Iterator[None]:
    """Run code of a driver; end child processes that return from it.

    A child of ``os.fork()`` that returns or raises would continue as a second
    conductor with copies of all connections and without threads. It exits at
    once with the status of its SystemExit, or 1. Nothing may be logged,
    flushed or sent, since its locks and buffers are copies.
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
    """Return Python's exit status for a SystemExit."""
    if code is None:
        return 0
    return code & 0xFF if isinstance(code, int) else 1
