# SPDX-License-Identifier: Apache-2.0
"""The connection to one BMC, which sends every request exactly once.

The connector of sushy cannot be configured for that: even with
``server_side_retries=1`` it repeats a POST whose response contains certain
vendor messages, a PATCH with the response 412, and, through requests, every
request with a redirect. It also logs the address of the BMC. sushy accepts
any object with the public methods of its connector.
"""

import base64
import dataclasses
import json
import logging
from collections.abc import Mapping
from typing import Any
from urllib import parse

import urllib3
from sushy import exceptions as sushy_exceptions
from urllib3 import exceptions as link_exceptions

from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish import body
from ironic_passthru.drivers.redfish import connection_pool
from ironic_passthru.drivers.redfish import deadline as call_deadline
from ironic_passthru.drivers.redfish import failures

LOG = logging.getLogger(__name__)

# A system or device has some ten KiB. A decoded document takes up to twenty
# times its size in memory, and sushy keeps all documents of a call.
MAX_ANSWER_BYTES = 1024 * 1024
MAX_CALL_BYTES = 4 * MAX_ANSWER_BYTES

_READING = frozenset({'GET', 'HEAD'})

# Default ports of URLs (RFC 9110).
_PORTS = {'http': 80, 'https': 443}

# The first matching row applies. urllib3 does not distinguish a failed TLS
# handshake from a TLS connection that fails later.
_LINK_TABLE: tuple[tuple[type[Exception], type[failures.LinkFailure]], ...] = (
    (link_exceptions.ConnectTimeoutError, failures.NotConnected),
    (link_exceptions.NewConnectionError, failures.NotConnected),
    (link_exceptions.SSLError, failures.Untrusted),
    (link_exceptions.TimeoutError, failures.NoAnswer),
    (link_exceptions.DecodeError, failures.BadAnswer),
    (link_exceptions.LocationValueError, failures.BadAnswer),
    (failures.NoAnswer, failures.NoAnswer),
    (failures.BadAnswer, failures.BadAnswer),
    (Exception, failures.Cut),
)

_LINK_ERRORS = (link_exceptions.HTTPError, OSError)


