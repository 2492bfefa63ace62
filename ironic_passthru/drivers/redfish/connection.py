# SPDX-License-Identifier: Apache-2.0
"""One connection to a BMC, kept for the requests of a call."""

import dataclasses
import functools
import http.client
import logging
import ssl
from collections.abc import Mapping
from typing import Any

import urllib3
from urllib3 import connection as http_connection
from urllib3 import exceptions as http_exceptions
from urllib3.util import wait

from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish import body
from ironic_passthru.drivers.redfish import bounded_connect
from ironic_passthru.drivers.redfish import deadline as call_deadline
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import firmware_upload
from ironic_passthru.drivers.redfish import timed_response
from ironic_passthru.drivers.redfish import trust
from ironic_passthru.drivers.redfish import url_template
from ironic_passthru.tracing import spans

LOG = logging.getLogger(__name__)

# A system or device has some ten KiB. A decoded document takes up to twenty
# times its size in memory.
MAX_ANSWER_BYTES = 1024 * 1024
MAX_CALL_BYTES = 4 * MAX_ANSWER_BYTES

# Reasons of OpenSSL for a failed handshake.
_VERSION_REASONS = frozenset(
    {
        'NO_PROTOCOLS_AVAILABLE',
        'TLSV1_ALERT_PROTOCOL_VERSION',
        'UNSUPPORTED_PROTOCOL',
        'VERSION_TOO_LOW',
        'WRONG_SSL_VERSION',
    }
)
_CIPHER_REASONS = frozenset(
    {
        'BAD_DH_VALUE',
        'DH_KEY_TOO_SMALL',
        'LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED',
        'NO_CIPHERS_AVAILABLE',
        'NO_SHARED_CIPHER',
        'SSLV3_ALERT_HANDSHAKE_FAILURE',
        'TLSV1_ALERT_INSUFFICIENT_SECURITY',
        'UNSAFE_LEGACY_RENEGOTIATION_DISABLED',
        'WRONG_CIPHER_RETURNED',
        'WRONG_SIGNATURE_TYPE',
    }
)

# Some BMCs close a connection right after the response, without notice. A
# change must not be sent at that moment, as its outcome would be unknown.
_NOTICE_SECONDS = 0.05

# Errors of a kept connection that the BMC had closed before the request.
_CLOSED = (
    http.client.RemoteDisconnected,
    ConnectionResetError,
    BrokenPipeError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
)

_ERRORS = (http_exceptions.HTTPError, http.client.HTTPException, OSError)
_TIMEOUTS = (TimeoutError, http_exceptions.TimeoutError)


@dataclasses.dataclass(frozen=True)
class RawRequest:
    """A request to one BMC.

    :param target: path and query, percent-encoded.
    :param once: whether the request must not be sent a second time.
    :param changes: whether the BMC may act although no response arrives.
    :param response_seconds: timeout for the response if it exceeds that of
        the connection.
    :param counted: whether the body of the response counts against the data
        limit of the call.
    """

    http_method: str
    target: str
    headers: Mapping[str, str]
    content: bytes | firmware_upload.MultipartForm | None = None
    once: bool = True
    changes: bool = True
    response_seconds: float = 0.0
    counted: bool = True


@dataclasses.dataclass(frozen=True)
class RawResponse:
    """A response with its body, which is empty if it was not readable."""

    status: int
    headers: urllib3.HTTPHeaderDict
    content: bytes


