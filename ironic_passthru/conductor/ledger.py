# SPDX-License-Identifier: Apache-2.0
"""The operations that a conductor has in hand."""

import json
import threading
from typing import Any

from oslo_log import log

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.conductor import call as calls
from ironic_passthru.conductor import journal

LOG = log.getLogger(__name__)

# How long an answer waits for its record while the registry is away.
_PATIENCE_SECONDS = 5.0


class Running(request_context.CallState):
    """What a driver can say and learn of an operation."""

    def __init__(self, deadline: float | None) -> None:
        super().__init__(deadline)
        self._cancel = threading.Event()
        self.progress = operation.Progress()
        #: What was last written, so that nothing is written twice.
        self.written = self.progress

    @property
    def cancel_requested(self) -> bool:
        """Whether it should end early."""
        return self._cancel.is_set()

    def ask_to_end(self) -> None:
        """Tell the driver that its caller wants no more of it."""
        self._cancel.set()

    def report_progress(self, percent: float, message: str) -> None:
        """Note how far it has come."""
        self.progress = operation.Progress(percent, message)


class Ledger:
    """Follows each operation of this conductor from its record to its end.

    Every active record of this incarnation is in here, or it belongs to a
    call that was refused after all: see :meth:`strangers`.

    :param hostname: of the conductor.
    :param incarnation: identifier of this run of it.
    """

    def __init__(
        self, writer: journal.Journal, *, hostname: str, incarnation: str
    ) -> None:
        self._journal = writer
        self._hostname = hostname
        self._incarnation = incarnation
        self._lock = threading.Lock()
        self._known: dict[str, Running | None] = {}

    def record(self, job: calls.Job) -> None:
        """Return when a call is recorded.

        :raises: RegistryUnavailable, DuplicateCall, KeyInUse.
        """
        call, spec, context = job.call, job.method.spec, job.context
        assert call.call_id is not None
        new = operation.NewOperation(
            id=call.call_id,
            driver=call.driver,
            method=call.method,
            http_method=call.verb,
            parameters=spec.masked(call.parameters),
            user_id=context.user_id,
            project_id=context.project_id,
            request_id=context.request_id,
            conductor=self._hostname,
            incarnation=self._incarnation,
            accepted=job.accepted,
            attach=spec.attach,
            key=call.key,
        )
        with self._lock:
            self._known[new.id] = None
        try:
            self._journal.record(new)
        except BaseException:
            self._forget(new.id)
            raise

    def begin(self, job: calls.Job, deadline: float | None) -> Running | None:
        """Claim an operation; None if it was cancelled or settled.

        :param deadline: ``time.monotonic()`` by which it should have ended.
        :raises: ConductorStopping.
        """
        operation_id = job.call.call_id
        assert operation_id is not None
        claimed = False
        try:
            claimed = self._journal.claim(operation_id, self._incarnation)
        finally:
            if not claimed:
                self._forget(operation_id)
        if not claimed:
            LOG.info('Operation %s is not run: it has ended', operation_id)
            return None
        running = Running(deadline)
        with self._lock:
            self._known[operation_id] = running
        return running

    def succeed(self, job: calls.Job, running: Running, result: Any) -> None:
        """Note what a method returned.

        :param result: a JSON value.
        :raises: ConductorStopping.
        """
        text = None if result is None else json.dumps(result)
        self._end(job, running, operation.State.SUCCEEDED, result=text)

    def fail(
        self, job: calls.Job, running: Running, error: errors.PassthruError
    ) -> None:
        """Note why a method failed.

        :raises: ConductorStopping.
        """
        LOG.error(
            'Operation %s (%s) of request %s failed: %s',
            job.call.call_id,
            job.name,
            job.context.request_id,
            error.message,
        )
        noted = operation.Error(
            sentence=error.message, status=error.status, code=error.code
        )
        self._end(job, running, operation.State.FAILED, error=noted)

    def expire(self, job: calls.Job) -> None:
        """Note that an operation will not be begun.

        :raises: ConductorStopping.
        """
        operation_id = job.call.call_id
        assert operation_id is not None
        try:
            end = operation.end(operation_id, operation.State.QUEUED)
            self._journal.move(end).result()
        finally:
            self._forget(operation_id)

    def strangers(self, active: set[str]) -> set[str]:
        """Return those of our active records that nobody works on.

        They were committed while the acknowledgement was lost, so their
        callers were refused.
        """
        with self._lock:
            return active - self._known.keys()

    def ask_to_end(self, operation_ids: set[str]) -> None:
        """Hand requests to end early on to the drivers."""
        with self._lock:
            asked = [self._known.get(one) for one in operation_ids]
        for running in asked:
            if running is not None:
                running.ask_to_end()

    def running(self) -> dict[str, Running]:
        """Return the operations that run, by id."""
        with self._lock:
            return {k: one for k, one in self._known.items() if one}

    def _end(
        self,
        job: calls.Job,
        running: Running,
        state: operation.State,
        **facts: Any,
    ) -> None:
        """Note the end of an operation and wait until that is committed.

        While the registry is away the wait of a caller ends early; it is
        noted all the same, as soon as that can be done.
        """
        operation_id = job.call.call_id
        assert operation_id is not None
        end = operation.Move(
            operation_id,
            operation.State.RUNNING,
            state,
            owner=self._incarnation,
            progress=running.progress,
            **facts,
        )
        noted = self._journal.move(end)
        noted.add_done_callback(lambda _: self._forget(operation_id))
        waits = not job.accepted
        try:
            kept = noted.result(_PATIENCE_SECONDS if waits else None)
        except TimeoutError:
            return
        if not kept:
            LOG.warning(
                'Operation %s has ended as %s, but was given up before',
                operation_id,
                state,
            )

    def _forget(self, operation_id: str) -> None:
        with self._lock:
            self._known.pop(operation_id, None)
