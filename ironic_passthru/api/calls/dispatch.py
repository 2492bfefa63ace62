# SPDX-License-Identifier: Apache-2.0
"""Dispatch of checked calls to conductors."""

import hmac

import webob
from oslo_utils import uuidutils

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru import spec
from ironic_passthru.api import audit_data
from ironic_passthru.api.calls import idempotency
from ironic_passthru.api.calls import long_poll
from ironic_passthru.api.calls import responses
from ironic_passthru.api.calls import routing
from ironic_passthru.api.calls import sender
from ironic_passthru.api.http import environ_keys
from ironic_passthru.api.http import prefer
from ironic_passthru.db import operations
from ironic_passthru.rpc import client
from ironic_passthru.rpc import protocol

_HINT = (
    'Send calls that take long with the header "Prefer: respond-async": the '
    'response is immediate, and the result is stored.'
)


class CallDispatcher:
    """Send calls to conductors.

    :param timeout_seconds: of calls whose method has no timeout.
    """

    def __init__(
        self,
        conductor_api: client.ConductorAPI,
        operations: operations.OperationStore,
        *,
        responses: responses.CallResponses,
        long_poll: long_poll.LongPoll,
        timeout_seconds: float,
    ) -> None:
        self._conductor_api = conductor_api
        self._sender = sender.CallSender(conductor_api, operations)
        self._operations = operations
        self._responses = responses
        self._long_poll = long_poll
        self._timeout_seconds = timeout_seconds

    def dispatch(
        self, request: webob.Request, call: routing.CheckedCall
    ) -> webob.Response:
        """Send a call at most once and return the response.

        :raises: InvalidParameterValue if the call has no route; NotRun,
            OutcomeUnknown, errors of the driver.
        """
        preferences = prefer.parse(request.headers.get('Prefer'))
        key = _key(request, call)
        if key is not None:
            response = self._repeat(request, key, preferences)
            if response is not None:
                return response
        if not call.servers:
            raise errors.NoLiveConductor(
                driver=call.driver, group=call.conductor_group
            )
        try:
            return self._send(request, call, key, preferences=preferences)
        except errors.KeyInUse:
            # A concurrent call with the same key was recorded first.
            response = key and self._repeat(request, key, preferences)
            if response is None:
                raise
            return response

    def _send(
        self,
        request: webob.Request,
        call: routing.CheckedCall,
        key: operation.Key | None,
        *,
        preferences: prefer.Preferences,
    ) -> webob.Response:
        call_id = uuidutils.generate_uuid()
        # Fails for an invalid Host header, so it precedes the call.
        location = self._responses.location(request, call_id)
        respond_async = preferences.respond_async
        accepted = call.method.is_accepted(respond_async)
        data = audit_data.of(request.environ)
        outgoing = sender.OutgoingCall(
            context=request.environ[environ_keys.CONTEXT],
            call=call,
            parts=routing.parts(call),
            call_id=call_id,
            timeout_seconds=self._timeout(call.method, accepted=accepted),
            accepted=accepted,
            respond_async=respond_async,
            key=key,
            tried=data.tried,
        )
        data.parts = len(outgoing.parts)
        try:
            result = self._sender.send(outgoing)
        except errors.OutcomeUnknown as unknown:
            error = unknown if accepted else _with_hint(unknown)
            if not (accepted or key) or not self._is_recorded(call_id):
                raise error from unknown.__cause__
            data.operation_id = call_id
            return self._responses.error(request, error, location=location)
        except errors.PassthruError as error:
            data.reported_targets = error.kwargs.get(protocol.TARGETS, ())
            raise
        data.reported_targets = result.get(protocol.TARGETS, ())
        if accepted or key:
            data.operation_id = call_id
        if not result['async']:
            return responses.result(result['return'], attach=result['attach'])
        return self._accepted(
            request, call_id, location=location, preferences=preferences
        )

    def _timeout(self, method: spec.MethodSpec, *, accepted: bool) -> float:
        # A call that is only accepted does not run within this time.
        return (not accepted and method.timeout) or self._timeout_seconds

    def _accepted(
        self,
        request: webob.Request,
        call_id: str,
        *,
        location: str,
        preferences: prefer.Preferences,
    ) -> webob.Response:
        """Return the response to a call that a conductor has accepted."""
        waited = self._long_poll.wait(call_id, preferences.wait_seconds)
        applied = [] if waited is None else [f'wait={waited}']
        response = self._final(request, call_id) if applied else None
        if response is None:
            response = self._responses.accepted(location)
            if preferences.respond_async:
                applied.insert(0, 'respond-async')
        response.headers.update(prefer.applied(applied))
        return response

    def _final(
        self, request: webob.Request, call_id: str
    ) -> webob.Response | None:
        """Return the response of a final operation, or None."""
        try:
            found = self._operations.get(call_id)
            if found is None or not found.final or _was_stopped(found):
                return None
            data = audit_data.of(request.environ)
            data.reported_targets = found.targets or ()
            return self._responses.outcome(request, found)
        except errors.RegistryUnavailable:
            # The call was accepted, so the response must not be a 503.
            return None

    def _is_recorded(self, call_id: str) -> bool:
        try:
            return self._operations.state(call_id) is not None
        except errors.RegistryUnavailable:
            return False

    def _repeat(
        self,
        request: webob.Request,
        key: operation.Key,
        preferences: prefer.Preferences,
    ) -> webob.Response | None:
        """Return the response of an earlier call with a key, or None.

        :raises: KeyReused, RegistryUnavailable.
        """
        holder = self._operations.find_key(key.digest)
        if holder is None:
            return None
        call_id, fingerprint = holder
        if not hmac.compare_digest(fingerprint, key.fingerprint):
            raise errors.KeyReused()
        waited = self._long_poll.wait(call_id, preferences.wait_seconds)
        found = self._operations.get(call_id)
        if found is None or found.state is operation.State.EXPIRED:
            # Purged in the meantime, or certainly not run.
            return None
        data = audit_data.of(request.environ)
        data.operation_id, data.repeated = call_id, True
        data.reported_targets = found.targets or ()
        location = self._responses.location(request, call_id)
        if not found.final:
            response = self._responses.error(
                request,
                errors.OperationActive(operation=call_id),
                location=location,
            )
        elif found.accepted and waited is None:
            response = self._responses.accepted(location)
        else:
            response = self._responses.outcome(request, found)
        if waited is not None:
            response.headers.update(prefer.applied([f'wait={waited}']))
        return response


def _with_hint(error: errors.OutcomeUnknown) -> errors.OutcomeUnknown:
    """Return the error of a synchronous call, with advice for the next one."""
    if isinstance(error, errors.DuplicateCall):
        return error
    return errors.OutcomeUnknown(**error.kwargs | {'hint': _HINT})


def _was_stopped(found: operation.Operation) -> bool:
    """Return whether a method had started when its operation was cancelled.

    The call itself must not get the 409 of such an operation: clients repeat
    a call on 409, and the method would run twice.
    """
    return (
        found.state is operation.State.CANCELLED
        and found.started_at is not None
    )


def _key(
    request: webob.Request, call: routing.CheckedCall
) -> operation.Key | None:
    """Return the stored form of the key of a request, or None.

    :raises: InvalidKey.
    """
    header = request.headers.get(idempotency.HEADER)
    if header is None or call.http_method not in idempotency.HTTP_METHODS:
        return None
    context = request.environ[environ_keys.CONTEXT]
    return idempotency.stored_key(
        idempotency.parse(header),
        operation.Owner.of(context.project_id, context.user_id),
        driver=call.driver,
        method=call.method.name,
        http_method=call.http_method,
        parameters=call.parameters,
        conductor_group=call.conductor_group,
    )
