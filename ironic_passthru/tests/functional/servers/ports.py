# SPDX-License-Identifier: Apache-2.0
"""TCP ports of the loopback that tests take for themselves."""

import os
import pathlib
import random
import socket
import tempfile

import fasteners
import fixtures

# Below those that the system gives to clients; RabbitMQ listens for its own
# kind at a distance from its AMQP port.
_PORTS = range(10000, 20000)


class ReservedPort(fixtures.Fixture):
    """A TCP port of the loopback that no other test worker will choose.

    That a port is free when it is asked for says nothing about a moment
    later, so each choice is held by a lock on a file, for as long as the
    fixture lives.

    :ivar port: its number.
    """

    def __init__(self, offsets: tuple[int, ...] = (0,)) -> None:
        """Reserve the port for which ``port + offset`` are all free."""
        super().__init__()
        self._offsets = offsets

    def _setUp(self) -> None:
        directory = pathlib.Path(
            tempfile.gettempdir(), f'ironic-passthru-ports-{os.getuid()}'
        )
        directory.mkdir(mode=0o700, exist_ok=True)
        for port in random.sample(_PORTS, len(_PORTS)):
            lock = fasteners.InterProcessLock(directory / str(port))
            if not lock.acquire(blocking=False):
                continue
            if all(_is_free(port + offset) for offset in self._offsets):
                self.addCleanup(lock.release)
                self.port = port
                return
            lock.release()
        raise RuntimeError('there is no free TCP port')


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('127.0.0.1', port))
        except OSError:
            return False
    return True
