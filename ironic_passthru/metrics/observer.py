# SPDX-License-Identifier: Apache-2.0
"""Interface of the metrics of a process; this class records nothing."""

import dataclasses
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from typing import Any
from typing import Protocol
from wsgiref import types as wsgi_types

from ironic_passthru import errors


@dataclasses.dataclass(frozen=True)
class PoolUsage:
    """Usage of a pool of calls.

    :param size: number of calls that it takes.
    :param calls: number of calls that it has.
    :param targets_at_limit: number of targets with as many calls as allowed.
    """

    size: int
    calls: int
    targets_at_limit: int


@dataclasses.dataclass(frozen=True)
class ConductorState:
    """State of a conductor at one moment.

    :param sync: pool of synchronous calls.
    :param accepted: pool of asynchronous calls, their backlog included.
    :param workers: number of asynchronous calls that can run at once.
    :param queued_seconds: ages of the operations that wait for a worker.
    :param running: number of operations that run.
    :param redfish_targets: targets of finished calls, by code.
    """

    sync: PoolUsage
    accepted: PoolUsage
    workers: int
    queued_seconds: Collection[float]
    running: int
    redfish_targets: Mapping[str, int]


class MethodRun(Protocol):
    """Attributes of a job that metrics use."""

    @property
    def call(self) -> Any:
        """The call, with ``driver_name`` and ``driver_method``."""


class Metrics:
    """Receives what happens in a process; threads share an object."""

    def wrap(
        self, application: wsgi_types.WSGIApplication
    ) -> wsgi_types.WSGIApplication:
        """Return the application with its requests recorded."""
        return application

    def catalog_read(self, seconds: float, *, failed: bool) -> None:
        """Record a read of the catalog."""

    def bus_failed(self, error: errors.PassthruError) -> None:
        """Record a message without a reply."""

    def database_failed(self) -> None:
        """Record a transaction that failed."""

    def method_ended(
        self, job: MethodRun, seconds: float, *, failed: bool
    ) -> None:
        """Record a run of a driver method."""

    def call_refused(self, error: errors.PassthruError) -> None:
        """Record a call that the conductor did not run."""

    def operation_changed(self, state: str) -> None:
        """Record a state that the conductor gave to an operation."""

    def heartbeat(self, *, written: bool) -> None:
        """Record a heartbeat that was due."""

    def watch(self, read: Callable[[], ConductorState]) -> None:
        """Read the state of the conductor at each scrape."""

    def serve(self) -> None:
        """Serve the metrics over HTTP, unless this process does already.

        :raises: ConfigError if a single process cannot listen.
        """

    def serve_in_workers(self) -> None:
        """Serve the metrics from the processes of a WSGI server."""

    def close(self) -> None:
        """Stop to serve the metrics."""


NO_METRICS = Metrics()
