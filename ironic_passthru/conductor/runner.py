# SPDX-License-Identifier: Apache-2.0
"""Running one call: the checks before it, the method, its outcome."""

import dataclasses
import threading
import time
from collections.abc import Mapping
from typing import Any

import futurist
from oslo_log import log

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.conductor import memory
from ironic_passthru.conductor import results
from ironic_passthru.drivers import loader
from ironic_passthru.drivers import signature

LOG = log.getLogger(__name__)

#: How many asynchronous calls are converted and validated at once. That runs
#: code of drivers on the threads of the bus, which must not all be taken.
MAX_ADMISSIONS = 16

# How long the id of a call is remembered that came without a deadline.
_KEEP_SECONDS = 600.0

# python-ironicclient and openstacksdk send a request again on these, so they
# must not be answered once a method has started.
_RESENT_ON = (409, 503)

# These speak of the login and of the resource, which are not the driver's,
# and need headers that it cannot give; on the first, keystoneauth logs in
# anew and sends the request again.
_NOT_FOR_DRIVERS = (401, 405)


@dataclasses.dataclass(frozen=True)
class Limits:
    """Bounds of a runner.

    :param sync_workers: synchronous calls at once.
    :param async_workers: asynchronous calls at once.
    :param async_backlog: asynchronous calls waiting for a worker.
    :param max_result_size: in bytes.
    """

    sync_workers: int
    async_workers: int
    async_backlog: int
    max_result_size: int


@dataclasses.dataclass(frozen=True)
class Call:
    """One call as it came over the bus.

    :param driver: name of the driver.
    :param method: name of the method.
    :param verb: HTTP verb.
    :param parameters: JSON values by name.
    :param call_id: unique id, if the sender gave one.
    :param incarnation: the run of the conductor that it was meant for.
    :param deadline: seconds since the epoch after which it must not start.
    """

    driver: str
    method: str
    verb: str
    parameters: Mapping[str, Any]
    call_id: str | None = None
    incarnation: str | None = None
    deadline: float | None = None


