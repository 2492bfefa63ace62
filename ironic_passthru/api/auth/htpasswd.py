# SPDX-License-Identifier: Apache-2.0
"""User file of ``auth_strategy = http_basic``, in Apache's format."""

import re
from collections.abc import Mapping

from ironic_passthru import errors
from ironic_passthru import watched_files
from ironic_passthru.redaction import credentials

OPTION = 'Option http_basic_auth_user_file in group [DEFAULT]'

# Only bcrypt: other hashes of htpasswd can be brute-forced. The last character
# of the salt has unused bits, which must be unset.
_HASH = re.compile(
    r'\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}'
)

# A check takes milliseconds at the lowest cost and seconds at the highest.
_COSTS = range(4, 18)

_MAX_NAME_LENGTH = 255


def parse(data: bytes) -> dict[str, str]:
    """Return the hashes of the users by their names.

    :raises: Unusable with the number of the line, but not its content.
    """
    users: dict[str, str] = {}
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            text = line.decode('utf-8').strip()
        except UnicodeError:
            raise _invalid(number, 'is not UTF-8') from None
        if not text or text.startswith('#'):
            continue
        name, _, digest = text.partition(':')
        if not 0 < len(name) <= _MAX_NAME_LENGTH or not name.isprintable():
            raise _invalid(number, 'does not begin with a user name')
        if name in users:
            raise _invalid(number, 'repeats a user name')
        match = _HASH.fullmatch(digest)
        if match is None:
            raise _invalid(
                number, 'contains no bcrypt hash; create it with "htpasswd -B"'
            )
        if int(match[1]) not in _COSTS:
            raise _invalid(
                number,
                f'contains a hash of cost {match[1]}; allowed are '
                f'{_COSTS[0]} to {_COSTS[-1]}',
            )
        users[name] = digest
    return users


def _invalid(number: int, reason: str) -> watched_files.Unusable:
    return watched_files.Unusable(f'line {number} {reason}')


class UserFile:
    """The users, loaded again when their file changes.

    If a changed file is not valid, the previous users stay in use: a half
    written file must not lock out all users. With a file that contains only
    comments, every login fails.

    :param look_seconds: minimum interval between checks of the file.
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
