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
from ironic_passthru.redaction import credentials

_ENTRIES = pydantic.TypeAdapter(dict[entries.Name, entries.Entry])


class _FileInventory(base.Inventory):
    """One version of the file: targets, and the files of their passwords."""

    def __init__(
        self,
        targets: list[bmc_target.Target],
        passwords: dict[str, pathlib.Path],
    ) -> None:
        super().__init__(targets)
        self.passwords = passwords


class FileSource(base.InventorySource):
    """The inventory file; without ``inventory_file`` there are no targets.

    :param look_seconds: minimum interval of the checks for changes.
    """

    def __init__(
        self, *, look_seconds: float = watched_files.LOOK_SECONDS
    ) -> None:
        self._look_seconds = look_seconds
        self._files: watched_files.WatchedFiles[_FileInventory] | None = None

    def start(self, conf: cfg.ConfigOpts) -> None:
        """Read the file.

        :raises: ConfigError if the file is invalid, or if every user of the
            host can read a password.
        """
        if not conf.redfish.inventory_file:
            return
        path = pathlib.Path(conf.redfish.inventory_file).absolute()
        driver = instance_config.group_name(conf, 'redfish')
        self._files = watched_files.WatchedFiles(
            lambda reader, _previous: _load(path, reader, driver),
            what='targets',
            describe=lambda found: f'{path} has {len(found)} targets',
            look_seconds=self._look_seconds,
        )

    def current(self) -> base.Inventory:
        """Return the targets of the last valid version."""
        return self._files.current() if self._files else base.Inventory()

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


def _load(
    path: pathlib.Path, reader: watched_files.Reader, driver: str
) -> _FileInventory:
    """Read an inventory and the files that it names.

    :param driver: name of the driver and of the group of its options.
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
    targets = []
    passwords = {}
    authorities: set[pathlib.Path] = set()
    for name, entry in found.items():
        try:
            target = _target(name, entry, path.parent, reader=reader)
            ca = target.address.ca
            if ca is not None and ca not in authorities:
                entries.check_ca(ca, reader)
                authorities.add(ca)
        except watched_files.Unusable as exc:
            place = parsed.place(name)
            raise _error(driver, path, f'{name}: {exc}{place}') from None
        targets.append(target)
        if entry.password_file is not None:
            passwords[name] = (path.parent / entry.password_file).resolve()
    exposure.warn(driver, targets)
    return _FileInventory(targets, passwords)


def _target(
    name: str,
    entry: entries.Entry,
    base_directory: pathlib.Path,
    *,
    reader: watched_files.Reader,
) -> bmc_target.Target:
    if entry.password is not None:
        password = entry.password.get_secret_value()
    else:
        file = base_directory / str(entry.password_file)
        text = _read(file, reader)
        try:
            credentials.check_private(file, 'password_file')
        except errors.ConfigError as exc:
            raise watched_files.Unusable(exc.message) from None
        password = text.removesuffix('\n').removesuffix('\r')
    return entry.target(name, password=password, base=base_directory)


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
