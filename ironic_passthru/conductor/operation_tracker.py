# SPDX-License-Identifier: Apache-2.0
"""The operations that a conductor has in hand."""

import contextlib
import dataclasses
import json
import threading
import time
from collections.abc import Callable
from collections.abc import Iterable
from concurrent import futures
from typing import Any

from oslo_log import log

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.conductor import call as calls
from ironic_passthru.conductor import events
from ironic_passthru.conductor import operation_writer
from ironic_passthru.conductor import targets
from ironic_passthru.db import session

LOG = log.getLogger(__name__)

# How long an answer waits for its record while the registry is away.
_PATIENCE_SECONDS = 5.0

# More than anybody reads; database servers bound the size of a statement.
_MAX_SENTENCE_LENGTH = 100_000


class TrackedOperation(calls.JobState):
    """An operation in hand, with what its driver says and learns of it.

    :param begin_by: ``time.monotonic()`` by which it must have begun.
    """

    def __init__(self, job: calls.Job, begin_by: float) -> None:
        super().__init__(job)
        self.id = job.call.call_id
        self.begin_by = begin_by
        self.begun = False
        #: Whether the journal has the move that ends it.
        self.ending = False
        #: Called once it is no longer in hand.
        self.released: Callable[[], None] = _nothing
        #: Called with each state that it gets.
        self.tell: events.Tell = events.tell_nobody
        self.progress = operation.Progress()
        #: What was last written, so that nothing is written twice.
        self.written = self.progress
        #: The targets in the record that the parameters name.
        self.named: tuple[str, ...] = ()
        self._reporting = threading.Lock()
        self._cancel = threading.Event()
        self._timeout = threading.Event()

    @property
    def overdue(self) -> bool:
        """Whether it must no longer begin."""
        return time.monotonic() > self.begin_by

    @property
    def cancel_requested(self) -> bool:
        """Whether it should end early."""
        return self._cancel.is_set() or self._timeout.is_set()

    @property
    def timed_out(self) -> bool:
        """Whether it should end early for its timeout alone."""
        return not self._cancel.is_set() and self._timeout.is_set()

    @property
    def late_by(self) -> float:
        """By how many seconds it has run for longer than it should."""
        if not self.begun or self.deadline is None:
            return float('-inf')
        return time.monotonic() - self.deadline

    @property
    def patience(self) -> float:
        """How long an answer may wait for its record, in seconds."""
        return max(0.0, min(_PATIENCE_SECONDS, -self.late_by - 0.5))

    def ask_to_end(self) -> None:
        """Tell the driver that nobody wants it to go on."""
        self._cancel.set()

    def stop_late(self) -> None:
        """Tell the driver that its timeout has passed."""
        self._timeout.set()

    def report_progress(self, percent: float, message: str) -> None:
        """Note how far it has come."""
        shown = self.job.secrets.text(message)
        with self._reporting:
            self.progress = dataclasses.replace(
                self.progress, percent=percent, message=shown
            )

    def report_targets(self, names: Iterable[str]) -> None:
        """Note which hardware the call acts on."""
        super().report_targets(names)
        with self._reporting:
            known = (*self.named, *self.job.reported.names)
            # Several threads may report: the last one writes all.
            found = tuple(dict.fromkeys(known))
            if found != (self.progress.targets or self.named):
                self.progress = dataclasses.replace(
                    self.progress, targets=found
                )


