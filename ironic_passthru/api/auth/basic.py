# SPDX-License-Identifier: Apache-2.0
"""``auth_strategy = http_basic``: user names and passwords (RFC 7617)."""

import base64
import collections
import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Mapping
from typing import Any

import bcrypt
from oslo_config import cfg
from oslo_log import log

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.api.auth import htpasswd
from ironic_passthru.api.auth import login

LOG = log.getLogger(__name__)

CHALLENGE = 'Basic realm="ironic_passthru", charset="UTF-8"'

# What follows the cost in a hash that no password has.
_NOBODYS_SALT_AND_DIGEST = '.' * 53

# bcrypt looks at no more, so a longer password would be as good as its
# beginning.
_MAX_PASSWORD_BYTES = 72

# How many logins are remembered.
_REMEMBERED = 1024

_IMPLIED = {'admin': ('member', 'reader'), 'member': ('reader',)}
_EVERYBODY_ELSE = '*'
_ROLE = re.compile(r'[\w.-]+')


class Memory:
    """Remembers which logins were right, since to find out takes long.

    Neither a password nor anything that one could be tried against is
    kept: the digests are worth nothing without a key of this process.
    """

    def __init__(self, size: int = _REMEMBERED) -> None:
        self._size = size
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._known: collections.OrderedDict[bytes, None] = (
            collections.OrderedDict()
        )

    def digest(self, *facts: bytes) -> bytes:
        """Return what a login is remembered by."""
        # Each with its length: facts must not run into each other.
        text = b''.join(b'%d:%b' % (len(fact), fact) for fact in facts)
        return hmac.digest(self._key, text, hashlib.sha256)

    def has(self, digest: bytes) -> bool:
        """Tell whether a login is remembered."""
        with self._lock:
            if digest not in self._known:
                return False
            self._known.move_to_end(digest)
            return True

    def add(self, digest: bytes) -> None:
        """Remember a login, and forget another one if they are many."""
        with self._lock:
            self._known[digest] = None
            if len(self._known) > self._size:
                self._known.popitem(last=False)


class Passwords:
    """Tells whether a password is that of a user.

    :param hashes: of the passwords, by the names of the users.
    """

    def __init__(self, hashes: Mapping[str, str]) -> None:
        self.hashes = hashes
        self._memory = Memory()
        # To guess for somebody who does not exist takes as long as for
        # somebody who does, whatever the costs of the hashes are.
        self._dummies = [
            digest[: -len(_NOBODYS_SALT_AND_DIGEST)] + _NOBODYS_SALT_AND_DIGEST
            for digest in hashes.values()
        ] or ['$2b$12$' + _NOBODYS_SALT_AND_DIGEST]

    def check(self, name: str, password: bytes) -> bool:
        """Tell whether ``password`` is that of the user ``name``."""
        if len(password) > _MAX_PASSWORD_BYTES or b'\0' in password:
            return False
        user = name.encode()
        wanted = self.hashes.get(name) or self._dummy(user)
        seen = self._memory.digest(user, password, wanted.encode())
        if self._memory.has(seen):
            return True
        try:
            right = bcrypt.checkpw(password, wanted.encode())
        except ValueError:
            # What one version of the library takes another one refuses.
            return False
        if not right or name not in self.hashes:
            return False
        self._memory.add(seen)
        return True

    def _dummy(self, user: bytes) -> str:
        """Return a hash for somebody unknown, the same each time."""
        number = int.from_bytes(self._memory.digest(user)[:8], 'big')
        return self._dummies[number % len(self._dummies)]


class Basic:
    """Knows users by their passwords.

    :param file: of the users.
    :param roles: of each user, with ``*`` for all who are not named.
    """

    def __init__(
        self, file: htpasswd.UserFile, roles: Mapping[str, list[str]]
    ) -> None:
        self._file = file
        self._roles = roles
        self._lock = threading.Lock()
        self._passwords = self._read_passwords(file.users())

    def identify(
        self, environ: dict[str, Any]
    ) -> request_context.RequestContext:
        """Return whose name and password a request bears.

        :raises: Unauthorized.
        """
        name, password = _read(environ.get('HTTP_AUTHORIZATION', ''))
        if not self._current_passwords().check(name, password):
            raise _unauthorized()
        return self._context(environ, name)

    def _current_passwords(self) -> Passwords:
        hashes = self._file.users()
        if self._passwords.hashes is not hashes:
            with self._lock:
                if self._passwords.hashes is not hashes:
                    self._passwords = self._read_passwords(hashes)
        return self._passwords

    def _read_passwords(self, hashes: Mapping[str, str]) -> Passwords:
        """Return what knows nothing of logins that were right before."""
        absent = self._roles.keys() - hashes.keys() - {_EVERYBODY_ELSE}
        if absent:
            # It may be a user of tomorrow, but also the name of one of today
            # in another spelling, who has other roles than meant then.
            LOG.warning(
                'Option http_basic_roles in group [DEFAULT] names users that '
                'the file of users does not hold: %s',
                ', '.join(sorted(absent)),
            )
        return Passwords(hashes)

    def _context(
        self, environ: dict[str, Any], name: str
    ) -> request_context.RequestContext:
        roles = self._roles.get(name, self._roles.get(_EVERYBODY_ELSE, []))
        # The headers that keystonemiddleware would set; as WSGI has it, in
        # bytes that look like Latin-1.
        shown = name.encode().decode('latin-1')
        environ['HTTP_X_IDENTITY_STATUS'] = 'Confirmed'
        environ['HTTP_X_USER_ID'] = environ['HTTP_X_USER_NAME'] = shown
        environ['HTTP_X_ROLES'] = ','.join(roles)
        return login.make_context(
            environ,
            user_id=name,
            user_name=name,
            roles=list(roles),
            system_scope='all',
        )


def make(conf: cfg.ConfigOpts) -> Basic:
    """Return the strategy as configured.

    :raises: ConfigError.
    """
    roles = read_roles(conf.http_basic_roles)
    return Basic(htpasswd.UserFile(conf.http_basic_auth_user_file), roles)


def read_roles(option: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the roles of each user, with those that they imply.

    :param option: value of ``http_basic_roles``.
    :raises: ConfigError.
    """
    found = {}
    for name, text in option.items():
        roles: dict[str, None] = {}
        for role in text.split('+'):
            if not _ROLE.fullmatch(role):
                raise errors.ConfigError(
                    'Option http_basic_roles in group [DEFAULT] is not '
                    f'valid: {name}:{text} must be the name of a user and '
                    'roles of letters, digits, "_", "-" and ".", separated '
                    'by "+"'
                )
            roles |= dict.fromkeys((role, *_IMPLIED.get(role, ())))
        found[name] = list(roles)
    return found


def _read(header: str) -> tuple[str, bytes]:
    """Return name and password of an Authorization header.

    :raises: Unauthorized.
    """
    scheme, _, text = header.strip().partition(' ')
    if scheme.lower() != 'basic':
        raise _unauthorized()
    try:
        decoded = base64.b64decode(text.strip(), validate=True)
        name, colon, password = decoded.partition(b':')
        if not colon:
            raise _unauthorized()
        return name.decode('utf-8'), password
    except ValueError:
        raise _unauthorized() from None


def _unauthorized() -> errors.Unauthorized:
    return errors.Unauthorized(challenge=CHALLENGE)
