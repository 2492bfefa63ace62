# SPDX-License-Identifier: Apache-2.0
"""Validation of database URLs.

Errors contain no part of a URL: the text in place of a host or port may be a
piece of an unquoted password.
"""

import sqlalchemy as sa
from sqlalchemy import exc as sa_exc

from ironic_passthru import errors
from ironic_passthru.conf import urls

# Drivers for URLs without one, and the spelling of MariaDB in oslo.db.
_DRIVERNAMES = {
    'mariadb': 'mysql+pymysql',
    'mariadb+pymysql': 'mysql+pymysql',
    'mysql': 'mysql+pymysql',
    'postgresql': 'postgresql+psycopg2',
}
_DIALECTS = ('sqlite', 'postgresql', 'mysql')


def parse(connection: str | None, option: str = 'connection') -> sa.URL:
    """Return a URL with the default driver and character set.

    :param option: name of the option in the group ``database``.
    :raises ConfigError: the URL cannot be used.
    """
    if not connection:
        raise errors.ConfigError(f'[database] {option} is not set')
    if not connection.startswith('sqlite'):
        # The path of an SQLite file may contain any character.
        urls.check(connection, option=option, group='database')
    try:
        url = sa.make_url(connection)
    except (sa_exc.ArgumentError, ValueError):
        url = None
    if url is None or '@' in (url.host or ''):
        raise errors.ConfigError(
            f'[database] {option} is not a database URL; special characters '
            'in a password must be percent-encoded'
        )
    url = url.set(drivername=_DRIVERNAMES.get(url.drivername, url.drivername))
    dialect = url.get_backend_name()
    if dialect not in _DIALECTS:
        raise errors.ConfigError(
            f'[database] {option} must begin with sqlite://, '
            'postgresql:// or mysql://'
        )
    try:
        url.get_dialect().import_dbapi()
    except (ImportError, sa_exc.NoSuchModuleError):
        raise errors.ConfigError(
            f'[database] {option} needs the Python package of '
            f'{url.drivername}, which is not installed'
        ) from None
    if dialect == 'sqlite' and url.database in (None, '', ':memory:'):
        raise errors.ConfigError(
            f'[database] {option} must name a file for SQLite: threads cannot '
            'share a database in memory'
        )
    if dialect == 'mysql' and 'charset' not in url.query:
        # The default of oslo.db cannot store characters of four bytes.
        return url.update_query_dict({'charset': 'utf8mb4'})
    return url
