# SPDX-License-Identifier: Apache-2.0
"""The built-in HTTP server, for one process without any other server."""

import ipaddress
import logging
import resource
import threading
from typing import Any
from urllib import parse

from cheroot import wsgi
from oslo_config import cfg
from oslo_log import log

from ironic_passthru import errors
from ironic_passthru.api.http import environ_keys as keys
from ironic_passthru.httpd import acceptor
from ironic_passthru.httpd import chunked
from ironic_passthru.httpd import connection
from ironic_passthru.httpd import loopback
from ironic_passthru.httpd import request_parser
from ironic_passthru.httpd import tls

LOG = log.getLogger(__name__)

# However many file descriptors there are, each costs memory as well.
_MAX_CONNECTIONS = 1000


class Gateway(wsgi.Gateway_10):
    """Between cheroot and the application.

    A request that is refused before its body was read ends the connection:
    what is left of the body would be taken for the next request.
    """

    def __init__(self, request: Any) -> None:
        if request.chunked_read:
            # cheroot's own reads each chunk whole, however large, and takes
            # one of negative size for the end of the body.
            request.rfile = chunked.ChunkedBody(request.conn.rfile)
        super().__init__(request)
        # For links, where a client sends no Host; cheroot has the name of
        # the software there.
        self.env['SERVER_NAME'] = str(request.server.bind_addr[0])
        if request.server.on_loopback:
            # Before a proxy's headers, which anybody may send, replace it.
            self.env[keys.LOOPBACK_HOST] = self.env.get('HTTP_HOST', '')
        # cheroot believes a client that sends a whole URL.
        secure = request.server.ssl_adapter is not None
        self.env['wsgi.url_scheme'] = 'https' if secure else 'http'
        if request.uri.startswith(b'//') or '%2F' in self.env['PATH_INFO']:
            self.env['PATH_INFO'] = _decoded_path(request.uri)

    def start_response(
        self, status: str, headers: list[tuple[str, str]], *args: Any
    ) -> Any:
        # An interim response must not follow the final one.
        self.req.conn.rfile.before_waiting = None
        if self._unread():
            self.req.close_connection = True
            self.req.conn.unread = True
        return super().start_response(status, headers, *args)

    def _unread(self) -> bool:
        """Tell whether the body, or part of it, is still to be read."""
        if self.req.chunked_read:
            return not self.req.rfile.finished
        # HTTP/1.0 knows no Transfer-Encoding, so what follows is not known
        # to end; a broken Content-Length tells as little.
        return (
            self.req.rfile.remaining != 0
            or 'HTTP_TRANSFER_ENCODING' in self.env
        )


def _decoded_path(uri: bytes) -> str:
    """Return the path as other servers hand it out.

    cheroot leaves ``%2F`` as it is, which is a slash everywhere else, and
    takes two slashes at the start for the mark of a host.
    """
    path = uri.partition(b'?')[0]
    if not path.startswith(b'/'):
        path = parse.urlsplit(path).path
    return parse.unquote_to_bytes(path).decode('latin-1')


class _Cheroot(wsgi.Server):
    ConnectionClass = connection.Connection
    # cheroot makes it when it begins to listen.
    _connections: Any

    def __init__(self, application: Any, options: Any, **kwargs: Any) -> None:
        super().__init__(
            (str(options.host_ip), options.port),
            application,
            numthreads=options.threads,
            timeout=options.socket_timeout,
            **kwargs,
        )
        self.gateway = Gateway
        self.on_loopback = loopback.is_loopback(str(options.host_ip))
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
        """Begin to listen."""
        super().prepare()
        # In the place of cheroot's own, which serve() has not used yet.
        self._connections._selector.close()
        self._connections = acceptor.Acceptor(self, self._max_connections)

    def serve(self) -> None:
        """Serve until :meth:`stop`.

        cheroot's own starts another thread, for connections that do not fit
        in the queue of workers; this queue has no limit. A host that refuses
        the thread would end this one, while the socket still listens.
        """
        while self.ready:
            try:
                self._connections.run(self.expiration_interval)
            except Exception:
                self.error_log(
                    'Cannot serve connections', logging.ERROR, traceback=True
                )

    def process_conn(self, conn: Any) -> None:
        """Hand a connection to a worker as soon as it has sent anything."""
        if conn.last_used is None:
            # It is new.
            self.put_conn(conn)
        else:
            super().process_conn(conn)

    def put_conn(self, conn: Any) -> None:
        """Have a connection wait until it sends more."""
        try:
            super().put_conn(conn)
        except (KeyError, OSError, ValueError):
            # The server stops meanwhile.
            conn.close()
            return
        if conn.leaving:
            # It need not wait for as long as others.
            conn.last_used -= self.timeout - connection.LEAVING_SECONDS

    def error_log(
        self, msg: str = '', level: int = 20, traceback: bool = False
    ) -> None:
        # cheroot's own prints to the standard error stream.
        LOG.log(level, msg, exc_info=traceback)


class HTTPServer:
    """cheroot, listening as the group ``[api]`` says.

    :param application: the WSGI application.
    :raises: ConfigError if the files for TLS cannot be used.
    """

    def __init__(self, conf: cfg.ConfigOpts, application: Any) -> None:
        self._server = _Cheroot(
            application,
            conf.api,
            # Which version of which library answers is nobody's business.
            server_name='ironic-passthru',
            # Its default is what a kernel of long ago allowed.
            request_queue_size=128,
        )
        self._thread = threading.Thread(
            target=self._server.serve, name='http-server', daemon=True
        )

    def bind(self) -> None:
        """Begin to listen; clients that connect wait for :meth:`start`.

        :raises: ConfigError if the address cannot be listened on.
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
        """Begin to serve."""
        self._thread.start()

    @property
    def url(self) -> str:
        """URL at which the service is reached on this machine."""
        host, port = self._server.bind_addr[:2]
        address = ipaddress.ip_address(host)
        if address.is_unspecified:
            host = '127.0.0.1' if address.version == 4 else '::1'
        host = f'[{host}]' if ':' in host else host
        scheme = 'https' if self._server.ssl_adapter else 'http'
        return f'{scheme}://{host}:{port}'

    def stop(self) -> None:
        """Stop listening; requests that are under way are answered."""
        self._server.stop()
        if self._thread.is_alive():
            self._thread.join()
