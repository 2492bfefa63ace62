# SPDX-License-Identifier: Apache-2.0
"""Health probe of the conductor of this host."""

import contextlib
import functools
from typing import Any

import oslo_messaging
from oslo_config import cfg

from ironic_passthru import errors
from ironic_passthru.cmd import launch
from ironic_passthru.db import conductors
from ironic_passthru.db import session
from ironic_passthru.redaction import credentials
from ironic_passthru.rpc import client
from ironic_passthru.rpc import protocol
from ironic_passthru.rpc import transport as rpc_transport

EXIT_HEALTHY = 0
EXIT_UNHEALTHY = 1

_TEXT = (
    'Check that the conductor of this host is registered, writes heartbeats '
    'and receives messages. The exit status is 0 if it is healthy, otherwise '
    '1; the output is one line.'
)


class Unhealthy(Exception):
    """The conductor would not run a call; the text is the reason."""


def add_command(conf: cfg.ConfigOpts, subparsers: Any) -> None:
    """Add the command ``health`` to a parser."""
    parser = subparsers.add_parser('health', help=_TEXT, description=_TEXT)
    parser.set_defaults(action_fn=functools.partial(probe, conf))


def probe(conf: cfg.ConfigOpts) -> int:
    """Print the health of the conductor; return the exit code."""
    try:
        print(f'healthy: {_check(conf)}')
    except (Unhealthy, errors.PassthruError, cfg.Error) as error:
        print(f'unhealthy: {credentials.describe(error)}')
        return EXIT_UNHEALTHY
    return EXIT_HEALTHY


def _check(conf: cfg.ConfigOpts) -> str:
    """Return a description of a healthy conductor.

    :raises: Unhealthy, ConfigError, RegistryUnavailable.
    """
    launch.require_registry(conf)
    # Registers the option.
    oslo_messaging.TransportURL(conf)
    if conf.transport_url.startswith('local:'):
        raise errors.ConfigError(
            'Option transport_url in group [DEFAULT] is that of ironic-'
            'passthru, which has no bus: use /healthcheck of its API'
        )
    record = _record(conf)
    _ping(
        conf,
        protocol.ConductorAddress(record.hostname, record.incarnation),
    )
    return f'conductor {record.hostname} receives calls'


def _record(conf: cfg.ConfigOpts) -> conductors.ConductorRecord:
    """Return the record of the conductor.

    :raises: Unhealthy, RegistryUnavailable.
    """
    database = session.Database(conf)
    with contextlib.closing(database):
        found = conductors.ConductorStore(database).conductors(
            heartbeat_timeout_seconds=conf.conductor.heartbeat_timeout
        )
    for record in found:
        if record.hostname == conf.host:
            if not record.alive:
                raise Unhealthy(
                    f'conductor {conf.host} has stopped, or has written no '
                    'heartbeat within [conductor] heartbeat_timeout, which '
                    f'is {conf.conductor.heartbeat_timeout:g} seconds'
                )
            return record
    raise Unhealthy(
        f'conductor {conf.host}, which is [DEFAULT] host, is not registered'
    )


def _ping(conf: cfg.ConfigOpts, address: protocol.ConductorAddress) -> None:
    """Require a reply of a conductor.

    :raises: Unhealthy.
    """
    seconds = conf.api.bus_connect_timeout
    transport = rpc_transport.make(conf)
    bus = client.ConductorAPI(
        transport,
        connect_seconds=seconds,
        signing_keys=conf.rpc.signing_keys,
    )
    try:
        bus.ping({}, address, timeout_seconds=seconds)
    except errors.BusUnavailable:
        raise Unhealthy('cannot connect to the message bus') from None
    except (errors.NotRun, errors.OutcomeUnknown):
        raise Unhealthy(
            f'conductor {address.hostname} receives no messages'
        ) from None
    finally:
        rpc_transport.close(transport)
