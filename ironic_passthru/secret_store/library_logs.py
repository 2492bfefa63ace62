# SPDX-License-Identifier: Apache-2.0
"""Omission of the log records of the clients of key managers.

The client of Barbican logs 13 records for a secret, and the Identity client
logs its value at the level debug. castellan logs the errors that it raises.
"""

import logging

#: Name of the threads that read secrets.
THREAD = 'secret-store'

_LIBRARIES = frozenset({'barbicanclient', 'castellan', 'keystoneauth'})
# These are created at their first record.
_LATE = (
    'keystoneauth.identity',
    'keystoneauth.session',
    'keystoneauth.session.body',
)


class _OtherThreads(logging.Filter):
    """Rejects the records of the threads that read secrets."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.threadName != THREAD


_FILTER = _OtherThreads()


def omit() -> None:
    """Omit the records that the libraries log while a secret is read."""
    # A filter does not apply to child loggers.
    for name in [*logging.root.manager.loggerDict, *_LATE]:
        if name.partition('.')[0] in _LIBRARIES:
            logging.getLogger(name).addFilter(_FILTER)
