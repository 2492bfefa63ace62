# SPDX-License-Identifier: Apache-2.0
"""Repeated reads of an operation, for long polling and event streams."""

import time
from collections.abc import Iterator

from ironic_passthru import operation
from ironic_passthru.db import operations

# Many operations finish at once; most others take long.
_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.25
_GROWTH = 1.5


def reads(
    operations: operations.OperationStore, operation_id: str, seconds: float
) -> Iterator[operation.Operation | None]:
    """Read an operation until it is final or unknown, or the time is over.

    The first read is immediate; a pause follows each other one.

    :returns: the operation without details, or None if it is unknown.
    :raises: RegistryUnavailable.
    """
    deadline = time.monotonic() + seconds
    pause = _FIRST_PAUSE_SECONDS
    while True:
        found = operations.summary(operation_id)
        yield found
        left = deadline - time.monotonic()
        if found is None or found.final or left <= 0:
            return
        time.sleep(min(pause, left))
        pause = min(pause * _GROWTH, _LONGEST_PAUSE_SECONDS)
