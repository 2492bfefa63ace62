# SPDX-License-Identifier: Apache-2.0
"""HTTP messages of the simulated BMC."""

import asyncio
import dataclasses
import http
import json
from collections.abc import Mapping
from typing import Any

_MAX_BODY_BYTES = 16 * 1024 * 1024


@dataclasses.dataclass(frozen=True)
class BmcRequest:
    """A request that a BMC has received completely.

    :param path: without query and trailing slash.
    :param query: the query string, without the question mark.
    :param headers: header fields by lower-case name.
    :param target: path and query as sent.
    """

    http_method: str
    path: str
    query: str = ''
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: bytes = b''
    target: str = ''

    def document(self) -> Any:
        """Return the body as JSON.

        :raises: ValueError.
        """
        return json.loads(self.body)


@dataclasses.dataclass(frozen=True)
class BmcReply:
    """A response of a BMC.

    :param document: the body as JSON; None for no body.
    """

    status: int
    document: Any = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Exchange:
    """A connection of a BMC, and its current request.

    :param request: None if none has been received.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    request: BmcRequest | None = None

    async def send(self, response: BmcReply) -> None:
        """Send a response that leaves the connection open."""
        body = b''
        if response.document is not None:
            body = json.dumps(response.document).encode()
        fields = {'Content-Type': 'application/json'} if body else {}
        await self.send_body(
            body,
            headers={**fields, **response.headers},
            status=response.status,
        )

    async def send_body(
        self,
        body: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        status: int = 200,
    ) -> None:
        """Send a response with a body of any content."""
        fields = {'Content-Length': str(len(body)), **(headers or {})}
        self.writer.write(head(status, fields) + body)
        await self.writer.drain()


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """Return the status line and header of a response."""
    try:
        reason = http.HTTPStatus(status).phrase
    except ValueError:
        reason = 'Unknown'
    lines = [f'{name}: {value}\r\n' for name, value in headers.items()]
    return f'HTTP/1.1 {status} {reason}\r\n{"".join(lines)}\r\n'.encode()


async def read(reader: asyncio.StreamReader) -> BmcRequest | None:
    """Return the next request; None at the end of the connection.

    :raises: ValueError if the request is malformed or too large;
        asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError.
    """
    try:
        block = await reader.readuntil(b'\r\n\r\n')
    except asyncio.IncompleteReadError as error:
        if error.partial.strip():
            raise
        return None
    first, *lines = block.decode('latin-1').split('\r\n')[:-2]
    http_method, target, _version = first.split(' ')
    headers = {}
    for line in lines:
        name, _, value = line.partition(':')
        headers[name.strip().lower()] = value.strip()
    length = int(headers.get('content-length', '0'))
    if 'transfer-encoding' in headers or not 0 <= length <= _MAX_BODY_BYTES:
        raise ValueError('Content-Length is missing or too large.')
    path, _, query = target.partition('?')
    return BmcRequest(
        http_method=http_method,
        path=path.rstrip('/'),
        query=query,
        headers=headers,
        body=await reader.readexactly(length),
        target=target,
    )