@dataclasses.dataclass(frozen=True)
class BmcResponse:
    """A response, with the attributes of requests that sushy reads."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """Return the decoded body."""
        return json.loads(self.content)


class Connector:
    """Sends each request once, only to the address of one BMC.

    Redirects are not followed and the environment's proxies are not used, so
    that the password is sent to the address in the inventory only.

    :raises: from every sending method :class:`failures.LinkFailure` and
        :class:`sushy.exceptions.HTTPError`. For a request that may change
        something, :class:`failures.ChangeOutcomeUnknown` replaces every
        failure after which it may have been received.
    """

    def __init__(
        self,
        address: bmc_target.Address,
        deadline: call_deadline.Deadline,
        *,
        connect_timeout_seconds: float,
        read_timeout_seconds: float,
    ) -> None:
        self._url = address.url
        self._deadline = deadline
        self._connect_timeout = connect_timeout_seconds
        self._read_timeout = read_timeout_seconds
        self._headers = {
            'Accept': 'application/json',
            # Some BMCs send another ETag with a compressed body.
            'Accept-Encoding': 'identity',
            # Many BMCs support only a few connections.
            'Connection': 'close',
            'OData-Version': '4.0',
            'User-Agent': 'ironic-passthru',
        }
        self._left_bytes = MAX_CALL_BYTES
        self._secrets = (
            _login(address.username, address.password).encode(),
            address.password.encode(),
        )
        self._pool = connection_pool.pool(
            address.url,
            deadline,
            ca=str(address.ca) if address.ca else None,
            verify=address.verify,
        )

    def __enter__(self) -> 'Connector':
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    def set_auth(self, auth: object) -> None:
        """Accept sushy's authentication object, which is not needed."""

    def set_http_basic_auth(self, username: str, password: str) -> None:
        """Use Basic authentication (RFC 7617, in UTF-8)."""
        login = _login(username, password)
        self._headers['Authorization'] = f'Basic {login}'

    def get(self, path: str = '', **options: Any) -> BmcResponse:
        """Read a resource, which must be a JSON object."""
        answer = self._send('GET', path, **options)
        try:
            is_object = isinstance(answer.json(), dict)
        except (ValueError, RecursionError) as exc:
            raise failures.BadAnswer() from exc
        if not is_object:
            raise failures.BadAnswer()
        return answer

    def post(
        self, path: str = '', data: Any = None, **options: Any
    ) -> BmcResponse:
        """Run an action or create a resource."""
        return self._send('POST', path, data=data, **options)

    def put(
        self, path: str = '', data: Any = None, **options: Any
    ) -> BmcResponse:
        """Replace a resource."""
        return self._send('PUT', path, data=data, **options)

    def patch(
        self,
        path: str = '',
        data: Any = None,
        *,
        etag: str | None = None,
        **options: Any,
    ) -> BmcResponse:
        """Change a resource, with ``etag`` only in that version."""
        headers = dict(options.pop('headers', None) or {})
        if etag:
            headers['If-Match'] = etag
        return self._send('PATCH', path, data=data, headers=headers, **options)

    def delete(self, path: str = '', **options: Any) -> BmcResponse:
        """Delete a resource."""
        return self._send('DELETE', path, **options)

    def _send(
        self,
        http_method: str,
        path: str,
        *,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> BmcResponse:
        """Send one request; other options of sushy are ignored."""
        target = self._target_of(path)
        connect, read = self._timeouts()
        try:
            response = self._pool.request(
                http_method,
                target,
                json=data,
                headers=self._headers_with(headers, data),
                timeout=urllib3.Timeout(connect=connect, read=read),
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except Exception as exc:
            raise _translate(exc, http_method)() from exc
        LOG.debug(
            '%s %r was answered %d', http_method, target, response.status
        )
        return self._check(http_method, path, response)

    def _check(
        self, http_method: str, path: str, response: urllib3.BaseHTTPResponse
    ) -> BmcResponse:
        try:
            content = self._read(response)
        except (*_LINK_ERRORS, failures.LinkFailure) as exc:
            if http_method in _READING and response.status < 300:
                raise _translate(exc, http_method)() from exc
            # The status of a change or rejection is sufficient.
            LOG.debug('%s %r: no body', http_method, path, exc_info=True)
            content = b''
        finally:
            response.close()
        if 300 <= response.status < 400:
            raise failures.Redirected()
        if response.status >= 400:
            rejection = self._without_secrets(content)
            LOG.debug(
                '%s %r was rejected with %.2000r', http_method, path, rejection
            )
            # sushy includes the body in the text of its exception and fails
            # for a body that is not an object; the text is not used.
            content = b'{}'
        answer = BmcResponse(response.status, response.headers, content)
        sushy_exceptions.raise_for_response(http_method, path, answer)
        return answer

    def _target_of(self, path: str) -> str:
        """Return path and query of a link, which must refer to this BMC.

        The pool connects only to the BMC's address, however the host of a
        link is spelled.
        """
        try:
            parts = parse.urlsplit(parse.urljoin(self._url, path))
            is_here = _origin(parts) == _origin(parse.urlsplit(self._url))
        except ValueError as exc:
            raise failures.BadAnswer() from exc
        if not is_here:
            raise failures.BadAnswer()
        query = f'?{parts.query}' if parts.query else ''
        return f'/{parts.path.lstrip("/")}{query}'

    def _timeouts(self) -> tuple[float, float]:
        """Return the connect and read timeouts in seconds."""
        left = self._deadline.left_seconds()
        if not left:
            raise failures.NoAnswer()
        return min(self._connect_timeout, left), min(self._read_timeout, left)

    def _headers_with(
        self, headers: Mapping[str, str] | None, data: Any
    ) -> dict[str, str]:
        merged = {**self._headers, **(headers or {})}
        if data is not None:
            merged.setdefault('Content-Type', 'application/json')
        return merged

    def _read(self, response: urllib3.BaseHTTPResponse) -> bytes:
        """Read a body, which may be slow or endless."""
        _, seconds = self._timeouts()
        until = call_deadline.Deadline(seconds)
        content = body.Body(
            response.headers.get('Content-Encoding', ''),
            limit=min(MAX_ANSWER_BYTES, self._left_bytes),
        )
        while chunk := response.read1(65536, decode_content=False):
            content.add(chunk)
            if not until.left_seconds():
                raise failures.NoAnswer()
        self._left_bytes -= content.size
        return content.end()

    def _without_secrets(self, content: bytes) -> bytes:
        # Some servers include the request in their error messages.
        for secret in self._secrets:
            content = content.replace(secret, b'***')
        return content


def _login(username: str, password: str) -> str:
    return base64.b64encode(f'{username}:{password}'.encode()).decode()


def _origin(parts: parse.SplitResult) -> tuple[str, str | None, int | None]:
    port = _PORTS.get(parts.scheme) if parts.port is None else parts.port
    return parts.scheme, parts.hostname, port


def _translate(exc: Exception, http_method: str) -> type[failures.LinkFailure]:
    """Return the failure for an exception of a request."""
    failure = next(row[1] for row in _LINK_TABLE if isinstance(exc, row[0]))
    if http_method in _READING or failure is failures.NotConnected:
        return failure
    return failures.ChangeOutcomeUnknown
