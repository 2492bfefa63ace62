# SPDX-License-Identifier: Apache-2.0
"""The inventory file of BMCs, reloaded when it changes."""

import logging
import pathlib
import ssl
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Annotated
from typing import Any
from typing import Protocol
from urllib import parse

import pydantic
import yaml

from ironic_passthru import errors
from ironic_passthru import watched_files
from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.redaction import credentials

LOG = logging.getLogger(__name__)

NAME_PATTERN = r'^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$'

Name = Annotated[str, pydantic.Field(pattern=NAME_PATTERN)]


class Entry(pydantic.BaseModel):
    """One BMC as the inventory file describes it."""

    model_config = pydantic.ConfigDict(
        extra='forbid', strict=True, hide_input_in_errors=True
    )

    address: str = pydantic.Field(
        description='Where the BMC is: host or host:port, with or without '
        'https://. Plain HTTP, which sends the password in the clear, is '
        'used only if http:// is written out.'
    )
    username: str = pydantic.Field(
        min_length=1, description='User name on the BMC.'
    )
    password: pydantic.SecretStr | None = pydantic.Field(
        None, description='Password of the user, unless password_file is set.'
    )
    password_file: str | None = pydantic.Field(
        None,
        min_length=1,
        description='File with the password; one newline at its end is '
        'ignored.',
    )
    ca: str | None = pydantic.Field(
        None,
        min_length=1,
        description='PEM file of the certificate authorities to trust; '
        'without it those of the operating system are trusted.',
    )
    verify: bool = pydantic.Field(
        True,
        description='false accepts any certificate, for any host name. Use '
        'ca instead if you can.',
    )
    system_id: str | None = pydantic.Field(
        None,
        min_length=1,
        description='Id (the last part of the path) or path of the system; '
        'needed where the BMC has several.',
    )
    tags: list[Name] = pydantic.Field(
        [], description='Tags by which several targets can be chosen.'
    )

    @pydantic.field_validator('address')
    @classmethod
    def _is_origin(cls, address: str) -> str:
        if '://' not in address:
            address = f'https://{address}'
        try:
            parts = parse.urlsplit(address)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise ValueError('is not a URL') from None
        if parts.scheme not in ('https', 'http') or not host:
            raise ValueError('must be a host, https://host or http://host')
        if '@' in parts.netloc:
            raise ValueError('must not hold credentials')
        if parts.path not in ('', '/') or parts.query or parts.fragment:
            raise ValueError('must end after the host or port')
        return f'{parts.scheme}://{parts.netloc}'

    @pydantic.model_validator(mode='after')
    def _is_consistent(self) -> 'Entry':
        if (self.password is None) == (self.password_file is None):
            raise ValueError('needs one of password and password_file')
        if self.ca is not None and not self.verify:
            raise ValueError('has both ca and verify: false')
        if self.ca is not None and self.address.startswith('http://'):
            raise ValueError('has ca but no https address')
        return self


_ENTRIES = pydantic.TypeAdapter(dict[Name, Entry])


class Inventory:
    """One version of the targets, and their selection."""

    def __init__(self, targets: Iterable[bmc_target.Target] = ()) -> None:
        self._targets = {target.name: target for target in targets}

    def __len__(self) -> int:
        return len(self._targets)

    def everything(self) -> list[bmc_target.Target]:
        """Return all targets."""
        return list(self._targets.values())

    def named(self, names: Iterable[str]) -> list[bmc_target.Target]:
        """Return the targets of these names, each once.

        :raises: InvalidParameterValue if any of them is unknown.
        """
        unique = list(dict.fromkeys(names))
        unknown = [name for name in unique if name not in self._targets]
        if unknown:
            more = f' and {len(unknown) - 10} more' if unknown[10:] else ''
            raise errors.InvalidParameterValue(
                f'Unknown target: {", ".join(unknown[:10])}{more}'
            )
        return [self._targets[name] for name in unique]

    def tagged(self, tag: str) -> list[bmc_target.Target]:
        """Return the targets with a tag.

        :raises: InvalidParameterValue if no target has the tag.
        """
        chosen = [t for t in self._targets.values() if tag in t.tags]
        if not chosen:
            raise errors.InvalidParameterValue(f'Unknown tag: {tag}')
        return chosen


class Source(Protocol):
    """A source of the current inventory."""

    def current(self) -> Inventory:
        """Return the current targets."""


class NoFile:
    """The inventory of a conductor without BMCs."""

    def current(self) -> Inventory:
        """Return an inventory without targets."""
        return Inventory()


class InventoryFile:
    """An inventory that is reloaded when one of its files changes.

    :param look_seconds: minimum time between two checks of the files.
    :raises: ConfigError if the file is invalid at the start, or if every
        user of the host can read a password.
    """

    def __init__(
        self,
        path: pathlib.Path,
        *,
        look_seconds: float = watched_files.LOOK_SECONDS,
    ) -> None:
        self._path = path
        self._files = watched_files.WatchedFiles(
            self._load,
            what='targets',
            describe=lambda found: f'{path} has {len(found)} targets',
            look_seconds=look_seconds,
        )

    def current(self) -> Inventory:
        """Return the targets of the last valid version."""
        return self._files.current()

    def _load(
        self, reader: watched_files.Reader, _previous: Inventory | None
    ) -> Inventory:
        loaded = _load(self._path, reader)
        _warn_exposed(loaded)
        return loaded


