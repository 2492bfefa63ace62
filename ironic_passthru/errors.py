# SPDX-License-Identifier: Apache-2.0
"""The errors of the service, with the HTTP status and code of each class.

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
    │   ├── InvalidConductorGroup        400 invalid_conductor_group
    │   ├── ConductorGroupNotFound       400 conductor_group_not_found
    │   ├── ConductorGroupUnusable       400 conductor_group_unusable
    │   ├── RouteNotFound                404 not_found
    │   │   ├── DriverNotFound           404 driver_not_found
    │   │   ├── UnknownMethod            404 unknown_method
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
    │   ├── TargetsMoved                 503 targets_moved
    │   ├── TargetsUnavailable           503 targets_unavailable
    │   ├── StaleCall                    503 stale_call
    │   ├── CallExpired                  503 call_expired
    │   ├── CallNotDelivered             503 call_not_delivered
    │   ├── KeyInUse                     503 idempotency_key_in_use
    │   ├── OperationExpired             503 operation_expired
    │   ├── BusUnavailable               503 bus_unavailable
    │   ├── IdentityUnavailable          503 identity_unavailable
    │   ├── PolicyUnavailable            503 policy_unavailable
    │   ├── RegistryUnavailable          503 registry_unavailable
    │   ├── IronicUnavailable            503 ironic_unavailable
    │   └── NoEventStream                503 no_event_stream
    ├── OutcomeUnknown                   504 outcome_unknown
    │   └── DuplicateCall                504 duplicate_call
    ├── DriverFailed                     500 driver_failed
    ├── MethodTimedOut                   500 method_timed_out
    ├── ResultNotSerializable            500 result_not_serializable
    ├── ResultTooLarge                   500 result_too_large
    ├── BadAttachment                    500 bad_attachment
    ├── IronicResponseTooLarge           500 ironic_response_too_large
    ├── ForwardingLoop                   500 forwarding_loop
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

Drivers raise ``DriverError`` and its subclasses. They have the names of their
counterparts in Ironic and accept the same arguments: a message, or the values
for ``_msg_fmt``.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

#: Statuses on which python-ironicclient and openstacksdk repeat a request: a
#: call with such a response must not have run.
RESENT_ON = frozenset({409, 503})


#: Member of ``kwargs`` of an error, in RPC replies too: the result of a method
#: as far as there is one.
PARTIAL_RESULT = 'partial_result'


@dataclasses.dataclass(frozen=True)
class FieldError:
    """A validation error of one parameter of a call.

    :param pointer: JSON pointer (RFC 6901) of the value, or of the place of
        a missing one.
    :param detail: the error, as a phrase.
    """

    pointer: str
    detail: str


class PassthruError(Exception):
    """Base class; ``_msg_fmt`` is formatted with the keyword arguments.

    :cvar code: stable identifier, never reused for another meaning.
    :cvar status: HTTP status code of the response.
    :ivar kwargs: the keyword arguments, JSON values: RPC transmits errors by
        them.
    :ivar message: message without a traceback. The ``str()`` of an error
        rebuilt by oslo.messaging contains the traceback of the sender.
    """

    code: Any = 'internal_error'
    status = 500
    _msg_fmt = 'Internal error; the log of the service contains the cause.'
    # Whether the argument ``hint`` is appended to the message.
    _has_hint = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__()
        self.kwargs = kwargs
        self.message = self._format()

    def _format(self) -> str:
        try:
            text = self._msg_fmt % self.kwargs
        except (KeyError, TypeError, ValueError):
            # Wrong arguments must not hide the error that is reported.
            text = self._msg_fmt
        hint = self.kwargs.get('hint') if self._has_hint else None
        return f'{text}. {hint}' if hint else text

    def __str__(self) -> str:
        return self.message

    def field_errors(self) -> list[FieldError]:
        """Return the errors of single parameters, if any."""
        return []


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
    """The request is invalid; repeating it unchanged fails again."""

    code = 'bad_request'
    status = 400
    _msg_fmt = 'The request is not valid: %(reason)s'


class InvalidBody(RequestError):
    """The body is not a JSON object."""

    code = 'invalid_body'
    _msg_fmt = 'The request body is not valid: %(reason)s'


class BodyTooDeep(RequestError):
    """The nesting of the body exceeds the limit."""

    code = 'body_too_deep'
    _msg_fmt = 'The request body nests deeper than %(limit)d levels.'


class InvalidContentLength(RequestError):
    """The Content-Length header does not match the body."""

    code = 'invalid_content_length'
    _msg_fmt = 'The Content-Length header is not valid: %(reason)s'


class Unauthorized(RequestError):
    """The request has no valid credentials.

    :param challenge: value of the ``WWW-Authenticate`` header (RFC 9110).
    """

    code = 'unauthorized'
    status = 401
    _msg_fmt = 'Authentication required.'


class Forbidden(RequestError):
    """The policy does not allow the request.

    :param rule: name of the rule.
    """

    code = 'forbidden'
    status = 403
    _msg_fmt = 'The policy does not allow this request (rule %(rule)s).'


class DangerousMethod(Forbidden):
    """A dangerous method that no conductor is configured to allow.

    It applies to every caller: without roles there is no other restriction.
    """

    code = 'dangerous_method'
    _msg_fmt = (
        'The method %(method)s of driver %(driver)s is dangerous, and '
        '[conductor] allowed_dangerous_methods does not name it.'
    )


class CrossSite(RequestError):
    """A browser sent, or may have sent, the request for another site.

    :param header: name of the header that shows it.
    :param reason: why the request is refused.
    """

    code = 'cross_site'
    status = 403
    _msg_fmt = '%(reason)s (header %(header)s).'


class RequestTimeout(RequestError):
    """The request was not received in time."""

    code = 'request_timeout'
    status = 408
    _msg_fmt = 'The request was not received within %(limit)s seconds.'


class LengthRequired(RequestError):
    """The transfer coding of the body is not supported by this server."""

    code = 'length_required'
    status = 411
    _msg_fmt = 'Transfer-Encoding is not supported; send Content-Length.'


class BodyTooLarge(RequestError):
    """The size of the body exceeds the limit."""

    code = 'body_too_large'
    status = 413
    _msg_fmt = 'The request body is larger than %(limit)d bytes.'


class QueryTooLong(RequestError):
    """The length of the query exceeds the limit."""

    code = 'query_too_long'
    status = 414
    _msg_fmt = 'The query is longer than %(limit)d bytes.'


class InvalidArgument(RequestError):
    """A query parameter has an invalid value."""

    code = 'invalid_argument'
    _msg_fmt = "Invalid value for argument '%(name)s': %(reason)s"


class UnexpectedArguments(RequestError):
    """The query contains unknown parameters.

    :param hint: optional text about the remedy.
    """

    code = 'unexpected_arguments'
    _msg_fmt = 'Unexpected arguments: %(names)s'
    _has_hint = True


class InvalidParameters(RequestError):
    """The parameters of a call do not match the method's schema.

    :param method: name of the method.
    :param errors: list of ``{'pointer': ..., 'detail': ...}``.
    """

    code = 'invalid_parameters'
    _msg_fmt = 'Invalid parameters for method %(method)s: %(details)s'

    def __init__(
        self, *, method: str, errors: list[dict[str, str]], **_: Any
    ) -> None:
        details = '; '.join(error['detail'] for error in errors)
        super().__init__(method=method, errors=errors, details=details)

    def field_errors(self) -> list[FieldError]:
        """Return the errors of the parameters."""
        return [FieldError(**error) for error in self.kwargs['errors']]


class MissingMethod(RequestError):
    """The call has no method."""

    code = 'missing_method'
    _msg_fmt = 'Missing mandatory parameter: method'


class MethodNotFound(RequestError):
    """The driver does not offer the method."""

    code = 'method_not_found'
    _msg_fmt = 'No handler for method %(method)s'


class VerbNotSupported(RequestError):
    """The vendor method does not support this HTTP method.

    :param allowed: the supported HTTP methods, as text.
    """

    code = 'verb_not_supported'
    _msg_fmt = (
        'The method %(method)s does not support HTTP %(http_method)s. '
        'Supported: %(allowed)s.'
    )


class InvalidConductorGroup(RequestError):
    """The value of the Passthru-Conductor-Group header is invalid.

    :param limit: maximum length of a name.
    """

    code = 'invalid_conductor_group'
    _msg_fmt = (
        'The Passthru-Conductor-Group header is not valid: it must occur once '
        'and be empty or a name of at most %(limit)d letters, digits, ".", '
        '"_" and "-".'
    )


class ConductorGroupNotFound(RequestError):
    """No known conductor of the named group offers the method.

    :param groups: groups with live conductors that offer it, sorted; only
        those that the caller may use.
    """

    code = 'conductor_group_not_found'
    _msg_fmt = (
        "No conductor of the group '%(group)s' offers the method %(method)s "
        "of the driver '%(driver)s'.%(others)s"
    )

    def __init__(self, *, groups: Sequence[str] = (), **values: Any) -> None:
        names = ', '.join(f"'{name}'" for name in groups)
        others = names and f' Groups that offer it: {names}.'
        super().__init__(**values | {'groups': [*groups], 'others': others})


class ConductorGroupUnusable(RequestError):
    """A request for Ironic names a conductor group of this service."""

    code = 'conductor_group_unusable'
    _msg_fmt = (
        "Requests for the driver '%(driver)s' are forwarded to Ironic, which "
        'does not support the header Passthru-Conductor-Group; nothing was '
        'forwarded.'
    )


class RouteNotFound(RequestError):
    """No resource has this path."""

    code = 'not_found'
    status = 404
    _msg_fmt = 'The resource could not be found.'


class DriverNotFound(RouteNotFound):
    """No conductor has ever offered this driver."""

    code = 'driver_not_found'
    _msg_fmt = "The driver '%(driver)s' is unknown."


class UnknownMethod(RouteNotFound):
    """The driver does not offer this method to the caller.

    :param group: the conductor group that the caller named, None for any.
    """

    code = 'unknown_method'
    _msg_fmt = (
        "The driver '%(driver)s' has no method '%(method)s' that you may call"
        '%(in_group)s.'
    )

    def __init__(self, *, group: str | None = None, **values: Any) -> None:
        in_group = '' if group is None else f" in the group '{group}'"
        super().__init__(**values | {'group': group, 'in_group': in_group})


class ConductorNotFound(RouteNotFound):
    """No conductor with this host name has ever registered."""

    code = 'conductor_not_found'
    _msg_fmt = "The conductor '%(hostname)s' is unknown."


class OperationNotFound(RouteNotFound):
    """The operation does not exist, or was purged."""

    code = 'operation_not_found'
    _msg_fmt = "The operation '%(operation)s' is unknown."


class VerbNotAllowed(RequestError):
    """The resource does not support this HTTP method.

    :param allow: list of the supported HTTP methods.
    """

    code = 'method_not_allowed'
    status = 405
    _msg_fmt = 'HTTP %(http_method)s is not allowed on this resource.'


class NotAcceptable(RequestError):
    """The client accepts none of the available media types."""

    code = 'not_acceptable'
    status = 406
    _msg_fmt = 'The Accept header must allow %(offers)s.'


class VersionNotAcceptable(NotAcceptable):
    """The requested API version is not supported."""

    code = 'version_not_acceptable'
    _msg_fmt = (
        'The API version %(version)s is not supported; the minimum is '
        '%(minimum)s, the maximum %(maximum)s.'
    )


class FieldNotInVersion(NotAcceptable):
    """An argument or field requires a later API version."""

    code = 'field_not_in_version'
    _msg_fmt = (
        "'%(name)s' requires API version %(needed)s or later; the request "
        'uses %(version)s.'
    )


class InvalidKey(RequestError):
    """The value of the Idempotency-Key header is invalid."""

    code = 'invalid_idempotency_key'
    _msg_fmt = 'The Idempotency-Key header is not valid: %(reason)s'


class KeyReused(RequestError):
    """An Idempotency-Key was reused for another request."""

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
    """A finished operation cannot be cancelled."""

    code = 'operation_final'
    status = 409
    _msg_fmt = (
        "The operation '%(operation)s' has finished (%(state)s) and cannot be "
        'cancelled.'
    )


class OperationCancelled(RequestError):
    """A cancelled operation has no result."""

    code = 'operation_cancelled'
    status = 409
    _msg_fmt = "The operation '%(operation)s' was cancelled."


class ResultGone(RequestError):
    """The result of the operation was purged."""

    code = 'result_gone'
    status = 410
    _msg_fmt = "The result of the operation '%(operation)s' was purged."


class NotRun(PassthruError):
    """The call certainly did not run; it may be repeated."""

    code = 'not_run'
    status = 503
    _msg_fmt = 'The call was not run; try again.'


class NoLiveConductor(NotRun):
    """No conductor that offers the driver is alive.

    :param group: the conductor group that the caller named, None if any
        group is permitted.
    """

    code = 'no_live_conductor'
    _msg_fmt = (
        "No live conductor%(of_group)s offers the driver '%(driver)s' now."
    )

    def __init__(self, *, group: str | None = None, **values: Any) -> None:
        of_group = '' if group is None else f" of the group '{group}'"
        super().__init__(**values | {'group': group, 'of_group': of_group})


class NoConductorAlive(NotRun):
    """No conductor is alive."""

    code = 'no_conductor_alive'
    _msg_fmt = 'None of the %(known)d known conductors is alive.'


class ConductorBusy(NotRun):
    """The conductor has no free worker."""

    code = 'conductor_busy'
    _msg_fmt = 'All workers of the conductor are busy; the call was not run.'


class ConductorStopping(NotRun):
    """The conductor accepts no calls because it is stopping."""

    code = 'conductor_stopping'
    _msg_fmt = 'The conductor is stopping; the call was not run.'


class TargetsMoved(NotRun):
    """The conductor no longer serves targets of the call.

    :param moved: names of these targets, as text.
    """

    code = 'targets_moved'
    _msg_fmt = (
        'Not served by the conductor any more: %(moved)s; the call was not '
        'run, try again.'
    )


class TargetsUnavailable(NotRun):
    """No live conductor serves targets of the call.

    :param names: those of the targets, as text.
    """

    code = 'targets_unavailable'
    _msg_fmt = (
        'The conductor that serves them is not alive: %(names)s; the call '
        'was not run, try again.'
    )


class StaleCall(NotRun):
    """The message was sent to another incarnation of the conductor."""

    code = 'stale_call'
    _msg_fmt = (
        'The call was sent to an earlier incarnation of the conductor; it was '
        'not run.'
    )


class CallExpired(NotRun):
    """The message was received after its deadline."""

    code = 'call_expired'
    _msg_fmt = 'The call was received after its deadline; it was not run.'


class CallNotDelivered(NotRun):
    """No conductor that offers the method is reachable."""

    code = 'call_not_delivered'
    _msg_fmt = 'No conductor received the call; it was not run.'


class KeyInUse(NotRun):
    """Another operation is recorded for this Idempotency-Key.

    :param operation: id of that operation.
    """

    code = 'idempotency_key_in_use'
    _msg_fmt = (
        'The operation %(operation)s has the same Idempotency-Key; the call '
        'was not run.'
    )


class OperationExpired(NotRun):
    """The operation was accepted, but never started."""

    code = 'operation_expired'
    _msg_fmt = 'The operation expired before it started; it was not run.'


class BusUnavailable(NotRun):
    """The message bus is unavailable."""

    code = 'bus_unavailable'
    _msg_fmt = 'The message bus is unavailable; the call was not run.'


class IdentityUnavailable(NotRun):
    """The service that validates credentials is unavailable."""

    code = 'identity_unavailable'
    _msg_fmt = (
        'Authentication is temporarily unavailable; the call was not run.'
    )


class PolicyUnavailable(NotRun):
    """A service that a policy rule depends on is unavailable.

    :param rule: name of the rule.
    """

    code = 'policy_unavailable'
    _msg_fmt = (
        'The policy rule %(rule)s cannot be evaluated now; the call was not '
        'run.'
    )


class RegistryUnavailable(NotRun):
    """The registry database is unavailable."""

    code = 'registry_unavailable'
    _msg_fmt = 'The registry database is unavailable.'


class IronicUnavailable(NotRun):
    """The request was not forwarded to Ironic."""

    code = 'ironic_unavailable'
    _msg_fmt = 'Ironic is unavailable; the request was not forwarded.'


class NoEventStream(NotRun):
    """The process cannot serve another event stream."""

    code = 'no_event_stream'
    _msg_fmt = (
        'No event stream: %(reason)s. Request the operation with "Prefer: '
        'wait=N" instead.'
    )


class OutcomeUnknown(PassthruError):
    """The call was sent, but no reply was received: it may have run.

    :param hint: optional text about the remedy.
    """

    code = 'outcome_unknown'
    status = 504
    _msg_fmt = (
        'No reply to the call was received; its outcome is unknown. Request '
        'id: %(request_id)s'
    )
    _has_hint = True


class DuplicateCall(OutcomeUnknown):
    """The conductor has already received a message with this call id.

    It is not a 503: the first message may be running.
    """

    code = 'duplicate_call'
    _msg_fmt = 'The call was received twice; the second message was ignored.'


class DriverFailed(PassthruError):
    """A driver raised an exception outside this module."""

    code = 'driver_failed'
    _msg_fmt = (
        'The driver method failed unexpectedly; the log of the conductor '
        'contains the cause. Request id: %(request_id)s'
    )


class ResultNotSerializable(PassthruError):
    """The result of a method cannot be serialized to JSON."""

    code = 'result_not_serializable'
    _msg_fmt = (
        'The method %(method)s ran, but its result cannot be serialized to '
        'JSON. Request id: %(request_id)s'
    )


class ResultTooLarge(PassthruError):
    """The size of the result of a method exceeds the limit.

    :param hint: optional text about the limit.
    """

    code = 'result_too_large'
    _msg_fmt = (
        'The method %(method)s ran, but its result is larger than '
        '%(limit)d bytes. Request id: %(request_id)s'
    )
    _has_hint = True


class MethodTimedOut(PassthruError):
    """A method stopped because of its timeout."""

    code = 'method_timed_out'
    _msg_fmt = (
        'The method %(method)s stopped at its timeout. It may have done part '
        'of its work.'
    )


class BadAttachment(PassthruError):
    """A method declared with ``attach`` returned neither text nor bytes."""

    code = 'bad_attachment'
    _msg_fmt = (
        'The method %(method)s ran, but its attachment is neither text nor '
        'bytes. Request id: %(request_id)s'
    )


class IronicResponseTooLarge(PassthruError):
    """The response of Ironic exceeds the limit."""

    code = 'ironic_response_too_large'
    _msg_fmt = (
        'Ironic processed the request, but its response is larger than '
        '%(limit)d bytes. Request id: %(request_id)s'
    )


class ForwardingLoop(PassthruError):
    """A forwarded request returned to this service."""

    code = 'forwarding_loop'
    _msg_fmt = (
        'The request was forwarded to Ironic, but returned to this service: '
        '[ironic] endpoint_override must be the URL of Ironic itself. Nothing '
        'was run.'
    )


class VendorError(PassthruError):
    """An error of a vendor's class, or a recorded one, as data.

    The API does not import the classes of vendors.

    :param message: message for the client.
    :param status: HTTP status code.
    :param code: stable identifier.
    """

    code = 'vendor_error'
    _msg_fmt = '%(message)s'

    def __init__(
        self, *, message: str, status: int, code: str, **details: Any
    ) -> None:
        super().__init__(message=message, status=status, code=code, **details)
        self.status = status
        self.code = code


class DriverError(PassthruError):
    """Base class of the errors that drivers raise.

    A vendor's subclass defines its HTTP status as ``status``, or as an
    integer ``code`` as in Ironic.

    :param message: message for the client; by default ``_msg_fmt`` formatted
        with ``kwargs``.
    :param code: HTTP status of this error, as in Ironic.
    :ivar partial_result: the result as far as there is one, with a JSON form.
        The response contains it, and the operation keeps it as its result.
    """

    code: Any = 'driver_error'
    partial_result: Any = None
    _msg_fmt = 'The driver reported an error.'

    def __init__(
        self, message: Any = None, *, code: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if code is not None:
            self.code = int(code)
        if message is not None:
            self.message = str(message)
            self.args = (self.message,)

    @property
    def client_code(self) -> str:
        """The code for clients, also if ``code`` is the HTTP status."""
        return self.code if isinstance(self.code, str) else VendorError.code


class VendorPassthruException(DriverError):
    """A vendor method failed."""

    code = 'vendor_passthru_failed'
    _msg_fmt = 'The vendor method failed.'


class DriverOperationError(DriverError):
    """The hardware refused or failed an operation."""

    code = 'driver_operation_failed'
    _msg_fmt = 'The hardware operation failed.'


class Invalid(DriverError):
    """The driver rejects the request."""

    code = 'invalid'
    status = 400
    _msg_fmt = 'Unacceptable parameters.'


class InvalidParameterValue(Invalid):
    """The value of a parameter is invalid for the driver."""

    code = 'invalid_parameter_value'
    _msg_fmt = '%(err)s'
    _default = 'A parameter has an invalid value.'

    def __init__(self, message: Any = None, **kwargs: Any) -> None:
        super().__init__(message, **{'err': self._default, **kwargs})


class MissingParameterValue(InvalidParameterValue):
    """A parameter required by the driver is missing."""

    code = 'missing_parameter_value'
    _msg_fmt = '%(err)s'
    _default = 'A required parameter is missing.'


class UnsupportedDriverExtension(Invalid):
    """The driver does not support the request."""

    code = 'unsupported_extension'
    _msg_fmt = (
        'Driver %(driver)s does not support %(extension)s (disabled or not '
        'implemented).'
    )

    def __init__(self, message: Any = None, **kwargs: Any) -> None:
        if message is None and not {'driver', 'extension'} <= {*kwargs}:
            message = 'The driver does not support this.'
        super().__init__(message, **kwargs)


class NotAuthorized(DriverError):
    """The driver refuses the caller."""

    code = 'not_authorized'
    status = 403
    _msg_fmt = 'Not authorized.'


class NotFound(DriverError):
    """The requested resource does not exist on the hardware."""

    code = 'not_found_by_driver'
    status = 404
    _msg_fmt = 'The driver could not find the resource.'


class Conflict(DriverError):
    """The state of the hardware does not allow the operation."""

    code = 'conflict'
    status = 409
    _msg_fmt = 'The operation conflicts with the state of the hardware.'


class Cancelled(DriverError):
    """The method stopped because a cancellation was requested.

    A method raises it when ``context.cancel_requested`` is true and it can
    stop safely; the operation becomes ``cancelled``, or ``failed`` if the
    method exceeded its timeout without a request. ``partial_result`` is
    recorded, but not the message: report progress instead. Status and code
    apply if a method raises it without a request, which is a bug of the
    driver.
    """

    code = 'cancelled_without_request'
    _msg_fmt = (
        'The driver method raised Cancelled, but no cancellation was '
        'requested.'
    )


class TemporaryFailure(DriverError):
    """The hardware cannot do the operation now."""

    code = 'temporary_failure'
    status = 503
    _msg_fmt = 'A temporary failure; try again later.'
