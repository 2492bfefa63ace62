# SPDX-License-Identifier: Apache-2.0
"""A tracer whose spans tests can read."""

import json
from typing import Any

from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.trace import export
from opentelemetry.sdk.trace.export import in_memory_span_exporter

from ironic_passthru.tracing import recording


class Recorder:
    """A tracer of its own, beside that of the process.

    :ivar tracer: the tracer.
    """

    def __init__(self) -> None:
        self._exporter = in_memory_span_exporter.InMemorySpanExporter()
        self.provider = sdk.TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(
            export.SimpleSpanProcessor(self._exporter)
        )
        self.tracer = recording.RecordingTracer(self.provider)

    @property
    def spans(self) -> dict[str, Any]:
        """All ended spans by name."""
        return {
            span.name: span for span in self._exporter.get_finished_spans()
        }

    def parents(self) -> dict[str, str | None]:
        """Return the name of the parent of each span."""
        names = {s.context.span_id: s.name for s in self.spans.values()}
        return {
            name: names.get(span.parent.span_id) if span.parent else None
            for name, span in self.spans.items()
        }

    def text(self) -> str:
        """Return everything that is exported."""
        return json.dumps([span.to_json() for span in self.spans.values()])
