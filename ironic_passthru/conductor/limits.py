# SPDX-License-Identifier: Apache-2.0
"""Limits of concurrent calls, in all, per driver and per target."""

import collections
import threading
from collections.abc import Hashable
from collections.abc import Iterable

from ironic_passthru.metrics import observer


def default_driver_limit(size: int, drivers: int) -> int:
    """Return the number of calls of one driver that a pool takes by default.

    :param size: number of calls that the pool takes in all.
    :param drivers: number of drivers that share it.
    """
    if drivers <= 1:
        return size
    # Rounded up, so that it is at least one.
    return -(-size * 3 // 4)


class Limits:
    """Counts the concurrent calls of one pool; threads may share it.

    Drivers and targets without calls occupy no memory.

    :param size: number of calls in all.
    :param driver_limit: number of calls of one driver.
    :param target_limit: number of calls for one target of a driver.
    """

    def __init__(
        self, size: int, *, driver_limit: int, target_limit: int
    ) -> None:
        self._size = size
        self._driver_limit = driver_limit
        self._target_limit = target_limit
        self._lock = threading.Lock()
        self._total = 0
        self._counts: collections.Counter[Hashable] = collections.Counter()

    def acquire(self, driver: str, targets: Iterable[str]) -> bool:
        """Count one more call, unless that exceeds a limit; never wait.

        A call counts for its driver and for all of its targets, or not at
        all.

        :returns: whether the call was counted.
        """
        pairs = _pairs(driver, targets)
        with self._lock:
            if (
                self._total >= self._size
                or self._counts[driver] >= self._driver_limit
                or any(
                    self._counts[pair] >= self._target_limit for pair in pairs
                )
            ):
                return False
            self._total += 1
            self._counts.update([driver, *pairs])
            return True

    def release(self, driver: str, targets: Iterable[str]) -> None:
        """Count one call less.

        :raises: ValueError if no such call is counted.
        """
        keys = [driver, *_pairs(driver, targets)]
        with self._lock:
            if any(self._counts[key] < 1 for key in keys):
                raise ValueError(f'no such call of {driver} was counted')
            self._total -= 1
            self._counts.subtract(keys)
            for key in keys:
                if not self._counts[key]:
                    del self._counts[key]

    def usage(self) -> observer.PoolUsage:
        """Return the number of calls, and of targets without room."""
        with self._lock:
            return observer.PoolUsage(
                self._size,
                self._total,
                sum(
                    isinstance(key, tuple) and count >= self._target_limit
                    for key, count in self._counts.items()
                ),
            )

    def __len__(self) -> int:
        """Return the number of drivers and targets with calls."""
        return len(self._counts)


def _pairs(driver: str, targets: Iterable[str]) -> set[tuple[str, str]]:
    # Drivers may give one name to different hardware.
    return {(driver, target) for target in targets}
