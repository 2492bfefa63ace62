# SPDX-License-Identifier: Apache-2.0
"""Checks of URLs with credentials.

Libraries misread special characters that are not percent-encoded: a part of a
password becomes the name of a host or database, is sent there and logged.
"""

import ipaddress
import re
from urllib import parse

from oslo_config import cfg

from ironic_passthru import errors
from ironic_passthru.redaction import credentials

_PARTS = re.compile(r'[a-z][a-z0-9+.-]*://([^/?#]*)(.*)', re.IGNORECASE)
_CONTROL = re.compile(r'[\x00-\x1f\x7f]')
_STRAY_PERCENT = re.compile(r'%(?![0-9a-f]{2})', re.IGNORECASE)
_ADDRESS = re.compile(r'(\[[^\[\]]*\]|[^\[\]:]*)(?::(.*))?')
_PORT = re.compile(r'[0-9]{1,5}')
_MAX_PORT = 65535


class InvalidURL(ValueError):
    """A URL that libraries would misread; ``str()`` omits the URL."""


def read(conf: cfg.ConfigOpts, *, option: str, group: str) -> str | None:
    """Return the value of an option that contains a URL.

    :raises: ConfigError without any part of the value.
    """
    section = conf if group == 'DEFAULT' else conf[group]
    try:
        value: str | None = getattr(section, option)
    except cfg.Error as error:
        raise errors.ConfigError(
            f'Option {option} in group [{group}] is not valid: '
            f'{credentials.describe(error)}'
        ) from None
    return value


def check(url: str, *, option: str, group: str, several: bool = False) -> None:
    """Reject a URL that libraries would misread.

    :param option: name of the option that contains the URL.
    :param several: whether the URL may name several hosts.
    :raises: ConfigError without any part of the URL.
    """
    try:
        _check(url, several)
    except InvalidURL as error:
        raise errors.ConfigError(
            f'Option {option} in group [{group}] is not a valid URL: {error}; '
            'special characters in user, password and path must be '
            'percent-encoded, such as %2F for / and %40 for @'
        ) from None


def _check(url: str, several: bool) -> None:
    parts = _PARTS.fullmatch(url)
    if _CONTROL.search(url):
        raise InvalidURL('it contains a control character')
    if not parts:
        raise InvalidURL(
            'its form must be scheme://user:password@host:port/path'
        )
    hosts, rest = parts.groups()
    if '@' in rest:
        raise InvalidURL('an @ follows the host')
    _check_encoding(hosts)
    names = hosts.split(',') if several else [hosts]
    if len({_check_host(host) for host in names if host}) > 1:
        raise InvalidURL(
            'either all hosts or none of them must have credentials'
        )


def _check_encoding(text: str) -> None:
    if _STRAY_PERCENT.search(text):
        raise InvalidURL('a % must be followed by two hexadecimal digits')
    try:
        parse.unquote(text, errors='strict')
    except UnicodeDecodeError:
        raise InvalidURL('the percent-encoded bytes must be UTF-8') from None


def _check_host(host: str) -> bool:
    """Check the address of a host; return whether it has credentials."""
    _, at, address = host.rpartition('@')
    # An IPv6 address without brackets has no port.
    if not _is_ipv6(address):
        parts = _ADDRESS.fullmatch(address)
        if not parts:
            raise InvalidURL('the address of a host is not valid')
        _check_port(parts[2])
    return bool(at)


def _check_port(port: str | None) -> None:
    if port is None:
        return
    if not _PORT.fullmatch(port) or not 0 < int(port) <= _MAX_PORT:
        raise InvalidURL(f'a port must be a number from 1 to {_MAX_PORT}')


def _is_ipv6(address: str) -> bool:
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return True
