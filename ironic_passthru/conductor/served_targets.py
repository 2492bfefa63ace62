# SPDX-License-Identifier: Apache-2.0
"""Targets that the drivers of a conductor serve, and their publication."""

import threading
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping

from oslo_log import log

from ironic_passthru import errors
from ironic_passthru.db import session
from ironic_passthru.db import target_lists
from ironic_passthru.drivers import base
from ironic_passthru.drivers import loader
from ironic_passthru.fleet import target_list

LOG = log.getLogger(__name__)


class ServedTargets:
    """The targets of all drivers of a conductor.

    :param drivers: the loaded drivers by name.
    """

    def __init__(self, drivers: Mapping[str, loader.Driver]) -> None:
        self._drivers = drivers
        self._lists: dict[str, target_list.TargetList] = {}
        self._failed: dict[str, str] = {}

    def read(self) -> target_lists.Targets:
        """Return the targets of drivers that publish theirs, by driver.

        The list of a driver stays the same object while it is equal. If a
        driver fails, its last list is used.
        """
        found = {}
        for name, driver in self._drivers.items():
            known = self._lists.get(name)
            try:
                new = _listed(driver)
                self._failed.pop(name, None)
            except errors.TemporaryFailure:
                LOG.debug('Driver %s does not know its targets yet', name)
                new = known
            except BaseException as error:
                # SystemExit of a driver must not end the thread.
                self._report(name, error)
                new = known
            if new is not None:
                equal = known is not None and known.tags == new.tags
                found[name] = known if known and equal else new
        self._lists = found
        return found

    def _report(self, name: str, error: BaseException) -> None:
        reason = f'{type(error).__name__}: {error}'
        if self._failed.get(name) != reason:
            self._failed[name] = reason
            LOG.error(
                "Driver '%s': get_targets() failed, its last targets stay "
                'published: %s',
                name,
                reason,
            )


def missing(driver: loader.Driver, names: Iterable[str]) -> list[str]:
    """Return the targets that a driver does not serve at this moment."""
    try:
        targets = _targets(driver)
        if targets is None:
            return []
        return sorted(name for name in names if name not in targets)
    except Exception:
        # The driver reports the reason in the call.
        return []


def _listed(driver: loader.Driver) -> target_list.TargetList | None:
    """Return the targets of a driver; None if it publishes none."""
    targets = _targets(driver)
    return None if targets is None else target_list.TargetList.of(targets)


def _targets(driver: loader.Driver) -> Mapping[str, Iterable[str]] | None:
    method = getattr(type(driver.interface), 'get_targets', None)
    if base.passthru_mark(method) is not None:
        # A method for clients, which must not run by itself.
        return None
    return driver.interface.get_targets()


class TargetPublisher:
    """Publishes changes of targets, in a thread of its own.

    :param publish: stores all targets of the conductor.
    :param interval_seconds: between two reads.
    """

    def __init__(
        self,
        served: ServedTargets,
        publish: Callable[[target_lists.Targets], None],
        *,
        interval_seconds: float,
    ) -> None:
        self._served = served
        self._publish = publish
        self._interval_seconds = interval_seconds
        self._published: target_lists.Targets = {}
        self._is_available = True
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name='targets', daemon=True
        )

    def read(self) -> target_lists.Targets:
        """Return the targets with which the conductor registers."""
        self._published = self._served.read()
        return self._published

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Return when the thread has ended."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._interval_seconds):
            try:
                self._exchange()
                self._is_available = True
            except Exception as error:
                if self._is_available:
                    LOG.warning(
                        'Changed targets cannot be published: %s',
                        session.cause(error),
                    )
                self._is_available = False

    def _exchange(self) -> None:
        targets = self._served.read()
        if targets != self._published:
            self._publish(targets)
            LOG.info(
                'Published the targets of %s',
                ', '.join(
                    f'{name} ({len(each.tags)})'
                    for name, each in targets.items()
                ),
            )
            self._published = targets
