# SPDX-License-Identifier: Apache-2.0
"""Reserved TCP ports of the loopback interface."""

import fcntl
import os
import pathlib
import random
import socket
import tempfile

import fixtures

# Below the ephemeral ports, with room for the distribution port of RabbitMQ.
_PORTS = range(10000, 20000)


class ReservedPort(fixtures.Fixture):
    """A TCP port that no other test will choose, in any worker.

    A port that is free now may be in use a moment later, so a lock on a file
    reserves the port until the cleanup. The lock is flock's, which belongs to
    the open file: fcntl's belongs to the process and would let two tests of
    one worker choose the same port.

    :ivar port: the port number.
    """

    def __init__(self, offsets: tuple[int, ...] = (0,)) -> None:
        """Reserve a port for which all ``port + offset`` are free."""
        super().__init__()
        self._offsets = offsets

    def _setUp(self) -> None:
        directory = pathlib.Path(
            tempfile.gettempdir(), f'ironic-passthru-ports-{os.getuid()}'
        )
        directory.mkdir(mode=0o700, exist_ok=True)
        for port in random.sample(_PORTS, len(_PORTS)):
            file = (directory / str(port)).open('w')
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                continue
            if all(_is_free(port + offset) for offset in self._offsets):
                self.addCleanup(file.close)
                self.port = port
                return
            file.close()
        raise RuntimeError('all TCP ports are in use')


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('127.0.0.1', port))
        except OSError:
            return False
    return True
