# SPDX-License-Identifier: Apache-2.0
"""What a conductor does with a call, from its receipt to its outcome."""

import time
from collections.abc import Mapping
from typing import Any

from oslo_log import log

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.conductor import admission
from ironic_passthru.conductor import call as calls
from ironic_passthru.conductor import events
from ironic_passthru.conductor import execution
from ironic_passthru.conductor import fair_executor
from ironic_passthru.conductor import limits
from ironic_passthru.conductor import operation_tracker
from ironic_passthru.conductor import results
from ironic_passthru.drivers import loader
from ironic_passthru.rpc import protocol

LOG = log.getLogger(__name__)


class Runner:
    """Accepts and runs calls of the drivers of one conductor.

    :param drivers: the loaded drivers by name.
    :param admission: decides which calls are taken.
    :param ledger: records those that are acknowledged before they run, or
        that have an Idempotency-Key.
    :param workers: number of asynchronous calls that run at once.
    :param max_result_size: in bytes.
    :param queue_seconds: how long an accepted call may wait for a worker.
    :param told: tells other services of each call that runs.
    """

    def __init__(
        self,
        drivers: Mapping[str, loader.Driver],
        *,
        admission: admission.Admission,
        ledger: operation_tracker.OperationTracker,
        workers: int,
        max_result_size: int,
        queue_seconds: float,
        told: events.NoEvents = events.NO_NOTICES,
    ) -> None:
        self._drivers = drivers
        self._admission = admission
        self._ledger = ledger
        self._max_result_size = max_result_size
        self._queue_seconds = queue_seconds
        self._notices = events.harmless(told)
        share = limits.default_driver_limit(workers, len(drivers))
        self._lanes = fair_executor.FairExecutor(workers, share)
        self._closed = False

    def driver(self, name: str) -> loader.Driver:
        """Return a driver of this conductor.

        :raises: DriverNotFound.
        """
        try:
            return self._drivers[name]
        except KeyError:
            raise errors.DriverNotFound(driver=name) from None

    def run(
        self, context: request_context.RequestContext, call: calls.Call
    ) -> dict[str, Any]:
        """Run a call, or accept it if it is asynchronous.

        :returns: ``return``, ``async`` and ``attach``, as in Ironic, and
            ``targets`` if the method has reported some.
        :raises: NotRun if it certainly did not run; RequestError for what
            is wrong with it; what the driver raised, made fit for a client,
            with reported targets in its facts.
        """
        self._admission.check(call)
        driver = self.driver(call.driver)
        method = find(driver, call)
        method.spec.parameters.check(call.parameters)
        accepted = method.spec.is_accepted(call.respond_async)
        with self._admission.admit(
            call, method.spec, accepted=accepted
        ) as ticket:
            job = execution.prepare(
                context, call, driver=driver, method=method
            )
            if accepted:
                self._accept(job, ticket)
                return {'return': None, 'async': True, 'attach': False}
            try:
                result = self._run_now(job)
            except errors.PassthruError as error:
                error.kwargs = error.kwargs | _reported(job)
                raise
        return {
            'return': result.value,
            'async': False,
            'attach': method.spec.attach,
            **_reported(job),
        }

    def recover(self) -> bool:
        """Start threads for accepted calls that lack them.

        :returns: False if calls wait for a thread that cannot be started.
        """
        return self._lanes.recover()

    def close(self) -> None:
        """Begin no further call; those that still run are left alone."""
        self._closed = True
        self._lanes.close()

    def _accept(self, job: calls.Job, ticket: admission.Ticket) -> None:
        begin_by = time.monotonic() + self._queue_seconds
        followed = operation_tracker.TrackedOperation(job, begin_by)
        try:
            self._record(followed)
            followed.released = ticket.release
            ticket.keep()
            self._lanes.submit(job.call.driver, self._work, followed)
        except errors.PassthruError:
            raise
        except Exception:
            # It was checked for longer than the conductor took to stop, or
            # there is no memory left. No worker has it.
            self._ledger.expire(followed)
            raise errors.OperationExpired() from None
        except BaseException:
            self._ledger.abandon(followed)
            raise

    def _record(self, followed: operation_tracker.TrackedOperation) -> None:
        """Record a call unless it is too late for that.

        :raises: CallExpired, OperationExpired, and what
            :meth:`ledger.Ledger.record` raises.
        """
        # Its driver may have taken long to check it, or the registry to
        # commit it; and what nobody waits for any more must not start.
        call = followed.job.call
        if call.expired:
            raise errors.CallExpired()
        self._ledger.record(followed)
        if call.expired:
            self._ledger.expire(followed)
            raise errors.OperationExpired()

    def _work(self, followed: operation_tracker.TrackedOperation) -> None:
        """Run an accepted call in a worker."""
        try:
            if self._closed:
                return
            followed.job.context.update_store()
            if followed.overdue:
                self._ledger.expire(followed)
                return
            self._run_recorded(followed)
        except errors.PassthruError as error:
            # The record says so already, unless there was no time for it.
            LOG.debug('Operation %s ended with %s', followed.id, error.code)
        except BaseException:
            LOG.exception('Operation %s was lost', followed.id)
        finally:
            if not self._closed:
                self._ledger.abandon(followed)
            request_context.clear_current()

    def _run_now(self, job: calls.Job) -> results.Result:
        deadline = job.call.deadline
        if deadline is not None:
            deadline += time.monotonic() - time.time()
        if job.call.key is None:
            if job.call.expired:
                # Its driver took long to check it.
                raise errors.CallExpired()
            return self._execute(job, calls.JobState(job, deadline))
        begin_by = float('inf') if deadline is None else deadline
        followed = operation_tracker.TrackedOperation(job, begin_by)
        try:
            self._record(followed)
            followed.deadline = deadline
            return self._run_recorded(followed)
        finally:
            self._ledger.abandon(followed)

    def _run_recorded(
        self, followed: operation_tracker.TrackedOperation
    ) -> results.Result:
        """Run a call that has a record, and note what becomes of it.

        :raises: OperationExpired if it was ended by somebody else before it
            began; whatever its method raised.
        """
        if not self._ledger.begin(followed):
            raise errors.OperationExpired()
        job = followed.job
        result = None
        try:
            timeout = job.method.spec.timeout
            if job.accepted and timeout is not None:
                followed.deadline = time.monotonic() + timeout
            if followed.overdue:
                # The registry was away for long.
                raise errors.OperationExpired()
            result = self._execute(job, followed)
            self._ledger.succeed(followed, results.recorded(job, result))
        except errors.OperationCancelled:
            self._ledger.cancel(followed)
            raise
        except errors.PassthruError as error:
            self._ledger.fail(followed, error)
            raise
        except BaseException as error:
            # A mistake of ours, or no memory: it must end all the same.
            failure = _unexpected(job, ran=result is not None)
            self._ledger.fail(followed, failure)
            _log_unexpected(job, error)
            raise failure from None
        return result

    def _execute(
        self, job: calls.Job, state: request_context.CallState
    ) -> results.Result:
        with self._notices.running(job):
            try:
                return execution.execute(
                    job, state, max_result_size=self._max_result_size
                )
            except errors.Cancelled:
                if state.timed_out:
                    raise errors.MethodTimedOut(
                        method=job.call.method
                    ) from None
                if state.cancel_requested:
                    raise errors.OperationCancelled(
                        operation=job.call.call_id
                    ) from None
                LOG.error(
                    'Driver method %s raised Cancelled in request %s, but no '
                    'cancellation was requested; the call failed',
                    job.name,
                    job.context.request_id,
                )
                # Without the text of the driver, which would mislead.
                raise errors.Cancelled() from None


