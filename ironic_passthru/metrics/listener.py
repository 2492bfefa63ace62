# SPDX-License-Identifier: Apache-2.0
"""HTTP listener of the metrics of a process."""

import errno
import socket
import socketserver
import threading
from collections.abc import Iterable
from wsgiref import simple_server
from wsgiref import types as wsgi_types

from oslo_log import log

LOG = log.getLogger(__name__)

_PATH = '/metrics'

# Interval of attempts to take over the port of another process.
_RETRY_SECONDS = 2.0
_CLIENT_SECONDS = 10.0


class _Handler(simple_server.WSGIRequestHandler):
    timeout = _CLIENT_SECONDS

    def log_message(self, format: str, *args: object) -> None:
        """Log no requests."""
        del format, args


class _Server(socketserver.ThreadingMixIn, simple_server.WSGIServer):
    daemon_threads = True

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
    """

    def __init__(
        self, application: wsgi_types.WSGIApplication, host: str, port: int
    ) -> None:
        self._application = application
        self._address = host, port
        self._stopped = threading.Event()
        self._server: _Server | None = None

    def bind(self) -> None:
        """Listen.

        :raises: OSError.
        """
        host, port = self._address
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
        reported = False
        while self._server is None:
            try:
                self.bind()
            except OSError as error:
                if error.errno != errno.EADDRINUSE and not reported:
                    LOG.warning(
                        'Cannot serve metrics on %s port %d: %s',
                        *self._address,
                        error.strerror,
                    )
                    reported = True
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
        return self._application(environ, start_response)