class BmcConnection:
    """Sends requests over one connection at a time.

    A connection is used again only after a complete response that keeps it
    open. A request is sent twice only if ``once`` is false and the BMC had
    closed the kept connection.

    :ivar deadline: limits later requests.
    :raises: from :meth:`send` the exceptions of :mod:`failures` that are not
        about a status: NotConnected, Untrusted, HandshakeFailed, NoAnswer,
        Cut, BadAnswer; ChangeOutcomeUnknown in place of the last three for a
        change that may have been received.
    """

    def __init__(
        self,
        target: bmc_target.Target,
        deadline: call_deadline.Deadline,
        trusted: trust.TrustStore,
        *,
        connect_timeout_seconds: float,
        read_timeout_seconds: float,
        send_trace_headers: bool = False,
    ) -> None:
        self.deadline = deadline
        self._answered = False
        self._target = target
        self._trusted = trusted
        self._send_trace_headers = send_trace_headers
        self._connect_timeout = connect_timeout_seconds
        self._read_timeout = read_timeout_seconds
        parts = urllib3.util.parse_url(target.address.url)
        self._host, self._port = str(parts.host), parts.port
        self._kept: http_connection.HTTPConnection | None = None
        self._closes_silently = False
        self._left_bytes = MAX_CALL_BYTES
        #: Fields of the verified certificate as ``ssl`` returns them.
        self.peer_certificate: Mapping[str, Any] = {}

    def close(self) -> None:
        """Close the connection; a later request opens another one."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    def send(self, request: RawRequest) -> RawResponse:
        """Send one request; return its response of any status."""
        template = url_template.of(request.target)
        with spans.current().child(
            f'{request.http_method} {template}',
            spans.SpanKind.CLIENT,
            {
                'http.request.method': request.http_method,
                'url.template': template,
            },
        ) as span:
            if self._send_trace_headers:
                headers = {**request.headers, **span.headers}
                request = dataclasses.replace(request, headers=headers)
            try:
                response = self._send(request)
            except failures.BmcError as exc:
                exc.answered = self._answered
                raise
            span.set({'http.response.status_code': response.status})
            if response.status >= 400:
                span.fail(str(response.status))
            return response

    def _send(self, request: RawRequest) -> RawResponse:
        """Send a request over the kept connection or a new one."""
        link = self._reusable(request)
        if link is not None:
            try:
                response = self._exchange(link, request)
            except _ERRORS as exc:
                if request.once or not isinstance(exc, _CLOSED):
                    raise self._translate(exc, request) from None
                LOG.debug('The BMC had closed a kept connection')
                self._closes_silently = True
            else:
                return self._finish(link, request, response)
        link = self._connected()
        try:
            response = self._exchange(link, request)
        except _ERRORS as exc:
            raise self._translate(exc, request) from None
        return self._finish(link, request, response)

    def _reusable(
        self, request: RawRequest
    ) -> http_connection.HTTPConnection | None:
        """Return the kept connection if it is safe for a request.

        A BMC that closed one without notice may close the next one just when
        a change arrives, so a change then gets a new connection.
        """
        link, self._kept = self._kept, None
        if link is None:
            return None
        seconds = _NOTICE_SECONDS if request.once else 0
        if _is_open(link, seconds) and not (
            request.once and self._closes_silently
        ):
            return link
        self._closes_silently = True
        link.close()
        return None

    def _connected(self) -> http_connection.HTTPConnection:
        timeout = self._limited(self._connect_timeout)
        link: http_connection.HTTPConnection
        if self._target.address.encrypted:
            link = bounded_connect.BoundedHTTPSConnection(
                self._host,
                self._port,
                timeout=timeout,
                ssl_context=self._trusted.context(self._target),
            )
        else:
            link = bounded_connect.BoundedHTTPConnection(
                self._host, self._port, timeout=timeout
            )
        try:
            link.connect()
        except Exception as exc:
            link.close()
            raise _handshake_error(exc) from exc
        self.deadline.cut_at_end(link.sock)
        if isinstance(link.sock, ssl.SSLSocket):
            self.peer_certificate = link.sock.getpeercert() or {}
        return link

    def _exchange(
        self, link: http_connection.HTTPConnection, request: RawRequest
    ) -> urllib3.HTTPResponse:
        """Send a request and receive the header of its response."""
        try:
            seconds = link.timeout = self._limited(
                max(self._read_timeout, request.response_seconds)
            )
            # The previous response has left less time.
            link.sock.settimeout(seconds)
            link.response_class = functools.partial(  # type: ignore[assignment]
                timed_response.TimedResponse, seconds=seconds
            )
            link.request(
                request.http_method,
                request.target,
                body=request.content,
                headers=request.headers,
                preload_content=False,
                decode_content=False,
            )
            return link.getresponse()
        except BaseException:
            link.close()
            raise

    def _finish(
        self,
        link: http_connection.HTTPConnection,
        request: RawRequest,
        response: urllib3.HTTPResponse,
    ) -> RawResponse:
        """Receive the body; keep the connection if it remains usable."""
        self._answered = True
        content, complete = b'', False
        try:
            content = self._read(response, counted=request.counted)
            complete = True
        except (*_ERRORS, failures.BmcError) as exc:
            if not request.changes and response.status < 300:
                raise self._translate(exc, request) from None
            # The status of a change or rejection is sufficient.
            LOG.debug('No body: %s', type(exc).__name__)
        finally:
            response.close()
            if complete and _stays_open(link, response):
                self._kept = link
            else:
                link.close()
        return RawResponse(response.status, response.headers, content)

    def _read(self, response: urllib3.HTTPResponse, *, counted: bool) -> bytes:
        """Read a body, which may be endless."""
        content = body.Body(
            response.headers.get('Content-Encoding', ''),
            limit=max(0, min(MAX_ANSWER_BYTES, self._left_bytes))
            if counted
            else MAX_ANSWER_BYTES,
        )
        try:
            while chunk := response.read1(65536, decode_content=False):
                content.add(chunk)
            return content.end()
        finally:
            if counted:
                self._left_bytes -= content.size
            if self._left_bytes < 0:
                raise failures.DataLimitReached()

    def _limited(self, seconds: float) -> float:
        """Return a timeout that ends with the deadline.

        :raises: NoAnswer if the deadline has passed.
        """
        left = self.deadline.left_seconds()
        if not left:
            raise failures.NoAnswer()
        return min(seconds, left)

    def _translate(
        self, exc: Exception, request: RawRequest
    ) -> failures.BmcError:
        """Return the failure of a request that may have been received.

        The text of ``exc`` may repeat the credentials of the request.
        """
        LOG.debug('%s failed: %s', request.http_method, type(exc).__name__)
        if request.changes:
            return failures.ChangeOutcomeUnknown()
        if isinstance(exc, failures.BmcError):
            return exc
        # The deadline shuts down the connection.
        if isinstance(exc, _TIMEOUTS) or not self.deadline.left_seconds():
            return failures.NoAnswer()
        return failures.Cut()


def _is_open(link: http_connection.HTTPConnection, seconds: float) -> bool:
    """Return whether a connection stays open and unread for ``seconds``.

    Unread bytes would become the response to the next request.
    """
    if link.sock is None or wait.wait_for_read(link.sock, seconds):
        return False
    return not (isinstance(link.sock, ssl.SSLSocket) and link.sock.pending())


def _stays_open(
    link: http_connection.HTTPConnection, response: urllib3.HTTPResponse
) -> bool:
    if link.sock is None:
        return False
    tokens = ','.join(response.headers.getlist('Connection')).lower()
    return 'close' not in {token.strip() for token in tokens.split(',')}


def _handshake_error(exc: Exception) -> failures.BmcError:
    """Return the failure of a connection without any request."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return failures.Untrusted()
    if isinstance(exc, ssl.SSLError):
        if exc.reason in _VERSION_REASONS:
            return failures.ProtocolVersionRejected()
        if exc.reason in _CIPHER_REASONS:
            return failures.NoSharedCipher()
        return failures.HandshakeFailed()
    if isinstance(exc, ConnectionError):
        # TCP was connected: its own failures are NewConnectionError.
        return failures.HandshakeFailed()
    if isinstance(exc, http_exceptions.LocationValueError | UnicodeError):
        return failures.BadAnswer()
    return failures.NotConnected()
