# SPDX-License-Identifier: Apache-2.0
"""The file of users of ``auth_strategy = http_basic``, as Apache has it."""

import os
import pathlib
import re
import threading
from collections.abc import Mapping

from oslo_log import log

from ironic_passthru import errors
from ironic_passthru.redaction import credentials

LOG = log.getLogger(__name__)

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

    :raises: ConfigError naming the line, but nothing that it holds.
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


def _wrong(number: int, reason: str) -> errors.ConfigError:
    return errors.ConfigError(f'line {number} {reason}')


class UserFile:
    """The users, read again when their file changes.

    A file that cannot be used any more leaves the users in force that it
    held before: half a file must not lock everybody out.

    :param path: of the file.
    :raises: ConfigError if it cannot be used, or holds nobody.
    """

    def __init__(self, path: str) -> None:
        self._path = pathlib.Path(path)
        self._lock = threading.Lock()
        self._seen = self._look()
        self._users = self._read()
        if not self._users:
            raise errors.ConfigError(f'{OPTION}: {path} holds no user')

    def users(self) -> Mapping[str, str]:
        """Return the hashes by name; the same object until they change."""
        seen = self._look()
        if seen != self._seen:
            with self._lock:
                if seen != self._seen:
                    self._read_again()
                    # As it was before it was read: what was written since
                    # is found the next time.
                    self._seen = seen
        return self._users

    def _look(self) -> tuple[int, ...] | None:
        """Return what changes whenever the file, or its mode, does."""
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return (
            found.st_dev,
            found.st_ino,
            found.st_size,
            found.st_mtime_ns,
            found.st_ctime_ns,
        )

    def _read(self) -> Mapping[str, str]:
        credentials.check_private(self._path, OPTION)
        try:
            return parse(self._path.read_bytes())
        except OSError as error:
            reason = error.strerror or 'it cannot be read'
        except errors.ConfigError as error:
            reason = error.message
        raise errors.ConfigError(f'{OPTION}: {self._path}: {reason}')

    def _read_again(self) -> None:
        try:
            self._users = self._read()
        except errors.ConfigError as error:
            LOG.error('The users stay as they were: %s', error.message)
        else:
            LOG.info('%s has %d users now', self._path, len(self._users))
