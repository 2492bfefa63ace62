# SPDX-License-Identifier: Apache-2.0
"""A plain HTTP client without retries."""

import collections.abc
import contextlib
import dataclasses
import http.client
import json
import ssl
import time
from typing import Any
from urllib import parse

# The version that shows all features.
VERSION = {'X-OpenStack-Ironic-API-Version': '1.115'}


@dataclasses.dataclass(frozen=True)
class Answer:
    """A response.

    :param started: ``time.monotonic()`` when the request was sent.
    :param seconds: response time.
    """

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    started: float
    seconds: float

    @property
    def json(self) -> Any:
        """The body, parsed as JSON."""
        return json.loads(self.body)

    @property
    def fault(self) -> str:
        """The message of an error in Ironic's format."""
        return json.loads(self.json['error_message'])['faultstring']

    @property
    def request_id(self) -> str:
        """The request id."""
        return self.headers['openstack-request-id']


class Client:
    """A client with a new connection for each request.

    :param url: URL of the API.
    :param tls: TLS context for ``https``.
    :param headers: default headers of requests.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 60.0,
        tls: ssl.SSLContext | None = None,
        headers: collections.abc.Mapping[str, str] | None = None,
    ) -> None:
        self.url = url
        self._netloc = parse.urlsplit(url).netloc
        self._timeout = timeout
        self._tls = tls
        self.headers = VERSION | dict(headers or {})

    def with_headers(
        self, headers: collections.abc.Mapping[str, str]
    ) -> 'Client':
        """Return a client of the same API with default headers."""
        return Client(
            self.url,
            timeout=self._timeout,
            tls=self._tls,
            headers=self.headers | headers,
        )

    def request(
        self,
        http_method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send a request; serialize a body that is not bytes as JSON."""
        data = body
        if body is not None and not isinstance(body, bytes):
            data = json.dumps(body).encode()
        connection = self.connection()
        started = time.monotonic()
        try:
            # A server may respond, and close the connection, before it has
            # received a body that is too large.
            with contextlib.suppress(BrokenPipeError):
                connection.request(
                    http_method,
                    path,
                    body=data,
                    headers=self.headers | (headers or {}),
                )
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        return Answer(
            status=response.status,
            headers=response.headers,
            body=content,
            started=started,
            seconds=time.monotonic() - started,
        )

    def connection(self) -> http.client.HTTPConnection:
        """Return a new connection to the API."""
        if self._tls is None:
            return http.client.HTTPConnection(
                self._netloc, timeout=self._timeout
            )
        return http.client.HTTPSConnection(
            self._netloc, timeout=self._timeout, context=self._tls
        )

    def get(self, path: str, **headers: str) -> Answer:
        """Send a GET."""
        return self.request('GET', path, headers=headers)

    def call(
        self,
        method: str,
        http_method: str = 'GET',
        *,
        driver: str = 'fake-hardware',
        **parameters: Any,
    ) -> Answer:
        """Call a vendor method with parameters in the body."""
        path = f'/v1/drivers/{driver}/vendor_passthru?' + parse.urlencode(
            {'method': method}
        )
        return self.request(http_method, path, parameters or None)
