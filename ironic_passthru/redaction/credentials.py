# SPDX-License-Identifier: Apache-2.0
"""Files that hold credentials, which only their owner may read."""

import glob
import os
import re
import stat
from collections.abc import Iterator
from urllib import parse

from oslo_config import cfg

from ironic_passthru import errors
from ironic_passthru.redaction import control_characters

# What the options of this service and its libraries are called whose value
# is a credential by itself; and words that are none.
_NAME = re.compile(
    r'(?:^|_)(?:password|passphrase|secret|secret_key|signing_keys?|token)$'
)
_NOT_VALUES = frozenset({'', 'true', 'false', 'none'})

# What follows the scheme of a URL, up to the next one's scheme.
_URL = re.compile(r"""://(?:(?!://)[^\s'"<>])+""")
_PORT = re.compile(r'\d{1,5}[/?#,]')
_PATH = re.compile(r'[/?#]')
_MARK = re.compile(r'[\[\]:]')
_DEPTH = {'[': 1, ']': -1, ':': 0}
# What oslo.config quotes of a line that it cannot parse.
_QUOTED = re.compile(r""": ['"].*""")
# What oslo.config raises for a $ within the value of an option.
_SUBSTITUTION_ERRORS = (
    cfg.NoSuchOptError,
    cfg.NoSuchGroupError,
    cfg.TemplateSubstitutionError,
)
DOLLAR = (
    'a value refers by $ to an option that does not exist; a $ that belongs '
    'to a value must be written $$'
)
_IN_QUERY = re.compile(r'^(?:ssl)?passw(?:or)?d$', re.IGNORECASE)


def check_configuration(conf: cfg.ConfigOpts) -> None:
    """Refuse configuration files that tell every user a credential.

    :raises: ConfigError naming an option and its file.
    """
    for path in files(conf):
        _check_file(path)


def files(conf: cfg.ConfigOpts) -> list[str]:
    """Return the configuration files, in the order in which they count."""
    found = list(conf.config_file or [])
    for directory in conf.config_dir or []:
        found.extend(sorted(glob.glob(os.path.join(directory, '*.conf'))))
    return found


def describe(error: Exception) -> str:
    """Return in one line, fit for a terminal, what is wrong.

    A line that cannot be parsed is not quoted: it may be part of a password.
    """
    if isinstance(error, _SUBSTITUTION_ERRORS):
        # Their text names what follows the $, which may be a password.
        return DOLLAR
    text = control_characters.escape(' '.join(str(error).split()))
    if isinstance(error, cfg.ConfigFileParseError):
        return _QUOTED.sub('', text)
    return text


def _check_file(path: str) -> None:
    if not _is_open(os.stat(path).st_mode):
        return
    for group, name in _credentials(path):
        check_private(path, f'Option {name} in group [{group}]')


def _credentials(path: str) -> Iterator[tuple[str, str]]:
    """Yield group and name of each option that holds a credential."""
    sections: dict[str, dict[str, list[str]]] = {}
    cfg.ConfigParser(path, sections).parse()
    for group, options in sections.items():
        for name, values in options.items():
            if any(_is_credential(name, value) for value in values):
                yield group, name


def _is_credential(name: str, value: str) -> bool:
    if '://' in value:
        query = parse.parse_qsl(value.partition('?')[2])
        return without_logins(value, '') != value or any(
            _IN_QUERY.search(key) for key, _ in query
        )
    word = value.strip().lower()
    return bool(_NAME.search(name.lower())) and word not in _NOT_VALUES


def without_logins(text: str, mask: str) -> str:
    """Return a text with ``mask`` for each password in a URL."""
    return _URL.sub(lambda match: _without_login(match[0], mask), text)


def _without_login(url: str, mask: str) -> str:
    """Return a URL, which begins with ``://``, without its password.

    All up to the last @ is taken for the password, which may hold what
    should have been escaped.
    """
    login, at, host = url.rpartition('@')
    if not at:
        return url
    path = _PATH.search(url, 3)
    depth = 0
    for mark in _MARK.finditer(login, 3):
        # Of several hosts, the first ones may have no login; and addresses
        # in brackets have colons of their own.
        depth += _DEPTH[mark[0]]
        if mark[0] != ':' or depth > 0 or _PORT.match(url, mark.end()):
            continue
        if path and path.start() < mark.start():
            break
        return f'{login[: mark.end()]}{mask}@{host}'
    return url


def check_private(path: str | os.PathLike[str], what: str) -> None:
    """Make sure that a file with credentials is kept from others.

    Its group may read it: a service's own group is how administrators let
    the service read what root owns.

    :param path: of the file.
    :param what: what it is, such as the option that names it.
    :raises: ConfigError if every user of the host can read or change it, or
        if it cannot be examined.
    """
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
    except OSError as error:
        raise errors.ConfigError(f'{what}: {path}: {error.strerror}') from None
    if _is_open(mode):
        raise errors.ConfigError(
            f'{what}: {path} holds credentials but can be read or changed by '
            f'every user (mode {mode:04o}); run: chmod o= {path}'
        )


def _is_open(mode: int) -> bool:
    return bool(mode & (stat.S_IROTH | stat.S_IWOTH))
