# SPDX-License-Identifier: Apache-2.0
"""Notifications to the service manager by sd_notify(3).

oslo.service supports only the notification of a completed start.
"""

import os
import socket
from collections.abc import Mapping

from oslo_log import log

LOG = log.getLogger(__name__)


class ServiceManager:
    """Interface to a service manager; this class sends nothing.

    :ivar watchdog_seconds: maximum interval of :meth:`alive` after
        :meth:`ready`, or None without a watchdog.
    """

    watchdog_seconds: float | None = None

    def ready(self) -> None:
        """Report that the start is complete."""
        self._send('READY=1')

    def alive(self) -> None:
        """Reset the watchdog."""
        self._send('WATCHDOG=1')

    def stopping(self, seconds: float) -> None:
        """Report that the process stops within ``seconds``.

        The timeout of the unit need not match the options of the service.
        """
        microseconds = int(seconds * 1e6)
        self._send(f'STOPPING=1\nEXTEND_TIMEOUT_USEC={microseconds}')

    def _send(self, state: str) -> None:
        """Send a message of sd_notify(3)."""


class Systemd(ServiceManager):
    """systemd, or another implementation of its protocol.

    :param address: path of the socket; ``@`` prefixes an abstract address.
    """

    def __init__(
        self, address: str, watchdog_seconds: float | None = None
    ) -> None:
        self._address = address
        if address.startswith('@'):
            self._address = f'\0{address[1:]}'
        self.watchdog_seconds = watchdog_seconds

    def _send(self, state: str) -> None:
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
        try:
            with socket.socket(socket.AF_UNIX, kind) as channel:
                channel.settimeout(1.0)
                channel.connect(self._address)
                channel.sendall(state.encode())
        except OSError as error:
            LOG.warning('Cannot notify the service manager: %s', error)


def from_environment(environment: Mapping[str, str]) -> ServiceManager:
    """Return the service manager of this process."""
    address = environment.get('NOTIFY_SOCKET', '')
    if not address.startswith(('/', '@')):
        return ServiceManager()
    return Systemd(address, _watchdog_seconds(environment))


def _watchdog_seconds(environment: Mapping[str, str]) -> float | None:
    text = environment.get('WATCHDOG_USEC', '')
    # The variables may have been inherited from the parent process.
    pid = environment.get('WATCHDOG_PID', str(os.getpid()))
    if not text.isdecimal() or not int(text) or pid != str(os.getpid()):
        return None
    return int(text) / 1e6
