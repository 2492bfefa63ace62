# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[database]``: those of oslo.db, other defaults."""

import os
import pathlib

import sqlalchemy
from oslo_config import cfg
from oslo_db import options

from ironic_passthru.conf import groups

GROUP = cfg.OptGroup('database', title='The registry database')

OPTS: list[cfg.Opt] = options.database_opts

# oslo.db waits 100 s for a database that is away before the first query
# fails, and as long again for each transaction that it repeats.  Here an
# answer is wanted while the client still waits.
DEFAULTS: dict[str, object] = {
    'max_retries': 0,
    'max_overflow': 20,
    'pool_timeout': 10,
    'db_max_retries': 8,
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options of oslo.db on ``conf`` with our defaults."""
    # A group of its own: oslo.config keeps the values that are set on
    # ``conf`` in the group, for all who were given the same one.
    groups.register(conf, GROUP, OPTS)
    for name, value in DEFAULTS.items():
        conf.set_default(name, value, group=GROUP.name)


def set_sample_defaults() -> None:
    """Tell oslo-config-generator our defaults.

    Called in the generator's process alone: it changes oslo.db's own list.
    """
    cfg.set_defaults(OPTS, **DEFAULTS)


def sqlite_url(path: str | os.PathLike[str]) -> str:
    """Return the URL of the SQLite database in the file ``path``."""
    url = sqlalchemy.URL.create('sqlite', database=os.fspath(path))
    return url.render_as_string(hide_password=False)


def default_connection(conf: cfg.ConfigOpts) -> str:
    """Return the URL of the registry that is used when none is configured.

    It is an SQLite file below ``state_path``.  The directory is created if
    it is missing, readable by its owner alone; the file is created, with
    mode 0600, when its schema is.

    :raises OSError: the directory cannot be created.
    """
    directory = pathlib.Path(conf.state_path)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return sqlite_url(directory / 'registry.sqlite')
