# SPDX-License-Identifier: Apache-2.0
"""Which BMCs there are: the inventory file, read again when it changes."""

import dataclasses
import logging
import os
import pathlib
import threading
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Annotated
from typing import Any
from typing import Protocol
from urllib import parse

import pydantic
import yaml

from ironic_passthru import errors
from ironic_passthru.drivers.redfish import connector
from ironic_passthru.redaction import credentials

LOG = logging.getLogger(__name__)

NAME_PATTERN = r'^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$'

Name = Annotated[str, pydantic.Field(pattern=NAME_PATTERN)]

# State of a file as (modification time, inode, size, mode); None if it is
# absent.
_State = tuple[int, int, int, int] | None


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
        description='File that holds the password; one newline at its end is '
        'no part of it.',
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


@dataclasses.dataclass(frozen=True)
class Target:
    """One BMC that callers may name."""

    name: str
    address: connector.Address
    system_id: str | None = None
    tags: frozenset[str] = frozenset()


class Inventory:
    """The targets at one moment, and the choosing among them."""

    def __init__(self, targets: Iterable[Target] = ()) -> None:
        self._targets = {target.name: target for target in targets}

    def __len__(self) -> int:
        return len(self._targets)

    def everything(self) -> list[Target]:
        """Return all targets."""
        return list(self._targets.values())

    def named(self, names: Iterable[str]) -> list[Target]:
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

    def tagged(self, tag: str) -> list[Target]:
        """Return the targets that bear a tag.

        :raises: InvalidParameterValue if none does.
        """
        chosen = [t for t in self._targets.values() if tag in t.tags]
        if not chosen:
            raise errors.InvalidParameterValue(f'Unknown tag: {tag}')
        return chosen


class Source(Protocol):
    """Where the driver gets its inventory at every call."""

    def current(self) -> Inventory:
        """Return the targets as they are now."""


class NoFile:
    """The inventory of a conductor that has no BMCs."""

    def current(self) -> Inventory:
        """Return an inventory without targets."""
        return Inventory()


