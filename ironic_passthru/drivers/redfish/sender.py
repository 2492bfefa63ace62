# SPDX-License-Identifier: Apache-2.0
"""Authenticated requests to one BMC: login, redirects, origin of links."""

import dataclasses
import json
import logging
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from urllib import parse

from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish import connection
from ironic_passthru.drivers.redfish import deadline as call_deadline
from ironic_passthru.drivers.redfish import extended_info
from ironic_passthru.drivers.redfish import failures
from ironic_passthru.drivers.redfish import firmware_upload
from ironic_passthru.drivers.redfish import login
from ironic_passthru.drivers.redfish import resource
from ironic_passthru.drivers.redfish import tasks
from ironic_passthru.drivers.redfish import trust

LOG = logging.getLogger(__name__)

_Send = Callable[[connection.RawRequest], connection.RawResponse]

ROOT = '/redfish/v1/'
_SESSIONS = '/redfish/v1/SessionService/Sessions'

# Time to delete a session, in seconds, and its part after the deadline. The
# executor waits longer than that part for the result of a change.
_CLOSE_SECONDS = 2.0
_LATE_CLOSE_SECONDS = 0.6

# A BMC may check a whole firmware image before it responds.
_UPLOAD_SECONDS = 600.0

# Default ports of URLs (RFC 9110).
_PORTS = {'http': 80, 'https': 443}

# A link may contain any character; "%" begins an encoded one.
_UNQUOTED = "/%:@!$&'()*+,;=~"

# 301 is sent by servers that add or remove a trailing slash; HTTP method and
# body then remain, as with 307 and 308.
_SAME_RESOURCE = frozenset({301, 307, 308})

_HEADERS = {
    'Accept': 'application/json',
    # Some BMCs send another ETag with a compressed body.
    'Accept-Encoding': 'identity',
    'OData-Version': '4.0',
    'User-Agent': 'ironic-passthru',
}


@dataclasses.dataclass(frozen=True)
class BmcChange:
    """A request that may change a BMC.

    :param etag: of the resource that was read; ``None`` for none.
    """

    http_method: str
    path: str
    document: Mapping[str, Any] | firmware_upload.MultipartForm | None = None
    etag: str | None = None