def _unexpected(job: calls.Job, *, ran: bool) -> errors.PassthruError:
    """Return the outcome of a call that an unexpected error has ended.

    :param ran: whether its method returned.
    """
    request_id = job.context.request_id
    if ran:
        return errors.ResultNotSerializable(
            method=job.call.method, request_id=request_id
        )
    return errors.DriverFailed(request_id=request_id)


def _log_unexpected(job: calls.Job, error: BaseException) -> None:
    LOG.error(
        'Driver method %s could not be run to its end in request %s',
        job.name,
        job.context.request_id,
        exc_info=job.secrets.error(error),
    )


def _reported(job: calls.Job) -> dict[str, list[str]]:
    """Return the reported targets of a reply."""
    names = job.reported.names
    return {protocol.TARGETS: list(names)} if names else {}


def find(driver: loader.Driver, call: calls.Call) -> loader.Method:
    """Return the method that a call is for.

    :raises: MethodNotFound, DangerousMethod, VerbNotSupported.
    """
    method = driver.methods.get(call.method)
    if method is None:
        raise errors.MethodNotFound(method=call.method)
    if not method.spec.allowed:
        raise errors.DangerousMethod(driver=call.driver, method=call.method)
    if call.http_method not in method.spec.http_methods:
        raise errors.VerbNotSupported(
            method=call.method,
            http_method=call.http_method,
            allowed=', '.join(method.spec.http_methods),
        )
    return method
