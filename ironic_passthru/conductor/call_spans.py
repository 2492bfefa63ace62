# SPDX-License-Identifier: Apache-2.0
"""Spans of the calls of a conductor."""

from ironic_passthru import context as request_context
from ironic_passthru.conductor import call as calls
from ironic_passthru.rpc import protocol
from ironic_passthru.tracing import configuration
from ironic_passthru.tracing import spans


class CallSpans:
    """Makes the spans of calls.

    :param hostname: name of the conductor.
    """

    def __init__(self, tracer: spans.Tracer, hostname: str) -> None:
        self._tracer = tracer
        self._hostname = hostname

    def received(
        self,
        context: request_context.RequestContext,
        call: protocol.CallRequest,
    ) -> spans.Span:
        """Return the span of a message, until its reply."""
        return self._tracer.span(
            'receive call',
            context.trace_headers,
            {
                'openstack.request_id': context.request_id or '',
                'ironic_passthru.driver': call.driver_name,
                'ironic_passthru.method': call.driver_method,
                'ironic_passthru.http_method': call.http_method,
                'ironic_passthru.operation': call.call_id,
                'ironic_passthru.conductor': self._hostname,
            },
        )


def make(hostname: str) -> CallSpans:
    """Return the spans of the conductor of this process.

    :raises: ConfigError.
    """
    return CallSpans(configuration.make('ironic-passthru-conductor'), hostname)


def running(job: calls.Job) -> spans.Span:
    """Return the span of a method that runs."""
    return spans.current().child(
        f'run {job.name}',
        attributes={
            'ironic_passthru.driver': job.call.driver_name,
            'ironic_passthru.method': job.call.driver_method,
            'ironic_passthru.http_method': job.call.http_method,
            'ironic_passthru.operation': job.call.call_id,
        },
    )


NO_SPANS = CallSpans(spans.NO_TRACER, '')
