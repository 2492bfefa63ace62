# SPDX-License-Identifier: Apache-2.0
"""Tracking of the operations of a conductor until their final states."""

import collections
import contextlib
import dataclasses
import functools
import json
import threading
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from concurrent import futures
from typing import Any

from oslo_log import log

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.conductor import call as calls
from ironic_passthru.conductor import events
from ironic_passthru.conductor import operation_writer
from ironic_passthru.db import session
from ironic_passthru.fleet import targets

LOG = log.getLogger(__name__)

# Time limit of the wait for the record of a call before its reply is sent.
_RECORD_WAIT_SECONDS = 5.0

# Database servers bound the size of a statement.
_MAX_MESSAGE_LENGTH = 100_000

# Number of refused calls whose records may exist.
_MAX_REFUSED = 10_000


class TrackedOperation(calls.JobState):
    """A recorded call, with reports of its driver and requests to cancel.

    :param start_by: ``time.monotonic()`` by which the call must have started.
    :param on_release: called once when tracking ends.
    :param publish: publishes the states of the operation.
    """

    def __init__(
        self,
        job: calls.Job,
        start_by: float,
        *,
        on_release: Callable[[], None] = lambda: None,
        publish: events.Publish = events.publish_nothing,
    ) -> None:
        super().__init__(job)
        self.id = job.call.call_id
        self.start_by = start_by
        self.tracked_at = time.monotonic()
        self.on_release = on_release
        self.publish = publish
        #: Whether its record is running.
        self.started = False
        #: Whether a worker has it: its method may run.
        self.begun = False
        #: Whether the writer has the final transition.
        self.finishing = False
        self.progress = operation.Progress()
        #: The progress in the record.
        self.written = self.progress
        self._reporting = threading.Lock()
        self._cancel = threading.Event()
        self._timeout = threading.Event()

    @functools.cached_property
    def named_targets(self) -> tuple[str, ...]:
        """The targets that the parameters name."""
        # A target may be a secret, too: use the masked parameters.
        named = self.job.method.spec.targets(self.job.secrets.masked)
        return targets.Targets(sorted(named)).names

    @property
    def overdue(self) -> bool:
        """Whether the operation must no longer start."""
        return time.monotonic() > self.start_by

    @property
    def cancel_requested(self) -> bool:
        """Whether the method should stop early."""
        return self._cancel.is_set() or self._timeout.is_set()

    @property
    def timed_out(self) -> bool:
        """Whether the timeout is the only reason to stop early."""
        return not self._cancel.is_set() and self._timeout.is_set()

    @property
    def late_seconds(self) -> float:
        """Time since its deadline; negative before it."""
        if not self.started or self.deadline is None:
            return float('-inf')
        return time.monotonic() - self.deadline

    def request_cancel(self) -> None:
        """Report to the driver that a client requested cancellation."""
        self._cancel.set()

    def set_timed_out(self) -> None:
        """Report to the driver that the timeout has passed."""
        self._timeout.set()

    def report_progress(self, percent: float, message: str) -> None:
        """Keep the progress that the driver reports."""
        shown = self.job.secrets.text(message)
        with self._reporting:
            self.progress = dataclasses.replace(
                self.progress, percent=percent, message=shown
            )

    def report_targets(self, names: Iterable[str]) -> None:
        """Keep the targets that the driver reports."""
        super().report_targets(names)
        with self._reporting:
            known = (*self.named_targets, *self.job.reported.names)
            # Several threads may report: the last one writes all.
            found = tuple(dict.fromkeys(known))
            if found != (self.progress.targets or self.named_targets):
                self.progress = dataclasses.replace(
                    self.progress, targets=found
                )


