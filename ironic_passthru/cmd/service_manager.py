# SPDX-License-Identifier: Apache-2.0
"""What a service manager is told: systemd's protocol, sd_notify(3).

oslo.service knows of it only that a start is over.
"""

import os
import socket
from collections.abc import Mapping
from typing import Protocol

from oslo_log import log

LOG = log.getLogger(__name__)


class ServiceManager(Protocol):
    """Whoever started the process, and ends or restarts it.

    :ivar watchdog_seconds: how long the process may be silent once it is
        ready, or None if that does not matter.
    """

    watchdog_seconds: float | None

    def ready(self) -> None:
        """Tell that the start is over."""

    def alive(self) -> None:
        """Tell that the process is not stuck."""

    def stopping(self, seconds: float) -> None:
        """Tell that the process is ending, and how long it may take."""


class NoServiceManager:
    """Nobody waits for a word of this process."""

    watchdog_seconds: float | None = None

    def ready(self) -> None:
        return

    def alive(self) -> None:
        return

    def stopping(self, seconds: float) -> None:
        return


class Systemd:
    """systemd, or what speaks its protocol.

    :param address: of its socket; a leading ``@`` means an abstract one.
    """

    def __init__(
        self, address: str, watchdog_seconds: float | None = None
    ) -> None:
        self._address = address
        if address.startswith('@'):
            self._address = f'\0{address[1:]}'
        self.watchdog_seconds = watchdog_seconds

    def ready(self) -> None:
        self._send('READY=1')

    def alive(self) -> None:
        self._send('WATCHDOG=1')

    def stopping(self, seconds: float) -> None:
        # So the unit's own time-out need not follow our options.
        microseconds = int(seconds * 1e6)
        self._send(f'STOPPING=1\nEXTEND_TIMEOUT_USEC={microseconds}')

    def _send(self, state: str) -> None:
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
        try:
            with socket.socket(socket.AF_UNIX, kind) as channel:
                channel.settimeout(1.0)
                channel.connect(self._address)
                channel.sendall(state.encode())
        except OSError as error:
            LOG.warning('The service manager was not told: %s', error)


def from_environment(environment: Mapping[str, str]) -> ServiceManager:
    """Return whoever started this process."""
    address = environment.get('NOTIFY_SOCKET', '')
    if not address.startswith(('/', '@')):
        return NoServiceManager()
    return Systemd(address, _watchdog_seconds(environment))


def _watchdog_seconds(environment: Mapping[str, str]) -> float | None:
    text = environment.get('WATCHDOG_USEC', '')
    # It may have been meant for the process that started this one.
    mine = environment.get('WATCHDOG_PID', str(os.getpid()))
    if not text.isdecimal() or not int(text) or mine != str(os.getpid()):
        return None
    return int(text) / 1e6
