# SPDX-License-Identifier: Apache-2.0
"""The built-in HTTP server, for one process without any other server."""

import socket
import threading
import time
from typing import Any
from urllib import parse

from cheroot import server as cheroot_server
from cheroot import wsgi
from oslo_config import cfg
from oslo_log import log

from ironic_passthru import errors
from ironic_passthru.api import chunks

LOG = log.getLogger(__name__)


# Headers that are longer are refused.
_MAX_HEADER_BYTES = 64 * 1024

# How much of a body that nobody wants is read away, and for how long.
_MAX_DRAIN_BYTES = 16 * 1024 * 1024
_MAX_DRAIN_SECONDS = 2.0


class Gateway(wsgi.Gateway_10):
    """Between cheroot and the application.

    A request that is refused before its body was read ends the connection:
    what is left of the body would be taken for the next request.
    """

    def __init__(self, request: Any) -> None:
        if request.chunked_read:
            # cheroot's own reads each chunk whole, however large, and takes
            # one of negative size for the end of the body.
            request.rfile = chunks.ChunkedBody(request.conn.rfile)
        super().__init__(request)
        # For links, where a client sends no Host; cheroot has the name of
        # the software there.
        self.env['SERVER_NAME'] = str(request.server.bind_addr[0])
        if request.uri.startswith(b'//') or '%2F' in self.env['PATH_INFO']:
            self.env['PATH_INFO'] = _decoded_path(request.uri)

    def start_response(
        self, status: str, headers: list[tuple[str, str]], *args: Any
    ) -> Any:
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


class _Headers(dict[bytes, bytes]):
    def __setitem__(self, name: bytes, value: bytes) -> None:
        # Of two lengths one is wrong, and with it what the body is.
        if name == b'Content-Length' and self.get(name, value) != value:
            raise ValueError('Two lengths')
        super().__setitem__(name, value)


class _HeaderReader(cheroot_server.HeaderReader):
    def __call__(
        self, rfile: Any, hdict: dict[bytes, bytes] | None = None
    ) -> dict[bytes, bytes]:
        """Read the headers of a request into ``hdict``."""
        headers = {} if hdict is None else hdict
        headers.update(super().__call__(rfile, _Headers()))
        return headers


class _Request(cheroot_server.HTTPRequest):
    header_reader = _HeaderReader()

    def __init__(self, server: Any, connection: Any) -> None:
        # A server must accept URLs in absolute form (RFC 9112, section
        # 3.2.2), which cheroot thinks is for proxies alone.
        super().__init__(server, connection, proxy_mode=True)

    def read_request_line(self) -> bool:
        """Read the first line; tell whether it can be served."""
        try:
            return super().read_request_line()
        except ValueError:
            # Python's parser of URLs, about '//[', for one.
            self.simple_response('400 Bad Request', 'Malformed Request-URI')
            return False

    def simple_response(self, status: str, msg: str = '') -> None:
        """Answer what cheroot refuses by itself."""
        self.conn.unread = True
        super().simple_response(status, msg)


class _Connection(cheroot_server.HTTPConnection):
    """A connection that lets a client hear why it is ended.

    One that is closed over unread data is reset, which can take the answer
    away from a client that still sends. So what it sends is read, for a
    while.

    :ivar unread: whether a request has been refused before its end.
    """

    RequestHandlerClass = _Request
    unread = False

    def communicate(self) -> bool:
        """Serve one request; tell whether another one may follow."""
        keep = super().communicate()
        if self.unread:
            self._drain()
        return keep and not self.unread

    def _drain(self) -> None:
        deadline = time.monotonic() + _MAX_DRAIN_SECONDS
        left = _MAX_DRAIN_BYTES
        try:
            self.socket.shutdown(socket.SHUT_WR)
            self.socket.settimeout(_MAX_DRAIN_SECONDS)
            while left > 0 and time.monotonic() < deadline:
                part = self.rfile.read1(64 * 1024)
                if not part:
                    break
                left -= len(part)
        except OSError:
            LOG.debug('A client went away over the rest of its request')


class _Cheroot(wsgi.Server):
    ConnectionClass = _Connection

    def error_log(
        self, msg: str = '', level: int = 20, traceback: bool = False
    ) -> None:
        # cheroot's own prints to the standard error stream.
        LOG.log(level, msg, exc_info=traceback)


class Server:
    """cheroot, listening as the group ``[api]`` says.

    :param application: the WSGI application.
    """

    def __init__(self, conf: cfg.ConfigOpts, application: Any) -> None:
        options = conf.api
        self._server = _Cheroot(
            (str(options.host_ip), options.port),
            application,
            numthreads=options.threads,
            # Which version of which library answers is nobody's business.
            server_name='ironic-passthru',
            timeout=options.socket_timeout,
            # Its default is what a kernel of long ago allowed.
            request_queue_size=128,
        )
        self._server.gateway = Gateway
        self._server.max_request_header_size = _MAX_HEADER_BYTES
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
        if host in ('0.0.0.0', '::'):  # nosec B104
            host = '127.0.0.1' if host == '0.0.0.0' else '::1'  # nosec B104
        host = f'[{host}]' if ':' in host else host
        return f'http://{host}:{port}'

    def stop(self) -> None:
        """Stop listening; requests that are under way are answered."""
        self._server.stop()
        if self._thread.is_alive():
            self._thread.join()
