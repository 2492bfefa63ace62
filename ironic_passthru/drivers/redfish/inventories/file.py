# SPDX-License-Identifier: Apache-2.0
"""The inventory file of BMCs, reloaded when it changes."""

import pathlib

import pydantic
from oslo_config import cfg

from ironic_passthru import errors
from ironic_passthru import watched_files
from ironic_passthru.drivers import instance_config
from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish.inventories import base
from ironic_passthru.drivers.redfish.inventories import document
from ironic_passthru.drivers.redfish.inventories import entry as entries
from ironic_passthru.drivers.redfish.inventories import exposure
from ironic_passthru.drivers.redfish.inventories import password_files
from ironic_passthru.drivers.redfish.inventories import password_secrets
from ironic_passthru.redaction import credentials
from ironic_passthru.secret_store import store

_ENTRIES = pydantic.TypeAdapter(dict[entries.Name, entries.Entry])


class _FileInventory(base.Inventory):
    """One version of the file: targets, and the places of their passwords.

    :param passwords: password files by target.
    :param secrets: targets whose passwords are in a key manager.
    """

    def __init__(
        self,
        targets: list[bmc_target.Target],
        passwords: dict[str, pathlib.Path],
        secrets: frozenset[str],
    ) -> None:
        super().__init__(targets)
        self.passwords = passwords
        self.secrets = secrets


class _NotRead(Exception):
    """A password has not been read yet."""


class FileSource(base.InventorySource):
    """The inventory file; without ``inventory_file`` there are no targets.

    :param look_seconds: minimum interval of the checks for changes.
    """

    def __init__(
        self, *, look_seconds: float = watched_files.LOOK_SECONDS
    ) -> None:
        self._look_seconds = look_seconds
        # None while passwords are not known yet.
        self._files: (
            watched_files.WatchedFiles[_FileInventory | None] | None
        ) = None
        self._secrets: password_secrets.PasswordSecrets | None = None

    def start(self, conf: cfg.ConfigOpts) -> None:
        """Read the file, and the passwords in a key manager.

        A key manager that is unavailable does not prevent the start.

        :raises: ConfigError if the file is invalid, or if every user of the
            host can read a password.
        """
        if not conf.redfish.inventory_file:
            return
        path = pathlib.Path(conf.redfish.inventory_file).absolute()
        driver = instance_config.group_name(conf, 'redfish')
        self._secrets = secrets = _open_store(conf, driver)
        self._files = watched_files.WatchedFiles(
            lambda reader, previous: _load(
                path, reader, previous, driver=driver, secrets=secrets
            ),
            what='targets',
            describe=lambda found: (
                f'{path} has '
                + (f'{len(found)} targets' if found else 'unread passwords')
            ),
            look_seconds=self._look_seconds,
        )
        if secrets is not None:
            secrets.start()

    def stop(self) -> None:
        """Read no further passwords."""
        if self._secrets is not None:
            self._secrets.stop()

    def current(self) -> base.Inventory:
        """Return the targets of the last valid version.

        :raises: TemporaryFailure before the passwords have been read.
        """
        if self._files is None:
            return base.Inventory()
        found = self._files.current()
        if found is None:
            raise errors.TemporaryFailure(
                'The targets are not known yet: the secret store is '
                'unavailable.'
            )
        return found

    def can_store(self, name: str) -> None:
        """Check that the target has a ``password_file`` of its own.

        :raises: PasswordNotStored.
        """
        password_files.check_replaceable(self._password_file(name))

    def store_password(self, name: str, password: str) -> None:
        """Replace the ``password_file`` of the target.

        :raises: PasswordNotStored.
        """
        path = self._password_file(name)
        password_files.replace(path, password)
        if self._files is not None:
            self._files.reload()

    def _password_file(self, name: str) -> pathlib.Path:
        """Return the file of the password of one BMC user.

        :raises: PasswordNotStored.
        """
        current = self.current()
        current.target(name)
        files = getattr(current, 'passwords', {})
        if name in getattr(current, 'secrets', ()):
            raise base.PasswordNotStored(
                'The password of the target is in a secret store, which this '
                'service only reads; only a password_file is changed.'
            )
        if name not in files:
            raise base.PasswordNotStored(
                'The entry of the target contains its password; only a '
                'password_file is changed.'
            )
        users = {
            (other.address.url, other.address.username)
            for other in current.everything()
            if files.get(other.name) == files[name]
        }
        if len(users) > 1:
            raise base.PasswordNotStored(
                'The password_file of the target also belongs to targets '
                'with another address or user.'
            )
        path: pathlib.Path = files[name]
        return path


def _open_store(
    conf: cfg.ConfigOpts, driver: str
) -> password_secrets.PasswordSecrets | None:
    """Return the passwords in a key manager, if one is configured.

    :param driver: name of the driver and of the group of its options.
    :raises: ConfigError.
    """
    if not conf.redfish.castellan_config_file:
        return None
    reader = store.SecretStore(
        conf.redfish.castellan_config_file,
        option=f'Option castellan_config_file in group [{driver}]',
    )
    return password_secrets.PasswordSecrets(
        reader, refresh_seconds=conf.redfish.inventory_refresh
    )


