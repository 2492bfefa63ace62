# SPDX-License-Identifier: Apache-2.0
"""HTTP requests to the service, repeated only where that is safe."""

import dataclasses
import time
from collections.abc import Collection
from collections.abc import Mapping
from typing import Any

import requests
from keystoneauth1 import adapter
from keystoneauth1 import exceptions as auth_exceptions
from urllib3 import exceptions as urllib3_exceptions

from ironic_passthru.client import exceptions
from ironic_passthru.client import responses

KEY_HEADER = 'Idempotency-Key'
GROUP_HEADER = 'Passthru-Conductor-Group'

_ACCEPT = 'application/problem+json, application/json;q=0.9'
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0

# The connection was not made, so the request was not sent.
_NOT_CONNECTED = (
    urllib3_exceptions.NewConnectionError,
    urllib3_exceptions.ConnectTimeoutError,
    urllib3_exceptions.ProxyError,
)
#: The operation has expired, so every response is the same.
LASTING_CODES = ('operation_expired',)


@dataclasses.dataclass(frozen=True)
class HTTPRequest:
    """A request.

    :param path: path below the endpoint, such as ``/v1/drivers``.
    :param repeatable: whether it can be sent again although the service may
        have received it.
    :param is_logged: whether keystoneauth logs headers and bodies at level
        DEBUG; to be false if they may contain secrets.
    :param timeout: for connecting and between bytes, in seconds.
    :param accepted: statuses from 400 that do not raise an error.
    """

    http_method: str
    path: str
    query: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: bytes | None = None
    repeatable: bool = False
    stream: bool = False
    is_logged: bool = True
    timeout: float | None = None
    accepted: Collection[int] = ()


class Transport:
    """Send requests with a login of keystoneauth.

    :param retries: number of repetitions of one request.
    """

    def __init__(
        self, adapter: adapter.Adapter, *, api_version: str, retries: int
    ) -> None:
        self._adapter = adapter
        self._api_version = api_version
        self._retries = retries
        self._base: str | None = None

    def send(self, request: HTTPRequest) -> requests.Response:
        """Return the response; repeat the request where that is safe.

        A request is repeated if it certainly was not executed: without a
        connection, or after 503. After a lost connection only a repeatable
        one is; whatever the later responses, its outcome is then unknown
        unless one of them contains it.

        :raises: ClientError for every status from 400 but ``accepted``.
        """
        pause = _FIRST_PAUSE_SECONDS
        lost: exceptions.UnknownOutcome | None = None
        for left in range(self._retries, -1, -1):
            try:
                return self._send(request)
            except exceptions.CallNotRun as error:
                if error.code in LASTING_CODES:
                    raise
                if not left:
                    raise lost or error from None
            except exceptions.UnknownOutcome as error:
                lost = error
                if error.status is not None or not (
                    left and request.repeatable
                ):
                    raise
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
        raise AssertionError('the loop returns or raises')

    def _send(self, request: HTTPRequest) -> requests.Response:
        try:
            response = self._adapter.request(
                request.path,
                request.http_method,
                endpoint_override=self._endpoint(),
                params=dict(request.query),
                headers={
                    'Accept': _ACCEPT,
                    'OpenStack-API-Version': f'baremetal {self._api_version}',
                    **(
                        {'Content-Type': 'application/json'}
                        if request.body is not None
                        else {}
                    ),
                    **request.headers,
                },
                data=request.body,
                stream=request.stream,
                log=request.is_logged,
                raise_exc=False,
                # Parameters and token are for this service only.
                redirect=False,
                # This class decides what is repeated.
                connect_retries=0,
                status_code_retries=0,
                # None would replace the timeout of the session.
                **(
                    {}
                    if request.timeout is None
                    else {'timeout': request.timeout}
                ),
            )
        except auth_exceptions.ConnectionError as error:
            raise _connection_error(error) from None
        except auth_exceptions.ClientException as error:
            raise exceptions.RequestFailed(
                f'The login failed: {error}'
            ) from None
        _check(request, response)
        return response

    def _endpoint(self) -> str:
        """Return the URL of the service without the version."""
        if self._base is None:
            endpoint = self._adapter.get_endpoint()
            if not endpoint:
                raise exceptions.InvalidCall(
                    'The service catalog has no endpoint of type '
                    f'{self._adapter.service_type}.'
                )
            self._base = endpoint.rstrip('/').removesuffix('/v1')
        return self._base


def _check(request: HTTPRequest, response: requests.Response) -> None:
    """Check the status of a response.

    :raises: RequestFailed for a redirect; the error in the response.
    """
    status = response.status_code
    if 300 <= status < 400:
        raise exceptions.RequestFailed(
            f'The service redirects to {response.headers.get("Location")}'
            f' (HTTP {status}); set the endpoint to its URL.',
            status=status,
        )
    if status >= 400 and not (
        status in request.accepted and responses.is_json(response)
    ):
        raise responses.error(response)


def _connection_error(error: Exception) -> exceptions.ClientError:
    """Return the error of a request without a response."""
    # Of requests, about a URL or a header.
    if isinstance(error.__context__, ValueError):
        return exceptions.InvalidCall(f'{error.__context__}')
    if isinstance(error, auth_exceptions.SSLError) or _is_unsent(error):
        return exceptions.CallNotRun(f'{error}')
    return exceptions.UnknownOutcome(
        f'The connection was lost before the response: {error}'
    )


def _is_unsent(error: BaseException) -> bool:
    """Return whether the connection was not made.

    keystoneauth raises the same class in both cases; the exception that it
    replaces contains the difference.
    """
    cause = error.__context__
    if isinstance(cause, requests.exceptions.ConnectTimeout):
        return True
    reason = cause.args[0] if cause is not None and cause.args else None
    return isinstance(getattr(reason, 'reason', None), _NOT_CONNECTED)
