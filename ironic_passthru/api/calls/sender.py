# SPDX-License-Identifier: Apache-2.0
"""Calls on their way to conductors, in one part or in several."""

import dataclasses
import hashlib
import time
from collections.abc import Callable
from collections.abc import Sequence
from concurrent import futures
from typing import Any

from oslo_log import log
from oslo_utils import uuidutils

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.api.calls import routing
from ironic_passthru.db import operations
from ironic_passthru.db import split_operations
from ironic_passthru.fleet import merging
from ironic_passthru.fleet import selector
from ironic_passthru.fleet import targets
from ironic_passthru.rpc import client
from ironic_passthru.rpc import protocol
from ironic_passthru.tracing import spans

LOG = log.getLogger(__name__)

# Parts of one call that are sent at once; each has a thread.
_MAX_THREADS = 64

# Clocks of API and conductors may differ by less than this.
_CLOCK_SECONDS = 60.0


@dataclasses.dataclass(frozen=True)
class OutgoingCall:
    """A call with its parts.

    :param call_id: the id of the whole call.
    :param timeout_seconds: that of the whole call.
    :param accepted: whether the response precedes the run.
    :param respond_async: whether the client prefers this.
    :param key: the Idempotency-Key.
    :param tried: receives each conductor before the call is sent to it; of a
        call with several parts, the last conductor of each part.
    """

    context: request_context.RequestContext
    call: routing.CheckedCall
    parts: Sequence[routing.CallPart]
    call_id: str
    timeout_seconds: float
    accepted: bool
    respond_async: bool
    key: operation.Key | None
    tried: list[protocol.ConductorAddress]

    @property
    def recorded(self) -> bool:
        """Whether the call is an operation."""
        return self.accepted or self.key is not None


class CallSender:
    """Sends each part of a call at most once, all at once; merges results."""

    def __init__(
        self,
        conductor_api: client.ConductorAPI,
        records: operations.OperationStore,
    ) -> None:
        self._conductor_api = conductor_api
        self._records = records

    def send(self, outgoing: OutgoingCall) -> dict[str, Any]:
        """Send a call, and return what one conductor would.

        :returns: see :meth:`client.ConductorAPI.driver_vendor_passthru`.
        :raises: NotRun if no part ran; OutcomeUnknown if parts may have run
            and none has a result; KeyInUse; errors of the driver.
        """
        if len(outgoing.parts) == 1:
            return self._send(
                outgoing,
                outgoing.parts[0],
                outgoing.call_id,
                key=outgoing.key,
                seconds=outgoing.timeout_seconds,
            )
        ids = [uuidutils.generate_uuid() for _ in outgoing.parts]
        if outgoing.recorded:
            self._record(outgoing, ids)
        deadline = time.monotonic() + outgoing.timeout_seconds

        def run(number: int) -> merging.Outcome | None:
            left = deadline - time.monotonic()
            return self._run(outgoing, number, ids[number], left)

        outcomes = _at_once(spans.current().bind(run), len(outgoing.parts))
        if outgoing.recorded:
            self._record_refusals(outgoing, ids, outcomes)
        if None in outcomes:
            return {'return': None, 'async': True, 'attach': False}
        known = [outcome for outcome in outcomes if outcome]
        merged = merging.merged(
            known,
            require_all=outgoing.call.parameters.get('require_all') is True,
        )
        states = {outcome.state for outcome in known}
        if merged.state is operation.State.UNKNOWN or (
            # Other parts failed; the operation goes on with this one.
            outgoing.accepted and operation.State.UNKNOWN in states
        ):
            raise errors.OutcomeUnknown(request_id=outgoing.context.request_id)
        sent = {protocol.TARGETS: _sent(known)}
        if merged.error is not None:
            raise _error(merged, **sent)
        result = {'return': merged.result, 'async': False, 'attach': False}
        return result | sent

    def _record(self, outgoing: OutgoingCall, ids: Sequence[str]) -> None:
        call, context = outgoing.call, outgoing.context
        spec = call.method
        self._records.split.add(
            operation.NewOperation(
                id=outgoing.call_id,
                driver=call.driver,
                method=spec.name,
                http_method=call.http_method,
                parameters=spec.masked(call.parameters),
                user_id=context.user_id,
                project_id=context.project_id,
                request_id=context.request_id,
                conductor=operation.NO_CONDUCTOR,
                incarnation=operation.NO_CONDUCTOR,
                accepted=outgoing.accepted,
                attach=spec.attach,
                targets=targets.Targets(
                    name for part in outgoing.parts for name in part.targets
                ).names,
                key=outgoing.key,
            ),
            [
                split_operations.NewPart(id_, part.targets)
                for id_, part in zip(ids, outgoing.parts, strict=True)
            ],
            expected_seconds=outgoing.timeout_seconds + _CLOCK_SECONDS,
        )

    def _run(
        self, outgoing: OutgoingCall, number: int, part_id: str, seconds: float
    ) -> merging.Outcome | None:
        """Send one part; return its outcome, None if it was accepted."""
        part, key = outgoing.parts[number], outgoing.key
        tried: list[protocol.ConductorAddress] = []
        try:
            if not part.servers:
                raise errors.TargetsUnavailable(
                    names=selector.shown(part.targets)
                )
            if seconds <= 0:
                raise errors.CallNotDelivered()
            reply = self._send(
                dataclasses.replace(outgoing, tried=tried),
                part,
                part_id,
                key=key and _part_key(key, number),
                seconds=seconds,
            )
        except errors.NotRun as error:
            return _outcome(part, operation.State.EXPIRED, error)
        except errors.OutcomeUnknown as error:
            return _outcome(part, operation.State.UNKNOWN, error)
        except errors.PassthruError as error:
            return _outcome(part, operation.State.FAILED, error)
        finally:
            outgoing.tried.extend(tried[-1:])
        if reply['async']:
            return None
        return merging.Outcome(
            part.targets, operation.State.SUCCEEDED, reply['return']
        )

    def _send(
        self,
        outgoing: OutgoingCall,
        part: routing.CallPart,
        call_id: str,
        *,
        key: operation.Key | None,
        seconds: float,
    ) -> dict[str, Any]:
        call = outgoing.call
        with _span(call, call_id) as span:
            try:
                return self._conductor_api.driver_vendor_passthru(
                    outgoing.context,
                    call.driver,
                    call.method.name,
                    http_method=call.http_method,
                    info=part.parameters,
                    servers=part.servers,
                    call_id=call_id,
                    timeout_seconds=seconds,
                    respond_async=outgoing.respond_async,
                    key=key,
                    tried=outgoing.tried,
                    routed=part.routed,
                )
            finally:
                for server in outgoing.tried[-1:]:
                    span.set({'ironic_passthru.conductor': server.hostname})

    def _record_refusals(
        self,
        outgoing: OutgoingCall,
        ids: Sequence[str],
        outcomes: Sequence[merging.Outcome | None],
    ) -> None:
        """Record which parts certainly do not run.

        An operation without any other part is deleted, as if it had not been
        recorded. The conductors record the outcome of all others.
        """
        states = {outcome and outcome.state for outcome in outcomes}
        refusals = {operation.State.EXPIRED}
        if outgoing.accepted:
            # The driver rejected the parameters. A failure of a synchronous
            # call may also be that of the method, which has a record.
            refusals.add(operation.State.FAILED)
        try:
            if states <= refusals:
                self._records.split.remove(outgoing.call_id)
                return
            for id_, outcome in zip(ids, outcomes, strict=True):
                if outcome and outcome.error and outcome.state in _CERTAIN:
                    self._records.split.refuse(id_, outcome.error)
        except errors.RegistryUnavailable:
            # Their outcomes count as unknown after a while.
            LOG.warning(
                'The refusals of parts of operation %s cannot be recorded',
                outgoing.call_id,
            )


