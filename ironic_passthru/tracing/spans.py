# SPDX-License-Identifier: Apache-2.0
"""Spans and tracers; those of this module record nothing."""

import contextvars
import enum
import re
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import ParamSpec
from typing import TypeVar

_P = ParamSpec('_P')
_R = TypeVar('_R')

Attributes = Mapping[str, str | int]

#: Headers of W3C Trace Context, and fields of a context in RPC messages.
TRACEPARENT = 'traceparent'
TRACESTATE = 'tracestate'

# An unknown version has the same fields, and may have more.
_TRACEPARENT = re.compile(
    '(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}'
    '-[0-9a-f]{2}(?:-[ -~]{0,200})?'
)
# The maximum length that all implementations propagate.
_TRACESTATE = re.compile('[ -~]{1,512}')
# OpenTelemetry logs a warning for each request with more.
_MAX_MEMBERS = 32


class SpanKind(enum.Enum):
    """Role of a span; the names are those of OpenTelemetry."""

    SERVER = enum.auto()
    CLIENT = enum.auto()
    INTERNAL = enum.auto()


class Span:
    """A span that records nothing.

    As a context manager a span is the current span of its thread. It ends
    with the block; an exception makes it a failed one.
    """

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits; empty without a trace."""
        return ''

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers that make a span of another process a child of this one."""
        return {}

    def child(
        self,
        name: str,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes | None = None,
    ) -> 'Span':
        """Return a child that starts now.

        :param name: without ids, which belong to the attributes.
        """
        del name, kind, attributes
        return self

    def bind(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Return a function that runs with this current span in any thread.

        Call it in the thread of this span.
        """
        return function

    def set(self, attributes: Attributes) -> None:
        """Add attributes."""

    def fail(self, error_type: str) -> None:
        """Record that the span failed.

        :param error_type: error code, status or class of the exception.
        """

    def __enter__(self) -> 'Span':
        return self

    def __exit__(self, *exc_info: Any) -> None:
        """End the span."""


class Tracer:
    """A tracer that records nothing."""

    enabled = False

    def span(
        self,
        name: str,
        parent: Mapping[str, str],
        attributes: Attributes | None = None,
    ) -> Span:
        """Return a span of the kind SERVER that starts now.

        :param parent: headers of the client, of any value.
        """
        del name, parent, attributes
        return NO_SPAN


NO_SPAN = Span()
NO_TRACER = Tracer()

#: The current span of each thread.
CURRENT: contextvars.ContextVar[Span] = contextvars.ContextVar(
    'ironic_passthru.span', default=NO_SPAN
)


def current() -> Span:
    """Return the current span of this thread."""
    return CURRENT.get()


def valid_headers(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers of a span among values of any type.

    Without a valid ``traceparent`` the result is empty.
    """
    parent, state = values.get(TRACEPARENT), values.get(TRACESTATE)
    if not isinstance(parent, str) or not _TRACEPARENT.fullmatch(parent):
        return {}
    if (
        not isinstance(state, str)
        or not _TRACESTATE.fullmatch(state)
        or state.count(',') >= _MAX_MEMBERS
    ):
        return {TRACEPARENT: parent}
    return {TRACEPARENT: parent, TRACESTATE: state}


def trace_id(headers: Mapping[str, str]) -> str:
    """Return the trace id of valid headers; empty without a trace."""
    match = _TRACEPARENT.fullmatch(headers.get(TRACEPARENT, ''))
    return match[1] if match else ''
