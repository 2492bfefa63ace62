# SPDX-License-Identifier: Apache-2.0
"""Admission and execution of calls, from the message to the outcome."""

import time
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from oslo_log import log

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru import spec
from ironic_passthru.conductor import admission
from ironic_passthru.conductor import call as calls
from ironic_passthru.conductor import call_spans
from ironic_passthru.conductor import events
from ironic_passthru.conductor import execution
from ironic_passthru.conductor import fair_executor
from ironic_passthru.conductor import limits
from ironic_passthru.conductor import operation_tracker
from ironic_passthru.conductor import results
from ironic_passthru.conductor import served_targets
from ironic_passthru.drivers import loader
from ironic_passthru.fleet import selector
from ironic_passthru.rpc import protocol
from ironic_passthru.tracing import spans

LOG = log.getLogger(__name__)


class Runner:
    """Runs the calls of the drivers of one conductor.

    :param drivers: the loaded drivers by name.
    :param admission: admits or refuses calls.
    :param tracker: records calls that are acknowledged before they run, or
        that have an Idempotency-Key.
    :param workers: number of asynchronous calls that run at once.
    :param max_result_size: in bytes.
    :param queue_seconds: how long an accepted call may wait for a worker.
    :param events: publishes calls and operations.
    """

    def __init__(
        self,
        drivers: Mapping[str, loader.Driver],
        *,
        admission: admission.Admission,
        tracker: operation_tracker.OperationTracker,
        workers: int,
        max_result_size: int,
        queue_seconds: float,
        events: events.Events = events.NO_EVENTS,
    ) -> None:
        self._drivers = drivers
        self._admission = admission
        self._tracker = tracker
        self._max_result_size = max_result_size
        self._queue_seconds = queue_seconds
        self._events = events
        share = limits.default_driver_limit(workers, len(drivers))
        self._executor = fair_executor.FairExecutor(workers, share)
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
        self,
        context: request_context.RequestContext,
        call: protocol.CallRequest,
    ) -> dict[str, Any]:
        """Run a call, or accept it if it is asynchronous.

        :returns: ``return``, ``async`` and ``attach``, as in Ironic, and
            ``targets`` if the method has reported some.
        :raises: NotRun, such as TargetsMoved, if it certainly did not run;
            RequestError if it is invalid; the error of the driver that a
            client may see, with reported targets in its ``kwargs``.
        """
        self._admission.check(call)
        driver = self.driver(call.driver_name)
        method = find(driver, call)
        method.spec.parameters.check(call.info)
        accepted = method.spec.is_accepted(call.respond_async)
        with self._admission.admit(
            call, method.spec, accepted=accepted
        ) as ticket:
            # After the id is kept: a duplicate must not run either.
            job = _prepare(context, call, driver, method)
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
        return self._executor.recover()

    def close(self) -> None:
        """Start no further call; do not wait for running ones."""
        self._closed = True
        self._executor.close()
        self._tracker.expire_waiting(closing=True)

    def _track(
        self,
        job: calls.Job,
        start_by: float,
        on_release: Callable[[], None] = lambda: None,
    ) -> operation_tracker.TrackedOperation:
        return operation_tracker.TrackedOperation(
            job,
            start_by,
            on_release=on_release,
            publish=self._events.publisher(job),
        )

    def _accept(self, job: calls.Job, ticket: admission.Ticket) -> None:
        start_by = time.monotonic() + self._queue_seconds
        tracked = self._track(job, start_by, ticket.release)
        try:
            with self._executor.reserve(job.call.driver_name) as worker:
                # If a commit is not acknowledged, a key must not belong to a
                # call that may have run.
                at_once = worker.has_worker and job.call.key is None
                self._record(tracked, running=at_once)
                ticket.keep()
                worker.submit(spans.current().bind(self._work), tracked)
        except errors.PassthruError:
            raise
        except Exception:
            # The executor is closed, because the validation took longer than
            # the conductor to stop; or no memory is left. No worker has the
            # operation.
            self._tracker.expire(tracked)
            raise errors.OperationExpired() from None
        except BaseException:
            self._tracker.abandon(tracked)
            raise

    def _record(
        self,
        tracked: operation_tracker.TrackedOperation,
        *,
        running: bool = False,
    ) -> None:
        """Record a call unless its deadline has passed.

        :param running: record it as running.
        :raises: CallExpired, OperationExpired, and the errors of
            :meth:`.OperationTracker.record`.
        """
        # The validation by the driver, or the commit, may have taken long;
        # and a call whose caller no longer waits must not start.
        call = tracked.job.call
        if call.expired:
            raise errors.CallExpired()
        self._tracker.record(tracked, running=running)
        if call.expired:
            self._tracker.expire(tracked)
            raise errors.OperationExpired()

    def _work(self, tracked: operation_tracker.TrackedOperation) -> None:
        """Run an accepted call in a worker."""
        try:
            if self._closed:
                return
            tracked.job.context.update_store()
            if tracked.overdue:
                self._tracker.expire(tracked)
                return
            self._run_recorded(tracked)
        except errors.PassthruError as error:
            # It is recorded, unless the conductor stops.
            LOG.debug('Operation %s ended with %s', tracked.id, error.code)
        except BaseException:
            LOG.exception('Operation %s was lost', tracked.id)
        finally:
            if not self._closed:
                self._tracker.abandon(tracked)
            request_context.clear_current()

    def _run_now(self, job: calls.Job) -> results.Result:
        deadline = job.call.deadline
        if deadline is not None:
            deadline += time.monotonic() - time.time()
        if job.call.key is None:
            if job.call.expired:
                # The validation by the driver took long.
                raise errors.CallExpired()
            return self._execute(job, calls.JobState(job, deadline))
        start_by = float('inf') if deadline is None else deadline
        tracked = self._track(job, start_by)
        try:
            self._record(tracked)
            tracked.deadline = deadline
            return self._run_recorded(tracked)
        finally:
            self._tracker.abandon(tracked)

    def _run_recorded(
        self, tracked: operation_tracker.TrackedOperation
    ) -> results.Result:
        """Run a call that has a record, and record its outcome.

        :raises: OperationExpired if its record was final before it started;
            any error of its method.
        """
        if not self._tracker.start(tracked):
            raise errors.OperationExpired()
        job = tracked.job
        result = None
        try:
            timeout = job.method.spec.timeout
            if job.accepted and timeout is not None:
                tracked.deadline = time.monotonic() + timeout
            if tracked.overdue:
                # The registry was unavailable for long.
                raise errors.OperationExpired()
            result = self._execute(job, tracked)
            self._tracker.succeed(tracked, results.recorded(job, result))
        except errors.OperationExpired:
            self._tracker.expire(tracked)
            raise
        except errors.OperationCancelled as error:
            self._tracker.cancel(tracked, error)
            raise
        except errors.PassthruError as error:
            self._tracker.fail(tracked, error)
            raise
        except BaseException as error:
            # A bug, or no memory: the operation must end nevertheless.
            failure = _unexpected(job, ran=result is not None)
            self._tracker.fail(tracked, failure)
            LOG.error(
                'Driver method %s could not be completed in request %s',
                job.name,
                job.context.request_id,
                exc_info=job.secrets.error(error),
            )
            raise failure from None
        return result

    def _execute(
        self, job: calls.Job, state: request_context.CallState
    ) -> results.Result:
        with self._events.running(job), call_spans.running(job):
            try:
                return execution.execute(
                    job, state, max_result_size=self._max_result_size
                )
            except errors.Cancelled as error:
                # The partial result, if any.
                if state.timed_out:
                    raise errors.MethodTimedOut(
                        method=job.call.driver_method, **error.kwargs
                    ) from None
                if state.cancel_requested:
                    raise errors.OperationCancelled(
                        operation=job.call.call_id, **error.kwargs
                    ) from None
                LOG.error(
                    'Driver method %s raised Cancelled in request %s, but no '
                    'cancellation was requested; the call failed',
                    job.name,
                    job.context.request_id,
                )
                # Without the text of the driver, which would be misleading.
                raise errors.Cancelled() from None


