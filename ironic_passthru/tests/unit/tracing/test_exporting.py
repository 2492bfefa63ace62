# SPDX-License-Identifier: Apache-2.0
"""Export of spans to collectors that fail."""

import atexit
import socket
import threading
import time

import fixtures
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.trace import export

from ironic_passthru.tests import base
from ironic_passthru.tracing import exporting

_SUCCESS = export.SpanExportResult.SUCCESS
_FAILURE = export.SpanExportResult.FAILURE


class _Exporter(export.SpanExporter):
    def __init__(self, *results: export.SpanExportResult) -> None:
        self._results = list(results)

    def export(self, spans: object) -> export.SpanExportResult:
        return self._results.pop(0)


class TestExporting(base.TestCase):
    def test_a_collector_that_hangs_delays_neither_spans_nor_exit(
        self,
    ) -> None:
        # It accepts connections and never responds.
        listener = self.enterContext(socket.create_server(('127.0.0.1', 0)))
        self.useFixture(
            fixtures.EnvironmentVariable(
                'OTEL_EXPORTER_OTLP_ENDPOINT',
                f'http://127.0.0.1:{listener.getsockname()[1]}',
            )
        )
        before = threading.active_count()
        processor = exporting.LateProcessor()
        provider = sdk.TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(processor)
        self.assertEqual(before, threading.active_count())
        tracer = provider.get_tracer('test')
        started = time.monotonic()
        for _ in range(5000):
            tracer.start_span('a').end()
        self.addCleanup(atexit.unregister, processor.shutdown)
        self.assertLess(before, threading.active_count())
        processor.shutdown()
        # Each of the ten exports takes 10 seconds.
        self.assertLess(time.monotonic() - started, 8.0)

    def test_failures_and_the_recovery_are_logged_once(self) -> None:
        log = self.useFixture(
            # The exporter of another test may still log its failure.
            fixtures.FakeLogger(
                exporting.__name__, format='%(levelname)s %(message)s'
            )
        )
        exporter = exporting.LoggedExporter(
            _Exporter(_SUCCESS, _FAILURE, _FAILURE, _SUCCESS, _SUCCESS)
        )
        for _ in range(5):
            exporter.export([])
        levels = [line.partition(' ')[0] for line in log.output.splitlines()]
        self.assertEqual(['WARNING', 'INFO'], levels)
