# SPDX-License-Identifier: Apache-2.0
"""A collector of traces that keeps the spans of OTLP requests."""

import dataclasses
import gzip
import http.server
import threading
from typing import Any

import fixtures
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from ironic_passthru.tests.functional import deployment


@dataclasses.dataclass(frozen=True)
class Received:
    """A span.

    :param kind: such as ``SERVER``.
    :param service: name of the service.
    """

    name: str
    kind: str
    service: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    failed: bool


class Collector(fixtures.Fixture):
    """An HTTP server on a loopback port.

    :ivar url: value of ``OTEL_EXPORTER_OTLP_ENDPOINT``.
    :ivar spans: all received spans.
    """

    def _setUp(self) -> None:
        self.spans: list[Received] = []
        spans = self.spans

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers['Content-Length']))
                if self.headers.get('Content-Encoding') == 'gzip':
                    body = gzip.decompress(body)
                spans.extend(_spans(body))
                self.send_response(200)
                self.send_header('Content-Length', '0')
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.url = f'http://127.0.0.1:{server.server_port}'

    def trace(self, trace_id: str) -> list[Received]:
        """Return the spans of a trace."""
        return [span for span in self.spans if span.trace_id == trace_id]

    def tree(self, trace_id: str) -> list[str]:
        """Return the names of a trace, each indented below its parent."""
        spans = self.trace(trace_id)
        ids = {span.span_id for span in spans}

        def below(parent: str | None) -> list[str]:
            lines = [
                (f'{span.kind} {span.name}', below(span.span_id))
                for span in spans
                if (span.parent_id if span.parent_id in ids else None)
                == parent
            ]
            return [
                line
                for name, children in sorted(lines)
                for line in (name, *(f'  {child}' for child in children))
            ]

        return below(None)


class TracedSite(deployment.Site):
    """A site whose processes send spans to a collector."""

    collector: Collector

    @property
    def environment(self) -> dict[str, str]:
        return {
            **super().environment,
            'OTEL_EXPORTER_OTLP_ENDPOINT': self.collector.url,
            'OTEL_BSP_SCHEDULE_DELAY': '100',
        }

    def _setUp(self) -> None:
        self.collector = self.useFixture(Collector())
        super()._setUp()


def _spans(body: bytes) -> list[Received]:
    request = trace_service_pb2.ExportTraceServiceRequest.FromString(body)
    return [
        Received(
            name=span.name,
            kind=span.SpanKind.Name(span.kind).removeprefix('SPAN_KIND_'),
            service=_attributes(of.resource.attributes)['service.name'],
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_id=span.parent_span_id.hex(),
            attributes=_attributes(span.attributes),
            failed=span.status.code == span.status.STATUS_CODE_ERROR,
        )
        for of in request.resource_spans
        for scope in of.scope_spans
        for span in scope.spans
    ]


def _attributes(pairs: Any) -> dict[str, Any]:
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof('value'))
        for pair in pairs
    }
