# SPDX-License-Identifier: Apache-2.0
"""The file of users of ``auth_strategy = http_basic``, as Apache has it."""

import re
from collections.abc import Mapping

from ironic_passthru import errors
from ironic_passthru import watched_files
from ironic_passthru.redaction import credentials

OPTION = 'Option http_basic_auth_user_file in group [DEFAULT]'

# bcrypt alone: the other hashes that htpasswd writes are quickly tried out.
# Two characters have bits to spare, and bcrypt wants those of the salt unset.
_HASH = re.compile(
    r'\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}'
)

# One try at a password takes milliseconds at the least of these costs, and
# seconds at the greatest.
_COSTS = range(4, 18)

_MAX_NAME_LENGTH = 255


def parse(data: bytes) -> dict[str, str]:
    """Return the hashes of the users by their names.

    :raises: Unusable naming the line, but nothing that it holds.
    """
    users: dict[str, str] = {}
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            text = line.decode('utf-8').strip()
        except UnicodeError:
            raise _wrong(number, 'is not UTF-8') from None
        if not text or text.startswith('#'):
            continue
        name, _, digest = text.partition(':')
        if not 0 < len(name) <= _MAX_NAME_LENGTH or not name.isprintable():
            raise _wrong(number, 'does not begin with the name of a user')
        if name in users:
            raise _wrong(number, 'names a user for the second time')
        match = _HASH.fullmatch(digest)
        if match is None:
            raise _wrong(
                number, 'has no hash of bcrypt, which "htpasswd -B" writes'
            )
        if int(match[1]) not in _COSTS:
            raise _wrong(
                number,
                f'has a hash of cost {match[1]}; those from {_COSTS[0]} to '
                f'{_COSTS[-1]} are taken',
            )
        users[name] = digest
    return users


def _wrong(number: int, reason: str) -> watched_files.Unusable:
    return watched_files.Unusable(f'line {number} {reason}')


class UserFile:
    """The users, read again when their file changes.

    A file that cannot be used any more leaves the users in force that it
    contained before: half a file must not lock everybody out. A file that
    contains only comments refuses every login.

    :param path: of the file.
    :param look_seconds: shortest time between two looks at the file.
    :raises: ConfigError if the file cannot be used, or contains no user.
    """

    def __init__(
        self,
        path: str,
        *,
        look_seconds: float = watched_files.LOOK_SECONDS,
    ) -> None:
        self._path = path
        self._file = watched_files.WatchedFiles(
            self._load,
            what='users',
            describe=lambda users: f'{path} has {len(users)} users',
            look_seconds=look_seconds,
        )

    def users(self) -> Mapping[str, str]:
        """Return the hashes by name; the same object until they change."""
        return self._file.current()

    def _load(
        self,
        reader: watched_files.Reader,
        previous: Mapping[str, str] | None,
    ) -> Mapping[str, str]:
        try:
            data = reader.read(self._path)
            credentials.check_private(self._path, OPTION)
            users = parse(data)
        except watched_files.Unusable as error:
            raise self._error(str(error)) from None
        if previous is None and not users:
            raise self._error('it contains no user')
        return users

    def _error(self, reason: str) -> errors.ConfigError:
        return errors.ConfigError(f'{OPTION}: {self._path}: {reason}')
