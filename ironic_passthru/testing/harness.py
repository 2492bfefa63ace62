# SPDX-License-Identifier: Apache-2.0
"""Calls of one driver instance, under control of a test.

::

    calls = harness.DriverHarness(self.start(), roles=['admin'])
    submitted = calls.submit('flash', 'POST', image='v2')
    submitted.cancel()
    self.assertRaises(errors.Cancelled, submitted.result, 10)
    self.assertEqual([(0.0, 'Erasing')], submitted.progress)
"""

import threading
import time
from collections.abc import Iterable
from concurrent import futures
from typing import Any

from oslo_config import cfg

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.conductor import call as calls
from ironic_passthru.conductor import execution
from ironic_passthru.conductor import runner
from ironic_passthru.drivers import base
from ironic_passthru.drivers import enabled
from ironic_passthru.drivers import loader
from ironic_passthru.rpc import protocol

_MAX_RESULT_BYTES = 1 << 30


def load(driver: str | type[base.VendorInterface]) -> loader.Driver:
    """Return a new instance of a driver, loaded but not started.

    Dangerous methods are allowed.

    :param driver: name of an entry point, ``NAME:ENTRY_POINT`` for an
        instance, or the class itself.
    :raises: ConfigError, DriverLoadError.
    """
    if isinstance(driver, str):
        found = enabled.parse_one(driver)
        return loader.make(found.name, found.make(), allowed=['*'])
    return loader.make(driver.__name__, driver(), allowed=['*'])


def driver_conf(
    driver: str | type[base.VendorInterface], conf: cfg.ConfigOpts
) -> cfg.ConfigOpts:
    """Return the configuration that a driver is started with.

    :param driver: as for ``load()``; an instance has groups of its own.
    :param conf: the configuration of the service.
    """
    if isinstance(driver, str):
        return enabled.parse_one(driver).configuration(conf)
    return conf


class SubmittedCall(request_context.CallState):
    """A call that runs in a thread of its own.

    :ivar progress: the reported percentages with their messages.
    :ivar targets: the reported targets.
    """

    def __init__(self) -> None:
        super().__init__()
        self.progress: list[tuple[float, str]] = []
        self.targets: list[str] = []
        self._accepted = False
        self._cancel = threading.Event()
        self._future: futures.Future[Any] = futures.Future()

    @property
    def accepted(self) -> bool:
        """Whether the method is asynchronous."""
        return self._accepted

    @property
    def cancel_requested(self) -> bool:
        """Whether the test cancelled the call, or its timeout has passed."""
        return self._cancel.is_set() or self._late

    @property
    def timed_out(self) -> bool:
        """Whether the call should stop because of its timeout alone."""
        return self._late and not self._cancel.is_set()

    @property
    def _late(self) -> bool:
        return self.deadline is not None and time.monotonic() > self.deadline

    def _start(self, job: calls.Job) -> None:
        """Begin with the timeout of the method."""
        self._accepted = job.accepted
        if job.method.spec.timeout is not None:
            self.deadline = time.monotonic() + job.method.spec.timeout

    def report_progress(self, percent: float, message: str) -> None:
        """Record the progress."""
        self.progress.append((percent, message))

    def report_targets(self, names: Iterable[str]) -> None:
        """Record the targets."""
        self.targets.extend(names)

    def cancel(self) -> None:
        """Request a cancellation, as a client does."""
        self._cancel.set()

    def result(self, timeout_seconds: float = 30.0) -> Any:
        """Wait for the end of the call; return its result.

        :raises: the error that a client receives, with the attribute
            ``partial_result``; Cancelled if the test cancelled the call;
            TimeoutError.
        """
        return self._future.result(timeout_seconds)


class DriverHarness:
    """Calls methods of a started driver as a conductor does.

    :param driver: a started driver, of ``load()`` or of
        ``DriverConformance.start()``.
    :param user_id: user of the context of each call.
    :param project_id: project of the context.
    :param roles: roles of the context.
    """

    def __init__(
        self,
        driver: loader.Driver,
        *,
        user_id: str | None = None,
        project_id: str | None = None,
        roles: Iterable[str] = (),
    ) -> None:
        self.driver = driver
        self._context = request_context.RequestContext(
            user_id=user_id,
            project_id=project_id,
            roles=list(roles),
            overwrite=False,
        )

    def call(self, method: str, http_method: str, /, **parameters: Any) -> Any:
        """Call a method, and wait until it has finished.

        :returns: the result as a JSON value; of a method with ``attach`` an
            object with ``data``, ``media_type`` and ``filename``.
        :raises: the errors that a client receives, with the attribute
            ``partial_result``; Cancelled if the test cancelled the call.
        """
        return self._run(SubmittedCall(), method, http_method, parameters)

    def submit(
        self, method: str, http_method: str, /, **parameters: Any
    ) -> SubmittedCall:
        """Start a call in a thread; return it."""
        submitted = SubmittedCall()

        def work() -> None:
            try:
                result = self._run(submitted, method, http_method, parameters)
            except BaseException as error:
                submitted._future.set_exception(error)
            else:
                submitted._future.set_result(result)

        threading.Thread(target=work, name=method, daemon=True).start()
        return submitted

    def validate(
        self, method: str, http_method: str, /, **parameters: Any
    ) -> None:
        """Validate the parameters of a call without running the method.

        :raises: the errors that a client receives.
        """
        self._prepare(method, http_method, parameters)

    def _prepare(
        self, method: str, http_method: str, parameters: dict[str, Any]
    ) -> calls.Job:
        call = protocol.CallRequest(
            driver_name=self.driver.name,
            driver_method=method,
            http_method=http_method,
            info=parameters,
        )
        found = runner.find(self.driver, call)
        found.spec.parameters.check(parameters)
        return execution.prepare(
            self._context, call, driver=self.driver, method=found
        )

    def _run(
        self,
        state: SubmittedCall,
        method: str,
        http_method: str,
        parameters: dict[str, Any],
    ) -> Any:
        job = self._prepare(method, http_method, parameters)
        state._start(job)
        try:
            value = execution.execute(
                job, state, max_result_size=_MAX_RESULT_BYTES
            ).value
        except errors.PassthruError as error:
            raise _seen_by_client(error, state, method) from error.__context__
        return (
            protocol.Attached.from_bus(value)
            if job.method.spec.attach
            else value
        )


def _seen_by_client(
    error: errors.PassthruError, state: SubmittedCall, method: str
) -> errors.PassthruError:
    """Return the error that a client receives, as a conductor does."""
    if isinstance(error, errors.Cancelled):
        if state.timed_out:
            return errors.MethodTimedOut(method=method)
        if state.cancel_requested:
            return error
        # Not as Cancelled: a test must detect this bug of the driver.
        bug = errors.Cancelled()
        return errors.VendorError(
            message=bug.message, status=bug.status, code=bug.code
        )
    # Errors for clients carry it as an argument, those of drivers as an
    # attribute.
    partial = error.kwargs.get(errors.PARTIAL_RESULT)
    vars(error)[errors.PARTIAL_RESULT] = partial
    return error