class InventoryFile:
    """An inventory that follows its file and the password files it names.

    A new version with a fault in it is reported once in the log, and the
    version before it stays in force.

    :raises: ConfigError if the file has a fault to begin with, or if every
        user of the host can read a password.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._seen: dict[pathlib.Path, _State] = {}
        self._inventory = _load(path, self._seen)
        _warn_of_exposed(self._inventory)

    def current(self) -> Inventory:
        """Return the targets of the last version without a fault."""
        with self._lock:
            if any(_state(path) != was for path, was in self._seen.items()):
                self._reload()
            return self._inventory

    def _reload(self) -> None:
        seen: dict[pathlib.Path, _State] = {}
        try:
            self._inventory = _load(self._path, seen)
        except errors.ConfigError as exc:
            LOG.error('%s; the targets stay as they were', exc.message)
        else:
            LOG.info('%s has %d targets', self._path, len(self._inventory))
            _warn_of_exposed(self._inventory)
        # The files that a faulty version names are watched too: the fault
        # may be one of theirs, and go away without a change to this one.
        self._seen = seen


def _warn_of_exposed(inventory: Inventory) -> None:
    """Log the targets whose passwords others could come by."""
    for target in inventory.everything():
        if not target.address.encrypted:
            LOG.warning(
                'Target %s has no TLS: its password and all that is done '
                'there can be read and changed on the way',
                target.name,
            )
        elif not target.address.verify:
            LOG.warning(
                'Target %s is not verified: whoever answers at its address '
                'gets its password',
                target.name,
            )


class _KeyTwice(yaml.MarkedYAMLError):
    """A mapping has one key twice."""


class _Loader(yaml.SafeLoader):
    """Loads plain values, and refuses what YAML lets pass in silence."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys = [
            key.value
            for key, _ in node.value
            if isinstance(key, yaml.ScalarNode)
        ]
        if len(keys) != len(set(keys)):
            raise _KeyTwice(problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


def _load(path: pathlib.Path, seen: dict[pathlib.Path, _State]) -> Inventory:
    """Read an inventory; record in ``seen`` the files that it depends on.

    :raises: ConfigError with one line that names file, entry and fault, and
        quotes nothing that stands in the file but names of entries.
    """
    try:
        document = _parse(_read(path, seen))
        entries = _ENTRIES.validate_python(document or {})
    except pydantic.ValidationError as exc:
        raise _fault(path, _describe(exc)) from None
    except _Unusable as exc:
        raise _fault(path, str(exc)) from None
    if any(entry.password is not None for entry in entries.values()):
        credentials.check_private(path, '[redfish] inventory_file')
    targets = []
    for name, entry in entries.items():
        try:
            targets.append(_target(name, entry, path.parent, seen=seen))
        except _Unusable as exc:
            raise _fault(path, f'{name}: {exc}') from None
    return Inventory(targets)


class _Unusable(Exception):
    """A file cannot be used; the text says why, as a phrase."""


def _target(
    name: str,
    entry: Entry,
    base: pathlib.Path,
    *,
    seen: dict[pathlib.Path, _State],
) -> Target:
    if entry.password is not None:
        password = entry.password.get_secret_value()
    else:
        file = base / str(entry.password_file)
        text = _read(file, seen)
        try:
            credentials.check_private(file, 'password_file')
        except errors.ConfigError as exc:
            raise _Unusable(exc.message) from None
        password = text.removesuffix('\n').removesuffix('\r')
    ca = base / entry.ca if entry.ca is not None else None
    if ca is not None and not ca.is_file():
        raise _Unusable(f'ca: {ca} is not a file')
    return Target(
        name=name,
        address=connector.Address(
            url=entry.address,
            username=entry.username,
            password=password,
            ca=ca,
            verify=entry.verify,
        ),
        system_id=entry.system_id,
        tags=frozenset(entry.tags),
    )


def _state(path: pathlib.Path) -> _State:
    try:
        stat = path.stat()
    except (OSError, ValueError):
        return None
    return stat.st_mtime_ns, stat.st_ino, stat.st_size, stat.st_mode


def _read(path: pathlib.Path, seen: dict[pathlib.Path, _State]) -> str:
    # The state comes first: a change during the reading is then noticed.
    seen[path] = _state(path)
    try:
        return path.read_text(encoding='utf-8')
    except OSError as exc:
        reason = os.strerror(exc.errno) if exc.errno else 'unreadable'
        raise _Unusable(f'{path} cannot be read: {reason}') from None
    except ValueError:
        # Its bytes are no text, or its name holds a NUL.
        raise _Unusable(f'{path} is not a file of UTF-8 text') from None


def _parse(text: str) -> Any:
    # What the parser says of a fault may quote a password, so only the
    # place is told.
    loader = None
    try:
        loader = _Loader(text)
        return loader.get_single_data()
    except yaml.YAMLError as exc:
        mark = getattr(exc, 'problem_mark', None)
        where = f' (line {mark.line + 1})' if mark else ''
        what = (
            'holds a key twice in one mapping'
            if isinstance(exc, _KeyTwice)
            else 'is not valid YAML'
        )
        raise _Unusable(f'{what}{where}') from None
    except (ValueError, RecursionError):
        raise _Unusable('is not valid YAML') from None
    finally:
        if loader is not None:
            loader.dispose()


def _fault(path: pathlib.Path, what: str) -> errors.ConfigError:
    return errors.ConfigError(f'[redfish] inventory_file {path}: {what}')


def _describe(exc: pydantic.ValidationError) -> str:
    """Return the first fault as ``entry: key: what is wrong``."""
    faults: list[Mapping[str, Any]] = [
        dict(fault) for fault in exc.errors(include_input=False)
    ]
    first = faults[0]
    where = [str(part) for part in first['loc'] if part != '[key]']
    what = first['msg'].removeprefix('Value error, ')
    if first['type'] == 'extra_forbidden':
        # A value that slipped into the place of a key is not quoted.
        where.pop()
        what = f'has a key that is none of {", ".join(Entry.model_fields)}'
    more = f' (and {len(faults) - 1} more)' if len(faults) > 1 else ''
    return ': '.join([*where, what]) + more
