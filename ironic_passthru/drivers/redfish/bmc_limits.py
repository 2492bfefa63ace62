# SPDX-License-Identifier: Apache-2.0
"""Limits of concurrent work on each BMC, and queues for busy BMCs."""

import collections
from collections.abc import Iterator
from typing import Generic
from typing import TypeVar

from ironic_passthru.drivers.redfish import bmc_target

_Call = TypeVar('_Call')

_Key = tuple[tuple[str, int | None], bool]


class BmcLimits(Generic[_Call]):
    """Counts changes and reads of each BMC; an object is not thread-safe.

    Targets with the same host and port share a BMC.

    :param changes: number of concurrent changes of one BMC.
    :param reads: number of concurrent reads of one BMC.
    """

    def __init__(self, *, changes: int, reads: int) -> None:
        self._limits = {True: changes, False: reads}
        self._counts: collections.Counter[_Key] = collections.Counter()
        self._queues: dict[
            _Key, dict[_Call, collections.deque[bmc_target.Target]]
        ] = {}

    def acquire(
        self, target: bmc_target.Target, call: _Call, *, change: bool
    ) -> bool:
        """Count work on the BMC of a target, or queue the target.

        :returns: whether the work may start.
        """
        key = (target.address.endpoint, change)
        if self._counts[key] >= self._limits[change]:
            queue = self._queues.setdefault(key, {})
            queue.setdefault(call, collections.deque()).append(target)
            return False
        self._counts[key] += 1
        return True

    def release(
        self, target: bmc_target.Target, *, change: bool
    ) -> list[tuple[_Call, bmc_target.Target]]:
        """End work; return the targets that can try again, in order.

        Every call that waits for the BMC gets as many as could start without
        the others, because one of the calls may stop before it uses them.
        """
        key = (target.address.endpoint, change)
        self._counts[key] -= 1
        fitting = self._limits[change] - self._counts[key]
        if not self._counts[key]:
            del self._counts[key]
        queue = self._queues.get(key, {})
        released = list(_take(queue, fitting))
        if not queue:
            self._queues.pop(key, None)
        return released

    def forget(self, call: _Call) -> None:
        """Remove the targets of a call from all queues."""
        for key, queue in list(self._queues.items()):
            queue.pop(call, None)
            if not queue:
                del self._queues[key]


def _take(
    queue: dict[_Call, collections.deque[bmc_target.Target]], most: int
) -> Iterator[tuple[_Call, bmc_target.Target]]:
    for call, waiting in list(queue.items()):
        for _ in range(min(most, len(waiting))):
            yield call, waiting.popleft()
        if not waiting:
            del queue[call]
