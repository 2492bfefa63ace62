# SPDX-License-Identifier: Apache-2.0
"""Faults of the simulated BMC.

A fault is a coroutine function that replaces the response to a request. The
connection is closed after it. Tests can write their own::

    async def half(exchange):
        exchange.writer.write(b'HTTP/1.1 200 O')
"""

import asyncio
import socket
import struct
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from ironic_passthru.testing.bmc import messages

#: A coroutine function that is called instead of sending a response.
Fault = Callable[[messages.Exchange], Awaitable[None]]


async def close(_exchange: messages.Exchange) -> None:
    """Close the connection without a response."""


async def reset(exchange: messages.Exchange) -> None:
    """Reset the TCP connection without a response."""
    # SO_LINGER with 0 seconds makes the kernel send RST instead of FIN.
    exchange.writer.get_extra_info('socket').setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)
    )
    exchange.writer.transport.abort()


async def hang(exchange: messages.Exchange) -> None:
    """Send nothing until the client closes the connection."""
    while await exchange.reader.read(65536):
        pass


async def echo(exchange: messages.Exchange) -> None:
    """Refuse the request with its own header in the message."""
    request = exchange.request
    fields = request.headers.items() if request else ()
    text = '\n'.join(f'{name}: {value}' for name, value in fields)
    await status(400, text)(exchange)


def status(code: int, message: str = 'Injected error.') -> Fault:
    """Respond with a status and a Redfish error."""
    error = {'code': 'Base.1.0.GeneralError', 'message': message}
    return respond(messages.BmcReply(code, {'error': error}))


def redirect(location: str, *, code: int = 307) -> Fault:
    """Redirect the request to another URL or path."""
    return respond(messages.BmcReply(code, headers={'Location': location}))


def document(value: Any) -> Fault:
    """Respond with status 200 and a value of any JSON type."""
    return respond(messages.BmcReply(200, value))


def respond(response: messages.BmcReply) -> Fault:
    """Respond with a fixed response."""

    async def fault(exchange: messages.Exchange) -> None:
        await exchange.send(response)

    return fault


def body(content: bytes, headers: Mapping[str, str] | None = None) -> Fault:
    """Respond with status 200 and a body that may not be JSON."""

    async def fault(exchange: messages.Exchange) -> None:
        await exchange.send_body(content, headers=headers)

    return fault


def raw(
    first: bytes, repeat: bytes = b'', *, pause_seconds: float = 0.05
) -> Fault:
    """Send bytes that may not be HTTP.

    :param repeat: sent again and again until the client closes the
        connection; nothing if empty.
    """

    async def fault(exchange: messages.Exchange) -> None:
        exchange.writer.write(first)
        await exchange.writer.drain()
        while repeat:
            await asyncio.sleep(pause_seconds)
            exchange.writer.write(repeat)
            await exchange.writer.drain()

    return fault


def slow_body(*, pause_seconds: float = 0.1) -> Fault:
    """Send status 200 and then one byte of a body at a time."""
    return raw(
        messages.head(200, {'Content-Length': '1000'}),
        b' ',
        pause_seconds=pause_seconds,
    )
