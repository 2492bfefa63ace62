# SPDX-License-Identifier: Apache-2.0
"""Metrics of a conductor: calls, operations, heartbeats and state."""

import contextlib
import time
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.conductor import admission
from ironic_passthru.conductor import call as calls
from ironic_passthru.conductor import events
from ironic_passthru.conductor import operation_tracker
from ironic_passthru.conductor import runner
from ironic_passthru.drivers import loader
from ironic_passthru.metrics import observer
from ironic_passthru.rpc import protocol

_TARGET_OUTCOMES = 'target_outcomes'


class WatchedEvents(events.Events):
    """Records runs and states, and passes them on.

    :param metrics: records them.
    :param find: returns an operation of the registry by its id.
    """

    def __init__(
        self,
        following: events.Events,
        metrics: observer.Metrics,
        find: Callable[[str], operation.Operation | None],
    ) -> None:
        self._following = following
        self._metrics = metrics
        self._find = find

    @contextlib.contextmanager
    def running(self, job: calls.Job) -> Iterator[None]:
        """Record the duration and the outcome of a method."""
        started = time.perf_counter()
        failed = True
        try:
            with self._following.running(job):
                yield
            failed = False
        finally:
            self._metrics.method_ended(
                job, time.perf_counter() - started, failed=failed
            )

    def publisher(self, job: calls.Job) -> events.Publish:
        """Return the publisher of an operation."""
        following = self._following.publisher(job)

        def publish(
            state: operation.State, error: operation.Error | None
        ) -> None:
            self._metrics.operation_changed(state.value)
            following(state, error)

        return publish

    def ended(self, operation_ids: Collection[str]) -> None:
        """Record operations that were ended without their methods."""
        self._following.ended(operation_ids)
        # Without the registry their states are not known.
        with contextlib.suppress(errors.RegistryUnavailable):
            for id_ in operation_ids:
                if found := self._find(id_):
                    self._metrics.operation_changed(found.state.value)

    def not_started(self, operation_id: str) -> None:
        """Pass on the cancellation of an operation."""
        self._following.not_started(operation_id)

    def close(self) -> None:
        """Send what waits, for a bounded time."""
        self._following.close()


def events_of(
    following: events.Events,
    metrics: observer.Metrics,
    find: Callable[[str], operation.Operation | None],
) -> events.Events:
    """Return the events with a record of them, if there are metrics."""
    if metrics is observer.NO_METRICS:
        # The states of ended operations would be read for nothing.
        return following
    return WatchedEvents(following, metrics, find)


class WatchedRunner:
    """Records refused calls of a :class:`.runner.Runner`."""

    def __init__(
        self, runner: runner.Runner, metrics: observer.Metrics
    ) -> None:
        self._runner = runner
        self._metrics = metrics
        self.driver = runner.driver

    def run(
        self,
        context: request_context.RequestContext,
        call: protocol.CallRequest,
    ) -> dict[str, Any]:
        """Run a call; see :meth:`.runner.Runner.run`."""
        try:
            return self._runner.run(context, call)
        except errors.OperationCancelled:
            # Its method may have run.
            raise
        except (
            errors.NotRun,
            errors.RequestError,
            errors.DuplicateCall,
        ) as error:
            self._metrics.call_refused(error)
            raise


def heartbeats(
    metrics: observer.Metrics,
    write: Callable[[], bool],
    is_ready: Callable[[], bool],
) -> tuple[Callable[[], bool], Callable[[], bool]]:
    """Return ``write`` and ``is_ready`` with their results recorded."""

    def watched_write() -> bool:
        written = False
        try:
            written = write()
            return written
        finally:
            metrics.heartbeat(written=written)

    def watched_is_ready() -> bool:
        ready = False
        try:
            ready = is_ready()
            return ready
        finally:
            if not ready:
                metrics.heartbeat(written=False)

    return watched_write, watched_is_ready


def state(
    bounds: admission.Bounds,
    calls: admission.Admission,
    tracker: operation_tracker.OperationTracker,
    drivers: Mapping[str, loader.Driver],
) -> observer.ConductorState:
    """Return the state of a conductor."""
    sync, accepted = calls.usage()
    redfish = drivers.get('redfish')
    return observer.ConductorState(
        sync=sync,
        accepted=accepted,
        workers=bounds.async_workers,
        queued_seconds=tracker.queued_seconds(),
        running=len(tracker.running()),
        redfish_targets=getattr(
            redfish and redfish.interface, _TARGET_OUTCOMES, {}
        ),
    )
