# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy that injects network faults."""

import asyncio
import collections.abc
import contextlib
import enum
import socket
import struct
import threading
from typing import Any

import fixtures

from ironic_passthru.tests.functional import servers

_CHUNK_BYTES = 65536
_ANSWER_SECONDS = 10.0

# With this SO_LINGER, close() sends RST instead of FIN.
_NO_LINGER = struct.pack('ii', 1, 0)


class Way(enum.Enum):
    """Directions through the proxy."""

    UP = 'from clients to the server'
    DOWN = 'from the server to clients'


BOTH = (Way.UP, Way.DOWN)


class _Half:
    """One direction of one connection."""

    def __init__(
        self, way: Way, source: socket.socket, sink: socket.socket
    ) -> None:
        self.way = way
        self.source = source
        self.sink = sink
        # After lost bytes, no later ones may follow: TCP never delivers a
        # stream with a gap.
        self.deaf = False


class _Link:
    """One connection through the proxy."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.sockets = (client, server)
        self.halves = (
            _Half(Way.UP, client, server),
            _Half(Way.DOWN, server, client),
        )
        self.task = asyncio.current_task()


class Proxy(fixtures.Fixture):
    """Proxy between clients and one TCP server on this host.

    Without a fault it forwards everything at once. Faults can be combined;
    each lasts until :meth:`recover`.

    :param target_port: port of the server.
    :ivar port: port for clients.
    :ivar swallowed_bytes: number of dropped bytes.
    :ivar reset_connections: number of reset connections.
    :ivar delayed_chunks: number of delayed pieces.
    """

    def __init__(self, target_port: int) -> None:
        super().__init__()
        self._target_port = target_port

    def _setUp(self) -> None:
        self.port = self.useFixture(servers.ReservedPort()).port
        self.swallowed_bytes = 0
        self.reset_connections = 0
        self.delayed_chunks = 0
        self._links: set[_Link] = set()
        # The event loop has only weak references.
        self._serving: set[asyncio.Task[None]] = set()
        self._delays: dict[Way, float] = {}
        self._dropping: set[Way] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever,
            name=f'proxy-{self.port}',
            daemon=True,
        )
        self._thread.start()
        self.addCleanup(self._end)
        self._run(self._open())

    @property
    def connections(self) -> int:
        """The number of connections."""
        return len(self._links)

    def delay(
        self, seconds: float, ways: collections.abc.Iterable[Way] = BOTH
    ) -> None:
        """Delay data from now on."""
        self._run(self._delay(seconds, ways))

    def hold(self, ways: collections.abc.Iterable[Way] = BOTH) -> None:
        """Hold back all data until recovery.

        TCP behaves in this way when packets are lost for a while.
        """
        self._run(self._hold(ways))

    def drop(self, ways: collections.abc.Iterable[Way] = BOTH) -> None:
        """Drop all data silently.

        A connection that lost bytes stays silent after recovery, too, until
        one of its ends closes it.
        """
        self._run(self._drop(ways))

    def half_close(
        self, ways: collections.abc.Iterable[Way] = (Way.UP,)
    ) -> None:
        """Close one direction of every connection."""
        self._run(self._half_close(ways))

    def reset(self) -> None:
        """Reset every connection, at both ends."""
        self._run(self._reset())

    def refuse(self) -> None:
        """Refuse new connections; existing ones stay open."""
        self._run(self._close_listener())

    def lead_to(self, target_port: int) -> None:
        """Forward new connections to another server."""
        self._target_port = target_port

    def recover(self) -> None:
        """End all faults."""
        self._run(self._recover())

    def _run(self, work: collections.abc.Coroutine[Any, Any, None]) -> None:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        future.result(_ANSWER_SECONDS)

    def _end(self) -> None:
        self._run(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_ANSWER_SECONDS)
        self._loop.close()

    async def _open(self) -> None:
        self._gates = {way: asyncio.Event() for way in Way}
        self._listener: socket.socket | None = None
        await self._recover()

    async def _recover(self) -> None:
        self._delays.clear()
        self._dropping.clear()
        for gate in self._gates.values():
            gate.set()
        if self._listener is None:
            self._listener = _listen(self.port)
            self._accepting = self._loop.create_task(
                self._accept(self._listener)
            )

    async def _delay(
        self, seconds: float, ways: collections.abc.Iterable[Way]
    ) -> None:
        self._delays.update(dict.fromkeys(ways, seconds))

    async def _hold(self, ways: collections.abc.Iterable[Way]) -> None:
        for way in ways:
            self._gates[way].clear()

    async def _drop(self, ways: collections.abc.Iterable[Way]) -> None:
        self._dropping.update(ways)

    async def _half_close(self, ways: collections.abc.Iterable[Way]) -> None:
        chosen = set(ways)
        for link in self._links:
            for half in link.halves:
                if half.way in chosen:
                    half.deaf = True
                    _end_writing(half.sink)

    async def _reset(self) -> None:
        links = list(self._links)
        for link in links:
            for end in link.sockets:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.reset_connections += len(links)
        await _cancel(*(link.task for link in links if link.task))

    async def _close_listener(self) -> None:
        if self._listener is None:
            return
        await _cancel(self._accepting)
        self._listener.close()
        self._listener = None

    async def _shut(self) -> None:
        await self._close_listener()
        await _cancel(*self._serving)

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            client, _ = await self._loop.sock_accept(listener)
            task = self._loop.create_task(self._serve(client))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)

    async def _serve(self, client: socket.socket) -> None:
        server = _new_socket()
        try:
            await self._loop.sock_connect(
                server, ('127.0.0.1', self._target_port)
            )
        except OSError:
            # The client must notice that the server is unavailable.
            for end in (client, server):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
                end.close()
            return
        link = _Link(client, server)
        for end in link.sockets:
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._links.add(link)
        try:
            await asyncio.gather(*(self._pump(half) for half in link.halves))
        finally:
            self._links.discard(link)
            for end in link.sockets:
                end.close()

    async def _pump(self, half: _Half) -> None:
        with contextlib.suppress(OSError):
            while data := await self._loop.sock_recv(
                half.source, _CHUNK_BYTES
            ):
                await self._pass(half, data)
        await self._gates[half.way].wait()
        # Where bytes are dropped, the end is dropped, too.
        if half.way not in self._dropping and not half.deaf:
            _end_writing(half.sink)

    async def _pass(self, half: _Half, data: bytes) -> None:
        pause = self._delays.get(half.way, 0.0)
        if pause:
            self.delayed_chunks += 1
            await asyncio.sleep(pause)
        await self._gates[half.way].wait()
        if half.way in self._dropping:
            half.deaf = True
        if half.deaf:
            self.swallowed_bytes += len(data)
            return
        await self._loop.sock_sendall(half.sink, data)


def _new_socket() -> socket.socket:
    made = socket.socket()
    made.setblocking(False)
    return made


def _listen(port: int) -> socket.socket:
    listener = _new_socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(('127.0.0.1', port))
    listener.listen(128)
    return listener


def _end_writing(end: socket.socket) -> None:
    # The other side may have closed it before.
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_WR)


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
