# SPDX-License-Identifier: Apache-2.0
"""The composition root: everything that lives long is made here."""

import dataclasses
import threading
from collections.abc import Callable
from typing import Any

import oslo_messaging
from oslo_config import cfg

from ironic_passthru import errors
from ironic_passthru.cmd import service_manager
from ironic_passthru.db import conductors
from ironic_passthru.db import operations
from ironic_passthru.db import schema
from ironic_passthru.db import session
from ironic_passthru.rpc import client
from ironic_passthru.rpc import transport as rpc_transport

_NOBODY = service_manager.NoServiceManager()


@dataclasses.dataclass(frozen=True)
class Api:
    """The API tier.

    :param application: the WSGI application.
    :param close: gives back what it holds.
    """

    application: Any
    close: Callable[[], None]


def build_api(
    conf: cfg.ConfigOpts,
    transport: oslo_messaging.Transport | None = None,
) -> Api:
    """Build the API.

    Nothing connects before the first request, so servers may fork after
    this.

    :param transport: connection to the bus; by default one of its own.
    :raises: ConfigError.
    """
    # Not at the top: a conductor needs none of this.
    from ironic_passthru.api import app
    from ironic_passthru.api.auth import policy
    from ironic_passthru.api.middleware import cadf
    from ironic_passthru.api.registry import catalog

    # Before anything is opened: its files may be broken.
    rules = policy.Policy(conf)
    events = cadf.make(conf)
    own_transport = transport or rpc_transport.make(conf)
    database = session.Database(conf)
    store = conductors.ConductorStore(database)
    conductor_api = client.ConductorAPI(
        own_transport,
        timeout_seconds=conf.api.call_timeout,
        monitor_seconds=conf.api.call_monitor_timeout,
        connect_seconds=conf.api.bus_connect_timeout,
        signing_keys=conf.rpc.signing_keys,
    )
    drivers = catalog.Catalog(
        store,
        max_age_seconds=conf.api.catalog_max_age,
        heartbeat_timeout_seconds=conf.conductor.heartbeat_timeout,
    )

    def check_database() -> str:
        store.ping()
        return 'reachable'

    checks = {
        'database': check_database,
        'bus': conductor_api.check,
        'conductors': drivers.check,
    }

    def close() -> None:
        events.close()
        # An attempt to reach the bus holds what cleaning up would wait for.
        if transport is None and not conductor_api.connecting:
            own_transport.cleanup()
        database.close()

    application = app.make(
        conf,
        drivers,
        conductor_api,
        operations=operations.OperationStore(database),
        policy=rules,
        checks=checks,
        events=events,
    )
    return Api(application=application, close=close)


class Conductor:
    """A conductor with all that it holds.

    :param transport: connection to the bus; by default one of its own.
    :param drain_seconds: how long to go on refusing calls while leaving;
        by default as configured.
    :param alive: called from time to time while the conductor is not stuck.
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        transport: oslo_messaging.Transport | None = None,
        *,
        drain_seconds: float | None = None,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        # Not at the top: the API must never load a driver.
        from ironic_passthru.conductor import service

        self._own_transport = None if transport else rpc_transport.make(conf)
        self._database = session.Database(conf)
        if drain_seconds is None:
            drain_seconds = conf.conductor.drain_seconds
        self.service = service.ConductorService(
            conf,
            transport or self._own_transport,
            conductors.ConductorStore(self._database),
            operations.OperationStore(self._database),
            drain_seconds=drain_seconds,
            alive=alive,
        )

    @property
    def lost(self) -> threading.Event:
        """Set when the conductor must end for a reason of its own."""
        return self.service.lost

    def start(self) -> None:
        """Start to serve.

        :raises: ConfigError, DriverLoadError, RegistryUnavailable.
        """
        try:
            schema.ensure(self._database)
            self.service.start()
        except BaseException:
            self._disconnect()
            raise

    def stop(self) -> bool:
        """Let running calls finish and leave; tell whether all finished."""
        finished = self.service.stop()
        self._disconnect()
        return finished

    def _disconnect(self) -> None:
        if self._own_transport is not None:
            self._own_transport.cleanup()
        self._database.close()


def build_conductor(
    conf: cfg.ConfigOpts, watcher: service_manager.ServiceManager = _NOBODY
) -> Conductor:
    """Build a conductor.

    :param watcher: is told, once it is ready, that it is not stuck.
    :raises: ConfigError.
    """
    options = conf.conductor
    if options.heartbeat_timeout < 2 * options.heartbeat_interval:
        raise errors.ConfigError(
            'Option heartbeat_timeout in group [conductor] must be at least '
            f'twice heartbeat_interval, which is {options.heartbeat_interval}'
        )
    needed = options.heartbeat_timeout + 2 * options.heartbeat_interval
    watchdog_seconds = watcher.watchdog_seconds
    if watchdog_seconds is not None and watchdog_seconds < needed:
        # It would end conductors that only wait for the bus.
        raise errors.ConfigError(
            f'The watchdog of the service manager (WatchdogSec) must be at '
            f'least {needed:g} seconds, which is heartbeat_timeout plus twice '
            'heartbeat_interval in group [conductor]; it is '
            f'{watchdog_seconds:g}'
        )
    return Conductor(conf, alive=watcher.alive)


@dataclasses.dataclass(frozen=True)
class AllInOne:
    """API and conductor in one process."""

    api: Api
    conductor: Conductor
    transport: oslo_messaging.Transport

    def close(self) -> bool:
        """Stop both, the conductor first; tell whether all calls finished."""
        finished = self.conductor.stop()
        self.api.close()
        self.transport.cleanup()
        return finished


def build_all_in_one(conf: cfg.ConfigOpts) -> AllInOne:
    """Build API and conductor around an in-process bus.

    :raises: ConfigError.
    """
    transport = rpc_transport.make(conf, 'local://')
    return AllInOne(
        api=build_api(conf, transport),
        # The only API shares this process, and learns at once.
        conductor=Conductor(conf, transport, drain_seconds=0.0),
        transport=transport,
    )
