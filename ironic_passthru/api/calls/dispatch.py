# SPDX-License-Identifier: Apache-2.0
"""Sending a call that has been checked, and answering its client."""

import dataclasses
import hmac
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import webob
from oslo_utils import uuidutils

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru import spec
from ironic_passthru.api.calls import audit_data
from ironic_passthru.api.calls import idempotency
from ironic_passthru.api.calls import long_poll
from ironic_passthru.api.calls import responses
from ironic_passthru.api.http import environ_keys as keys
from ironic_passthru.api.http import prefer
from ironic_passthru.db import operations
from ironic_passthru.rpc import client
from ironic_passthru.rpc import protocol

_ADVICE = (
    'Send calls that take long with the header "Prefer: respond-async": they '
    'are answered at once, and their results are kept.'
)


@dataclasses.dataclass(frozen=True)
class CheckedCall:
    """A call of which nothing is wrong.

    :param parameters: JSON values that fit the method's schema.
    :param servers: the live conductors that offer the method.
    """

    driver: str
    method: spec.MethodSpec
    http_method: str
    parameters: Mapping[str, Any]
    servers: Sequence[protocol.ConductorAddress]


class CallDispatcher:
    """Sends calls.

    :param timeout_seconds: how long one may take unless its method says so.
    """

    def __init__(
        self,
        conductors: client.ConductorAPI,
        operations: operations.OperationStore,
        *,
        answers: responses.CallResponses,
        waits: long_poll.LongPoll,
        timeout_seconds: float,
    ) -> None:
        self._conductors = conductors
        self._operations = operations
        self._answers = answers
        self._waits = waits
        self._timeout_seconds = timeout_seconds

    def send(self, request: Any, call: CheckedCall) -> webob.Response:
        """Send a call once and return the answer.

        :raises: NotRun, OutcomeUnknown, and whatever the driver raised.
        """
        preferences = prefer.parse(request.headers.get('Prefer'))
        key = _key(request, call)
        if key is not None:
            earlier = self._earlier(request, key, preferences)
            if earlier is not None:
                return earlier
        if not call.servers:
            raise errors.NoLiveConductor(driver=call.driver)
        try:
            return self._new(request, call, key, preferences=preferences)
        except errors.KeyInUse:
            # Another one with this key came first, but only just.
            earlier = key and self._earlier(request, key, preferences)
            if earlier is None:
                raise
            return earlier

    def _new(
        self,
        request: Any,
        call: CheckedCall,
        key: operation.Key | None,
        *,
        preferences: prefer.Preferences,
    ) -> webob.Response:
        call_id = uuidutils.generate_uuid()
        # Before anything runs: the client may have sent a Host header that
        # no URL can be made of.
        location = self._answers.location(request, call_id)
        respond_async = preferences.respond_async
        accepted = call.method.is_accepted(respond_async)
        noted = audit_data.of(request.environ)
        try:
            answer = self._conductors.driver_vendor_passthru(
                request.environ[keys.CONTEXT],
                call.driver,
                call.method.name,
                http_method=call.http_method,
                info=call.parameters,
                servers=call.servers,
                call_id=call_id,
                timeout_seconds=self._timeout(call, accepted=accepted),
                respond_async=respond_async,
                key=key,
                tried=noted.tried,
            )
        except errors.OutcomeUnknown as unknown:
            error = unknown if accepted else _advised(unknown)
            if not (accepted or key) or not self._is_recorded(call_id):
                raise error from unknown.__cause__
            noted.operation_id = call_id
            return self._answers.error(request, error, location=location)
        except errors.PassthruError as error:
            noted.reported = error.kwargs.get(protocol.TARGETS, ())
            raise
        noted.reported = answer.get(protocol.TARGETS, ())
        if accepted or key:
            noted.operation_id = call_id
        if not answer['async']:
            return responses.result(answer['return'], attach=answer['attach'])
        return self._accepted(
            request, call_id, location=location, preferences=preferences
        )

    def _timeout(self, call: CheckedCall, *, accepted: bool) -> float:
        """Return how long an answer may take.

        To be accepted takes all methods alike, however long they run then.
        """
        if accepted:
            return self._timeout_seconds
        return call.method.timeout or self._timeout_seconds

    def _accepted(
        self,
        request: Any,
        call_id: str,
        *,
        location: str,
        preferences: prefer.Preferences,
    ) -> webob.Response:
        """Answer a call that a conductor has accepted."""
        held = self._waits.hold(call_id, preferences.wait_seconds)
        wait = [] if held is None else [f'wait={held}']
        response = self._outcome(request, call_id) if wait else None
        if response is None:
            response = self._answers.accepted(location)
            if preferences.respond_async:
                wait.insert(0, 'respond-async')
        response.headers.update(prefer.applied(wait))
        return response

    def _outcome(self, request: Any, call_id: str) -> webob.Response | None:
        """Return the answer of an operation, if it is final and known."""
        try:
            found = self._operations.get(call_id)
            if found is None or not found.final or _was_stopped(found):
                return None
            audit_data.of(request.environ).reported = found.targets or ()
            return self._answers.outcome(request, found)
        except errors.RegistryUnavailable:
            # The call was accepted: nothing else may be said of it.
            return None

    def _is_recorded(self, call_id: str) -> bool:
        try:
            return self._operations.state(call_id) is not None
        except errors.RegistryUnavailable:
            return False

    def _earlier(
        self,
        request: Any,
        key: operation.Key,
        preferences: prefer.Preferences,
    ) -> webob.Response | None:
        """Return the answer of the call that a key stands for, if any.

        :raises: KeyReused, RegistryUnavailable.
        """
        holder = self._operations.find_key(key.digest)
        if holder is None:
            return None
        call_id, fingerprint = holder
        if not hmac.compare_digest(fingerprint, key.fingerprint):
            raise errors.KeyReused()
        held = self._waits.hold(call_id, preferences.wait_seconds)
        found = self._operations.get(call_id)
        if found is None or found.state is operation.State.EXPIRED:
            # It has gone meanwhile, or certainly did not run.
            return None
        noted = audit_data.of(request.environ)
        noted.operation_id, noted.repeated = call_id, True
        noted.reported = found.targets or ()
        location = self._answers.location(request, call_id)
        if not found.final:
            response = self._answers.error(
                request,
                errors.OperationActive(operation=call_id),
                location=location,
            )
        elif found.accepted and held is None:
            response = self._answers.accepted(location)
        else:
            response = self._answers.outcome(request, found)
        if held is not None:
            response.headers.update(prefer.applied([f'wait={held}']))
        return response


def _advised(error: errors.OutcomeUnknown) -> errors.OutcomeUnknown:
    """Return the error of a call that was answered late or not at all."""
    if isinstance(error, errors.DuplicateCall):
        return error
    return errors.OutcomeUnknown(**error.kwargs | {'hint': _ADVICE})


def _was_stopped(found: operation.Operation) -> bool:
    """Return whether a method had started when its operation was cancelled.

    The 409 of such an operation must not answer the call itself: clients send
    a call again on 409, and the method would run twice.
    """
    return (
        found.state is operation.State.CANCELLED
        and found.started_at is not None
    )


def _key(request: Any, call: CheckedCall) -> operation.Key | None:
    """Return what is kept of the key of a request, if it has one.

    :raises: InvalidKey.
    """
    header = request.headers.get(idempotency.HEADER)
    if header is None or call.http_method not in idempotency.VERBS:
        return None
    context = request.environ[keys.CONTEXT]
    return idempotency.record(
        idempotency.read(header),
        operation.Owner.of(context.project_id, context.user_id),
        driver=call.driver,
        method=call.method.name,
        http_method=call.http_method,
        parameters=call.parameters,
    )
