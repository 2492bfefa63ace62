# SPDX-License-Identifier: Apache-2.0
"""Connections, faults and records of the simulated BMC."""

import asyncio
import collections
import contextlib
import dataclasses
import pathlib
import ssl
import tempfile
from collections.abc import Mapping
from types import TracebackType
from typing import Any
from typing import Self

from ironic_passthru.testing.bmc import certificate
from ironic_passthru.testing.bmc import faults
from ironic_passthru.testing.bmc import loop
from ironic_passthru.testing.bmc import messages
from ironic_passthru.testing.bmc import redfish

_BACKLOG = 1024


class SimulatedBmc(redfish.RedfishService):
    """A simulated BMC; use it as a context manager, or start and stop it.

    :param resources: documents by path; by default
        ``RESOURCES``.
    :param address: address to listen at, in 127.0.0.0/8.
    :param port: 0 for a free port.
    :param username: name of the only user; empty for no login.
    :param tls: whether it serves HTTPS; requires the extra ``testing``.
    :param tls_maximum: highest version of TLS, ``1.0`` to ``1.3``; by
        default that of OpenSSL. Old versions have their old ciphers.
    :ivar faults: faults by HTTP method, such as ``PATCH``, or by HTTP method
        and path, such as ``GET /redfish/v1``. A fault of ``ACCEPT`` is
        injected before the TLS handshake, and a fault of ``CONNECT`` after
        it, before any request is received.
    :ivar latency_seconds: delay of each response.
    :ivar keep_alive: whether connections stay open after a response.
    :ivar announces_close: whether a response has ``Connection: close`` if its
        connection is closed after it.
    :ivar accepted: number of connections since the start.
    :ivar received: every request, in the order of arrival.
    :ivar most_at_once: how many requests were served at once.
    :ivar ca_file: with TLS, file with the certificate of its CA.
    """

    def __init__(
        self,
        resources: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        address: str = '127.0.0.1',
        port: int = 0,
        username: str = 'admin',
        password: str = 'simulated-secret',
        tls: bool = False,
        tls_maximum: str | None = None,
    ) -> None:
        super().__init__(resources, username=username, password=password)
        self.address = address
        self.port = port
        self.tls = tls
        self.tls_maximum = tls_maximum
        self.keep_alive = True
        self.announces_close = True
        self.accepted = 0
        self.faults: dict[str, faults.Fault] = {}
        self.latency_seconds = 0.0
        self.received: list[messages.BmcRequest] = []
        self.most_at_once = 0
        self.ca_file: pathlib.Path | None = None
        self._served = 0
        self._context: ssl.SSLContext | None = None
        self._connections: set[asyncio.Task[Any]] = set()
        self._closing = contextlib.ExitStack()

    @property
    def url(self) -> str:
        """Scheme, address and port."""
        scheme = 'https' if self.tls else 'http'
        return f'{scheme}://{self.address}:{self.port}'

    @property
    def open_connections(self) -> int:
        """The number of connections."""
        return len(self._connections)

    def count(self) -> collections.Counter[str]:
        """Return the number of received requests by HTTP method."""
        return collections.Counter(
            request.http_method for request in list(self.received)
        )

    def start(self) -> None:
        """Listen; after a stop, at the same port with a new certificate.

        :raises: OSError if the address is in use; RuntimeError if the extra
            ``testing`` is missing.
        """
        with contextlib.ExitStack() as closing:
            if self.tls:
                directory = closing.enter_context(
                    tempfile.TemporaryDirectory(prefix='bmc-')
                )
                self._context = certificate.make(
                    self.address, pathlib.Path(directory)
                )
                if self.tls_maximum is not None:
                    certificate.limit(self._context, self.tls_maximum)
                self.ca_file = pathlib.Path(directory) / 'ca.pem'
            loop.SHARED.acquire()
            closing.callback(loop.SHARED.release)
            server = loop.SHARED.run(self._listen())
            closing.callback(lambda: loop.SHARED.run(self._close(server)))
            self._closing = closing.pop_all()

    def stop(self) -> None:
        """Close the listener and all connections; idempotent.

        Connections to a stopped BMC are refused.
        """
        self._closing.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.stop()

    async def _listen(self) -> asyncio.Server:
        server = await asyncio.start_server(
            self._connected, self.address, self.port, backlog=_BACKLOG
        )
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _close(self, server: asyncio.Server) -> None:
        server.close()
        while self._connections:
            for task in self._connections:
                task.cancel()
            await asyncio.wait(self._connections)
        # Transports close their sockets in the next iteration of the loop.
        await asyncio.sleep(0)

    async def _connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._connections.add(task)
        self.accepted += 1
        try:
            await self._converse(reader, writer)
            writer.close()
        except (
            asyncio.CancelledError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
            OSError,
            ValueError,
        ):
            # A cancelled task would be logged by asyncio.
            writer.transport.abort()
        finally:
            self._connections.discard(task)

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if fault := self._fault('ACCEPT'):
            await fault(messages.Exchange(reader, writer))
            return
        if self._context is not None:
            # Nothing is awaited before: read bytes would be lost.
            await writer.start_tls(self._context)
        if fault := self._fault('CONNECT'):
            await fault(messages.Exchange(reader, writer))
            return
        while request := await messages.read(reader):
            self.received.append(request)
            exchange = messages.Exchange(reader, writer, request)
            await self._delay()
            if fault := self._fault(
                f'{request.http_method} {request.path}', request.http_method
            ):
                await fault(exchange)
                return
            response = self.respond(request)
            if not self.keep_alive and self.announces_close:
                fields = {**response.headers, 'Connection': 'close'}
                response = dataclasses.replace(response, headers=fields)
            await exchange.send(response)
            asked = request.headers.get('connection', '').lower() == 'close'
            if asked or not self.keep_alive:
                return

    async def _delay(self) -> None:
        # Counted until just before the response: after it, the next request
        # of the client may arrive first.
        self._served += 1
        self.most_at_once = max(self.most_at_once, self._served)
        try:
            await asyncio.sleep(self.latency_seconds)
        finally:
            self._served -= 1

    def _fault(self, *keys: str) -> faults.Fault | None:
        for key in keys:
            if fault := self.faults.get(key):
                return fault
        return None
