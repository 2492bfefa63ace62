# SPDX-License-Identifier: Apache-2.0
"""A driver whose methods record each execution durably."""

import collections.abc
import dataclasses
import os
import pathlib
import time
from typing import Any
from typing import Unpack

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.drivers import base
from ironic_passthru.fleet import results
from ironic_passthru.fleet import selection
from ironic_passthru.tests.functional import fleet_driver
from ironic_passthru.tests.functional.faults import failpoints
from ironic_passthru.tests.functional.faults import history

NAME = 'faults'

# Environment variable with the path of the file.
FILE = 'PASSTHRU_TEST_EXECUTIONS'


@dataclasses.dataclass(frozen=True)
class Execution:
    """One execution of a method.

    :param key: key of the call.
    :param host: host of the conductor.
    :param pid: process id of the conductor.
    """

    key: str
    host: str
    pid: int


def read(path: pathlib.Path) -> list[Execution]:
    """Return the executions recorded in a file."""
    if not path.exists():
        return []
    lines = (line.split() for line in path.read_text().splitlines())
    return [Execution(key, host, int(pid)) for key, host, pid in lines]


def append(path: str, execution: Execution) -> None:
    """Record an execution on disk."""
    line = f'{execution.key} {execution.host} {execution.pid}\n'
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        # A single write to a file opened for appending is atomic.
        os.write(handle, line.encode())
        os.fsync(handle)
    finally:
        os.close(handle)


class FaultsVendor(base.VendorInterface):
    """Methods that are called during faults."""

    def start(self, conf: Any) -> None:
        self._host = conf.host
        self._points: collections.abc.Mapping[str, failpoints.Failpoint] = (
            failpoints.install(os.environ.get(failpoints.VARIABLE, ''))
        )

    @base.driver_passthru(['POST'], async_call=False)
    def act(self, call: str, seconds: float = 0, fails: bool = False) -> str:
        """Record the execution, wait, and succeed or fail."""
        append(os.environ[FILE], Execution(call, self._host, os.getpid()))
        if failpoints.METHOD in self._points:
            self._points[failpoints.METHOD]()
        time.sleep(seconds)
        if fails:
            raise errors.DriverOperationError('the rack is on fire')
        return call

    @base.driver_passthru(['POST'])
    def act_later(
        self, call: str, seconds: float = 0, fails: bool = False
    ) -> str:
        """Run asynchronously."""
        return self.act(call, seconds, fails)


class FleetFaultsVendor(fleet_driver.FleetVendor):
    """The same methods, for targets: each has an execution of its own."""

    @base.driver_passthru(['POST'], async_call=False, target=selection.NAMES)
    def act(
        self,
        context: request_context.RequestContext,
        *,
        call: str,
        seconds: float = 0,
        fails: bool = False,
        **options: Unpack[selection.FleetOptions],
    ) -> results.FleetResult[results.ChangedItem]:
        """Record the execution on each target, and succeed or fail."""
        result = self.work(context, key=call, seconds=seconds, **options)
        if fails:
            raise errors.DriverOperationError('the rack is on fire')
        return result

    @base.driver_passthru(['POST'], target=selection.NAMES)
    def act_later(
        self,
        context: request_context.RequestContext,
        *,
        call: str,
        seconds: float = 0,
        fails: bool = False,
        **options: Unpack[selection.FleetOptions],
    ) -> results.FleetResult[results.ChangedItem]:
        """Run asynchronously."""
        return self.act(
            context, call=call, seconds=seconds, fails=fails, **options
        )

    def _record(self, key: str, target: str) -> None:
        execution = Execution(
            history.of_target(key, target), self._host, os.getpid()
        )
        append(os.environ[FILE], execution)
