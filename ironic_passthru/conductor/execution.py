# SPDX-License-Identifier: Apache-2.0
"""Execution of driver code, and translation of its errors for clients."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

from oslo_log import log

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.conductor import call as calls
from ironic_passthru.conductor import results
from ironic_passthru.drivers import child_processes
from ironic_passthru.drivers import loader
from ironic_passthru.redaction import call_secrets
from ironic_passthru.redaction import serialization
from ironic_passthru.rpc import protocol

LOG = log.getLogger(__name__)

# These statuses concern the login and the resource of this service, and need
# headers that a driver cannot set; on the first one, keystoneauth
# authenticates again and repeats the request.
_NOT_FOR_DRIVERS = (401, 405)


def prepare(
    context: request_context.RequestContext,
    call: protocol.CallRequest,
    *,
    driver: loader.Driver,
    method: loader.Method,
) -> calls.Job:
    """Convert the parameters of a call, and validate them by its driver.

    :raises: InvalidParameters; the translated error of the driver.
    """
    secrets = method.spec.secrets(call.info)
    guard = _Guard(context, call, secrets)

    def convert() -> dict[str, Any]:
        # Types of drivers may run any code.
        arguments = method.signature.convert(
            call.driver_method, call.info, secrets=secrets
        )
        # Before driver_validate(), which may change the arguments.
        secrets.add_converted({**method.signature.defaults, **arguments})
        return arguments

    def validate() -> None:
        values = {
            **arguments,
            'method': call.driver_method,
            'http_method': call.http_method,
        }
        driver.interface.driver_validate(**driver.validated.select(values))

    with secrets.in_logs():
        arguments = guard.run(convert, passes=errors.InvalidParameters)
        guard.run(validate)
    return calls.Job(context, call, method, arguments, secrets=secrets)


def execute(
    job: calls.Job, state: request_context.CallState, *, max_result_size: int
) -> results.Result:
    """Run the method of a call and return its result as a JSON value.

    :param state: the state of the call that the method can read.
    :param max_result_size: in bytes.
    :raises: the translated error of the driver.
    """
    # The serialization of a result may run code of the driver as well.
    with job.secrets.in_logs():
        return results.encode(
            job.method.spec,
            _returned(job, state, max_size=max_result_size),
            max_size=max_result_size,
            request_id=job.context.request_id,
            secrets=job.secrets,
        )


def _returned(
    job: calls.Job, state: request_context.CallState, *, max_size: int
) -> Any:
    """Return the unconverted result of the method of a call.

    :param max_size: of a partial result, in bytes.
    """
    positional, named = job.method.signature.arguments(
        job.arguments,
        context=job.context.for_call(state),
        http_method=job.call.http_method,
    )
    guard = _Guard(job.context, job.call, job.secrets)
    try:
        return guard.run(lambda: job.method.function(*positional, **named))
    except errors.PassthruError as outcome:
        partial = outcome.kwargs.pop(errors.PARTIAL_RESULT, None)
        details = {}
        if partial is not None and len(json.dumps(partial)) <= max_size:
            details = {
                errors.PARTIAL_RESULT: job.method.result.masked_result(partial)
            }
        if outcome.status not in errors.RESENT_ON:
            outcome.kwargs |= details
            raise
        # The method has started, so clients must not send the call again.
        raise errors.VendorError(
            message=outcome.message, status=500, code=outcome.code, **details
        ) from None


@dataclasses.dataclass(frozen=True)
class _Guard:
    """Calls code of a driver, and translates its errors.

    :param secrets: redacts them.
    """

    context: request_context.RequestContext
    call: protocol.CallRequest
    secrets: call_secrets.CallSecrets

    def run(
        self,
        function: Callable[[], Any],
        *,
        passes: type[Exception] | tuple[()] = (),
    ) -> Any:
        """Return the result of a function of a driver.

        SystemExit is caught, too: a driver must not end the conductor. A
        child process that the function forks ends here.

        :param passes: the errors that are not translated.
        """
        try:
            with child_processes.Contained():
                return function()
        except passes:
            raise
        except BaseException as error:
            raise self._outcome(error) from None

    def _outcome(self, error: BaseException) -> errors.PassthruError:
        """Return the error for clients; log what they must not see."""
        if isinstance(error, errors.DriverError):
            try:
                with child_processes.Contained():
                    return _portable(error, self.secrets)
            except BaseException as bug:
                # The error class of a vendor may raise anything.
                error = bug
        LOG.error(
            'Driver method %s.%s failed in request %s',
            self.call.driver_name,
            self.call.driver_method,
            self.context.request_id,
            exc_info=self.secrets.error(error),
        )
        return errors.DriverFailed(request_id=self.context.request_id)


def _portable(
    error: errors.DriverError, secrets: call_secrets.CallSecrets
) -> errors.PassthruError:
    """Return an error with the message of a driver's error.

    Its arguments, cause and notes are left out: they may not be JSON, and
    are not meant for clients. Its partial result is not.
    """
    message = secrets.text(str(error.message))
    details = {}
    if error.partial_result is not None:
        value = error.partial_result
        _, shown = serialization.reveal(value, serialization.to_json(value))
        # NaN raises an error here, and not where it is recorded.
        json.dumps(shown, allow_nan=False)
        details = {errors.PARTIAL_RESULT: secrets.value(shown)}
    if isinstance(error, errors.Cancelled):
        return errors.Cancelled(message, **details)
    code, status = error.client_code, _status(error)
    # Classes of vendors are unknown to the API.
    kind = next(
        each
        for each in type(error).__mro__
        if each.__module__ == errors.__name__
        and issubclass(each, errors.DriverError)
    )
    if (kind.code, kind.status) == (code, status):
        return kind(message, **details)
    return errors.VendorError(
        message=message, status=status, code=secrets.text(code), **details
    )


def _status(error: errors.DriverError) -> int:
    """Return the status of a vendor's error, or 500 for an unusable one."""
    # As in Ironic, ``code`` may be the status.
    status = error.code if isinstance(error.code, int) else error.status
    if not 400 <= status <= 599 or status in _NOT_FOR_DRIVERS:
        return 500
    return int(status)
