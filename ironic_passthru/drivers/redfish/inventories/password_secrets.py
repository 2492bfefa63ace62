# SPDX-License-Identifier: Apache-2.0
"""Passwords of BMCs in a key manager, read before calls need them."""

import threading
from collections.abc import Mapping

from oslo_log import log

from ironic_passthru.secret_store import store

LOG = log.getLogger(__name__)

#: A password, the error of a secret that cannot be used, or None before its
#: first read.
Password = str | store.SecretUnusable | None


class PasswordSecrets:
    """Passwords by the identifiers of their secrets.

    A thread reads them again at an interval. The last password remains in use
    if its secret cannot be read.

    :param reader: used only by this object.
    :param refresh_seconds: interval of the reads.
    """

    def __init__(
        self, reader: store.SecretStore, *, refresh_seconds: float
    ) -> None:
        self._reader = reader
        self._refresh_seconds = refresh_seconds
        self._targets: Mapping[str, str] = {}
        self._passwords: dict[str, Password] = {}
        # Numbers of the last pass that tried to read a secret.
        self._tried: dict[str, int] = {}
        self._pass = 0
        self._is_failing = False
        self._is_started = False
        self._stopped = False
        self._wakeup = threading.Event()

    def start(self) -> None:
        """Start to refresh the passwords."""
        self._is_started = True
        threading.Thread(
            target=self._run, name='redfish-passwords', daemon=True
        ).start()

    def stop(self) -> None:
        """Start no further read."""
        self._stopped = True
        self._wakeup.set()

    def require(self, targets: Mapping[str, str]) -> None:
        """Replace the list of secrets.

        They are read at once before :meth:`start`; later new ones are read
        soon, by the thread.

        :param targets: identifiers with the name of a target, for the log.
        """
        self._targets = targets
        if not self._is_started:
            self._read()
        elif not self._passwords.keys() >= targets.keys():
            self._wakeup.set()

    def get(self, identifier: str) -> Password:
        """Return a password at once."""
        return self._passwords.get(identifier)

    def _read(self) -> None:
        """Read all passwords, first those that are not known yet.

        The store may fail for one secret only. The next pass begins with
        those that this one has not reached.
        """
        failed: list[str] = []
        targets = self._targets
        self._pass += 1
        for name in sorted(targets, key=self._order):
            if self._stopped:
                return
            self._tried[name] = self._pass
            try:
                self._passwords[name] = self._reader.read(name)
            except store.SecretUnusable as error:
                failed.append(f'{targets[name]}: {error}')
                if not self._is_known(name):
                    self._set_error(name, error)
            except store.StoreUnavailable as error:
                failed.append(f'{targets[name]}: {error}')
                # Each further read may take as long.
                break
        self._passwords = {name: self._passwords.get(name) for name in targets}
        self._tried = {name: self._tried.get(name, 0) for name in targets}
        self._log(failed, len(targets))

    def _set_error(self, name: str, error: store.SecretUnusable) -> None:
        # Another object would be a change of the inventory.
        if str(self._passwords.get(name)) != str(error):
            self._passwords[name] = error

    def _order(self, name: str) -> tuple[bool, int]:
        return self._is_known(name), self._tried.get(name, 0)

    def _is_known(self, name: str) -> bool:
        return isinstance(self._passwords.get(name), str)

    def _log(self, failed: list[str], total: int) -> None:
        """Log the first error, once until all passwords are read again."""
        if failed and not self._is_failing:
            LOG.warning(
                'Passwords of targets cannot be read from the secret store: '
                '%s; the last known ones remain in use',
                failed[0],
            )
        elif self._is_failing and not failed:
            LOG.info(
                'All %d passwords of targets are read from the secret store',
                total,
            )
        self._is_failing = bool(failed)

    def _run(self) -> None:
        while not self._stopped:
            self._wakeup.wait(self._refresh_seconds)
            self._wakeup.clear()
            try:
                self._read()
            except Exception:
                # The thread must survive any key manager.
                LOG.exception('The refresh of passwords of targets failed')
