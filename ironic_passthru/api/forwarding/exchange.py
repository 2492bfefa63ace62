# SPDX-License-Identifier: Apache-2.0
"""HTTP requests to Ironic, bounded in time, size and number.

Each request has a connection of its own: a kept one may be closed while the
request is sent, and its outcome would be unknown.
"""

import contextlib
import dataclasses
import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from collections.abc import Mapping
from urllib import parse

import urllib3
from oslo_config import cfg
from oslo_log import log
from urllib3 import connection as http_connection
from urllib3 import exceptions as http_exceptions

from ironic_passthru import errors
from ironic_passthru.tracing import spans

LOG = log.getLogger(__name__)

_ERRORS = (http_exceptions.HTTPError, http.client.HTTPException, OSError)
_PART_BYTES = 64 * 1024
_MAX_REASON = 200
_PATH = re.compile(r'[!-~]*')


class ExchangeError(Exception):
    """There is no response; ``str()`` is the reason, on one line.

    :cvar is_outage: whether other requests would fail too, or wait.
    """

    is_outage = False


class RequestNotSent(ExchangeError):
    """Ironic certainly did not receive the request."""


class ConnectionFailed(RequestNotSent):
    """No connection to Ironic can be made."""

    is_outage = True


class TooManyRequests(RequestNotSent):
    """The limit of this process for concurrent requests is reached."""


class ResponseLost(ExchangeError):
    """Ironic may have processed the request."""


class ResponseTimeout(ResponseLost):
    """Ironic did not respond in time."""

    is_outage = True


class ResponseTooLarge(ExchangeError):
    """Ironic processed the request."""


@dataclasses.dataclass(frozen=True)
class IronicRequest:
    """A request to Ironic.

    :param target: path and query, percent-encoded.
    """

    http_method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b''


@dataclasses.dataclass(frozen=True)
class IronicResponse:
    """A complete response of Ironic."""

    status: int
    reason: str
    headers: urllib3.HTTPHeaderDict
    body: bytes


