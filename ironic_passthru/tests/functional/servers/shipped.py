# SPDX-License-Identifier: Apache-2.0
"""Shipped samples of options for database servers."""

import re

from ironic_passthru.tests.functional import console

_ETC = console.ROOT / 'etc'
_MARIADB = _ETC / 'mysql' / 'ironic-passthru.cnf'
_POSTGRESQL = _ETC / 'postgresql' / 'ironic-passthru.conf'

_OPTION = re.compile(r'^([a-z_.]+) = (.+)$', re.MULTILINE)
_COMMENTED = re.compile(r'^#(?=[a-z_.]+ = )', re.MULTILINE)


def mariadb(*, galera: bool = False) -> str:
    """Return the text of the sample for MariaDB.

    :param galera: whether to include the options of cluster nodes.
    """
    text = _MARIADB.read_text(encoding='utf-8')
    return _COMMENTED.sub('', text) if galera else text


def postgresql(*, replicated: bool = False) -> str:
    """Return the text of the sample for PostgreSQL.

    :param replicated: whether to include the options for a standby.
    """
    text = _POSTGRESQL.read_text(encoding='utf-8')
    return _COMMENTED.sub('', text) if replicated else text


def options(text: str) -> dict[str, str]:
    """Return the options in a sample, without quotes."""
    return {name: value.strip('\'"') for name, value in _OPTION.findall(text)}


def ways_to_write(value: str) -> set[str]:
    """Return the forms in which MariaDB may show an option's value."""
    sized = re.fullmatch(r'(\d+)M', value)
    return {value, str(int(sized[1]) * 1024**2)} if sized else {value}
