# SPDX-License-Identifier: Apache-2.0
"""The built-in HTTP server."""

import ipaddress
import logging
import resource
import threading
from typing import Any
from urllib import parse
from wsgiref.types import WSGIApplication

from cheroot import wsgi
from oslo_config import cfg
from oslo_log import log

from ironic_passthru import errors
from ironic_passthru import wsgi_server
from ironic_passthru.httpd import chunked
from ironic_passthru.httpd import connection
from ironic_passthru.httpd import connection_manager
from ironic_passthru.httpd import request_parser
from ironic_passthru.httpd import tls

LOG = log.getLogger(__name__)

# Limits the memory for connections if many file descriptors are available.
_MAX_CONNECTIONS = 1000


class Gateway(wsgi.Gateway_10):
    """Adapter of a cheroot request to WSGI.

    A connection is closed after a request with an unread body: the rest of
    the body would be parsed as the next request.
    """

    def __init__(self, request: Any) -> None:
        if request.chunked_read:
            # cheroot buffers whole chunks of any size, and accepts a
            # negative size as the end of the body.
            request.rfile = chunked.ChunkedBody(request.conn.rfile)
        super().__init__(request)
        # For links if a request has no Host header. cheroot sets the name of
        # the software.
        self.env['SERVER_NAME'] = str(request.server.bind_addr[0])
        if request.server.on_loopback:
            # The original value: middleware applies proxy headers later.
            self.env[wsgi_server.LOOPBACK_HOST] = self.env.get('HTTP_HOST', '')
        self.env[wsgi_server.HAS_ENDED] = self._has_ended
        # cheroot uses the scheme of an absolute URL.
        secure = request.server.ssl_adapter is not None
        self.env['wsgi.url_scheme'] = 'https' if secure else 'http'
        if request.uri.startswith(b'//') or '%2F' in self.env['PATH_INFO']:
            self.env['PATH_INFO'] = _decoded_path(request.uri)

    def start_response(
        self, status: str, headers: list[tuple[str, str]], *args: Any
    ) -> Any:
        """Start the response; close the connection after an unread body."""
        # An interim response must not follow the final one.
        self.req.conn.expects_continue = False
        if self._has_unread_body():
            self.req.close_connection = True
            self.req.conn.has_unread_body = True
        return super().start_response(status, headers, *args)

    def _has_ended(self) -> bool:
        descriptor = self.req.conn.socket.fileno()
        return not self.req.server.ready or (
            wsgi_server.is_closed_by_client(descriptor)
        )

    def _has_unread_body(self) -> bool:
        if self.req.chunked_read:
            return not self.req.rfile.finished
        # The length is unknown for Transfer-Encoding in HTTP/1.0 and for an
        # invalid Content-Length.
        return (
            self.req.rfile.remaining != 0
            or 'HTTP_TRANSFER_ENCODING' in self.env
        )


def _decoded_path(uri: bytes) -> str:
    """Return the decoded path.

    cheroot does not decode ``%2F`` and parses ``//`` as the start of a host.
    """
    path = uri.partition(b'?')[0]
    if not path.startswith(b'/'):
        path = parse.urlsplit(path).path
    return parse.unquote_to_bytes(path).decode('latin-1')