class IronicEndpoint:
    """Send requests to the Ironic of the group ``[ironic]``.

    :raises: ConfigError if an option is missing or invalid.
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        options = conf.ironic
        if not options.endpoint_override:
            raise errors.ConfigError(
                '[ironic] endpoint_override is required for forward = true: '
                'the URL of Ironic itself, such as http://127.0.0.1:6387'
            )
        url = _url(options.endpoint_override)
        self._host = url.hostname or ''
        self._tls = _tls(options) if url.scheme == 'https' else None
        self._port = url.port or (80 if self._tls is None else 443)
        self._prefix = url.path.rstrip('/').removesuffix('/v1')
        self._connect_seconds: float = options.connect_timeout
        self.max_size: int = options.max_response_size
        self._max_requests: int = options.max_requests
        self._free = threading.BoundedSemaphore(options.max_requests)

    def send(
        self, request: IronicRequest, *, timeout_seconds: float
    ) -> IronicResponse:
        """Send one of a limited number of concurrent requests.

        :raises: as :meth:`send_unlimited`.
        """
        if not self._free.acquire(blocking=False):
            raise TooManyRequests(
                f'[ironic] max_requests ({self._max_requests}) are running'
            )
        try:
            return self.send_unlimited(
                request, timeout_seconds=timeout_seconds
            )
        finally:
            self._free.release()

    def send_unlimited(
        self, request: IronicRequest, *, timeout_seconds: float
    ) -> IronicResponse:
        """Send a request once, and return the complete response.

        :param timeout_seconds: of all steps after the connection is made.
        :raises: RequestNotSent, ResponseLost, ResponseTooLarge.
        """
        return self._traced(request, timeout_seconds)

    def _traced(
        self, request: IronicRequest, timeout_seconds: float
    ) -> IronicResponse:
        with spans.current().child(
            # Without the path, which contains names of nodes.
            f'{request.http_method} to Ironic',
            spans.SpanKind.CLIENT,
            {
                'http.request.method': request.http_method,
                'server.address': self._host,
            },
        ) as span:
            headers = {**request.headers, **span.headers}
            response = self._send(
                dataclasses.replace(request, headers=headers), timeout_seconds
            )
            span.set({'http.response.status_code': response.status})
            if response.status >= 400:
                span.fail(str(response.status))
            return response

    def _send(
        self, request: IronicRequest, timeout_seconds: float
    ) -> IronicResponse:
        connection = self._connect(timeout_seconds)
        end = time.monotonic() + timeout_seconds
        try:
            with _time_limit(connection.sock, timeout_seconds):
                response = self._exchange(connection, request)
        except (*_ERRORS, ValueError) as error:
            if time.monotonic() < end:
                raise ResponseLost(_one_line(error)) from None
        finally:
            connection.close()
        if time.monotonic() >= end:
            # Without a length, a body looks complete after the shutdown.
            raise ResponseTimeout(f'timeout of {timeout_seconds:g} seconds')
        return response

    def _connect(
        self, timeout_seconds: float
    ) -> http_connection.HTTPConnection:
        """Return a connection, after the TLS handshake.

        :param timeout_seconds: of each later read or write.
        :raises: ConnectionFailed.
        """
        made = http_connection.HTTPConnection(
            self._host, self._port, timeout=self._connect_seconds
        )
        step = ''
        try:
            made.connect()
            if self._tls is not None:
                step = 'SSL handshake: '
                made.sock = self._tls.wrap_socket(
                    made.sock,
                    server_hostname=self._host,
                    do_handshake_on_connect=False,
                )
                with _time_limit(made.sock, self._connect_seconds):
                    made.sock.do_handshake()
        except _ERRORS as error:
            made.close()
            raise ConnectionFailed(f'{step}{_one_line(error)}') from None
        made.timeout = timeout_seconds
        return made

    def _exchange(
        self,
        connection: http_connection.HTTPConnection,
        request: IronicRequest,
    ) -> IronicResponse:
        try:
            connection.request(
                request.http_method,
                f'{self._prefix}{request.target}',
                body=request.body or None,
                headers={**request.headers, 'Connection': 'close'},
                preload_content=False,
                decode_content=False,
            )
        except ValueError as error:
            # Invalid characters are refused before anything is sent.
            raise RequestNotSent(_one_line(error)) from None
        except (BrokenPipeError, ConnectionResetError):
            # A server may refuse a request before it has read the body.
            LOG.debug('Ironic closed the connection during a request')
        with contextlib.closing(connection.getresponse()) as response:
            return self._complete(response)

    def _complete(self, response: urllib3.BaseHTTPResponse) -> IronicResponse:
        """Read the body of a response.

        :raises: HTTPException, ResponseTooLarge.
        """
        if response.status < 200:
            raise http.client.HTTPException(f'status {response.status}')
        _check_framing(response.headers)
        parts = []
        size = 0
        while part := response.read(_PART_BYTES, decode_content=False):
            parts.append(part)
            size += len(part)
            if size > self.max_size:
                raise ResponseTooLarge(f'more than {self.max_size} bytes')
        return IronicResponse(
            status=response.status,
            reason=response.reason or '',
            headers=response.headers,
            body=b''.join(parts),
        )


def _url(text: str) -> parse.SplitResult:
    """Return the parts of ``[ironic] endpoint_override``.

    :raises: ConfigError if requests to that URL cannot be made.
    """
    try:
        url = parse.urlsplit(text)
        valid = url.port != 0 and bool(url.hostname)
    except ValueError:
        valid = False
    # The port of an invalid URL is not read.
    if not valid or not _PATH.fullmatch(text) or '@' in url.netloc:
        raise errors.ConfigError(
            '[ironic] endpoint_override is not a valid URL without a user '
            'name, such as http://127.0.0.1:6387'
        )
    if url.query or url.fragment:
        raise errors.ConfigError(
            '[ironic] endpoint_override must not contain a query or a fragment'
        )
    return url


def _check_framing(headers: urllib3.HTTPHeaderDict) -> None:
    """Check that the end of the body is known.

    :raises: HTTPException.
    """
    coding = headers.get('Transfer-Encoding')
    length = headers.get('Content-Length', '0')
    if coding is not None and coding.strip().lower() != 'chunked':
        raise http.client.HTTPException('an unknown Transfer-Encoding')
    # It may be repeated.
    if coding is None and not re.fullmatch(r'[0-9]+(, *[0-9]+)*', length):
        raise http.client.HTTPException('an invalid Content-Length')


def _tls(options: cfg.ConfigOpts.GroupAttr) -> ssl.SSLContext:
    """Return the TLS context.

    :raises: ConfigError if a file is not valid.
    """
    try:
        context = ssl.create_default_context(cafile=options.cafile)
    except OSError as error:
        raise errors.ConfigError(
            f'[ironic] cafile: {options.cafile}: {_one_line(error)}'
        ) from None
    if options.insecure:
        LOG.warning(
            'The certificate of Ironic is not verified ([ironic] insecure)'
        )
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if options.certfile:
        try:
            context.load_cert_chain(options.certfile, options.keyfile)
        except OSError as error:
            raise errors.ConfigError(
                f'[ironic] certfile, keyfile: {options.certfile}: '
                f'{_one_line(error)}'
            ) from None
    return context


@contextlib.contextmanager
def _time_limit(sock: socket.socket, seconds: float) -> Iterator[None]:
    """Shut down a connection after some time.

    The timeout of a socket limits each read, not their sum.
    """
    watchdog = threading.Timer(seconds, _shut_down, [sock])
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


def _shut_down(sock: socket.socket) -> None:
    """Wake the thread that reads from or writes to a socket."""
    try:
        # The method of an SSLSocket would change it under that thread.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        # It is closed already.
        return


def _one_line(error: Exception) -> str:
    """Return the reason of a failure, without control characters."""
    name = type(error).__name__
    if type(error) in (
        http.client.BadStatusLine,
        http.client.UnknownProtocol,
    ):
        # Its text is the response, which may repeat the request.
        return f'{name}: the response is not HTTP'
    text = ' '.join(f'{name}: {error}'.split())[:_MAX_REASON]
    return ''.join(one if one.isprintable() else '?' for one in text)
