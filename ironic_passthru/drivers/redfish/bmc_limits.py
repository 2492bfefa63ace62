# SPDX-License-Identifier: Apache-2.0
"""Limits of concurrent work on each BMC, and queues for busy BMCs."""

import collections
from typing import Generic
from typing import TypeVar

from ironic_passthru.drivers.redfish import bmc_target

_Waiting = TypeVar('_Waiting')


class BmcLimits(Generic[_Waiting]):
    """Counts changes and reads of each BMC; an object is not thread-safe.

    Targets with the same address share a BMC.

    :param changes: number of concurrent changes of one BMC.
    :param reads: number of concurrent reads of one BMC.
    """

    def __init__(self, *, changes: int, reads: int) -> None:
        self._limits = {True: changes, False: reads}
        self._counts: collections.Counter[tuple[str, bool]] = (
            collections.Counter()
        )
        self._queues: dict[tuple[str, bool], list[_Waiting]] = {}

    def acquire(
        self, target: bmc_target.Target, waiting: _Waiting, *, change: bool
    ) -> bool:
        """Count work on the BMC of a target, or queue ``waiting``.

        :returns: whether the work may start.
        """
        key = (target.address.url, change)
        if self._counts[key] >= self._limits[change]:
            self._queues.setdefault(key, []).append(waiting)
            return False
        self._counts[key] += 1
        return True

    def release(
        self, target: bmc_target.Target, *, change: bool
    ) -> list[_Waiting]:
        """End work; return everything that waited for the BMC, in order."""
        key = (target.address.url, change)
        self._counts[key] -= 1
        if not self._counts[key]:
            del self._counts[key]
        return self._queues.pop(key, [])