_CERTAIN = (operation.State.EXPIRED, operation.State.FAILED)


def _span(call: routing.CheckedCall, call_id: str) -> spans.Span:
    """Return the span of a part, with all conductors that it is sent to."""
    return spans.current().child(
        f'send {call.driver}.{call.method.name}',
        spans.SpanKind.CLIENT,
        {
            'ironic_passthru.driver': call.driver,
            'ironic_passthru.method': call.method.name,
            'ironic_passthru.http_method': call.http_method,
            'ironic_passthru.operation': call_id,
        },
    )


def _outcome(
    part: routing.CallPart, state: operation.State, error: errors.PassthruError
) -> merging.Outcome:
    return merging.Outcome(
        part.targets,
        state,
        result=error.kwargs.get(errors.PARTIAL_RESULT),
        error=operation.Error(error.message, error.status, error.code),
    )


def _sent(outcomes: Sequence[merging.Outcome]) -> list[str]:
    """Return the targets to which something may have been sent."""
    return [
        name
        for outcome in outcomes
        if outcome.state is not operation.State.EXPIRED
        for name in outcome.targets
    ]


def _error(merged: merging.Merged, **details: Any) -> errors.PassthruError:
    """Return the error of a call, with its partial result."""
    error = merged.error
    if error is None:
        return errors.PassthruError()
    if merged.result is not None:
        details[errors.PARTIAL_RESULT] = merged.result
    return errors.VendorError(
        message=error.message, status=error.status, code=error.code, **details
    )


def _part_key(key: operation.Key, number: int) -> operation.Key:
    """Return the key of a part, which no client can send."""
    text = f'{key.digest} part {number}'
    return operation.Key(
        digest=hashlib.sha256(text.encode('ascii')).hexdigest(),
        fingerprint=key.fingerprint,
    )


def _at_once(
    run: Callable[[int], merging.Outcome | None], count: int
) -> list[merging.Outcome | None]:
    """Return the outcomes of ``run(0)``, ``run(1)`` and so on."""
    with futures.ThreadPoolExecutor(
        min(count, _MAX_THREADS), thread_name_prefix='part'
    ) as threads:
        return list(threads.map(run, range(count)))
