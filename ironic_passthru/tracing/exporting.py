# SPDX-License-Identifier: Apache-2.0
"""Export of spans to a collector, which never delays a call."""

import atexit
import logging
import threading
from collections.abc import Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.http import trace_exporter
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.trace import export

LOG = logging.getLogger(__name__)

#: How long the exit of a process waits for the last spans.
EXIT_SECONDS = 1.0


class LateProcessor(sdk.SpanProcessor):
    """A batch processor that starts its threads with the first span.

    WSGI servers fork their workers after the application is loaded, and a
    fork has no threads.

    :raises: ValueError, OSError for an invalid environment variable.
    """

    def __init__(self) -> None:
        # A collector is connected with the first export.
        self._exporter = LoggedExporter(trace_exporter.OTLPSpanExporter())
        # Its errors must prevent the start, not the first request.
        export.BatchSpanProcessor(_NoExporter()).shutdown()
        self._lock = threading.Lock()
        self._batches: export.BatchSpanProcessor | None = None
        self._closing = threading.Event()
        self._closed = threading.Event()

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Start the threads with the first span."""
        del span, parent_context
        if self._batches is not None:
            return
        with self._lock:
            if self._batches is None:
                batches = export.BatchSpanProcessor(self._exporter)
                # No thread can be started during the exit of Python 3.12 and
                # later, and the shutdown has no timeout.
                threading.Thread(
                    target=self._close_later,
                    args=[batches],
                    name='traces',
                    daemon=True,
                ).start()
                atexit.register(self.shutdown)
                self._batches = batches

    def on_end(self, span: sdk.ReadableSpan) -> None:
        """Queue a span; drop it if the queue is full."""
        if self._batches is not None:
            self._batches.on_end(span)

    def shutdown(self) -> None:
        """Export the last spans, within :data:`EXIT_SECONDS`."""
        self._closing.set()
        if self._batches is not None:
            self._closed.wait(EXIT_SECONDS)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Export all spans that have ended."""
        return self._batches is None or self._batches.force_flush(
            timeout_millis
        )

    def _close_later(self, batches: export.BatchSpanProcessor) -> None:
        self._closing.wait()
        batches.shutdown()
        self._closed.set()


class LoggedExporter(export.SpanExporter):
    """Exporter that logs when its collector fails, and recovers.

    The exporter of OpenTelemetry logs each failure.
    """

    def __init__(self, exporter: export.SpanExporter) -> None:
        self._exporter = exporter
        self._failing = False

    def export(
        self, spans: Sequence[sdk.ReadableSpan]
    ) -> export.SpanExportResult:
        """Export spans once, and log a change."""
        result = self._exporter.export(spans)
        failing = result is not export.SpanExportResult.SUCCESS
        if failing and not self._failing:
            LOG.warning(
                'The collector of traces does not accept spans; they are '
                'dropped until it does'
            )
        elif self._failing and not failing:
            LOG.info('The collector of traces accepts spans again')
        self._failing = failing
        return result

    def shutdown(self) -> None:
        """Close the connection."""
        self._exporter.shutdown()


class _NoExporter(export.SpanExporter):
    """Exporter that drops spans."""

    def export(
        self, spans: Sequence[sdk.ReadableSpan]
    ) -> export.SpanExportResult:
        del spans
        return export.SpanExportResult.SUCCESS
