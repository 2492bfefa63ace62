# SPDX-License-Identifier: Apache-2.0
"""``ironic-passthru-dbsync``: create and upgrade the registry schema."""

import collections.abc
import contextlib
import logging
import sys
from typing import Any

from oslo_config import cfg

from ironic_passthru import conf as project_conf
from ironic_passthru import errors
from ironic_passthru.cmd import parsing
from ironic_passthru.conf import database as database_conf
from ironic_passthru.conf import default as default_conf
from ironic_passthru.conf import urls
from ironic_passthru.db import schema
from ironic_passthru.db import session
from ironic_passthru.redaction import control_characters
from ironic_passthru.redaction import credentials

PROG = 'ironic-passthru-dbsync'

EXIT_OK = 0
EXIT_ERROR = 1
EXIT_UPGRADE_NEEDED = 3

_DESCRIPTION = (
    'Create and upgrade the tables of the registry database, which is '
    '[database] connection; by default the SQLite file of the all-in-one '
    'service.'
)
_EPILOG = (
    f'Exit status: {EXIT_OK} success; {EXIT_UPGRADE_NEEDED} "check" found '
    f'that "upgrade" is required; {EXIT_ERROR} an error; 2 wrong usage.'
)


def upgrade(database: session.Database) -> int:
    """Create or upgrade the tables; do nothing if they are current."""
    # It imports Alembic, which other commands do not need.
    from ironic_passthru.db import migration

    before = _revision(database)
    migration.upgrade(database)
    if before == schema.HEAD:
        print(f'The schema is already current (revision {before}).')
    else:
        print(f'Upgraded: {_shown(before)} -> revision {schema.HEAD}.')
    return EXIT_OK


def version(database: session.Database) -> int:
    """Show the revision of the schema and the required one."""
    current = _revision(database)
    print(f'database: {_shown(current)}')
    print(f'this release: {schema.HEAD}')
    return EXIT_OK


def check(database: session.Database) -> int:
    """Return in the exit status whether the schema is current."""
    schema.require_unicode(database)
    current = _revision(database)
    schema.refuse_unknown(current)
    if schema.state(current) is schema.SchemaState.CURRENT:
        print(f'The schema is current (revision {current}).')
        return EXIT_OK
    print(
        f'The schema has {_shown(current)}, this release requires '
        f'{schema.HEAD}: run "{PROG} upgrade".'
    )
    return EXIT_UPGRADE_NEEDED


COMMANDS: dict[str, collections.abc.Callable[[session.Database], int]] = {
    'upgrade': upgrade,
    'version': version,
    'check': check,
}


def main(
    argv: list[str] | None = None, conf: cfg.ConfigOpts | None = None
) -> int:
    """Run one command and return the exit status of the process."""
    # The last line of the output is the error; do not log it as well.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        return _run(cfg.CONF if conf is None else conf, argv)
    except (errors.ConfigError, cfg.Error) as exc:
        reason = credentials.describe(exc)
    except errors.RegistryUnavailable as exc:
        cause = session.cause(exc.__cause__ or exc)
        reason = f'the database cannot be used: {cause}'
    except OSError as exc:
        reason = str(exc)
    print(f'{PROG}: {control_characters.escape(reason)}', file=sys.stderr)
    return EXIT_ERROR


def _run(conf: cfg.ConfigOpts, argv: list[str] | None) -> int:
    project_conf.register_opts(conf, [default_conf, database_conf])
    conf.register_cli_opt(
        cfg.SubCommandOpt('command', title='commands', handler=_add_commands)
    )
    parsing.parse(
        conf,
        sys.argv[1:] if argv is None else argv,
        prog=PROG,
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    credentials.check_configuration(conf)
    if not urls.read(conf, option='connection', group='database'):
        conf.set_default(
            'connection',
            database_conf.default_connection(conf),
            group='database',
        )
    database = session.Database(conf, answer_timeout_seconds=None)
    with contextlib.closing(database):
        return COMMANDS[conf.command.name](database)


def _add_commands(subparsers: Any) -> None:
    for name, function in COMMANDS.items():
        text = function.__doc__
        subparsers.add_parser(name, help=text, description=text)


def _revision(database: session.Database) -> str | None:
    path = schema.sqlite_file(database)
    if path and not path.exists():
        # SQLite would create the file with the mode of the umask.
        return None
    return schema.revision(database)


def _shown(revision: str | None) -> str:
    return f'revision {revision}' if revision else 'no tables'
