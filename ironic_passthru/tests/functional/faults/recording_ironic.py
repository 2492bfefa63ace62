# SPDX-License-Identifier: Apache-2.0
"""An HTTP server that plays Ironic and records each execution."""

import http.server
import json
import os
import sys
import time
from typing import Any

from ironic_passthru.tests.functional.faults import driver

#: Host name in the records.
HOST = 'ironic'


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Return lists without members."""
        self._respond(200, {'drivers': [], 'conductors': []})

    def do_POST(self) -> None:
        """Run a call as the driver of the fault tests does."""
        body = self.rfile.read(int(self.headers['Content-Length']))
        call = json.loads(body)
        done = driver.Execution(call['call'], HOST, os.getpid())
        driver.append(os.environ[driver.FILE], done)
        time.sleep(call['seconds'])
        self._respond(500 if call['fails'] else 200, call['call'])

    def _respond(self, status: int, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Log nothing."""


class _Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


if __name__ == '__main__':
    _Server(('127.0.0.1', int(sys.argv[1])), _Handler).serve_forever()
