# SPDX-License-Identifier: Apache-2.0
"""The options for database servers that the project ships."""

import re

from ironic_passthru.tests.functional import console

_ETC = console.ROOT / 'etc'
_MARIADB = _ETC / 'mysql' / 'ironic-passthru.cnf'
_POSTGRESQL = _ETC / 'postgresql' / 'ironic-passthru.conf'

_OPTION = re.compile(r'^([a-z_.]+) = (.+)$', re.MULTILINE)
_COMMENTED = re.compile(r'^#(?=[a-z_.]+ = )', re.MULTILINE)


def mariadb(*, galera: bool = False) -> str:
    """Return the text of the sample for MariaDB.

    :param galera: whether with what is only for a node of a cluster.
    """
    text = _MARIADB.read_text(encoding='utf-8')
    return _COMMENTED.sub('', text) if galera else text


def postgresql(*, replicated: bool = False) -> str:
    """Return the text of the sample for PostgreSQL.

    :param replicated: whether with what is only for one with a standby.
    """
    text = _POSTGRESQL.read_text(encoding='utf-8')
    return _COMMENTED.sub('', text) if replicated else text


def options(text: str) -> dict[str, str]:
    """Return the options in such a text, without their quotes."""
    return {name: value.strip('\'"') for name, value in _OPTION.findall(text)}


def ways_to_write(value: str) -> set[str]:
    """Return how MariaDB may show a value that stands in an option file."""
    sized = re.fullmatch(r'(\d+)M', value)
    return {value, str(int(sized[1]) * 1024**2)} if sized else {value}
