# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[database]``, defined by oslo.db."""

import os
import pathlib

import sqlalchemy
from oslo_config import cfg
from oslo_db import options

GROUP = cfg.OptGroup('database', title='The registry database')

OPTS: list[cfg.Opt] = options.database_opts

# oslo.db waits 100 s for an unavailable database before the first query fails,
# and again for each repeated transaction. Clients do not wait that long.
DEFAULTS: dict[str, object] = {
    'max_retries': 0,
    'max_overflow': 20,
    'pool_timeout': 10,
    'db_max_retries': 8,
}


def sqlite_url(path: str | os.PathLike[str]) -> str:
    """Return the URL of the SQLite database in the file ``path``."""
    url = sqlalchemy.URL.create('sqlite', database=os.fspath(path))
    return url.render_as_string(hide_password=False)


def default_file(conf: cfg.ConfigOpts) -> pathlib.Path:
    """Return the path of the default registry; create nothing."""
    return pathlib.Path(conf.state_path) / 'registry.sqlite'


def default_connection(conf: cfg.ConfigOpts) -> str:
    """Return the URL of the default registry, a file below ``state_path``.

    The directory is created with mode 0700; the file is created with its
    schema, with mode 0600.

    :raises: OSError if the directory cannot be created.
    """
    path = default_file(conf)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return sqlite_url(path)
