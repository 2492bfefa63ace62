# SPDX-License-Identifier: Apache-2.0
"""The connection to one BMC, which sends every request exactly once.

sushy's own connector cannot be told to do that: with
``server_side_retries=1`` it still repeats a POST whose answer holds certain
vendors' words for "not now", a PATCH that is answered 412, and, through
requests, whatever is answered with a redirect. It also logs the address of
the BMC. sushy takes any object with the public methods of its connector.
"""

import base64
import dataclasses
import json
import logging
import pathlib
from collections.abc import Mapping
from typing import Any
from urllib import parse

import urllib3
from sushy import exceptions as sushy_exceptions
from urllib3 import exceptions as link_exceptions

from ironic_passthru.drivers.redfish import body
from ironic_passthru.drivers.redfish import connection_pool
from ironic_passthru.drivers.redfish import deadline as call_deadline
from ironic_passthru.drivers.redfish import failures

LOG = logging.getLogger(__name__)

# What is read here, systems and their devices, has some ten KiB each. Once
# decoded a document takes up to twenty times its size in memory, and sushy
# keeps all those of a call until its end.
MAX_ANSWER_BYTES = 1024 * 1024
MAX_CALL_BYTES = 4 * MAX_ANSWER_BYTES

_READING = frozenset({'GET', 'HEAD'})

# What a URL means that names none (RFC 9110).
_PORTS = {'http': 80, 'https': 443}

# The first row whose class fits counts. urllib3 makes no difference between
# a TLS handshake and a TLS connection that fails later.
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
class Address:
    """Where a BMC is and how to log in to it.

    :param url: scheme and authority, such as ``https://bmc.example.com``.
    :param ca: file of the certificates that are trusted; ``None`` for those
        of the operating system.
    :param verify: whether the BMC's certificate is checked at all.
    """

    url: str = dataclasses.field(repr=False)
    username: str = dataclasses.field(repr=False)
    password: str = dataclasses.field(repr=False)
    ca: pathlib.Path | None = None
    verify: bool = True

    @property
    def encrypted(self) -> bool:
        """Whether what is sent there is encrypted."""
        return self.url.startswith('https://')


@dataclasses.dataclass(frozen=True)
class BmcResponse:
    """What a BMC answered; the part of a requests response sushy reads."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """Return the decoded body."""
        return json.loads(self.content)


class Connector:
    """Sends requests to one BMC: each one once, to its address alone.

    Redirects are not followed and the environment's proxies are not used:
    the password goes to the address in the inventory or nowhere.

    :raises: from every sending method :class:`failures.LinkFailure` and
        :class:`sushy.exceptions.HTTPError`. For a request that may change
        something, :class:`failures.OutcomeUnknown` stands for every failure
        after which it may have been received.
    """

    def __init__(
        self,
        address: Address,
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
            # Some BMCs hand out another ETag with a compressed body.
            'Accept-Encoding': 'identity',
            # Many BMCs serve only a few connections.
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
        """Accept sushy's object for logins; there is nothing to renew."""

    def set_http_basic_auth(self, username: str, password: str) -> None:
        """Log in with every request (RFC 7617, in UTF-8)."""
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
        """Change a resource, if ``etag`` is given only in that version."""
        headers = dict(options.pop('headers', None) or {})
        if etag:
            headers['If-Match'] = etag
        return self._send('PATCH', path, data=data, headers=headers, **options)

    def delete(self, path: str = '', **options: Any) -> BmcResponse:
        """Delete a resource."""
        return self._send('DELETE', path, **options)

    def _send(
        self,
        verb: str,
        path: str,
        *,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> BmcResponse:
        """Send one request; further options are sushy's and mean nothing."""
        target = self._target_of(path)
        connect, read = self._timeouts()
        try:
            response = self._pool.request(
                verb,
                target,
                json=data,
                headers=self._headers_with(headers, data),
                timeout=urllib3.Timeout(connect=connect, read=read),
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except Exception as exc:
            raise _translate(exc, verb)() from exc
        LOG.debug('%s %r was answered %d', verb, target, response.status)
        return self._check(verb, path, response)

    def _check(
        self, verb: str, path: str, response: urllib3.BaseHTTPResponse
    ) -> BmcResponse:
        try:
            content = self._read(response)
        except (*_LINK_ERRORS, failures.LinkFailure) as exc:
            if verb in _READING and response.status < 300:
                raise _translate(exc, verb)() from exc
            # The status says it all of a change, and of a refusal.
            LOG.debug('%s %r: no body', verb, path, exc_info=True)
            content = b''
        finally:
            response.close()
        if 300 <= response.status < 400:
            raise failures.Redirected()
        if response.status >= 400:
            refusal = self._without_secrets(content)
            LOG.debug('%s %r was refused with %.2000r', verb, path, refusal)
            # sushy puts the body of a refusal into its exception's text and
            # stumbles over one that is not an object; nobody reads it here.
            content = b'{}'
        answer = BmcResponse(response.status, response.headers, content)
        sushy_exceptions.raise_for_response(verb, path, answer)
        return answer

    def _target_of(self, path: str) -> str:
        """Return the path and query of a link, which must lead to this BMC.

        The pool has connections to the BMC's address alone, so that what
        becomes of a link does not hang on how its host is spelled.
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
        """Return the seconds to connect and to wait for a sign of life."""
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
        """Read a body that may be dripping in, or have no end."""
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
        # There are servers that repeat a request in what they say of it.
        for secret in self._secrets:
            content = content.replace(secret, b'***')
        return content


def _login(username: str, password: str) -> str:
    return base64.b64encode(f'{username}:{password}'.encode()).decode()


def _origin(parts: parse.SplitResult) -> tuple[str, str | None, int | None]:
    port = _PORTS.get(parts.scheme) if parts.port is None else parts.port
    return parts.scheme, parts.hostname, port


def _translate(exc: Exception, verb: str) -> type[failures.LinkFailure]:
    """Return what stands for ``exc``, raised once ``verb`` was under way."""
    failure = next(row[1] for row in _LINK_TABLE if isinstance(exc, row[0]))
    if verb in _READING or failure is failures.NotConnected:
        return failure
    return failures.OutcomeUnknown
