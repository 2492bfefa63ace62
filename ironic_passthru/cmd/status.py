# SPDX-License-Identifier: Apache-2.0
"""``ironic-passthru-status``: checks before a start or an upgrade."""

import contextlib
import functools
import logging
import sys
from collections.abc import Callable
from typing import Any

from ironic_passthru import threads

with threads.imports():
    import oslo_messaging
    from oslo_config import cfg
    from oslo_log import log
    from oslo_upgradecheck import upgradecheck

    from ironic_passthru import conf as project_conf
    from ironic_passthru import errors
    from ironic_passthru.cmd import health
    from ironic_passthru.cmd import launch
    from ironic_passthru.cmd import parsing
    from ironic_passthru.conf import database as database_conf
    from ironic_passthru.conf import redfish
    from ironic_passthru.conf import urls
    from ironic_passthru.db import schema
    from ironic_passthru.db import session
    from ironic_passthru.redaction import control_characters
    from ironic_passthru.redaction import credentials
    from ironic_passthru.rpc import client
    from ironic_passthru.rpc import transport as rpc_transport

PROG = 'ironic-passthru-status'

# 0, 1 and 2 are results of the checks.
EXIT_ERROR = 255

_DESCRIPTION = (
    'Check configuration, database, drivers, inventory, policy and message '
    'bus of this host. The exit status is that of the worst result: 0 '
    'success, 1 warning, 2 failure. Or check the running conductor.'
)

OPTS = [
    cfg.BoolOpt(
        'api-only',
        default=False,
        help='Skip the checks of drivers and inventory, for hosts without a '
        'conductor.',
    ),
]

_SKIPPED = 'skipped: this host has no conductor'


def check_files(conf: cfg.ConfigOpts) -> str:
    """Check that files with credentials are private."""
    credentials.check_configuration(conf)
    return 'no file with credentials is open to every user'


def check_database(conf: cfg.ConfigOpts) -> str:
    """Check the revision of the tables.

    The default registry of a single process is checked if none is configured.
    """
    connection = urls.read(conf, option='connection', group='database')
    if connection or not _has_local_bus(conf):
        launch.require_registry(conf)
        return _revision(conf)
    path = database_conf.default_file(conf)
    if not path.exists():
        return f'ironic-passthru will create the default file {path}'
    url = database_conf.sqlite_url(path)
    conf.set_default('connection', url, group='database')
    return f'{_revision(conf)} of the default file {path}'


def _revision(conf: cfg.ConfigOpts) -> str:
    """Return the revision of the tables.

    :raises: ConfigError for another one than that of this release.
    """
    database = session.Database(conf)
    with contextlib.closing(database):
        path = schema.sqlite_file(database)
        # SQLite would create the file.
        missing = path is not None and not path.exists()
        current = None if missing else schema.revision(database)
        schema.require_unicode(database)
    schema.refuse_unknown(current)
    if schema.state(current) is not schema.SchemaState.CURRENT:
        raise errors.ConfigError(
            f'the tables have revision {current or "none"}, this release '
            f'requires {schema.HEAD}: run "ironic-passthru-dbsync upgrade"'
        )
    return f'revision {current}'


def check_drivers(conf: cfg.ConfigOpts) -> str:
    """Check that the enabled drivers can be loaded."""
    if conf.api_only:
        return _SKIPPED
    # It imports the code of vendors.
    from ironic_passthru.drivers import loader

    drivers = loader.load(conf)
    loader.stop(drivers.values())
    return ', '.join(drivers)


def check_inventory(conf: cfg.ConfigOpts) -> str:
    """Check the inventories of the Redfish drivers."""
    if conf.api_only:
        return _SKIPPED
    # It imports modules of conductors.
    from ironic_passthru.drivers import enabled

    found = [
        f'{driver.name}: {_targets(driver.configuration(conf))}'
        for driver in enabled.drivers(conf)
        if driver.entry_point == 'redfish'
    ]
    return '; '.join(found) or 'the driver redfish is not enabled'


def _targets(conf: cfg.ConfigOpts) -> str:
    """Return the number of targets of a Redfish driver.

    :param conf: the configuration that the driver is started with.
    :raises: ConfigError.
    """
    from ironic_passthru.drivers.redfish.inventories import loading

    project_conf.register_opts(conf, [redfish])
    source = loading.start(conf)
    try:
        count = len(source.current())
    finally:
        source.stop()
    return f'{conf.redfish.inventory}, {count} target(s)'


def check_policy(conf: cfg.ConfigOpts) -> str:
    """Check the policy files."""
    from ironic_passthru.api.auth import policy

    policy.Policy(conf)
    return 'the rules are valid'