def _prepare(
    context: request_context.RequestContext,
    call: protocol.CallRequest,
    driver: loader.Driver,
    method: loader.Method,
) -> calls.Job:
    """Return a validated call.

    :raises: TargetsMoved, and the errors of :func:`execution.prepare`.
    """
    if not call.routed:
        return execution.prepare(context, call, driver=driver, method=method)
    _check_targets(driver, method.spec, call)
    try:
        return execution.prepare(context, call, driver=driver, method=method)
    except errors.InvalidParameterValue:
        # A target may have moved since the check.
        _check_targets(driver, method.spec, call)
        raise


def _check_targets(
    driver: loader.Driver, method: spec.MethodSpec, call: protocol.CallRequest
) -> None:
    """Refuse a call for a target that the driver no longer serves.

    :raises: TargetsMoved.
    """
    moved = served_targets.missing(driver, method.targets(call.info))
    if moved:
        raise errors.TargetsMoved(moved=selector.shown(moved))


def _unexpected(job: calls.Job, *, ran: bool) -> errors.PassthruError:
    """Return the error of a call for an unexpected exception.

    :param ran: whether its method returned.
    """
    request_id = job.context.request_id
    if ran:
        return errors.ResultNotSerializable(
            method=job.call.driver_method, request_id=request_id
        )
    return errors.DriverFailed(request_id=request_id)


def _reported(job: calls.Job) -> dict[str, list[str]]:
    """Return the reported targets of a reply."""
    names = job.reported.names
    return {protocol.TARGETS: list(names)} if names else {}


def find(driver: loader.Driver, call: protocol.CallRequest) -> loader.Method:
    """Return the method of a call.

    :raises: MethodNotFound, DangerousMethod, VerbNotSupported.
    """
    method = driver.methods.get(call.driver_method)
    if method is None:
        raise errors.MethodNotFound(method=call.driver_method)
    if not method.spec.allowed:
        raise errors.DangerousMethod(
            driver=call.driver_name, method=call.driver_method
        )
    if call.http_method not in method.spec.http_methods:
        raise errors.VerbNotSupported(
            method=call.driver_method,
            http_method=call.http_method,
            allowed=', '.join(method.spec.http_methods),
        )
    return method
