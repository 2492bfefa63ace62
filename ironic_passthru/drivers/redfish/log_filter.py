# SPDX-License-Identifier: Apache-2.0
"""Keeps the libraries under the driver from logging where BMCs are."""

import logging

import urllib3
from urllib3 import exceptions as link_exceptions

from ironic_passthru.drivers.redfish import executor

_LIBRARIES = frozenset({'sushy', 'urllib3'})


class DebugOnly(logging.Filter):
    """Makes a debug line of every line that a worker thread logs.

    urllib3 names host and URL in warnings, and sushy repeats what a BMC
    wrote. What matters of it is logged by the fleet, under the target's
    name. Lines from other threads, such as those of a login service's
    client, pass unchanged.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether ``record`` is to be logged."""
        name = record.threadName or ''
        if record.levelno <= logging.DEBUG or not name.startswith(
            executor.THREAD_NAME_PREFIX
        ):
            return True
        record.levelno = logging.DEBUG
        record.levelname = logging.getLevelName(logging.DEBUG)
        return logging.getLogger(record.name).isEnabledFor(logging.DEBUG)


def install() -> DebugOnly:
    """Put a filter on every logger of the libraries and return it."""
    # The warning names the host, and the inventory says verify: false.
    urllib3.disable_warnings(link_exceptions.InsecureRequestWarning)
    debug_only = DebugOnly()
    for logger in _loggers():
        logger.addFilter(debug_only)
    return debug_only


def remove(debug_only: DebugOnly) -> None:
    """Take away what :func:`install` put on the loggers."""
    for logger in _loggers():
        logger.removeFilter(debug_only)


def _loggers() -> list[logging.Logger]:
    # A filter does not hold for the loggers below its own one.
    return [
        logging.getLogger(name)
        for name in list(logging.root.manager.loggerDict)
        if name.partition('.')[0] in _LIBRARIES
    ]
