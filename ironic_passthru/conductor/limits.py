# SPDX-License-Identifier: Apache-2.0
"""How much of a pool of workers one driver, or one BMC, may take."""

import collections
import threading
from collections.abc import Hashable
from collections.abc import Iterable


def default_driver_limit(pool: int, drivers: int) -> int:
    """Return how many calls of one driver a pool takes by default.

    :param pool: calls that the pool takes in all.
    :param drivers: how many drivers share it.
    """
    if drivers <= 1:
        return pool
    # Rounded up, so that it is one at least.
    return -(-pool * 3 // 4)


class Limits:
    """Counts the calls of one pool by driver and by target.

    It remembers nothing of what has no call at the moment.

    :param driver_limit: calls of one driver at once; None for no limit.
    :param target_limit: calls for one target of a driver at once.
    """

    def __init__(self, driver_limit: int | None, target_limit: int) -> None:
        self._driver_limit = driver_limit
        self._target_limit = target_limit
        self._lock = threading.Lock()
        self._counts: collections.Counter[Hashable] = collections.Counter()

    def acquire(self, driver: str, targets: Iterable[str]) -> bool:
        """Count one more call, unless that is one too many.

        It never waits, and counts a call either for its driver and for all
        of its targets or for none of them.

        :returns: whether the call was counted.
        """
        pairs = _pairs(driver, targets)
        with self._lock:
            if (
                self._driver_limit is not None
                and self._counts[driver] >= self._driver_limit
            ):
                return False
            if any(self._counts[pair] >= self._target_limit for pair in pairs):
                return False
            self._counts.update([driver, *pairs])
            return True

    def release(self, driver: str, targets: Iterable[str]) -> None:
        """Count one call less, which :meth:`acquire` had counted.

        :raises: ValueError if it had not.
        """
        keys = [driver, *_pairs(driver, targets)]
        with self._lock:
            if any(self._counts[key] < 1 for key in keys):
                raise ValueError(f'no such call of {driver} was counted')
            self._counts.subtract(keys)
            for key in keys:
                if not self._counts[key]:
                    del self._counts[key]

    def __len__(self) -> int:
        """Return how many drivers and targets are remembered."""
        return len(self._counts)


def _pairs(driver: str, targets: Iterable[str]) -> set[tuple[str, str]]:
    # Drivers may give one name to hardware of different kinds.
    return {(driver, target) for target in targets}