def _warn_exposed(inventory: Inventory) -> None:
    """Log the targets whose passwords are exposed."""
    for target in inventory.everything():
        if not target.address.encrypted:
            LOG.warning(
                'Target %s has no TLS: its password and all requests can be '
                'read and changed on the network',
                target.name,
            )
        elif not target.address.verify:
            LOG.warning(
                'Certificate of target %s is not verified: any server at its '
                'address receives its password',
                target.name,
            )


class _KeyTwice(yaml.MarkedYAMLError):
    """A mapping contains a key twice."""


class _Loader(yaml.SafeLoader):
    """Loads plain values; rejects duplicate keys."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [
            key.value
            for key, _ in node.value
            if isinstance(key, yaml.ScalarNode)
        ]
        if len(keys) != len(set(keys)):
            raise _KeyTwice(problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


def _load(path: pathlib.Path, reader: watched_files.Reader) -> Inventory:
    """Read an inventory and the files that it names.

    :raises: ConfigError with file, entry and error in one line. It quotes
        only names of entries.
    """
    try:
        document = _parse(_read(path, reader))
        entries = _ENTRIES.validate_python(document or {})
    except pydantic.ValidationError as exc:
        raise _error(path, _describe(exc)) from None
    except watched_files.Unusable as exc:
        raise _error(path, str(exc)) from None
    if any(entry.password is not None for entry in entries.values()):
        credentials.check_private(path, '[redfish] inventory_file')
    targets = []
    authorities: set[pathlib.Path] = set()
    for name, entry in entries.items():
        try:
            target = _target(name, entry, path.parent, reader=reader)
            ca = target.address.ca
            if ca is not None and ca not in authorities:
                _check_ca(ca, reader)
                authorities.add(ca)
            targets.append(target)
        except watched_files.Unusable as exc:
            raise _error(path, f'{name}: {exc}') from None
    return Inventory(targets)


def _target(
    name: str,
    entry: Entry,
    base: pathlib.Path,
    *,
    reader: watched_files.Reader,
) -> bmc_target.Target:
    if entry.password is not None:
        password = entry.password.get_secret_value()
    else:
        file = base / str(entry.password_file)
        text = _read(file, reader)
        try:
            credentials.check_private(file, 'password_file')
        except errors.ConfigError as exc:
            raise watched_files.Unusable(exc.message) from None
        password = text.removesuffix('\n').removesuffix('\r')
    ca = base / entry.ca if entry.ca is not None else None
    return bmc_target.Target(
        name=name,
        address=bmc_target.Address(
            url=entry.address,
            username=entry.username,
            password=password,
            ca=ca,
            verify=entry.verify,
        ),
        system_id=entry.system_id,
        tags=frozenset(entry.tags),
    )


def _read(path: pathlib.Path, reader: watched_files.Reader) -> str:
    try:
        return reader.read(path).decode('utf-8')
    except watched_files.Unusable as exc:
        raise watched_files.Unusable(f'{path} cannot be read: {exc}') from None
    except ValueError:
        raise watched_files.Unusable(
            f'{path} is not a file of UTF-8 text'
        ) from None


def _check_ca(path: pathlib.Path, reader: watched_files.Reader) -> None:
    """Verify that a file contains certificates, as each connection needs.

    :raises: Unusable.
    """
    try:
        reader.read(path)
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except watched_files.Unusable as exc:
        raise watched_files.Unusable(
            f'ca: {path} cannot be read: {exc}'
        ) from None
    except OSError:
        raise watched_files.Unusable(
            f'ca: {path} contains no certificates in PEM'
        ) from None


def _parse(text: str) -> Any:
    # Messages of the parser may quote a password, so only the line number
    # is reported.
    loader = None
    try:
        loader = _Loader(text)
        return loader.get_single_data()
    except yaml.YAMLError as exc:
        mark = getattr(exc, 'problem_mark', None)
        where = f' (line {mark.line + 1})' if mark else ''
        what = (
            'contains a key twice in one mapping'
            if isinstance(exc, _KeyTwice)
            else 'is not valid YAML'
        )
        raise watched_files.Unusable(f'{what}{where}') from None
    except (ValueError, RecursionError):
        raise watched_files.Unusable('is not valid YAML') from None
    finally:
        if loader is not None:
            loader.dispose()


def _error(path: pathlib.Path, what: str) -> errors.ConfigError:
    return errors.ConfigError(f'[redfish] inventory_file {path}: {what}')


def _describe(exc: pydantic.ValidationError) -> str:
    """Return the first error as ``entry: key: message``."""
    found: list[Mapping[str, Any]] = [
        dict(error) for error in exc.errors(include_input=False)
    ]
    first = found[0]
    where = [str(part) for part in first['loc'] if part != '[key]']
    what = first['msg'].removeprefix('Value error, ')
    if first['type'] == 'extra_forbidden':
        # The key may be a misplaced value, so it is not quoted.
        where.pop()
        what = f'contains a key other than {", ".join(Entry.model_fields)}'
    more = f' (and {len(found) - 1} more)' if len(found) > 1 else ''
    return ': '.join([*where, what]) + more
