# SPDX-License-Identifier: Apache-2.0
"""A driver for tests that records executions in a file."""

import os
import pathlib
import time
from typing import Any

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.drivers import base

# Environment variable with the path of the file.
FILE = 'PASSTHRU_TEST_MARKS'


def read(path: pathlib.Path, key: str) -> list[str]:
    """Return the records with ``key``, in order."""
    if not path.exists():
        return []
    lines = (line.split(' ', 1) for line in path.read_text().splitlines())
    return [what for found, what in lines if found == key]


def write(key: str, what: str) -> None:
    """Add a record with ``key``."""
    # A single write to a file opened for appending is atomic.
    handle = os.open(os.environ[FILE], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(handle, f'{key} {what}\n'.encode())
    finally:
        os.close(handle)


class MarksVendor(base.VendorInterface):
    """Methods that record their executions."""

    def start(self, conf: Any) -> None:
        self._host = conf.host

    def _note(self, key: str, what: str) -> None:
        write(key, f'{self._host}:{what}')

    @base.driver_passthru(['GET', 'POST', 'PUT', 'DELETE'], async_call=False)
    def mark(self, key: str, seconds: float = 0) -> str:
        """Record the start, wait, record the end."""
        self._note(key, 'began')
        time.sleep(seconds)
        self._note(key, 'ended')
        return self._host

    @base.driver_passthru(['POST'])
    def mark_later(self, key: str, seconds: float = 0) -> None:
        """Run asynchronously."""
        self.mark(key, seconds)

    @base.driver_passthru(['POST'])
    def refuse_later(
        self, context: request_context.RequestContext, key: str
    ) -> None:
        """Record the execution and raise an error of drivers."""
        self._note(key, 'began')
        raise errors.DriverOperationError('the rack is on fire')

    @base.driver_passthru(['POST', 'PUT', 'GET'], async_call=False)
    def refuse(self, key: str, kind: str) -> None:
        """Record the execution and raise an exception."""
        self._note(key, 'began')
        raise {
            'conflict': errors.Conflict('the rack is being serviced'),
            'temporary': errors.TemporaryFailure('the rack is starting'),
            'vendor': errors.VendorPassthruException(
                'the rack rejected the request'
            ),
            'foreign': RuntimeError('password=hunter2'),
        }[kind]
