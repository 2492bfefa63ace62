# SPDX-License-Identifier: Apache-2.0
"""``ironic-passthru-status``: whether this release can run here."""

import contextlib
import logging
import pathlib
import sys
from collections.abc import Callable
from typing import Any

from ironic_passthru import threads

threads.init()

from oslo_config import cfg  # noqa: E402
from oslo_log import log  # noqa: E402
from oslo_upgradecheck import upgradecheck  # noqa: E402
from pbr import version  # noqa: E402

from ironic_passthru import conf as project_conf  # noqa: E402
from ironic_passthru import errors  # noqa: E402
from ironic_passthru.cmd import launch  # noqa: E402
from ironic_passthru.cmd import parsing  # noqa: E402
from ironic_passthru.db import schema  # noqa: E402
from ironic_passthru.db import session  # noqa: E402
from ironic_passthru.redaction import control_characters  # noqa: E402
from ironic_passthru.redaction import credentials  # noqa: E402
from ironic_passthru.rpc import client  # noqa: E402
from ironic_passthru.rpc import transport as rpc_transport  # noqa: E402

PROG = 'ironic-passthru-status'

# Beside those that tell the worst result: 0, 1 and 2.
EXIT_ERROR = 255

_DESCRIPTION = (
    'Check configuration, database, drivers, inventory, policy and message '
    'bus of this host. The exit status is that of the worst result: 0 '
    'success, 1 warning, 2 failure.'
)

OPTS = [
    cfg.BoolOpt(
        'api-only',
        default=False,
        help='This host runs no conductor: leave out its drivers and their '
        'inventory.',
    ),
]

_LEFT_OUT = 'left out: this host runs no conductor'


def check_files(conf: cfg.ConfigOpts) -> str:
    """Make sure that only those who should can read what is secret."""
    credentials.check_configuration(conf)
    return 'no file with credentials is open to every user'


def check_database(conf: cfg.ConfigOpts) -> str:
    """Make sure that the tables are those of this release."""
    launch.require_registry(conf)
    database = session.Database(conf)
    with contextlib.closing(database):
        path = schema.sqlite_file(database)
        # To ask SQLite would create the file.
        missing = path is not None and not path.exists()
        current = None if missing else schema.revision(database)
        schema.require_unicode(database)
    schema.refuse_unknown(current)
    if schema.state(current) is not schema.State.CURRENT:
        raise errors.ConfigError(
            f'the tables have revision {current or "none"}, and this release '
            f'needs {schema.HEAD}: run "ironic-passthru-dbsync upgrade"'
        )
    return f'revision {current}'


def check_drivers(conf: cfg.ConfigOpts) -> str:
    """Make sure that the enabled drivers can be loaded and started."""
    if conf.api_only:
        return _LEFT_OUT
    # Not at the top: vendors' code is loaded for this alone.
    from ironic_passthru.drivers import loader

    drivers = loader.load(conf.conductor.enabled_drivers, conf)
    loader.stop(drivers.values())
    return ', '.join(drivers)


def check_inventory(conf: cfg.ConfigOpts) -> str:
    """Make sure that the BMCs of the Redfish driver can be read."""
    if conf.api_only:
        return _LEFT_OUT
    if 'redfish' not in conf.conductor.enabled_drivers:
        return 'the driver redfish is not enabled'
    try:
        from ironic_passthru.drivers.redfish import inventory
    except ModuleNotFoundError:
        # The check before this one says what to install.
        raise errors.ConfigError('the driver cannot be loaded') from None
    path = conf.redfish.inventory_file
    if not path:
        return 'there is none, so the driver redfish has no targets'
    found = inventory.InventoryFile(pathlib.Path(path)).current()
    return f'{path}: {len(found)} target(s)'


def check_policy(conf: cfg.ConfigOpts) -> str:
    """Make sure that the files of the policy can be used."""
    from ironic_passthru.api.auth import policy

    policy.Policy(conf)
    return 'the rules can be used'


def check_bus(conf: cfg.ConfigOpts) -> str:
    """Make sure that the message bus can be reached."""
    transport = rpc_transport.make(conf)
    bus = client.ConductorAPI(
        transport, connect_seconds=conf.api.bus_connect_timeout
    )
    try:
        return bus.check()
    finally:
        # An attempt to reach it holds what cleaning up would wait for.
        if not bus.connecting:
            transport.cleanup()


# What is looked at, in this order.
CHECKS: dict[str, Callable[[cfg.ConfigOpts], str]] = {
    'Configuration files': check_files,
    'Database': check_database,
    'Drivers': check_drivers,
    'Inventory': check_inventory,
    'Policy': check_policy,
    'Message bus': check_bus,
}


class Checks(upgradecheck.UpgradeCommands):
    """The checks in the form of OpenStack's command ``upgrade check``."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        super().__init__()
        self._upgrade_checks = tuple(
            (name, (_run, {'check': check, 'conf': conf}))
            for name, check in CHECKS.items()
        )

    def add_command(self, subparsers: Any) -> None:
        """Add the command ``upgrade check`` to a parser."""
        text = 'Check whether this release can run here.'
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
    checks: Checks,
    check: Callable[[cfg.ConfigOpts], str],
    conf: cfg.ConfigOpts,
) -> upgradecheck.Result:
    """Run one check; an error is its result."""
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
        found = session.cause(error.__cause__ or error)
        return f'the database cannot be used: {found}'
    if isinstance(error, errors.BusUnavailable):
        return 'the bus of [DEFAULT] transport_url cannot be reached'
    return error.message


def main(
    argv: list[str] | None = None, conf: cfg.ConfigOpts | None = None
) -> int:
    """Run the command; return its exit code."""
    # What is wrong is told by the checks, the log would tell it twice.
    logging.getLogger().addHandler(logging.NullHandler())
    conf = cfg.CONF if conf is None else conf
    arguments = sys.argv[1:] if argv is None else argv
    try:
        _read_configuration(conf, arguments)
    except (errors.ConfigError, cfg.Error) as error:
        print(f'{PROG}: {credentials.describe(error)}', file=sys.stderr)
        return EXIT_ERROR
    # upgradecheck.main() would set it; --json is read from there.
    upgradecheck.CONF = conf
    return upgradecheck.run(conf)


def _read_configuration(conf: cfg.ConfigOpts, arguments: list[str]) -> None:
    """Read configuration and command line.

    ``upgradecheck.main()`` offers no descriptions and no ``--version``.
    """
    project_conf.register_opts(conf)
    log.register_options(conf)
    conf.register_cli_opts(OPTS)
    conf.register_cli_opt(
        cfg.SubCommandOpt(
            'command', title='commands', handler=Checks(conf).add_command
        )
    )
    with parsing.strict():
        conf(
            arguments,
            project=launch.PROJECT,
            prog=PROG,
            version=version.VersionInfo('ironic-passthru').version_string(),
            description=_DESCRIPTION,
        )