class RequestSender:
    """Sends requests only to the address of one BMC.

    Credentials are sent only to the address in the inventory, without
    proxies. A change is sent once; it is repeated only after a response by
    which the BMC certainly did not act: 401 before the first success, and a
    redirect to the same path with or without its trailing slash.

    :ivar messages: reader of the BMC's messages, without credentials.
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
        self._url = target.address.url
        parts = parse.urlsplit(self._url)
        self._origin = _origin(parts)
        self._login = login.BmcLogin(target.address)
        self.messages = extended_info.MessageReader(
            (*self._login.secrets, self._url, parts.netloc)
        )
        self._connection = connection.BmcConnection(
            target,
            deadline,
            trusted,
            connect_timeout_seconds=connect_timeout_seconds,
            read_timeout_seconds=read_timeout_seconds,
            send_trace_headers=send_trace_headers,
        )

    @property
    def login_kind(self) -> str | None:
        """``basic`` or ``session``; None if not known yet."""
        return self._login.kind

    @property
    def peer_certificate(self) -> Mapping[str, Any]:
        """Fields of the BMC's certificate; empty if it is not verified."""
        return self._connection.peer_certificate

    def close(self) -> None:
        """Delete the session, if any, and close the connection."""
        session, self._login.session = self._login.session, None
        try:
            if session is not None and session.path is not None:
                self._delete(session.path, session.token)
        except Exception:
            LOG.debug('Session not deleted', exc_info=True)
        finally:
            self._connection.close()

    def get(
        self, path: str, *, counted: bool = True
    ) -> connection.RawResponse:
        """Send a read; return its response of any status.

        :param counted: whether the response counts against the data limit of
            the call.
        :raises: as :meth:`change`.
        """
        target = self._target_of(path)
        request = _request('GET', target, once=False, changes=False)
        return self._send(dataclasses.replace(request, counted=counted), path)

    def change(self, change: BmcChange) -> connection.RawResponse:
        """Send a change; return its response of any status.

        :raises: Redirected; BadAnswer if the path is not on this BMC; and
            those of :meth:`connection.BmcConnection.send`.
        """
        request = _request(
            change.http_method,
            self._target_of(change.path),
            change.document,
            {} if change.etag is None else {'If-Match': change.etag},
        )
        return self._send(request, change.path)

    def error_of(
        self, response: connection.RawResponse
    ) -> failures.BmcError | None:
        """Return the error of a response; ``None`` after success."""
        if response.status < 300:
            return None
        if LOG.isEnabledFor(logging.DEBUG):
            text = response.content.decode('utf-8', errors='replace')
            LOG.debug('The BMC sent %.2000r', self.messages.redact(text))
        try:
            document = resource.decode(response.content)
        except failures.BadAnswer:
            document = {}
        return failures.for_status(
            response.status, self.messages.all_of(document)
        )

    def _send(
        self, request: connection.RawRequest, path: str
    ) -> connection.RawResponse:
        _, response = self._followed(request, self._authenticated)
        if LOG.isEnabledFor(logging.DEBUG):
            # The BMC may have repeated the credentials in a link.
            LOG.debug(
                '%s %r: status %d',
                request.http_method,
                self.messages.redact(path),
                response.status,
            )
        return response

    def _followed(
        self, request: connection.RawRequest, send: _Send
    ) -> tuple[str, connection.RawResponse]:
        """Send a request, again after a redirect to the same resource.

        :returns: the target that responded, and its response.
        """
        response = send(request)
        if not 300 <= response.status < 400:
            return request.target, response
        target = self._redirected(request, response)
        return target, send(dataclasses.replace(request, target=target))

    def _authenticated(
        self, request: connection.RawRequest
    ) -> connection.RawResponse:
        if self._login.is_denied:
            # Further attempts could lock the account.
            raise failures.LoginRequired()
        if self._login.needs_session:
            self._open_session()
        response = self._with_login(request)
        if response.status == 401 and (
            self._login.rejected()
            or (not request.once and self._login.expired())
        ):
            self._open_session()
            response = self._with_login(request)
        if response.status == 401:
            self._login.denied()
        elif response.status < 300 and (
            request.target.rstrip('/') != ROOT.rstrip('/')
        ):
            # The service root needs no login.
            self._login.accepted()
        return response

    def _with_login(
        self, request: connection.RawRequest
    ) -> connection.RawResponse:
        headers = {**request.headers, **self._login.headers()}
        return self._connection.send(
            dataclasses.replace(request, headers=headers)
        )

    def _open_session(self) -> None:
        """Open a session; its loss without a response changes nothing.

        :raises: LoginRequired if the BMC rejects it or has no sessions.
        """
        target, response = self._followed(
            _request(
                'POST', self._sessions(), self._login.document, changes=False
            ),
            self._connection.send,
        )
        error = self.error_of(response)
        if isinstance(error, failures.Rejected):
            self._login.denied()
        if isinstance(error, failures.MissingResource):
            raise failures.LoginRequired()
        if error is not None:
            raise error
        token = response.headers.get('X-Auth-Token', '').strip()
        if not token.isascii() or not token.isprintable() or not token:
            raise failures.BadAnswer()
        self.messages.add_secret(token)
        path = tasks.path_of(tasks.location_of(response), target)
        path = path or tasks.path_of(_link_of(response), target)
        self._login.session = login.Session(token, path)

    def _sessions(self) -> str:
        """Return the collection of sessions that the service root names."""
        request = _request('GET', ROOT, once=False, changes=False)
        try:
            _, response = self._followed(request, self._connection.send)
            root = resource.JsonObject(resource.decode(response.content))
            return self._target_of(root.link('Links', 'Sessions') or _SESSIONS)
        except (failures.BadAnswer, failures.Redirected):
            return _SESSIONS

    def _delete(self, path: str, token: str) -> None:
        """Delete a session, in a time of its own.

        The deadline of the call may be over, and a BMC that does not respond
        now must not replace the result by a timeout.
        """
        left = self._connection.deadline.left_seconds(_LATE_CLOSE_SECONDS)
        if left < _CLOSE_SECONDS:
            # That deadline may shut down the kept connection at any time.
            self._connection.close()
        self._connection.deadline = call_deadline.Deadline(
            min(_CLOSE_SECONDS, left)
        )
        headers = {'X-Auth-Token': token}
        _, response = self._followed(
            _request('DELETE', self._target_of(path), None, headers),
            self._connection.send,
        )
        if error := self.error_of(response):
            raise error

    def _redirected(
        self, request: connection.RawRequest, response: connection.RawResponse
    ) -> str:
        """Return the target of a redirect to the same resource.

        :raises: Redirected for any other redirect.
        """
        location = tasks.location_of(response)
        if response.status not in _SAME_RESOURCE or not location:
            raise failures.Redirected()
        try:
            target = self._target_of(
                parse.urljoin(f'{self._url}{request.target}', location)
            )
        except (failures.BadAnswer, ValueError):
            raise failures.Redirected() from None
        old, new = (_split(each) for each in (request.target, target))
        if target == request.target or old != new:
            raise failures.Redirected()
        return target

    def _target_of(self, path: str) -> str:
        """Return path and query of a link, which must refer to this BMC.

        A connection is opened only to the BMC's address, however the host of
        a link is spelled.

        :raises: BadAnswer.
        """
        try:
            parts = parse.urlsplit(parse.urljoin(self._url, path))
            is_here = _origin(parts) == self._origin
        except ValueError as exc:
            raise failures.BadAnswer() from exc
        if not is_here:
            raise failures.BadAnswer()
        path, query = (
            parse.quote(part, _UNQUOTED, errors='replace')
            for part in (f'/{parts.path.lstrip("/")}', parts.query)
        )
        return f'{path}?{query}' if query else path


def _request(
    http_method: str,
    target: str,
    document: Mapping[str, Any] | firmware_upload.MultipartForm | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    once: bool = True,
    changes: bool = True,
) -> connection.RawRequest:
    fields = {**_HEADERS, **(headers or {})}
    if isinstance(document, firmware_upload.MultipartForm):
        return connection.RawRequest(
            http_method,
            target,
            {**fields, **document.headers},
            document,
            once,
            changes,
            response_seconds=_UPLOAD_SECONDS,
        )
    content = None
    if document is not None:
        content = json.dumps(document).encode()
        fields['Content-Type'] = 'application/json'
    return connection.RawRequest(
        http_method, target, fields, content, once, changes
    )


def _link_of(response: connection.RawResponse) -> str | None:
    try:
        document = resource.decode(response.content)
    except failures.BadAnswer:
        return None
    return resource.JsonObject(document).link()


def _split(target: str) -> tuple[str, str]:
    """Return path, without trailing slash, and query."""
    path, _, query = target.partition('?')
    return path.rstrip('/'), query


def _origin(parts: parse.SplitResult) -> tuple[str, str | None, int | None]:
    port = _PORTS.get(parts.scheme) if parts.port is None else parts.port
    return parts.scheme, parts.hostname, port
