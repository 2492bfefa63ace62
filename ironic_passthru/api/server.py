# SPDX-License-Identifier: Apache-2.0
"""The built-in HTTP server, for one process without any other server."""

import threading
from collections.abc import Iterable
from typing import Any
from urllib import parse

from cheroot import wsgi
from oslo_config import cfg
from oslo_log import log

from ironic_passthru import errors

LOG = log.getLogger(__name__)


class DecodedPath:
    """Hands the application a path that is decoded like other servers do.

    cheroot leaves ``%2F`` as it is; everywhere else it is a slash.
    """

    def __init__(self, application: Any) -> None:
        self._application = application

    def __call__(
        self, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        if '%2F' in environ['PATH_INFO']:
            path = parse.urlsplit(environ['REQUEST_URI']).path
            environ['PATH_INFO'] = parse.unquote_to_bytes(path).decode(
                'latin-1'
            )
        return self._application(environ, start_response)


class Server:
    """cheroot, listening as the group ``[api]`` says.

    :param application: the WSGI application.
    """

    def __init__(self, conf: cfg.ConfigOpts, application: Any) -> None:
        options = conf.api
        self._server = wsgi.Server(
            (str(options.host_ip), options.port),
            DecodedPath(application),
            numthreads=options.threads,
            timeout=options.socket_timeout,
            # Its default is what a kernel of long ago allowed.
            request_queue_size=128,
        )
        # Which version of which library answers is nobody's business.
        self._server.software = 'ironic-passthru'
        # cheroot prints its errors to the standard error stream.
        self._server.error_log = _log_error
        self._thread = threading.Thread(
            target=self._server.serve, name='http-server', daemon=True
        )

    def start(self) -> None:
        """Begin to listen and to serve.

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
        self._thread.start()

    @property
    def url(self) -> str:
        """URL at which the service is reached on this machine."""
        host, port = self._server.bind_addr[:2]
        if host in ('0.0.0.0', '::'):  # nosec B104
            host = '127.0.0.1' if host == '0.0.0.0' else '::1'  # nosec B104
        return f'http://[{host}]:{port}' if ':' in host else (
            f'http://{host}:{port}'
        )

    def stop(self) -> None:
        """Stop listening; requests that are under way are answered."""
        self._server.stop()
        self._thread.join()


def _log_error(message: str = '', level: int = 20, traceback: bool = False) -> None:
    LOG.log(level, message, exc_info=traceback)