class _Server(wsgi.Server):
    ConnectionClass = connection.Connection
    _manager: connection_manager.ConnectionManager

    def __init__(self, application: WSGIApplication, options: Any) -> None:
        super().__init__(
            (str(options.host_ip), options.port),
            application,
            numthreads=options.threads,
            timeout=options.socket_timeout,
            # Does not disclose the library and its version.
            server_name='ironic-passthru',
            # cheroot's default is 5.
            request_queue_size=128,
        )
        self.gateway = Gateway
        self.on_loopback = wsgi_server.is_loopback(str(options.host_ip))
        self.request_timeout = options.request_timeout
        self.max_line_bytes = request_parser.max_line_bytes(
            options.max_query_size
        )
        self.max_head_bytes = (
            self.max_line_bytes + request_parser.MAX_HEADER_BYTES
        )
        descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._max_connections = min(_MAX_CONNECTIONS, descriptors // 2)
        self.keep_alive_conn_limit = self._max_connections
        context = tls.context(options)
        if context is not None:
            self.ssl_adapter = tls.Adapter(context)

    def prepare(self) -> None:
        """Start to listen."""
        super().prepare()
        self._manager = connection_manager.replace(self, self._max_connections)

    def serve(self) -> None:
        """Serve until :meth:`stop`.

        cheroot starts another thread, for connections beyond the limit of
        the queue; this queue is unlimited. An error at the start of the
        thread would end this one while the socket still listens.
        """
        while self.ready:
            try:
                self._manager.run(self.expiration_interval)
            except Exception:
                self.error_log(
                    'Cannot serve connections', logging.ERROR, traceback=True
                )

    def process_conn(self, conn: Any) -> None:
        """Queue a connection for the workers; wait for data of a new one."""
        if conn.last_used is None:
            self.put_conn(conn)
        else:
            super().process_conn(conn)

    def put_conn(self, conn: Any) -> None:
        """Wait for data of a connection."""
        try:
            super().put_conn(conn)
        except (KeyError, OSError, ValueError):
            # The server is stopping.
            conn.close()
            return
        if conn.lingering:
            conn.last_used -= self.timeout - connection.LINGER_SECONDS

    def error_log(
        self, msg: str = '', level: int = 20, traceback: bool = False
    ) -> None:
        # cheroot prints to the standard error stream.
        LOG.log(level, msg, exc_info=traceback)


class HTTPServer:
    """The built-in HTTP server as configured in the group ``[api]``.

    :raises: ConfigError if the files for TLS cannot be used, or if
        ``auth_strategy`` is ``noauth``, other hosts can connect to
        ``host_ip``, and ``allow_insecure_bind`` is unset.
    """

    def __init__(
        self, conf: cfg.ConfigOpts, application: WSGIApplication
    ) -> None:
        _check_address(conf)
        self._server = _Server(application, conf.api)
        self._thread = threading.Thread(
            target=self._server.serve, name='http-server', daemon=True
        )

    def bind(self) -> None:
        """Start to listen; clients wait until :meth:`start`.

        :raises: ConfigError if the address is unavailable.
        """
        try:
            self._server.prepare()
        except OSError as error:
            host, port = self._server.bind_addr[:2]
            raise errors.ConfigError(
                f'Cannot listen on {host} port {port} (options host_ip and '
                f'port in group [api]): {error.strerror or error}'
            ) from None

    def start(self) -> None:
        """Start to serve."""
        self._thread.start()

    @property
    def url(self) -> str:
        """URL of the service for clients on this host."""
        host, port = self._server.bind_addr[:2]
        address = ipaddress.ip_address(host)
        if address.is_unspecified:
            host = '127.0.0.1' if address.version == 4 else '::1'
        host = f'[{host}]' if ':' in host else host
        scheme = 'https' if self._server.ssl_adapter else 'http'
        return f'{scheme}://{host}:{port}'

    def stop(self) -> None:
        """Stop to listen; complete the running requests."""
        self._server.stop()
        if self._thread.is_alive():
            self._thread.join()


def _check_address(conf: cfg.ConfigOpts) -> None:
    host = str(conf.api.host_ip)
    if conf.auth_strategy != 'noauth' or wsgi_server.is_loopback(host):
        return
    if not conf.api.allow_insecure_bind:
        raise errors.ConfigError(
            f'Option host_ip in group [api] is {host}, but auth_strategy in '
            'group [DEFAULT] is noauth: other hosts could call every method. '
            'Choose another auth_strategy or a loopback address, or set '
            'allow_insecure_bind in group [api]'
        )
    LOG.warning(
        'Every client that can connect to %s can call every method: '
        'auth_strategy is noauth, and allow_insecure_bind in group [api] is '
        'set',
        host,
    )
