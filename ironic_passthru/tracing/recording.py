# SPDX-License-Identifier: Apache-2.0
"""Tracer and spans of OpenTelemetry; needs the extra ``tracing``."""

import contextvars
import functools
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import ParamSpec
from typing import TypeVar

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk import resources
from opentelemetry.sdk import trace as sdk
from opentelemetry.trace.propagation import tracecontext

from ironic_passthru import errors
from ironic_passthru.tracing import exporting
from ironic_passthru.tracing import spans

_P = ParamSpec('_P')
_R = TypeVar('_R')

_FORMAT = tracecontext.TraceContextTextMapPropagator()
_SCOPE = 'ironic_passthru'


def provider(service_name: str) -> trace.TracerProvider:
    """Return the provider of this process, which libraries use too.

    :param service_name: default of ``OTEL_SERVICE_NAME``.
    :raises: ValueError, OSError for an invalid environment variable.
    """
    present = trace.get_tracer_provider()
    if isinstance(present, sdk.TracerProvider):
        # API and conductor share a process, or opentelemetry-instrument runs
        # this one.
        return present
    default = resources.Resource({resources.SERVICE_NAME: service_name})
    configured = resources.OTELResourceDetector().detect()
    made = sdk.TracerProvider(
        resource=resources.Resource.create().merge(default).merge(configured),
        shutdown_on_exit=False,
    )
    made.add_span_processor(exporting.LateProcessor())
    trace.set_tracer_provider(made)
    return made


class RecordingSpan(spans.Span):
    """A span of OpenTelemetry.

    While it is the current span, it is also that of OpenTelemetry, so that
    the instrumentation of libraries adds its spans below it.
    """

    def __init__(self, tracer: trace.Tracer, span: trace.Span) -> None:
        self._tracer = tracer
        self._span = span
        self._failed = False
        self._entered: contextvars.Token[spans.Span] | None = None
        self._attached: Any = None

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits."""
        return f'{self._span.get_span_context().trace_id:032x}'

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers that make a span of another process a child of this one."""
        headers: dict[str, str] = {}
        _FORMAT.inject(headers, trace.set_span_in_context(self._span))
        return headers

    def child(
        self,
        name: str,
        kind: spans.SpanKind = spans.SpanKind.INTERNAL,
        attributes: spans.Attributes | None = None,
    ) -> spans.Span:
        """Return a child that starts now.

        :param name: without ids, which belong to the attributes.
        """
        # Its parent may be a span of a library below this one.
        return _start(self._tracer, name, None, kind, attributes)

    def bind(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Return a function that runs with this current span in any thread.

        Call it in the thread of this span.
        """
        captured = otel_context.get_current()

        @functools.wraps(function)
        def run(*args: _P.args, **arguments: _P.kwargs) -> _R:
            entered = spans.CURRENT.set(self)
            attached = otel_context.attach(captured)
            try:
                return function(*args, **arguments)
            finally:
                otel_context.detach(attached)
                spans.CURRENT.reset(entered)

        return run

    def set(self, attributes: spans.Attributes) -> None:
        """Add attributes."""
        self._span.set_attributes(dict(attributes))

    def fail(self, error_type: str) -> None:
        """Record that the span failed.

        :param error_type: error code, status or class of the exception.
        """
        self._failed = True
        self._span.set_attribute('error.type', error_type)
        self._span.set_status(trace.StatusCode.ERROR)

    def __enter__(self) -> spans.Span:
        self._entered = spans.CURRENT.set(self)
        self._attached = otel_context.attach(
            trace.set_span_in_context(self._span)
        )
        return self

    def __exit__(self, *exc_info: Any) -> None:
        otel_context.detach(self._attached)
        if self._entered is not None:
            spans.CURRENT.reset(self._entered)
        error = exc_info[1]
        if error is not None and not self._failed:
            # Not its text, which may contain a secret.
            known = isinstance(error, errors.PassthruError)
            self.fail(str(error.code) if known else type(error).__name__)
        self._span.end()


class RecordingTracer(spans.Tracer):
    """The tracer of OpenTelemetry."""

    enabled = True

    def __init__(self, provider: trace.TracerProvider) -> None:
        self._tracer = provider.get_tracer(_SCOPE)

    def span(
        self,
        name: str,
        parent: Mapping[str, str],
        attributes: spans.Attributes | None = None,
    ) -> spans.Span:
        """Return a span of the kind SERVER that starts now.

        :param parent: headers of the client, of any value.
        """
        context = _FORMAT.extract(
            spans.valid_headers(parent), otel_context.Context()
        )
        return _start(
            self._tracer, name, context, spans.SpanKind.SERVER, attributes
        )


def _start(
    tracer: trace.Tracer,
    name: str,
    context: otel_context.Context | None,
    kind: spans.SpanKind,
    attributes: spans.Attributes | None,
) -> RecordingSpan:
    span = tracer.start_span(
        name,
        context,
        kind=trace.SpanKind[kind.name],
        attributes=dict(attributes or {}),
        record_exception=False,
        set_status_on_exception=False,
    )
    return RecordingSpan(tracer, span)
