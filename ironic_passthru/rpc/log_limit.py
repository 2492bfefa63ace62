# SPDX-License-Identifier: Apache-2.0
"""Rate limit of log records that messages of other programs can cause."""

import logging
import threading
import time
from collections.abc import Callable

#: Number of records with the same format in each period.
MAX_RECORDS = 100

_PERIOD_SECONDS = 60.0


class LogLimit(logging.Filter):
    """Suppresses records beyond a number in each period, for each format.

    The first record after a period states how many were suppressed.

    :param now: returns monotonic seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._lock = threading.Lock()
        # Start of the period and number of records in it, by format.
        self._seen: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log a record."""
        if record.levelno <= logging.DEBUG or not isinstance(record.msg, str):
            return True
        now = self._now()
        with self._lock:
            start, count = self._seen.get(record.msg, (now, 0))
            if now - start < _PERIOD_SECONDS:
                self._seen[record.msg] = (start, count + 1)
                return count < MAX_RECORDS
            self._seen[record.msg] = (now, 1)
        if count > MAX_RECORDS:
            suppressed = count - MAX_RECORDS
            record.msg += f' ({suppressed} similar records were suppressed)'
        return True

    def reset(self) -> None:
        """Forget all records."""
        with self._lock:
            self._seen.clear()


#: The limit of this process.
LIMIT = LogLimit()


def apply(*names: str) -> None:
    """Limit the records of loggers."""
    for name in names:
        # Adding the same filter again has no effect.
        logging.getLogger(name).addFilter(LIMIT)
