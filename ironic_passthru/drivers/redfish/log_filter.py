# SPDX-License-Identifier: Apache-2.0
"""Keep addresses of BMCs out of the log records of libraries."""

import logging

from ironic_passthru.drivers.redfish import executor

_LIBRARIES = frozenset({'urllib3'})


class DebugOnly(logging.Filter):
    """Changes the level of all records of worker threads to debug.

    Warnings of urllib3 contain host and URL. The executor logs the errors
    with the name of the target. Records of other threads, such as those of
    an Identity client, are not changed.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether ``record`` is logged."""
        name = record.threadName or ''
        if record.levelno <= logging.DEBUG or not name.startswith(
            executor.THREAD_NAME_PREFIX
        ):
            return True
        record.levelno = logging.DEBUG
        record.levelname = logging.getLevelName(logging.DEBUG)
        return logging.getLogger(record.name).isEnabledFor(logging.DEBUG)


def install() -> DebugOnly:
    """Add a filter to every logger of the libraries and return it."""
    debug_only = DebugOnly()
    for logger in _loggers():
        logger.addFilter(debug_only)
    return debug_only


def remove(debug_only: DebugOnly) -> None:
    """Remove the filter that :func:`install` added."""
    for logger in _loggers():
        logger.removeFilter(debug_only)


def _loggers() -> list[logging.Logger]:
    # A filter does not apply to child loggers.
    return [
        logging.getLogger(name)
        for name in list(logging.root.manager.loggerDict)
        if name.partition('.')[0] in _LIBRARIES
    ]