def _load(
    path: pathlib.Path,
    reader: watched_files.Reader,
    previous: _FileInventory | None,
    *,
    driver: str,
    secrets: password_secrets.PasswordSecrets | None,
) -> _FileInventory | None:
    """Read an inventory and the files that it names.

    :param driver: name of the driver and of the group of its options.
    :returns: ``previous`` until new passwords have been read.
    :raises: ConfigError with file, entry, error and line. It quotes only
        names of entries and keys.
    """
    parsed = document.Document(None, {})
    try:
        parsed = document.parse(_read(path, reader))
        found = _ENTRIES.validate_python(parsed.value or {})
    except pydantic.ValidationError as exc:
        raise _error(driver, path, _describe(exc, parsed)) from None
    except watched_files.Unusable as exc:
        raise _error(driver, path, str(exc)) from None
    if any(entry.password is not None for entry in found.values()):
        credentials.check_private(path, f'[{driver}] inventory_file')
    if secrets is not None:
        secrets.require(_secrets_of(found))
    targets = []
    loader = _TargetLoader(path.parent, reader, secrets)
    is_complete = True
    for name, entry in found.items():
        try:
            targets.append(loader.load(name, entry))
        except _NotRead:
            is_complete = False
        except watched_files.Unusable as exc:
            place = parsed.place(name)
            raise _error(driver, path, f'{name}: {exc}{place}') from None
    if not is_complete:
        return previous
    exposure.warn(driver, targets)
    return _inventory(targets, found, path.parent)


def _secrets_of(found: dict[str, entries.Entry]) -> dict[str, str]:
    """Return the names of entries by their secrets."""
    return {
        entry.password_secret: name
        for name, entry in found.items()
        if entry.password_secret is not None
    }


def _inventory(
    targets: list[bmc_target.Target],
    found: dict[str, entries.Entry],
    directory: pathlib.Path,
) -> _FileInventory:
    return _FileInventory(
        targets,
        {
            name: (directory / entry.password_file).resolve()
            for name, entry in found.items()
            if entry.password_file is not None
        },
        frozenset(
            name
            for name, entry in found.items()
            if entry.password_secret is not None
        ),
    )


class _TargetLoader:
    """Makes targets of entries.

    :param directory: directory to which paths are relative.
    """

    def __init__(
        self,
        directory: pathlib.Path,
        reader: watched_files.Reader,
        secrets: password_secrets.PasswordSecrets | None,
    ) -> None:
        self._directory = directory
        self._reader = reader
        self._secrets = secrets
        self._authorities: set[pathlib.Path] = set()

    def load(self, name: str, entry: entries.Entry) -> bmc_target.Target:
        """Return the target of an entry.

        :raises: Unusable; _NotRead.
        """
        target = entry.target(
            name, password=self._password(entry), base=self._directory
        )
        ca = target.address.ca
        if ca is not None and ca not in self._authorities:
            entries.check_ca(ca, self._reader)
            self._authorities.add(ca)
        return target

    def _password(self, entry: entries.Entry) -> str:
        if entry.password is not None:
            return entry.password.get_secret_value()
        if entry.password_secret is not None:
            return self._secret(entry.password_secret)
        file = self._directory / str(entry.password_file)
        text = _read(file, self._reader)
        try:
            credentials.check_private(file, 'password_file')
        except errors.ConfigError as exc:
            raise watched_files.Unusable(exc.message) from None
        return text.removesuffix('\n').removesuffix('\r')

    def _secret(self, identifier: str) -> str:
        if self._secrets is None:
            raise watched_files.Unusable(
                'password_secret needs [redfish] castellan_config_file, which '
                'is not set'
            )
        found = self._reader.probe(self._secrets.get, identifier)
        if found is None:
            raise _NotRead
        if isinstance(found, store.SecretUnusable):
            raise watched_files.Unusable(f'password_secret: {found}')
        return str(found)


def _read(path: pathlib.Path, reader: watched_files.Reader) -> str:
    try:
        return reader.read(path).decode('utf-8')
    except watched_files.Unusable as exc:
        raise watched_files.Unusable(f'{path} cannot be read: {exc}') from None
    except ValueError:
        raise watched_files.Unusable(
            f'{path} is not a file of UTF-8 text'
        ) from None


def _error(driver: str, path: pathlib.Path, what: str) -> errors.ConfigError:
    return errors.ConfigError(f'[{driver}] inventory_file {path}: {what}')


def _describe(exc: pydantic.ValidationError, parsed: document.Document) -> str:
    """Return the first error, its line and the number of the others."""
    # A misspelled key is the cause of a missing one.
    found = sorted(
        exc.errors(include_input=False),
        key=lambda error: error['type'] != 'extra_forbidden',
    )
    text = entries.describe_error(dict(found[0]))
    more = f' (and {len(found) - 1} more)' if len(found) > 1 else ''
    return f'{text}{parsed.place(*found[0]["loc"])}{more}'