class OperationTracker:
    """Follows each operation of this conductor from its record to its end.

    Every active record of this incarnation is in here, or it belongs to a
    call that was refused after all, or whose end could not be recorded: see
    :meth:`strangers`.

    :param hostname: of the conductor.
    :param incarnation: identifier of this run of it.
    :param told: tells other services of what is written here.
    """

    def __init__(
        self,
        writer: operation_writer.OperationWriter,
        *,
        hostname: str,
        incarnation: str,
        told: events.NoEvents = events.NO_NOTICES,
    ) -> None:
        self._journal = writer
        self._notices = events.harmless(told)
        self._hostname = hostname
        self._incarnation = incarnation
        self._lock = threading.Lock()
        self._known: dict[str, TrackedOperation] = {}

    def record(self, followed: TrackedOperation) -> None:
        """Return when a call is recorded.

        :raises: RegistryUnavailable, DuplicateCall, KeyInUse,
            ConductorStopping.
        """
        try:
            with self._lock:
                if followed.id in self._known:
                    raise errors.DuplicateCall()
                self._known[followed.id] = followed
            new = self._new(followed.job)
            followed.named = new.targets
            self._journal.record(new)
            followed.tell = self._notices.recorded(followed.job, new)
        except BaseException:
            self._forget(followed)
            raise

    def _new(self, job: calls.Job) -> operation.NewOperation:
        call, spec, context = job.call, job.method.spec, job.context
        parameters = job.secrets.masked
        # Of what is masked, because a target may be a secret, too.
        named = targets.Targets(sorted(spec.targets(parameters)))
        return operation.NewOperation(
            id=call.call_id,
            driver=call.driver,
            method=call.method,
            http_method=call.http_method,
            parameters=parameters,
            user_id=context.user_id,
            project_id=context.project_id,
            request_id=context.request_id,
            conductor=self._hostname,
            incarnation=self._incarnation,
            accepted=job.accepted,
            attach=spec.attach,
            targets=named.names,
            key=call.key,
        )

    def begin(self, followed: TrackedOperation) -> bool:
        """Claim an operation; False if it was cancelled or settled.

        :raises: ConductorStopping.
        """
        try:
            followed.begun = self._journal.claim(
                followed.id, self._incarnation
            )
        finally:
            if not followed.begun:
                self._forget(followed)
        if followed.begun:
            followed.tell(operation.State.RUNNING, None)
        else:
            LOG.info('Operation %s is not run: it has ended', followed.id)
            self._notices.not_begun(followed.id)
        return followed.begun

    def succeed(self, followed: TrackedOperation, result: Any) -> None:
        """Note what a method returned.

        :param result: a JSON value, without secrets.
        """
        text = None if result is None else json.dumps(result)
        self._end(followed, operation.State.SUCCEEDED, result=text)

    def cancel(self, followed: TrackedOperation) -> None:
        """Note that a method stopped on request."""
        self._end(followed, operation.State.CANCELLED)
        LOG.info('Operation %s stopped on request', followed.id)

    def fail(
        self, followed: TrackedOperation, error: errors.PassthruError
    ) -> None:
        """Note why a method failed, or why it was not run after all."""
        noted = operation.Error(
            message=error.message[:_MAX_SENTENCE_LENGTH],
            status=error.status,
            code=error.code,
        )
        self._end(
            followed,
            operation.State.FAILED,
            error=noted,
            frees_key=isinstance(error, errors.NotRun),
        )
        job = followed.job
        LOG.error(
            'Operation %s (%s) of request %s failed: %s',
            followed.id,
            job.name,
            job.context.request_id,
            error.message,
        )

    def abandon(self, followed: TrackedOperation) -> None:
        """Let go of an operation whose end the journal does not have.

        Something unexpected came between its method and its record. It is
        one of the :meth:`strangers` from now on, which the keeper ends.
        """
        if not followed.ending and self._forget(followed):
            LOG.error(
                'The outcome of operation %s cannot be recorded', followed.id
            )

    def expire(self, followed: TrackedOperation) -> None:
        """Note that an operation will not be begun.

        :raises: ConductorStopping.
        """
        try:
            end = operation.end(followed.id, operation.State.QUEUED)
            noted = self._journal.move(end).result()
        finally:
            self._forget(followed)
        if noted:
            followed.tell(end.target, None)
        else:
            self._notices.not_begun(followed.id)

    def strangers(self, active: set[str]) -> set[str]:
        """Return those of our active records that nobody works on.

        They were committed while the acknowledgement was lost, so their
        callers were refused; or they were abandoned.
        """
        with self._lock:
            return active - self._known.keys()

    def overdue(self) -> set[str]:
        """Return operations that wait for longer than they may."""
        with self._lock:
            known = list(self._known.values())
        return {one.id for one in known if not one.begun and one.overdue}

    def given_up(self, grace_seconds: float) -> set[str]:
        """Return operations that run for much longer than they should.

        The drivers of those that do so at all are asked to end them. An
        operation whose method has finished is not late, however long the
        journal takes to write its outcome.
        """
        late = [
            one
            for one in self.running().values()
            if one.late_by > 0 and not one.ending
        ]
        for one in late:
            one.stop_late()
        return {one.id for one in late if one.late_by > grace_seconds}

    def ask_to_end(self, operation_ids: set[str]) -> None:
        """Hand requests to end early on to the drivers."""
        with self._lock:
            asked = [self._known.get(one) for one in operation_ids]
        for followed in asked:
            if followed is not None:
                followed.ask_to_end()

    def running(self) -> dict[str, TrackedOperation]:
        """Return the operations that run, by id."""
        with self._lock:
            return {k: one for k, one in self._known.items() if one.begun}

    def _end(
        self, followed: TrackedOperation, state: operation.State, **facts: Any
    ) -> None:
        """Note the end of an operation.

        Its outcome is known, whatever becomes of the record, so nothing is
        raised; and a caller who waits for the outcome does not wait long for
        a registry that is away.
        """
        if followed.ending:
            return
        end = operation.Transition(
            followed.id,
            operation.State.RUNNING,
            state,
            owner=self._incarnation,
            progress=followed.progress,
            **facts,
        )
        try:
            noted = self._journal.move(end)
        except errors.ConductorStopping as error:
            self._ended(followed, end, error)
            return
        noted.add_done_callback(
            lambda done: self._ended(
                followed, end, done.exception() or done.result()
            )
        )
        followed.ending = True
        if not followed.job.accepted:
            with contextlib.suppress(Exception):
                futures.wait([noted], followed.patience)

    def _ended(
        self,
        followed: TrackedOperation,
        end: operation.Transition,
        noted: bool | BaseException,
    ) -> None:
        """Let go of an operation; tell if its record says something else."""
        self._forget(followed)
        if noted is True:
            followed.tell(end.target, end.error)
        elif isinstance(noted, BaseException):
            reason = (
                'the conductor stops before the registry is available'
                if isinstance(noted, errors.ConductorStopping)
                else session.cause(noted)
            )
            LOG.error(
                'Operation %s has ended as %s, which cannot be noted: %s',
                followed.id,
                end.target,
                reason,
            )
        else:
            LOG.warning(
                'Operation %s has ended as %s, but was given up before',
                followed.id,
                end.target,
            )

    def _forget(self, followed: TrackedOperation) -> bool:
        """Let go of an operation once; return whether it was in hand."""
        with self._lock:
            if self._known.get(followed.id) is not followed:
                return False
            del self._known[followed.id]
        followed.released()
        return True


def _nothing() -> None:
    """Do nothing."""
