# SPDX-License-Identifier: Apache-2.0
"""Measure the CPU time that tracing adds to a synchronous call over RabbitMQ.

As in metrics.py, four pairs of API and conductor are called in turns: one
that sends all spans to a collector, one that samples one percent of the
traces, and two without tracing. Requires RabbitMQ (Debian package
rabbitmq-server).
"""

import argparse
import http.server
import json
import tempfile
import threading

import metrics


class _Handler(http.server.BaseHTTPRequestHandler):
    """A collector that drops its spans."""

    received = 0

    def do_POST(self) -> None:
        length = int(self.headers['Content-Length'])
        self.rfile.read(length)
        _Handler.received += length
        self.send_response(200)
        self.send_header('Content-Length', '0')
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log no requests."""


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=60)
    options = parser.parse_args()
    collector = http.server.ThreadingHTTPServer(('127.0.0.1', 0), _Handler)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    url = f'http://127.0.0.1:{collector.server_port}'
    traced = {'OTEL_EXPORTER_OTLP_ENDPOINT': url}
    sampled = traced | {
        'OTEL_TRACES_SAMPLER': 'traceidratio',
        'OTEL_TRACES_SAMPLER_ARG': '0.01',
    }
    with tempfile.TemporaryDirectory() as directory:
        per_call = metrics.compare(
            directory,
            options.rounds,
            {'plain': {}, 'traced': traced, 'sampled': sampled, 'control': {}},
        )
    print(
        json.dumps(
            {
                'cpu_ms': per_call,
                'ratio': metrics.ratios(per_call),
                'received_bytes': _Handler.received,
            },
            indent=1,
        )
    )


if __name__ == '__main__':
    main()
