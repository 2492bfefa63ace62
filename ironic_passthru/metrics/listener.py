# SPDX-License-Identifier: Apache-2.0
"""HTTP listener of the metrics of a process."""

import socket
import socketserver
import threading
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any
from wsgiref import simple_server
from wsgiref import types as wsgi_types

from oslo_log import log

LOG = log.getLogger(__name__)

_PATH = '/metrics'

# Interval of attempts to take over the port of another process.
_RETRY_SECONDS = 2.0
_REPORTED_FAILURE = 2
_CLIENT_SECONDS = 10.0
# Two systems may scrape at once; further ones must not take memory.
_MAX_CLIENTS = 8


class _Handler(simple_server.WSGIRequestHandler):
    timeout = _CLIENT_SECONDS

    def log_message(self, format: str, *args: object) -> None:
        """Log no requests."""
        del format, args


class _Server(socketserver.ThreadingMixIn, simple_server.WSGIServer):
    daemon_threads = True

    def __init__(self, *args: Any) -> None:
        self._slots = threading.BoundedSemaphore(_MAX_CLIENTS)
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection, or close it if there are too many."""
        if self._slots.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(
        self, request: Any, client_address: Any
    ) -> None:
        """Serve a connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that disconnect."""
        del request, client_address

    def server_bind(self) -> None:
        """Bind without the lookup of a host name, which may block."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]
        self.setup_environ()


class _IPv6Server(_Server):
    address_family = socket.AF_INET6


class Listener:
    """Serves metrics in threads of its own.

    :param application: returns the metrics.
    :param claim: returns whether this process is the one that listens.
    :ivar address: host and port.
    """

    def __init__(
        self,
        application: wsgi_types.WSGIApplication,
        host: str,
        port: int,
        claim: Callable[[], bool] = lambda: True,
    ) -> None:
        self._application = application
        self.address = host, port
        self._claim = claim
        self._failing = False
        self._stopped = threading.Event()
        self._server: _Server | None = None

    def bind(self) -> None:
        """Listen.

        :raises: OSError.
        """
        host, port = self.address
        kind = _IPv6Server if ':' in host else _Server
        server = kind((host, port), _Handler)
        server.set_app(self._serve)
        self._server = server

    def start(self) -> None:
        """Serve; without :meth:`bind` once the port is free."""
        threading.Thread(target=self._run, name='metrics', daemon=True).start()

    def stop(self) -> None:
        """Stop to serve."""
        self._stopped.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def _run(self) -> None:
        failures = 0
        while self._server is None:
            try:
                if self._claim():
                    self.bind()
            except OSError as error:
                failures += 1
                # The port of a process that just ended may still be in use.
                if failures == _REPORTED_FAILURE:
                    LOG.warning(
                        'Cannot serve metrics on %s port %d: %s',
                        *self.address,
                        error.strerror,
                    )
            if self._server is None and self._stopped.wait(_RETRY_SECONDS):
                return
        self._server.serve_forever()

    def _serve(
        self,
        environ: wsgi_types.WSGIEnvironment,
        start_response: wsgi_types.StartResponse,
    ) -> Iterable[bytes]:
        if environ.get('PATH_INFO') != _PATH:
            start_response('404 Not Found', [('Content-Type', 'text/plain')])
            return [f'The metrics are at {_PATH}\n'.encode()]
        try:
            # The library makes the whole body before it starts the response.
            response = self._application(environ, start_response)
        except Exception as error:
            if not self._failing:
                LOG.warning(
                    'Cannot read the metrics: %s', type(error).__name__
                )
            self._failing = True
            start_response(
                '500 Internal Server Error', [('Content-Type', 'text/plain')]
            )
            return [b'The metrics cannot be read; see the log.\n']
        self._failing = False
        return response
