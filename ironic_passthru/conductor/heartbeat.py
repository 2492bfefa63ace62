# SPDX-License-Identifier: Apache-2.0
"""Periodic heartbeats of a conductor in the registry."""

import threading
from collections.abc import Callable

from oslo_log import log

from ironic_passthru import errors

LOG = log.getLogger(__name__)


class Heartbeat:
    """Writes heartbeats in a thread of its own.

    :param interval_seconds: time between two heartbeats.
    :param write: writes one; returns False when another process has
        registered with the host name of this conductor.
    :param on_lost: called once when that has happened.
    :param is_ready: returns whether a heartbeat may be written now.
    :param on_round: called after each interval, whatever the result: an
        unavailable broker or database is no reason to end a conductor.
    :param name: of the thread.
    """

    def __init__(
        self,
        interval_seconds: float,
        *,
        write: Callable[[], bool],
        on_lost: Callable[[], None],
        is_ready: Callable[[], bool] = lambda: True,
        on_round: Callable[[], None] = lambda: None,
        name: str = 'heartbeat',
    ) -> None:
        self._interval_seconds = interval_seconds
        self._write = write
        self._on_lost = on_lost
        self._is_ready = is_ready
        self._on_round = on_round
        self._is_available = True
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=name, daemon=True
        )

    def start(self) -> None:
        """Start; the first heartbeat follows after one interval."""
        self._thread.start()

    def stop(self) -> None:
        """Return when no further heartbeat can follow."""
        self._stopped.set()
        if self._thread.is_alive() and (
            self._thread is not threading.current_thread()
        ):
            self._thread.join()

    def _run(self) -> None:
        owned = True
        while owned and not self._stopped.wait(self._interval_seconds):
            try:
                try:
                    owned = self._beat()
                finally:
                    self._on_round()
            except errors.RegistryUnavailable:
                if self._is_available:
                    LOG.warning(
                        'Registry database unavailable; heartbeats skipped'
                    )
                self._is_available = False
            except Exception:
                # Without this thread the conductor would count as dead for
                # good, because of an error that may pass.
                LOG.exception('Heartbeat failed')

    def _beat(self) -> bool:
        """Write a heartbeat; return whether the host name is still owned."""
        if not self._is_ready() or self._stopped.is_set():
            return True
        owned = self._write()
        self._is_available = True
        if not owned:
            LOG.error(
                'Another conductor registered with the same [DEFAULT] host; '
                'this conductor stops'
            )
            self._on_lost()
        return owned
