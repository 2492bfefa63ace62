# SPDX-License-Identifier: Apache-2.0
"""Measure the CPU time that tracing adds to a synchronous call over RabbitMQ.

As in metrics.py, four pairs of API and conductor are called in turns: one
that sends all spans to a collector, one that samples one percent of the
traces, and two without tracing. The CPU time of the spans of one call alone,
exports included, is measured in this process. Requires RabbitMQ (Debian
package rabbitmq-server).
"""

import argparse
import http.server
import json
import multiprocessing
import os
import statistics
import tempfile
import time

import metrics
from opentelemetry import trace

from ironic_passthru.tracing import configuration
from ironic_passthru.tracing import spans

_ROUTE = '/v1/drivers/{driver}/vendor_passthru/{method}'
_CALLS = 200


class _Handler(http.server.BaseHTTPRequestHandler):
    """A collector that drops its spans."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers['Content-Length']))
        self.send_response(200)
        self.send_header('Content-Length', '0')
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log no requests."""


def arithmetic() -> float:
    """Return microseconds of CPU for the spans of a call and their export."""
    tracer = configuration.make('bench')
    provider = trace.get_tracer_provider()
    runs = []
    for _ in range(40):
        start = time.process_time()
        for _ in range(_CALLS):
            _call(tracer)
        provider.force_flush()  # type: ignore[attr-defined]
        runs.append((time.process_time() - start) / _CALLS)
    return 1e6 * statistics.median(runs)


def _call(tracer: spans.Tracer) -> None:
    """Make the spans of API and conductor, with the usual attributes."""
    common: dict[str, str | int] = {
        'ironic_passthru.driver': 'fake-hardware',
        'ironic_passthru.method': 'no_op',
        'ironic_passthru.http_method': 'GET',
        'ironic_passthru.operation': 'f' * 36,
    }
    request = {'http.request.method': 'GET', 'http.route': _ROUTE}
    with tracer.span(f'GET {_ROUTE}', {}, request) as span:
        span.set({'http.response.status_code': 200})
        with span.child('send', spans.SpanKind.CLIENT, common) as sent:
            headers = sent.headers
    with (
        tracer.span('receive call', headers, common) as received,
        received.child('run', attributes=common),
    ):
        pass


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=60)
    options = parser.parse_args()
    collector = http.server.ThreadingHTTPServer(('127.0.0.1', 0), _Handler)
    # Its CPU time is not that of tracing.
    multiprocessing.Process(
        target=collector.serve_forever, daemon=True
    ).start()
    url = f'http://127.0.0.1:{collector.server_port}'
    traced = {'OTEL_EXPORTER_OTLP_ENDPOINT': url}
    sampled = traced | {
        'OTEL_TRACES_SAMPLER': 'traceidratio',
        'OTEL_TRACES_SAMPLER_ARG': '0.01',
    }
    os.environ['OTEL_EXPORTER_OTLP_ENDPOINT'] = url
    added = arithmetic()
    del os.environ['OTEL_EXPORTER_OTLP_ENDPOINT']
    with tempfile.TemporaryDirectory() as directory:
        per_call = metrics.compare(
            directory,
            options.rounds,
            {'plain': {}, 'traced': traced, 'sampled': sampled, 'control': {}},
        )
    print(
        json.dumps(
            {
                'added_us': added,
                'cpu_ms': per_call,
                'ratio': metrics.ratios(per_call),
                'share': added / 1000 / per_call['plain'],
            },
            indent=1,
        )
    )


if __name__ == '__main__':
    main()
