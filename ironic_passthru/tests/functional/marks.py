# SPDX-License-Identifier: Apache-2.0
"""A driver for tests that notes in a file each time that a method runs."""

import os
import pathlib
import time
from typing import Any

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.drivers import base

# The environment variable that names the file.
FILE = 'PASSTHRU_TEST_MARKS'


def read(path: pathlib.Path, key: str) -> list[str]:
    """Return what the methods that ran with ``key`` noted, in order."""
    if not path.exists():
        return []
    lines = (line.split(' ', 1) for line in path.read_text().splitlines())
    return [what for found, what in lines if found == key]


class MarksVendor(base.VendorInterface):
    """Methods that leave a trace."""

    def start(self, conf: Any) -> None:
        self._host = conf.host

    def _note(self, key: str, what: str) -> None:
        # A single write to a file opened for appending is not torn apart.
        line = f'{key} {self._host}:{what}\n'.encode()
        handle = os.open(
            os.environ[FILE], os.O_WRONLY | os.O_APPEND | os.O_CREAT
        )
        try:
            os.write(handle, line)
        finally:
            os.close(handle)

    @base.driver_passthru(['GET', 'POST', 'PUT', 'DELETE'], async_call=False)
    def mark(self, key: str, seconds: float = 0) -> str:
        """Note the start, wait, note the end."""
        self._note(key, 'began')
        time.sleep(seconds)
        self._note(key, 'ended')
        return self._host

    @base.driver_passthru(['POST'])
    def mark_later(self, key: str, seconds: float = 0) -> None:
        """Do the same asynchronously."""
        self.mark(key, seconds)

    @base.driver_passthru(['POST'])
    def refuse_later(
        self, context: request_context.RequestContext, key: str
    ) -> None:
        """Note it and fail with a driver's error."""
        self._note(key, 'began')
        raise errors.DriverOperationError('the rack is on fire')

    @base.driver_passthru(['POST', 'PUT', 'GET'], async_call=False)
    def refuse(self, key: str, kind: str) -> None:
        """Note it and fail."""
        self._note(key, 'began')
        raise {
            'conflict': errors.Conflict('the rack is being serviced'),
            'temporary': errors.TemporaryFailure('the rack is starting'),
            'vendor': errors.VendorPassthruException('the rack said no'),
            'foreign': RuntimeError('password=hunter2'),
        }[kind]
