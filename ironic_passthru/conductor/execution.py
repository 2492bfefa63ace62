# SPDX-License-Identifier: Apache-2.0
"""Running the code of drivers, and what a client may know of its errors."""

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from oslo_log import log

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.conductor import call as calls
from ironic_passthru.conductor import results
from ironic_passthru.drivers import child_processes
from ironic_passthru.drivers import loader
from ironic_passthru.redaction import call_secrets
from ironic_passthru.redaction import converted_values

LOG = log.getLogger(__name__)

# These speak of the login and of the resource, which are not the driver's,
# and need headers that it cannot give; on the first, keystoneauth logs in
# anew and sends the request again.
_NOT_FOR_DRIVERS = (401, 405)


def prepare(
    context: request_context.RequestContext,
    call: calls.Call,
    *,
    driver: loader.Driver,
    method: loader.Method,
) -> calls.Job:
    """Convert the parameters of a call and have its driver check them.

    :raises: InvalidParameters; what the driver raised, fit for a client.
    """
    secrets = method.spec.secrets(call.parameters)
    guard = _Guard(context, call, secrets)

    def convert() -> dict[str, Any]:
        # A type of the driver's own may run any code.
        arguments = method.signature.convert(
            call.method, call.parameters, secrets=secrets
        )
        # Now, since driver_validate() may change the arguments.
        secrets.add(
            converted_values.secrets(
                method.spec.masker,
                {**method.signature.defaults, **arguments},
                parameters=call.parameters,
            )
        )
        return arguments

    def validate() -> None:
        values = {**arguments, 'http_method': call.http_method}
        driver.interface.driver_validate(
            call.method, **driver.validated.select(values)
        )

    with secrets.in_logs():
        arguments = guard.run(convert, passes=errors.InvalidParameters)
        guard.run(validate)
    return calls.Job(context, call, method, arguments, secrets=secrets)


def execute(
    job: calls.Job, state: request_context.CallState, *, max_result_size: int
) -> results.Result:
    """Run the method of a call and return its result as a JSON value.

    :param state: what the method sees of its call.
    :param max_result_size: in bytes.
    :raises: what the driver raised, fit for a client.
    """
    # What turns a result into JSON may be the driver's code as well.
    with job.secrets.in_logs():
        return results.encode(
            job.method.spec,
            _returned(job, state),
            max_size=max_result_size,
            request_id=job.context.request_id,
            secrets=job.secrets,
        )


def _returned(job: calls.Job, state: request_context.CallState) -> Any:
    """Return what the method of a call returns, as it is."""
    arguments: Mapping[str, Any] = job.method.signature.inject(
        dict(job.arguments),
        context=job.context.for_call(state),
        http_method=job.call.http_method,
    )
    guard = _Guard(job.context, job.call, job.secrets)
    try:
        return guard.run(lambda: job.method.function(**arguments))
    except errors.PassthruError as outcome:
        if outcome.status not in errors.RESENT_ON:
            raise
        # The method has started, so nobody may be led to send it again.
        raise errors.VendorError(
            message=outcome.message, status=500, code=outcome.code
        ) from None


@dataclasses.dataclass(frozen=True)
class _Guard:
    """Stands between a driver's code and those who must not see all of it.

    :param secrets: redacts what the driver raises.
    """

    context: request_context.RequestContext
    call: calls.Call
    secrets: call_secrets.CallSecrets

    def run(
        self,
        function: Callable[[], Any],
        *,
        passes: type[Exception] | tuple[()] = (),
    ) -> Any:
        """Return what a driver's code returns; raise the project's errors.

        Even SystemExit is caught: a driver must not end the conductor. A
        child process that the driver's code forks ends here.

        :param passes: what is raised as it is.
        """
        try:
            with child_processes.contained():
                return function()
        except passes:
            raise
        except BaseException as error:
            raise self._outcome(error) from None

    def _outcome(self, error: BaseException) -> errors.PassthruError:
        """Return what a client may know of an error that a driver raised."""
        if isinstance(error, errors.DriverError):
            try:
                with child_processes.contained():
                    return _portable(error, self.secrets)
            except BaseException as mistake:
                # A vendor's class can be wrong in any way, and end in
                # SystemExit, too.
                error = mistake
        LOG.error(
            'Driver method %s.%s failed in request %s',
            self.call.driver,
            self.call.method,
            self.context.request_id,
            exc_info=self.secrets.error(error),
        )
        return errors.DriverFailed(request_id=self.context.request_id)


def _portable(
    error: errors.DriverError, secrets: call_secrets.CallSecrets
) -> errors.PassthruError:
    """Return a driver's error as what can cross the bus: its sentence.

    The facts that it was made from, its cause and its notes stay here: they
    may have no JSON form, and nobody has meant them for a client.
    """
    message = secrets.text(str(error.message))
    if type(error).__module__ == errors.__name__:
        return type(error)(message)
    if isinstance(error, errors.Cancelled):
        return errors.Cancelled(message)
    code = error.code if isinstance(error.code, str) else 'vendor_error'
    return errors.VendorError(
        message=message, status=_status(error), code=secrets.text(code)
    )


def _status(error: errors.DriverError) -> int:
    """Return the status of a vendor's error, if it states a usable one."""
    # Ironic's way is an integer in ``code``.
    status = error.code if isinstance(error.code, int) else error.status
    if not 400 <= status <= 599 or status in _NOT_FOR_DRIVERS:
        return 500
    return int(status)