def check_bus(conf: cfg.ConfigOpts) -> str:
    """Check the connection to the message bus."""
    transport = rpc_transport.make(conf)
    if _has_local_bus(conf):
        return 'within the process of ironic-passthru'
    bus = client.ConductorAPI(
        transport, connect_seconds=conf.api.bus_connect_timeout
    )
    try:
        return bus.check()
    finally:
        rpc_transport.close(transport)


def _has_local_bus(conf: cfg.ConfigOpts) -> bool:
    """Return whether the configuration is that of a single process."""
    # Registers the option.
    oslo_messaging.TransportURL(conf)
    if conf.transport_url.startswith('local:'):
        return True
    source = conf.get_location('transport_url')
    is_set = source is not None and source.location.is_user_controlled
    registry = conf.database.connection or 'sqlite:'
    return not is_set and registry.startswith('sqlite:')


# In the order of the output.
CHECKS: dict[str, Callable[[cfg.ConfigOpts], str]] = {
    'Configuration files': check_files,
    'Database': check_database,
    'Drivers': check_drivers,
    'Inventory': check_inventory,
    'Policy': check_policy,
    'Message bus': check_bus,
}


class Checks(upgradecheck.UpgradeCommands):
    """The command ``upgrade check`` of OpenStack."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        super().__init__()
        self._upgrade_checks = tuple(
            (name, (_run, {'check': check, 'conf': conf}))
            for name, check in CHECKS.items()
        )

    def add_command(self, subparsers: Any) -> None:
        """Add the command ``upgrade check`` to a parser."""
        text = 'Check whether this release can run on this host.'
        upgrade = subparsers.add_parser('upgrade', help=text, description=text)
        upgrade.add_argument(
            'check', choices=['check'], help='Run all checks.'
        )
        upgrade.add_argument(
            '--json',
            action='store_true',
            help='Print the results as JSON instead of a table.',
        )
        upgrade.set_defaults(action_fn=self.check)


def _run(
    _checks: Checks,
    check: Callable[[cfg.ConfigOpts], str],
    conf: cfg.ConfigOpts,
) -> upgradecheck.Result:
    """Run a check; an error is a result."""
    try:
        text, code = check(conf), upgradecheck.Code.SUCCESS
    except errors.PassthruError as error:
        text, code = _reason(error), upgradecheck.Code.FAILURE
    except cfg.Error as error:
        text = credentials.describe(error)
        code = upgradecheck.Code.FAILURE
    line = control_characters.escape(' '.join(text.split()))
    return upgradecheck.Result(code, line)


def _reason(error: errors.PassthruError) -> str:
    if isinstance(error, errors.RegistryUnavailable):
        cause = session.cause(error.__cause__ or error)
        return f'the database cannot be used: {cause}'
    if isinstance(error, errors.BusUnavailable):
        return 'cannot connect to [DEFAULT] transport_url'
    return error.message


def main(
    argv: list[str] | None = None, conf: cfg.ConfigOpts | None = None
) -> int:
    """Run the command; return its exit code."""
    # The checks report errors; do not log them as well.
    logging.getLogger().addHandler(logging.NullHandler())
    arguments = sys.argv[1:] if argv is None else argv
    try:
        conf = _read_configuration(arguments, conf)
    except (errors.ConfigError, cfg.Error) as error:
        print(f'{PROG}: {credentials.describe(error)}', file=sys.stderr)
        return EXIT_ERROR
    # As upgradecheck.main() does; --json is read from there.
    upgradecheck.CONF = conf
    return upgradecheck.run(conf)


def _add_commands(conf: cfg.ConfigOpts, subparsers: Any) -> None:
    Checks(conf).add_command(subparsers)
    health.add_command(conf, subparsers)


def _read_configuration(
    arguments: list[str], given: cfg.ConfigOpts | None
) -> cfg.ConfigOpts:
    """Read configuration and command line.

    ``upgradecheck.main()`` lacks descriptions and ``--version``.
    """

    def register(conf: cfg.ConfigOpts) -> None:
        project_conf.register_opts(conf)
        log.register_options(conf)
        conf.register_cli_opts(OPTS)
        conf.register_cli_opt(
            cfg.SubCommandOpt(
                'command',
                title='commands',
                handler=functools.partial(_add_commands, conf),
            )
        )

    options = {'prog': PROG, 'description': _DESCRIPTION}
    if given is None:
        return parsing.configuration(register, arguments, **options)
    register(given)
    parsing.parse(given, arguments, **options)
    return given