class OperationTracker:
    """Tracks each operation of this conductor from record to final state.

    Every active record of this incarnation is tracked; otherwise it is an
    orphan: see :meth:`orphans`.

    :param hostname: of the conductor.
    :param incarnation: identifier of this run of the conductor.
    :param events: publishes operations that were finished elsewhere.
    """

    def __init__(
        self,
        writer: operation_writer.OperationWriter,
        *,
        hostname: str,
        incarnation: str,
        events: events.Events = events.NO_EVENTS,
    ) -> None:
        self._writer = writer
        self._events = events
        self._hostname = hostname
        self._incarnation = incarnation
        self._lock = threading.Lock()
        self._tracked: dict[str, TrackedOperation] = {}
        # Refused calls that may nevertheless be recorded as running.
        self._refused: collections.deque[str] = collections.deque(
            maxlen=_MAX_REFUSED
        )
        self._routed = False
        self._closing = False

    def record(
        self, tracked: TrackedOperation, *, running: bool = False
    ) -> None:
        """Record a call, and wait until the record is committed.

        :param running: record it as running: it starts at once.
        :raises: RegistryUnavailable, DuplicateCall, KeyInUse,
            ConductorStopping.
        """
        try:
            with self._lock:
                if tracked.id in self._tracked:
                    raise errors.DuplicateCall()
                self._tracked[tracked.id] = tracked
            self._record(tracked, running=running)
            if tracked.job.call.routed:
                with self._lock:
                    self._routed = True
            tracked.publish(operation.State.QUEUED, None)
        except BaseException:
            self._release(tracked)
            raise

    def _record(self, tracked: TrackedOperation, *, running: bool) -> None:
        if not running:
            new = self._new_operation(tracked, operation.State.QUEUED)
            self._writer.record(new)
            return
        new = self._new_operation(tracked, operation.State.RUNNING)
        try:
            self._writer.record(new)
        except BaseException:
            with self._lock:
                self._refused.append(tracked.id)
            raise
        tracked.started = True

    def _new_operation(
        self, tracked: TrackedOperation, state: operation.State
    ) -> operation.NewOperation:
        job = tracked.job
        call, context = job.call, job.context
        return operation.NewOperation(
            id=call.call_id,
            driver=call.driver_name,
            method=call.driver_method,
            http_method=call.http_method,
            parameters=job.secrets.masked,
            user_id=context.user_id,
            project_id=context.project_id,
            request_id=context.request_id,
            conductor=self._hostname,
            incarnation=self._incarnation,
            accepted=job.accepted,
            attach=job.method.spec.attach,
            targets=tracked.named_targets,
            key=call.key,
            state=state,
        )

    def start(self, tracked: TrackedOperation) -> bool:
        """Claim a queued operation; return False if it must not run.

        Its record is final then, or will be.

        :raises: ConductorStopping.
        """
        try:
            if not tracked.started:
                tracked.started = self._writer.claim(
                    tracked.id, self._incarnation
                )
        finally:
            if not tracked.started:
                self._release(tracked)
        if not tracked.started:
            LOG.info('Operation %s is final and does not run', tracked.id)
            self._events.not_started(tracked.id)
            return False
        with self._lock:
            # See expire_waiting().
            tracked.begun = not (tracked.finishing or self._closing)
        if tracked.begun:
            tracked.publish(operation.State.RUNNING, None)
        else:
            self.expire(tracked)
        return tracked.begun

    def succeed(self, tracked: TrackedOperation, result: Any) -> None:
        """Record the result of a method.

        :param result: a JSON value, without secrets.
        """
        text = None if result is None else json.dumps(result)
        self._finish(tracked, operation.State.SUCCEEDED, result=text)

    def cancel(
        self, tracked: TrackedOperation, error: errors.OperationCancelled
    ) -> None:
        """Record that a method stopped on request."""
        self._finish(
            tracked, operation.State.CANCELLED, result=_partial_result(error)
        )
        LOG.info('Operation %s stopped on request', tracked.id)

    def fail(
        self, tracked: TrackedOperation, error: errors.PassthruError
    ) -> None:
        """Record why a method failed, or was not run."""
        recorded = operation.Error(
            message=error.message[:_MAX_MESSAGE_LENGTH],
            status=error.status,
            code=error.code,
        )
        self._finish(
            tracked,
            operation.State.FAILED,
            error=recorded,
            result=_partial_result(error),
        )
        LOG.error(
            'Operation %s (%s) of request %s failed: %s',
            tracked.id,
            tracked.job.name,
            tracked.job.context.request_id,
            error.message,
        )

    def abandon(self, tracked: TrackedOperation) -> None:
        """Release an operation whose outcome an unexpected error has lost.

        The writer did not receive the outcome. Housekeeping finishes the
        record, which is now an orphan.
        """
        if not tracked.finishing and self._release(tracked):
            LOG.error(
                'The outcome of operation %s cannot be recorded', tracked.id
            )

    def expire(self, tracked: TrackedOperation) -> None:
        """Record that a method is not run: the operation has expired.

        :raises: ConductorStopping.
        """
        if tracked.started:
            self._finish(tracked, operation.State.EXPIRED, frees_key=True)
            return
        try:
            end = operation.end(tracked.id, operation.State.QUEUED)
            written = self._writer.write(end).result()
        finally:
            self._release(tracked)
        if written:
            tracked.publish(end.target, None)
        else:
            self._events.not_started(tracked.id)

    def expire_waiting(self, *, closing: bool = False) -> None:
        """Expire operations that are recorded as running but not begun.

        They wait for a worker or a thread.

        :param closing: all of them, and let no further operation begin;
            otherwise those that waited for too long.
        """
        with self._lock:
            self._closing = self._closing or closing
            found = [
                one
                for one in self._tracked.values()
                if one.started and (closing or one.overdue)
            ]
        for tracked in found:
            self._write_final(
                tracked,
                operation.State.EXPIRED,
                only_waiting=True,
                frees_key=True,
            )

    def orphans(
        self, active: Mapping[str, operation.State]
    ) -> list[operation.Transition]:
        """Return how the records without a call end.

        Their commit succeeded without an acknowledgement, so that their
        callers were refused; or they were abandoned.

        :param active: states of the active records of this incarnation.
        """
        with self._lock:
            orphans = sorted(active.keys() - self._tracked.keys())
            return [
                operation.Transition(
                    id_, active[id_], operation.State.EXPIRED, frees_key=True
                )
                if id_ in self._refused
                else operation.end(id_, active[id_])
                for id_ in orphans
            ]

    def overdue(self) -> set[str]:
        """Return queued operations that waited for too long."""
        with self._lock:
            tracked = list(self._tracked.values())
        return {one.id for one in tracked if not one.started and one.overdue}

    def hung(self, grace_seconds: float) -> set[str]:
        """Request late operations to stop, and return the hung ones.

        An operation is late after its deadline, and hung ``grace_seconds``
        later. An operation whose method has returned is neither, however long
        the writer needs for its outcome.
        """
        late = [
            tracked
            for tracked in self.running().values()
            if tracked.late_seconds > 0 and not tracked.finishing
        ]
        for tracked in late:
            tracked.set_timed_out()
        return {one.id for one in late if one.late_seconds > grace_seconds}

    def request_cancel(self, operation_ids: set[str]) -> None:
        """Pass requests to cancel on to the drivers."""
        with self._lock:
            found = [self._tracked.get(id_) for id_ in operation_ids]
        for tracked in found:
            if tracked is not None:
                tracked.request_cancel()

    def take_routed(self) -> bool:
        """Return whether a routed call was recorded since the last time.

        It may be a part of an operation.
        """
        with self._lock:
            found, self._routed = self._routed, False
        return found

    def running(self) -> dict[str, TrackedOperation]:
        """Return the operations that run, by id."""
        with self._lock:
            return {k: one for k, one in self._tracked.items() if one.begun}

    def queued_seconds(self) -> list[float]:
        """Return the ages of the accepted calls that wait for a worker."""
        now = time.monotonic()
        with self._lock:
            return [
                now - one.tracked_at
                for one in self._tracked.values()
                if one.job.accepted and not one.begun
            ]

    def _finish(
        self,
        tracked: TrackedOperation,
        state: operation.State,
        **values: Any,
    ) -> None:
        """Record the final state of an operation.

        The outcome is valid even if it cannot be recorded, so no error is
        raised; and a caller who waits for it does not wait long for an
        unavailable registry.
        """
        written = self._write_final(tracked, state, **values)
        if written is None:
            return
        if not tracked.job.accepted or state is operation.State.EXPIRED:
            left = -tracked.late_seconds - 0.5
            with contextlib.suppress(Exception):
                futures.wait(
                    [written], max(0.0, min(_RECORD_WAIT_SECONDS, left))
                )

    def _write_final(
        self,
        tracked: TrackedOperation,
        state: operation.State,
        *,
        only_waiting: bool = False,
        **values: Any,
    ) -> futures.Future[bool] | None:
        """Write the final state of an operation, unless it is being written.

        :param only_waiting: not if the operation has begun.
        """
        with self._lock:
            if tracked.finishing or (only_waiting and tracked.begun):
                return None
            tracked.finishing = True
        try:
            final = operation.Transition(
                tracked.id,
                operation.State.RUNNING,
                state,
                owner=self._incarnation,
                progress=tracked.progress,
                **values,
            )
            written = self._writer.write(final)
            written.add_done_callback(
                functools.partial(self._finished, tracked, final)
            )
        except BaseException:
            tracked.finishing = False
            raise
        return written

    def _finished(
        self,
        tracked: TrackedOperation,
        final: operation.Transition,
        written: futures.Future[bool],
    ) -> None:
        """Release an operation, and log if its outcome is not recorded."""
        try:
            if written.result():
                tracked.publish(final.target, final.error)
                return
            LOG.warning(
                'Operation %s finished as %s after its record was final',
                tracked.id,
                final.target,
            )
        except Exception as error:
            LOG.error(
                'Operation %s finished as %s, which cannot be recorded: %s',
                tracked.id,
                final.target,
                'the conductor stops before the registry is available'
                if isinstance(error, errors.ConductorStopping)
                else session.cause(error),
            )
        finally:
            self._release(tracked)

    def _release(self, tracked: TrackedOperation) -> bool:
        """Stop tracking an operation; return whether it was tracked."""
        with self._lock:
            if self._tracked.get(tracked.id) is not tracked:
                return False
            del self._tracked[tracked.id]
        tracked.on_release()
        return True


def _partial_result(error: errors.PassthruError) -> str | None:
    """Return the partial result of a failed method as JSON text."""
    partial = error.kwargs.get(errors.PARTIAL_RESULT)
    return None if partial is None else json.dumps(partial)
