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
from wsgiref import types as wsgi_types

import bcrypt
from oslo_config import cfg
from oslo_log import log

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.api.auth import htpasswd
from ironic_passthru.api.auth import login

LOG = log.getLogger(__name__)

CHALLENGE = 'Basic realm="ironic_passthru", charset="UTF-8"'

# Salt and digest that match no password.
_UNUSABLE_SALT_AND_DIGEST = '.' * 53

# bcrypt ignores further bytes, so it would accept the beginning alone.
_MAX_PASSWORD_BYTES = 72

_CACHE_SIZE = 1024

_IMPLIED = {'admin': ('member', 'reader'), 'member': ('reader',)}
_OTHER_USERS = '*'
_ROLE = re.compile(r'[\w.-]+')


class LoginCache:
    """Cache of verified logins, because bcrypt is slow.

    The cache contains HMACs with a key of this process, so passwords cannot
    be guessed with its content alone.
    """

    def __init__(self, size: int = _CACHE_SIZE) -> None:
        self._size = size
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._digests: collections.OrderedDict[bytes, None] = (
            collections.OrderedDict()
        )

    def digest(self, *values: bytes) -> bytes:
        """Return the cache key of a login."""
        # The lengths make the concatenation unambiguous.
        text = b''.join(b'%d:%b' % (len(value), value) for value in values)
        return hmac.digest(self._key, text, hashlib.sha256)

    def __contains__(self, digest: bytes) -> bool:
        with self._lock:
            if digest not in self._digests:
                return False
            self._digests.move_to_end(digest)
            return True

    def add(self, digest: bytes) -> None:
        """Add a login, and evict the least recently used one if needed."""
        with self._lock:
            self._digests[digest] = None
            if len(self._digests) > self._size:
                self._digests.popitem(last=False)


class PasswordChecker:
    """Check passwords.

    :param hashes: hashes of passwords by user name.
    """

    def __init__(self, hashes: Mapping[str, str]) -> None:
        self.hashes = hashes
        self._cache = LoginCache()
        # For equal response times, an unknown user gets a hash with the cost
        # of a real one.
        self._dummies = [
            digest[: -len(_UNUSABLE_SALT_AND_DIGEST)]
            + _UNUSABLE_SALT_AND_DIGEST
            for digest in hashes.values()
        ] or ['$2b$12$' + _UNUSABLE_SALT_AND_DIGEST]

    def check(self, name: str, password: bytes) -> bool:
        """Return whether ``password`` is that of the user ``name``."""
        if len(password) > _MAX_PASSWORD_BYTES or b'\0' in password:
            return False
        user = name.encode()
        expected = self.hashes.get(name) or self._dummy(user)
        key = self._cache.digest(user, password, expected.encode())
        if key in self._cache:
            return True
        try:
            matches = bcrypt.checkpw(password, expected.encode())
        except ValueError:
            # Versions of bcrypt accept different hashes.
            return False
        if not matches or name not in self.hashes:
            return False
        self._cache.add(key)
        return True

    def _dummy(self, user: bytes) -> str:
        """Return the hash of an unknown user, the same each time."""
        number = int.from_bytes(self._cache.digest(user)[:8], 'big')
        return self._dummies[number % len(self._dummies)]


class HTTPBasic:
    """Authenticate users by their passwords.

    :param roles: roles by user name; ``*`` for all other users.
    """

    def __init__(
        self, file: htpasswd.UserFile, roles: Mapping[str, list[str]]
    ) -> None:
        self._file = file
        self._roles = roles
        self._lock = threading.Lock()
        self._checker = self._make_checker(file.users())

    def identify(
        self, environ: wsgi_types.WSGIEnvironment
    ) -> request_context.RequestContext:
        """Return the user whose name and password a request contains.

        :raises: Unauthorized.
        """
        name, password = _read(environ.get('HTTP_AUTHORIZATION', ''))
        if not self._current_checker().check(name, password):
            raise _unauthorized()
        return self._context(environ, name)

    def _current_checker(self) -> PasswordChecker:
        hashes = self._file.users()
        if self._checker.hashes is not hashes:
            with self._lock:
                if self._checker.hashes is not hashes:
                    self._checker = self._make_checker(hashes)
        return self._checker

    def _make_checker(self, hashes: Mapping[str, str]) -> PasswordChecker:
        """Return a checker with an empty cache."""
        absent = self._roles.keys() - hashes.keys() - {_OTHER_USERS}
        if absent:
            # Possibly a future user, but possibly a misspelled name: that
            # user then has unintended roles.
            LOG.warning(
                'Option http_basic_roles in group [DEFAULT] names users that '
                'the user file does not contain: %s',
                ', '.join(sorted(absent)),
            )
        return PasswordChecker(hashes)

    def _context(
        self, environ: wsgi_types.WSGIEnvironment, name: str
    ) -> request_context.RequestContext:
        roles = self._roles.get(name, self._roles.get(_OTHER_USERS, []))
        # The headers that keystonemiddleware would set. WSGI passes bytes as
        # Latin-1.
        encoded = name.encode().decode('latin-1')
        environ['HTTP_X_IDENTITY_STATUS'] = 'Confirmed'
        environ['HTTP_X_USER_ID'] = environ['HTTP_X_USER_NAME'] = encoded
        environ['HTTP_X_ROLES'] = ','.join(roles)
        return login.make_context(
            environ,
            user_id=name,
            user_name=name,
            roles=list(roles),
            system_scope='all',
        )


def make(conf: cfg.ConfigOpts) -> HTTPBasic:
    """Return the configured strategy.

    :raises: ConfigError.
    """
    roles = read_roles(conf.http_basic_roles)
    return HTTPBasic(htpasswd.UserFile(conf.http_basic_auth_user_file), roles)


def read_roles(option: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the roles of each user, with the implied ones.

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