class Runner:
    """Accepts and runs calls of the drivers of one conductor.

    :param drivers: the loaded drivers by name.
    :param incarnation: identifier of this run of the conductor.
    """

    def __init__(
        self,
        drivers: Mapping[str, loader.Driver],
        *,
        incarnation: str,
        limits: Limits,
    ) -> None:
        self._drivers = drivers
        self._incarnation = incarnation
        self._limits = limits
        self._memory = memory.CallMemory()
        self._stopping = False
        # One permit a call, from acceptance to its end.  Blocking on them
        # is never wanted: a full conductor refuses.
        self._sync_permits = threading.BoundedSemaphore(limits.sync_workers)
        self._async_permits = threading.BoundedSemaphore(
            limits.async_workers + limits.async_backlog
        )
        self._admissions = threading.BoundedSemaphore(MAX_ADMISSIONS)
        self._pool = futurist.ThreadPoolExecutor(
            max_workers=limits.async_workers
        )
        self._idle = threading.Condition()
        self._running = 0

    def driver(self, name: str) -> loader.Driver:
        """Return a driver of this conductor.

        :raises: DriverNotFound.
        """
        try:
            return self._drivers[name]
        except KeyError:
            raise errors.DriverNotFound(driver=name) from None

    def run(
        self, context: request_context.RequestContext, call: Call
    ) -> dict[str, Any]:
        """Run a call, or accept it if its method is asynchronous.

        :returns: ``return``, ``async`` and ``attach``, as in Ironic.
        :raises: NotRun if it certainly did not run; RequestError for what
            is wrong with it; what the driver raised, made fit for a client.
        """
        self._check_fence(call)
        method = self._find(call)
        method.spec.parameters.check(call.parameters)
        permits = self._admit(call, method)
        started = False
        try:
            arguments = self._convert(context, call, method)
            self._validate(context, call, method, arguments)
            if method.spec.async_call:
                self._submit(context, call, method, arguments)
                started = True
                return {'return': None, 'async': True, 'attach': False}
            result = self._execute(context, call, method, arguments)
        finally:
            if method.spec.async_call:
                self._admissions.release()
            if not started:
                self._release(permits)
        return {
            'return': result,
            'async': False,
            'attach': method.spec.attach,
        }

    def stop_accepting(self) -> None:
        """Refuse every further call; :meth:`wait` knows all others."""
        with self._idle:
            self._stopping = True

    def wait(self, seconds: float) -> bool:
        """Wait until no call runs or waits; tell whether that came true."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._running, seconds)

    def close(self) -> None:
        """Give up the workers; calls that still run are left alone."""
        self._pool.shutdown(wait=False)

    def _check_fence(self, call: Call) -> None:
        # First: whatever else is wrong with the second message of a call,
        # the first one may be running, so "not run" would be a lie.
        if call.call_id is not None and call.call_id in self._memory:
            raise errors.DuplicateCall()
        if self._stopping:
            raise errors.ConductorStopping()
        if call.incarnation not in (None, self._incarnation):
            raise errors.StaleCall()
        if call.deadline is not None and time.time() > call.deadline:
            raise errors.CallExpired()

    def _find(self, call: Call) -> loader.Method:
        method = self.driver(call.driver).methods.get(call.method)
        if method is None:
            raise errors.MethodNotFound(method=call.method)
        if call.verb not in method.spec.http_methods:
            raise errors.VerbNotSupported(method=call.method, verb=call.verb)
        return method

    def _admit(
        self, call: Call, method: loader.Method
    ) -> threading.BoundedSemaphore:
        """Take a permit for a call and remember it, or refuse it.

        All in one step: of two messages of one call that come at once the
        second must find the first remembered, not its permit taken; and
        none may slip in when the conductor has begun to stop.
        """
        permits = (
            self._async_permits
            if method.spec.async_call
            else self._sync_permits
        )
        with self._idle:
            self._check_fence(call)
            if not permits.acquire(blocking=False):
                raise errors.ConductorBusy()
            if method.spec.async_call and (
                not self._admissions.acquire(blocking=False)
            ):
                permits.release()
                raise errors.ConductorBusy()
            self._running += 1
            self._remember(call)
        return permits

    def _release(self, permits: threading.BoundedSemaphore) -> None:
        permits.release()
        with self._idle:
            self._running -= 1
            self._idle.notify_all()

    def _remember(self, call: Call) -> None:
        if call.call_id is None:
            return
        keep = _KEEP_SECONDS
        if call.deadline is not None:
            keep = max(1.0, call.deadline - time.time() + 1.0)
        self._memory.add(call.call_id, keep)

    def _convert(
        self,
        context: request_context.RequestContext,
        call: Call,
        method: loader.Method,
    ) -> dict[str, Any]:
        try:
            return method.signature.convert(call.method, call.parameters)
        except errors.InvalidParameters:
            raise
        except BaseException as error:
            # A type of the driver's own may run any code.
            raise self._outcome(context, call, error) from None

    def _validate(
        self,
        context: request_context.RequestContext,
        call: Call,
        method: loader.Method,
        arguments: dict[str, Any],
    ) -> None:
        validate = self.driver(call.driver).interface.driver_validate
        values = {**arguments, 'http_method': call.verb}
        try:
            validate(call.method, **signature.accepted(validate, values))
        except BaseException as error:
            raise self._outcome(context, call, error) from None

    def _execute(
        self,
        context: request_context.RequestContext,
        call: Call,
        method: loader.Method,
        arguments: dict[str, Any],
    ) -> Any:
        arguments = method.signature.inject(
            arguments, context=context, http_method=call.verb
        )
        try:
            value = method.function(**arguments)
        except BaseException as error:
            # Even SystemExit: a driver must not end the conductor.
            outcome = self._outcome(context, call, error)
            if outcome.status in _RESENT_ON:
                outcome = errors.VendorError(
                    sentence=outcome.message, status=500, code=outcome.code
                )
            raise outcome from None
        return results.encode(
            method.spec,
            value,
            max_size=self._limits.max_result_size,
            request_id=context.request_id,
        )

    def _submit(
        self,
        context: request_context.RequestContext,
        call: Call,
        method: loader.Method,
        arguments: dict[str, Any],
    ) -> None:
        try:
            self._pool.submit(
                self._run_async, context, call, method, arguments
            )
        except RuntimeError:
            # It was validated for longer than the conductor took to stop.
            raise errors.ConductorStopping() from None

    def _run_async(
        self,
        context: request_context.RequestContext,
        call: Call,
        method: loader.Method,
        arguments: dict[str, Any],
    ) -> None:
        context.update_store()
        try:
            self._execute(context, call, method, arguments)
        except errors.PassthruError as error:
            LOG.error(
                'Asynchronous call %s.%s of request %s failed: %s',
                call.driver,
                call.method,
                context.request_id,
                error.message,
            )
        finally:
            self._release(self._async_permits)
            request_context.clear_current()

    def _outcome(
        self,
        context: request_context.RequestContext,
        call: Call,
        error: BaseException,
    ) -> errors.PassthruError:
        """Return what a client may know of an error that a driver raised."""
        if isinstance(error, errors.DriverError):
            try:
                return _portable(error)
            except Exception as mistake:
                # A vendor's class can be wrong in any way.
                error = mistake
        LOG.error(
            'Driver method %s.%s failed in request %s',
            call.driver,
            call.method,
            context.request_id,
            exc_info=error,
        )
        return errors.DriverFailed(request_id=context.request_id)


def _portable(error: errors.DriverError) -> errors.PassthruError:
    """Return a driver's error as what can cross the bus: its sentence.

    The facts that it was made from, its cause and its notes stay here: they
    may have no JSON form, and nobody has meant them for a client.
    """
    sentence = str(error.message)
    if type(error).__module__ == errors.__name__:
        return type(error)(sentence)
    return errors.VendorError(
        sentence=sentence,
        status=_status(error),
        code=error.code if isinstance(error.code, str) else 'vendor_error',
    )


def _status(error: errors.DriverError) -> int:
    """Return the status of a vendor's error, if it states a usable one."""
    # Ironic's way is an integer in ``code``.
    status = error.code if isinstance(error.code, int) else error.status
    if not 400 <= status <= 599 or status in _NOT_FOR_DRIVERS:
        return 500
    return int(status)
