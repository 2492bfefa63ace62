# SPDX-License-Identifier: Apache-2.0
"""Credentials in configuration files and URLs, and permissions of files."""

import glob
import os
import re
import stat
from collections.abc import Iterator
from urllib import parse

from oslo_config import cfg

from ironic_passthru import errors
from ironic_passthru.redaction import control_characters

# Names of options that contain credentials, in this service and its
# libraries, and their values that are not credentials.
_NAME = re.compile(
    r'(?:^|_)(?:password|passphrase|secret|secret_key|signing_keys?|token|'
    r'approle_secret_id|root_token_id)$'
)
_NOT_VALUES = frozenset({'', 'true', 'false', 'none'})

# A URL without its scheme, up to the scheme of the next URL.
_URL = re.compile(r"""://(?:(?!://)[^\s'"<>])+""")
_PORT = re.compile(r'\d{1,5}[/?#,]')
_PATH = re.compile(r'[/?#]')
_MARK = re.compile(r'[\[\]:]')
_DEPTH = {'[': 1, ']': -1, ':': 0}
# The part of a message of oslo.config that quotes a line.
_QUOTED = re.compile(r""": ['"].*""")
# Errors of oslo.config for a $ within the value of an option.
_SUBSTITUTION_ERRORS = (
    cfg.NoSuchOptError,
    cfg.NoSuchGroupError,
    cfg.TemplateSubstitutionError,
)
DOLLAR = (
    'a value refers by $ to an option that does not exist; a literal $ must '
    'be written $$'
)
_IN_QUERY = re.compile(r'^(?:ssl)?passw(?:or)?d$', re.IGNORECASE)


def check_configuration(conf: cfg.ConfigOpts) -> None:
    """Check that no configuration file shows a credential to every user.

    :raises: ConfigError naming an option and its file.
    """
    for path in files(conf):
        check_file(path)


def files(conf: cfg.ConfigOpts) -> list[str]:
    """Return the configuration files in order of precedence, lowest first."""
    found = list(conf.config_file or [])
    for directory in conf.config_dir or []:
        found.extend(sorted(glob.glob(os.path.join(directory, '*.conf'))))
    return found


def describe(error: Exception) -> str:
    """Return the message of an error in one line, safe for a terminal.

    A line that cannot be parsed is not quoted: it may be part of a password.
    """
    if isinstance(error, _SUBSTITUTION_ERRORS):
        # Their text contains the name after the $, which may be part of a
        # password.
        return DOLLAR
    text = control_characters.escape(' '.join(str(error).split()))
    if isinstance(error, cfg.ConfigFileParseError | cfg.ParseError):
        return _QUOTED.sub('', text)
    return text


def check_file(path: str) -> None:
    """Check that a configuration file shows no credential to every user.

    :raises: ConfigError naming an option.
    """
    if not _is_open(os.stat(path).st_mode):
        return
    for group, name in _credentials(path):
        check_private(path, f'Option {name} in group [{group}]')


def _credentials(path: str) -> Iterator[tuple[str, str]]:
    """Yield group and name of each option that contains a credential."""
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
    """Return a URL, which starts with ``://``, without its password.

    The password extends to the last @, since it may contain characters that
    should have been escaped.
    """
    login, at, host = url.rpartition('@')
    if not at:
        return url
    path = _PATH.search(url, 3)
    depth = 0
    for mark in _MARK.finditer(login, 3):
        # Of several hosts, the first ones may have no login. Addresses in
        # brackets contain colons.
        depth += _DEPTH[mark[0]]
        if mark[0] != ':' or depth > 0 or _PORT.match(url, mark.end()):
            continue
        if path and path.start() < mark.start():
            break
        return f'{login[: mark.end()]}{mask}@{host}'
    return url


def check_private(path: str | os.PathLike[str], what: str) -> None:
    """Check that a file with credentials is not open to every user.

    Its group may read it: administrators give files of root to the group of
    the service.

    :param what: the purpose of the file, such as the option that names it.
    :raises: ConfigError if every user of the host can read or change it, or
        if it cannot be examined.
    """
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
    except OSError as error:
        raise errors.ConfigError(f'{what}: {path}: {error.strerror}') from None
    if _is_open(mode):
        raise errors.ConfigError(
            f'{what}: {path} contains credentials but can be read or changed '
            f'by every user (mode {mode:04o}); run: chmod o= {path}'
        )


def _is_open(mode: int) -> bool:
    return bool(mode & (stat.S_IROTH | stat.S_IWOTH))
