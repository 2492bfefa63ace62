# SPDX-License-Identifier: Apache-2.0
"""The sign of life of a conductor in the registry."""

import threading
from collections.abc import Callable

from oslo_log import log

from ironic_passthru import errors

LOG = log.getLogger(__name__)


class Heartbeat:
    """Beats from a thread of its own for as long as the conductor hears.

    A conductor that the bus cannot reach must not look alive, so each beat
    is preceded by a message to itself.

    :param interval_seconds: time between two beats.
    :param listens: returns whether the conductor hears the bus.
    :param able: returns whether the conductor can run what it accepts.
    :param beat: notes the beat; returns False when another process has
        taken the conductor's name.
    :param lost: called once when that has happened.
    :param alive: called after each round, whatever came of it: a broker or a
        database that is away is no reason to end a conductor.
    :param name: of the thread.
    """

    def __init__(
        self,
        interval_seconds: float,
        *,
        listens: Callable[[], bool],
        able: Callable[[], bool] = lambda: True,
        beat: Callable[[], bool],
        lost: Callable[[], None],
        alive: Callable[[], None] = lambda: None,
        name: str = 'heartbeat',
    ) -> None:
        self._interval_seconds = interval_seconds
        self._listens = listens
        self._able = able
        self._beat = beat
        self._lost = lost
        self._alive = alive
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=name, daemon=True
        )

    def start(self) -> None:
        """Begin to beat, the first time after one interval."""
        self._thread.start()

    def stop(self) -> None:
        """Stop beating; returns when no beat can follow."""
        self._stopped.set()
        if self._thread.is_alive() and (
            self._thread is not threading.current_thread()
        ):
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._interval_seconds):
            try:
                if not self._tick():
                    return
            except errors.RegistryUnavailable:
                LOG.warning('The registry is away; no heartbeat was noted')
            except Exception:
                # Without this thread the conductor would fall silent for
                # good, on account of something that may pass.
                LOG.exception('A heartbeat failed')

    def _tick(self) -> bool:
        try:
            return self._beat_once()
        finally:
            self._alive()

    def _beat_once(self) -> bool:
        if not self._able():
            LOG.warning(
                'Accepted calls wait for threads that cannot be started; '
                'heartbeat skipped'
            )
            return True
        if not self._listens():
            LOG.warning('The conductor does not hear the bus; not beating')
            return True
        if self._stopped.is_set() or self._beat():
            return True
        LOG.error(
            'Another conductor has taken the name of this one, which '
            'therefore stops; give each a [DEFAULT] host of its own'
        )
        self._lost()
        return False
