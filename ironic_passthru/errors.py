# SPDX-License-Identifier: Apache-2.0
"""The one tree of errors; what reaches a client is stated by each class.

::

    PassthruError                        500 internal_error
    ├── ConfigError                      (start only)
    ├── DriverLoadError                  (start only)
    ├── RequestError                     400 bad_request
    │   ├── InvalidBody                  400 invalid_body
    │   ├── BodyTooDeep                  400 body_too_deep
    │   ├── InvalidContentLength         400 invalid_content_length
    │   ├── Unauthorized                 401 unauthorized
    │   ├── Forbidden                    403 forbidden
    │   │   └── DangerousMethod          403 dangerous_method
    │   ├── CrossSite                    403 cross_site
    │   ├── RequestTimeout               408 request_timeout
    │   ├── LengthRequired               411 length_required
    │   ├── BodyTooLarge                 413 body_too_large
    │   ├── QueryTooLong                 414 query_too_long
    │   ├── InvalidArgument              400 invalid_argument
    │   ├── UnexpectedArguments          400 unexpected_arguments
    │   ├── InvalidParameters            400 invalid_parameters
    │   ├── MissingMethod                400 missing_method
    │   ├── MethodNotFound               400 method_not_found
    │   ├── VerbNotSupported             400 verb_not_supported
    │   ├── RouteNotFound                404 not_found
    │   │   ├── DriverNotFound           404 driver_not_found
    │   │   ├── ConductorNotFound        404 conductor_not_found
    │   │   └── OperationNotFound        404 operation_not_found
    │   ├── VerbNotAllowed               405 method_not_allowed
    │   ├── NotAcceptable                406 not_acceptable
    │   │   ├── VersionNotAcceptable     406 version_not_acceptable
    │   │   └── FieldNotInVersion        406 field_not_in_version
    │   ├── InvalidKey                   400 invalid_idempotency_key
    │   ├── KeyReused                    422 idempotency_key_reused
    │   ├── OperationActive              409 operation_active
    │   ├── OperationFinal               409 operation_final
    │   ├── OperationCancelled           409 operation_cancelled
    │   └── ResultGone                   410 result_gone
    ├── NotRun                           503 not_run
    │   ├── NoLiveConductor              503 no_live_conductor
    │   ├── NoConductorAlive             503 no_conductor_alive
    │   ├── ConductorBusy                503 conductor_busy
    │   ├── ConductorStopping            503 conductor_stopping
    │   ├── StaleCall                    503 stale_call
    │   ├── CallExpired                  503 call_expired
    │   ├── CallNotDelivered             503 call_not_delivered
    │   ├── KeyInUse                     503 idempotency_key_in_use
    │   ├── OperationExpired             503 operation_expired
    │   ├── BusUnavailable               503 bus_unavailable
    │   ├── IdentityUnavailable          503 identity_unavailable
    │   ├── PolicyUnavailable            503 policy_unavailable
    │   └── RegistryUnavailable          503 registry_unavailable
    ├── OutcomeUnknown                   504 outcome_unknown
    │   └── DuplicateCall                504 duplicate_call
    ├── DriverFailed                     500 driver_failed
    ├── MethodTimedOut                   500 method_timed_out
    ├── ResultNotSerializable            500 result_not_serializable
    ├── ResultTooLarge                   500 result_too_large
    ├── BadAttachment                    500 bad_attachment
    ├── VendorError                      (status and code of a vendor's class)
    └── DriverError                      500 driver_error
        ├── VendorPassthruException      500 vendor_passthru_failed
        ├── DriverOperationError         500 driver_operation_failed
        ├── Invalid                      400 invalid
        │   ├── InvalidParameterValue    400 invalid_parameter_value
        │   │   └── MissingParameterValue    400 missing_parameter_value
        │   └── UnsupportedDriverExtension   400 unsupported_extension
        ├── NotAuthorized                403 not_authorized
        ├── NotFound                     404 not_found_by_driver
        ├── Conflict                     409 conflict
        ├── Cancelled                    500 cancelled_without_request
        └── TemporaryFailure             503 temporary_failure

``DriverError`` and what is below it are meant to be raised by drivers.
They bear the names of their counterparts in Ironic and, like them, take a
plain sentence or the facts that fill ``_msg_fmt``.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

#: Statuses upon which python-ironicclient and openstacksdk send a request
#: again, by themselves: what has them must certainly not have run.
RESENT_ON = frozenset({409, 503})


@dataclasses.dataclass(frozen=True)
class Fault:
    """One thing wrong with the parameters of a call.

    :param pointer: JSON pointer (RFC 6901) of the value, or of the place
        where a missing one would have been.
    :param detail: what is wrong with it, as a phrase.
    """

    pointer: str
    detail: str


class PassthruError(Exception):
    """Something failed; made from facts, the class writes the words.

    :cvar code: stable identifier, never reused for another meaning.
    :cvar status: HTTP status code that a client gets.
    :ivar kwargs: the facts; JSON values, since errors cross the bus by them.
    :ivar message: the sentence, without any traceback (``str()`` of an
        error rebuilt by oslo.messaging holds the sender's traceback).
    """

    code: Any = 'internal_error'
    status = 500
    _msg_fmt = 'The service met an internal error; its log names the cause.'

    def __init__(self, **kwargs: Any) -> None:
        super().__init__()
        self.kwargs = kwargs
        self.message = self._format()

    def _format(self) -> str:
        try:
            return self._msg_fmt % self.kwargs
        except (KeyError, TypeError, ValueError):
            # A class whose facts do not fit its sentence is a mistake, but
            # it must not hide the failure that is being reported.
            return self._msg_fmt

    def __str__(self) -> str:
        return self.message

    def faults(self) -> list[Fault]:
        """Return the single faults that make up this error, if any."""
        return []


def _with_hint(text: str, kwargs: Mapping[str, Any]) -> str:
    """Return a message with the sentence ``hint``, if there is one."""
    hint = kwargs.get('hint')
    return f'{text}. {hint}' if hint else text


class ConfigError(PassthruError):
    """The configuration prevents the start."""

    code = 'config_error'
    _msg_fmt = '%(reason)s'

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)


class DriverLoadError(PassthruError):
    """A driver cannot be loaded."""

    code = 'driver_load_error'
    _msg_fmt = "Driver '%(driver)s' cannot be loaded: %(reason)s"


class RequestError(PassthruError):
    """The request is wrong; sending it again unchanged cannot help."""

    code = 'bad_request'
    status = 400
    _msg_fmt = 'The request is not valid: %(reason)s'


class InvalidBody(RequestError):
    """The body is not a JSON object."""

    code = 'invalid_body'
    _msg_fmt = 'The request body is not valid: %(reason)s'


class BodyTooDeep(RequestError):
    """The body nests deeper than is allowed."""

    code = 'body_too_deep'
    _msg_fmt = 'The request body nests deeper than %(limit)d levels.'


class InvalidContentLength(RequestError):
    """The Content-Length header does not tell the length of the body."""

    code = 'invalid_content_length'
    _msg_fmt = 'The Content-Length header is not valid: %(reason)s'


class Unauthorized(RequestError):
    """The request bears no valid login.

    :param challenge: value of the ``WWW-Authenticate`` header (RFC 9110).
    """

    code = 'unauthorized'
    status = 401
    _msg_fmt = 'The request needs a valid login.'


class Forbidden(RequestError):
    """The policy does not let the caller do this.

    :param rule: name of the rule that decided.
    """

    code = 'forbidden'
    status = 403
    _msg_fmt = 'The policy does not allow this request (rule %(rule)s).'


class DangerousMethod(Forbidden):
    """A dangerous method that the conductors' configuration does not allow.

    Whoever asks: sites without roles have nothing else to hold it back.
    """

    code = 'dangerous_method'
    _msg_fmt = (
        'The method %(method)s of driver %(driver)s is dangerous, and '
        '[conductor] allowed_dangerous_methods does not name it.'
    )


class CrossSite(RequestError):
    """A browser sent the request for a page of another site, or may have.

    :param header: name of the header that shows it.
    :param reason: why the request is refused.
    """

    code = 'cross_site'
    status = 403
    _msg_fmt = '%(reason)s (header %(header)s).'


class RequestTimeout(RequestError):
    """The request did not arrive whole within the time for it."""

    code = 'request_timeout'
    status = 408
    _msg_fmt = 'The request did not arrive within %(limit)s seconds.'


class LengthRequired(RequestError):
    """The body came in a transfer coding that cannot be read here."""

    code = 'length_required'
    status = 411
    _msg_fmt = (
        'A body with Transfer-Encoding cannot be read by this server; send '
        'it with a Content-Length.'
    )


class BodyTooLarge(RequestError):
    """The body has more bytes than is allowed."""

    code = 'body_too_large'
    status = 413
    _msg_fmt = 'The request body is larger than %(limit)d bytes.'


class QueryTooLong(RequestError):
    """The query has more bytes than is allowed."""

    code = 'query_too_long'
    status = 414
    _msg_fmt = 'The query is longer than %(limit)d bytes.'


class InvalidArgument(RequestError):
    """A query parameter of a reading route has a wrong value."""

    code = 'invalid_argument'
    _msg_fmt = "Invalid value for argument '%(name)s': %(reason)s"


class UnexpectedArguments(RequestError):
    """The query holds parameters that the route does not know.

    :param hint: a sentence about what to do instead; optional.
    """

    code = 'unexpected_arguments'
    _msg_fmt = 'Unexpected arguments: %(names)s'

    def _format(self) -> str:
        return _with_hint(super()._format(), self.kwargs)


class InvalidParameters(RequestError):
    """The parameters of a call do not fit the method's signature.

    :param method: name of the method.
    :param errors: list of ``{'pointer': ..., 'detail': ...}``.
    """

    code = 'invalid_parameters'
    _msg_fmt = 'Invalid parameters for method %(method)s: %(details)s'

    def __init__(
        self, *, method: str, errors: list[dict[str, str]], **_: Any
    ) -> None:
        details = '; '.join(fault['detail'] for fault in errors)
        super().__init__(method=method, errors=errors, details=details)

    def faults(self) -> list[Fault]:
        return [Fault(**fault) for fault in self.kwargs['errors']]


class MissingMethod(RequestError):
    """A call names no method."""

    code = 'missing_method'
    _msg_fmt = 'Missing mandatory parameter: method'


class MethodNotFound(RequestError):
    """The driver has no such method."""

    code = 'method_not_found'
    _msg_fmt = 'No handler for method %(method)s'


class VerbNotSupported(RequestError):
    """The vendor method does not take this HTTP verb.

    :param allowed: the verbs that it takes, as text.
    """

    code = 'verb_not_supported'
    _msg_fmt = (
        'The method %(method)s does not support HTTP %(http_method)s. '
        'Supported: %(allowed)s.'
    )


class RouteNotFound(RequestError):
    """No resource has this path."""

    code = 'not_found'
    status = 404
    _msg_fmt = 'The resource could not be found.'


class DriverNotFound(RouteNotFound):
    """No conductor ever offered this driver."""

    code = 'driver_not_found'
    _msg_fmt = "The driver '%(driver)s' is unknown."


class ConductorNotFound(RouteNotFound):
    """No conductor of this host name ever registered."""

    code = 'conductor_not_found'
    _msg_fmt = "The conductor '%(hostname)s' is unknown."


class OperationNotFound(RouteNotFound):
    """No operation has this id, or it was purged."""

    code = 'operation_not_found'
    _msg_fmt = "The operation '%(operation)s' is unknown."


class VerbNotAllowed(RequestError):
    """The resource exists but does not take this HTTP verb.

    :param allow: list of the verbs that it takes.
    """

    code = 'method_not_allowed'
    status = 405
    _msg_fmt = 'HTTP %(http_method)s is not allowed on this resource.'


class NotAcceptable(RequestError):
    """None of the media types that the client accepts can be produced."""

    code = 'not_acceptable'
    status = 406
    _msg_fmt = (
        'The answer can be application/json or application/problem+json, '
        'which the Accept header does not admit.'
    )


class VersionNotAcceptable(NotAcceptable):
    """The API version asked for is not offered."""

    code = 'version_not_acceptable'
    _msg_fmt = (
        'The API version %(version)s is not supported; the minimum is '
        '%(minimum)s, the maximum %(maximum)s.'
    )


class FieldNotInVersion(NotAcceptable):
    """An argument or field was asked for below the version that has it."""

    code = 'field_not_in_version'
    _msg_fmt = (
        "'%(name)s' needs API version %(needed)s or later; the request is "
        'at %(version)s.'
    )


class InvalidKey(RequestError):
    """The Idempotency-Key header has no usable value."""

    code = 'invalid_idempotency_key'
    _msg_fmt = 'The Idempotency-Key header is not valid: %(reason)s'


class KeyReused(RequestError):
    """An Idempotency-Key came with a request other than its first."""

    code = 'idempotency_key_reused'
    status = 422
    _msg_fmt = (
        'The Idempotency-Key was first used with another request; nothing '
        'was started.'
    )


class OperationActive(RequestError):
    """The operation of an Idempotency-Key has not finished.

    :param location: URL of the operation.
    """

    code = 'operation_active'
    status = 409
    _msg_fmt = (
        'The operation %(operation)s of this Idempotency-Key has not '
        'finished; nothing new was started.'
    )


class OperationFinal(RequestError):
    """An operation that has ended cannot be cancelled."""

    code = 'operation_final'
    status = 409
    _msg_fmt = (
        "The operation '%(operation)s' has ended (%(state)s) and cannot be "
        'cancelled.'
    )


class OperationCancelled(RequestError):
    """The operation was cancelled, so it has no result."""

    code = 'operation_cancelled'
    status = 409
    _msg_fmt = "The operation '%(operation)s' was cancelled."


class ResultGone(RequestError):
    """The result of the operation was purged."""

    code = 'result_gone'
    status = 410
    _msg_fmt = "The result of the operation '%(operation)s' was purged."


class NotRun(PassthruError):
    """The call certainly did not run; it may be sent again."""

    code = 'not_run'
    status = 503
    _msg_fmt = 'The call was not run; try again.'


class NoLiveConductor(NotRun):
    """Conductors that offer the driver are known, but none is alive."""

    code = 'no_live_conductor'
    _msg_fmt = "No live conductor offers the driver '%(driver)s' now."


class NoConductorAlive(NotRun):
    """No conductor at all is alive."""

    code = 'no_conductor_alive'
    _msg_fmt = 'None of the %(known)d known conductors is alive.'


class ConductorBusy(NotRun):
    """The conductor has no free worker."""

    code = 'conductor_busy'
    _msg_fmt = 'All workers of the conductor are busy; the call was not run.'


class ConductorStopping(NotRun):
    """The conductor takes no new calls because it is stopping."""

    code = 'conductor_stopping'
    _msg_fmt = 'The conductor is stopping; the call was not run.'


class StaleCall(NotRun):
    """The message was meant for another incarnation of the conductor."""

    code = 'stale_call'
    _msg_fmt = (
        'The call was meant for an earlier run of the conductor and was '
        'not run.'
    )


class CallExpired(NotRun):
    """The message was taken only after its deadline."""

    code = 'call_expired'
    _msg_fmt = 'The call reached its conductor after its deadline.'


class CallNotDelivered(NotRun):
    """No conductor that offers the method could be reached."""

    code = 'call_not_delivered'
    _msg_fmt = 'The call reached none of the conductors and was not run.'


class KeyInUse(NotRun):
    """Another operation has been recorded for this Idempotency-Key.

    :param operation: id of that operation.
    """

    code = 'idempotency_key_in_use'
    _msg_fmt = (
        'The operation %(operation)s has the same Idempotency-Key; the call '
        'was not run.'
    )


class OperationExpired(NotRun):
    """The operation was accepted, but never begun."""

    code = 'operation_expired'
    _msg_fmt = (
        'The operation waited too long, or its conductor ended before it '
        'began; it was not run.'
    )


class BusUnavailable(NotRun):
    """The message bus cannot be reached."""

    code = 'bus_unavailable'
    _msg_fmt = 'The message bus cannot be reached; the call was not run.'


class IdentityUnavailable(NotRun):
    """The service that checks logins cannot be reached."""

    code = 'identity_unavailable'
    _msg_fmt = 'The login cannot be checked now; nothing was run.'


class PolicyUnavailable(NotRun):
    """A service that a rule of the policy asks gives no answer.

    :param rule: name of the rule.
    """

    code = 'policy_unavailable'
    _msg_fmt = (
        'Whether the policy allows this cannot be found out now (rule '
        '%(rule)s); nothing was run.'
    )


class RegistryUnavailable(NotRun):
    """The registry database cannot be reached."""

    code = 'registry_unavailable'
    _msg_fmt = 'The registry of conductors cannot be reached now.'


class OutcomeUnknown(PassthruError):
    """The call was sent, but no answer came: it may or may not have run.

    :param hint: a sentence about what to do instead; optional.
    """

    code = 'outcome_unknown'
    status = 504
    _msg_fmt = (
        'No answer came for the call; whether it ran is not known. '
        'Request id: %(request_id)s'
    )

    def _format(self) -> str:
        return _with_hint(super()._format(), self.kwargs)


class DuplicateCall(OutcomeUnknown):
    """The conductor has already taken a message with this call id.

    The first message may be running, so a client must never be told 503 on
    account of the second.
    """

    code = 'duplicate_call'
    _msg_fmt = 'The call was received twice; only the first one counts.'


class DriverFailed(PassthruError):
    """A driver raised something that is not one of these errors."""

    code = 'driver_failed'
    _msg_fmt = (
        'The driver method failed unexpectedly; the log of the conductor '
        'names the cause. Request id: %(request_id)s'
    )


class ResultNotSerializable(PassthruError):
    """A method returned something that has no JSON form."""

    code = 'result_not_serializable'
    _msg_fmt = (
        'The method %(method)s ran, but its result has no JSON form. '
        'Request id: %(request_id)s'
    )


class ResultTooLarge(PassthruError):
    """A method returned more than may be sent."""

    code = 'result_too_large'
    _msg_fmt = (
        'The method %(method)s ran, but its result is larger than '
        '%(limit)d bytes. Request id: %(request_id)s'
    )


class MethodTimedOut(PassthruError):
    """A method stopped because its timeout had passed."""

    code = 'method_timed_out'
    _msg_fmt = (
        'The method %(method)s stopped because its timeout had passed. It may '
        'have done part of its work.'
    )


class BadAttachment(PassthruError):
    """A method declared with ``attach`` returned neither text nor bytes."""

    code = 'bad_attachment'
    _msg_fmt = (
        'The method %(method)s ran, but what it attached is neither text '
        'nor bytes. Request id: %(request_id)s'
    )


class VendorError(PassthruError):
    """An error of a vendor's class, or a recorded one, carried as data.

    The API does not have the classes of vendors, so status and code travel
    with the sentence.

    :param message: what the client is told.
    :param status: HTTP status code.
    :param code: stable identifier.
    """

    code = 'vendor_error'
    _msg_fmt = '%(message)s'

    def __init__(
        self, *, message: str, status: int, code: str, **facts: Any
    ) -> None:
        super().__init__(message=message, status=status, code=code, **facts)
        self.status = status
        self.code = code


class DriverError(PassthruError):
    """Base of the errors that drivers raise.

    :param message: a plain sentence for the client; without it the class's
        ``_msg_fmt`` is filled with ``kwargs``.

    A vendor's subclass states its status as ``status``, or as an integer
    ``code`` in the manner of Ironic.
    """

    code = 'driver_error'
    _msg_fmt = 'The driver reported an error.'

    def __init__(self, message: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if message is not None:
            self.message = str(message)
            self.args = (self.message,)


class VendorPassthruException(DriverError):
    """A vendor method failed."""

    code = 'vendor_passthru_failed'
    _msg_fmt = 'The vendor method failed.'


class DriverOperationError(DriverError):
    """The hardware refused or failed an operation."""

    code = 'driver_operation_failed'
    _msg_fmt = 'The hardware failed the operation.'


class Invalid(DriverError):
    """What the caller asked for is not acceptable to the driver."""

    code = 'invalid'
    status = 400
    _msg_fmt = 'Unacceptable parameters.'


class InvalidParameterValue(Invalid):
    """A parameter has a value that the driver cannot use."""

    code = 'invalid_parameter_value'
    _msg_fmt = 'A parameter has an invalid value.'


class MissingParameterValue(InvalidParameterValue):
    """A parameter that the driver needs is missing."""

    code = 'missing_parameter_value'
    _msg_fmt = 'A required parameter is missing.'


class UnsupportedDriverExtension(Invalid):
    """The driver does not support what was asked for."""

    code = 'unsupported_extension'
    _msg_fmt = 'The driver does not support this.'


class NotAuthorized(DriverError):
    """The driver refuses this caller."""

    code = 'not_authorized'
    status = 403
    _msg_fmt = 'Not authorized.'


class NotFound(DriverError):
    """What the caller named does not exist on the hardware."""

    code = 'not_found_by_driver'
    status = 404
    _msg_fmt = 'The driver could not find what was asked for.'


class Conflict(DriverError):
    """The state of the hardware does not allow this now."""

    code = 'conflict'
    status = 409
    _msg_fmt = 'The operation conflicts with the state of the hardware.'


class Cancelled(DriverError):
    """The method stopped because the cancellation of its call was requested.

    A method raises it where ``context.cancel_requested`` is true and it can
    stop safely; its operation ends as ``cancelled``, or as ``failed`` if the
    timeout of the method has passed without a request to cancel it.
    The text is not recorded: report progress before. Status and code are for
    a method that raises it without such a request, which is a mistake of
    the driver.
    """

    code = 'cancelled_without_request'
    _msg_fmt = (
        'The driver method stopped as if the call had been cancelled, but '
        'its cancellation was not requested.'
    )


class TemporaryFailure(DriverError):
    """The hardware cannot do this now but may later."""

    code = 'temporary_failure'
    status = 503
    _msg_fmt = 'A temporary failure; try again later.'


# Vendor code that was written for Ironic names its base class so.
IronicException = DriverError
