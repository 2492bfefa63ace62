# SPDX-License-Identifier: Apache-2.0
"""The composition root: creates all long-lived objects."""

import contextlib
import dataclasses
import threading
from collections.abc import Callable
from typing import Any

import oslo_messaging
from oslo_config import cfg

from ironic_passthru import errors
from ironic_passthru import threads
from ironic_passthru.db import conductors
from ironic_passthru.db import migration
from ironic_passthru.db import operations
from ironic_passthru.db import session
from ironic_passthru.metrics import factory
from ironic_passthru.metrics import observer
from ironic_passthru.rpc import client
from ironic_passthru.rpc import transport as rpc_transport


@dataclasses.dataclass(frozen=True)
class Api:
    """The API tier.

    :param application: the WSGI application.
    :param close: releases the resources.
    :param metrics: metrics of the process.
    """

    application: Any
    close: Callable[[], None]
    metrics: observer.Metrics = observer.NO_METRICS


def build_api(
    conf: cfg.ConfigOpts,
    transport: oslo_messaging.Transport | None = None,
    metrics: observer.Metrics | None = None,
) -> Api:
    """Build the API; servers may fork before its first request connects.

    :param transport: transport of the bus; by default a new one.
    :param metrics: metrics of the process; by default new ones, not served.
    :raises: ConfigError.
    """
    with threads.imports():
        # Conductors do not import the API.
        from ironic_passthru.api import app
        from ironic_passthru.api.auth import policy
        from ironic_passthru.api.middleware import cadf

    watched = metrics or factory.of_api(conf)
    rules = policy.Policy(conf)
    events = cadf.make(conf)
    bus = transport or rpc_transport.make(conf)
    database = session.Database(conf, on_failure=watched.database_failed)
    store = conductors.ConductorStore(database)
    conductor_api = _conductor_api(conf, bus, watched)
    drivers = _catalog(conf, store, watched)
    closing = contextlib.ExitStack()
    closing.callback(database.close)
    if transport is None:
        closing.callback(rpc_transport.close, bus)
    closing.callback(events.close)
    closing.callback(watched.close)
    application = app.make(
        conf,
        drivers,
        conductor_api,
        operations=operations.OperationStore(database),
        policy=rules,
        checks={
            'database': store.check,
            'bus': conductor_api.check,
            'conductors': drivers.check,
        },
        observers=app.Observers(events, watched),
    )
    return Api(application, closing.close, watched)


def _catalog(
    conf: cfg.ConfigOpts,
    store: conductors.ConductorStore,
    metrics: observer.Metrics,
) -> Any:
    from ironic_passthru.api.registry import catalog

    return catalog.Catalog(
        store,
        targets_retention_seconds=conf.api.targets_retention,
        max_age_seconds=conf.api.catalog_max_age,
        heartbeat_timeout_seconds=conf.conductor.heartbeat_timeout,
        metrics=metrics,
    )


def _conductor_api(
    conf: cfg.ConfigOpts,
    bus: oslo_messaging.Transport,
    metrics: observer.Metrics,
) -> client.ConductorAPI:
    return client.ConductorAPI(
        bus,
        timeout_seconds=conf.api.call_timeout,
        monitor_seconds=conf.api.call_monitor_timeout,
        connect_seconds=conf.api.bus_connect_timeout,
        signing_keys=conf.rpc.signing_keys,
        on_bus_error=metrics.bus_failed,
    )


class Conductor:
    """A conductor with its connections.

    :param transport: transport of the bus; by default a new one.
    :param drain_seconds: replaces the option of the same name.
    :param alive: called regularly while the conductor works.
    :param metrics: metrics of the process; by default new ones.
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        transport: oslo_messaging.Transport | None = None,
        *,
        drain_seconds: float | None = None,
        alive: Callable[[], None] = lambda: None,
        metrics: observer.Metrics | None = None,
    ) -> None:
        with threads.imports():
            # Not imported by the API, which never imports drivers.
            from ironic_passthru.conductor import service

        self._own_transport = None if transport else rpc_transport.make(conf)
        self._metrics = metrics or factory.of_conductor(conf)
        self._database = session.Database(
            conf, on_failure=self._metrics.database_failed
        )
        if drain_seconds is None:
            drain_seconds = conf.conductor.drain_seconds
        self.service = service.ConductorService(
            conf,
            transport or self._own_transport,
            conductors.ConductorStore(self._database),
            operations.OperationStore(self._database),
            drain_seconds=drain_seconds,
            alive=alive,
            metrics=self._metrics,
        )

    @property
    def lost(self) -> threading.Event:
        """Set if the conductor must stop, for example if it lost its name."""
        return self.service.lost

    def start(self) -> None:
        """Start to serve calls.

        :raises: ConfigError, DriverLoadError, RegistryUnavailable.
        """
        try:
            self._metrics.serve()
            migration.ensure(self._database)
            self.service.start()
        except BaseException:
            self._disconnect()
            raise

    def stop(self) -> bool:
        """Stop; return whether all running calls finished."""
        finished = self.service.stop()
        self._disconnect()
        return finished

    def _disconnect(self) -> None:
        self._metrics.close()
        if self._own_transport is not None:
            rpc_transport.close(self._own_transport)
        self._database.close()


def build_conductor(
    conf: cfg.ConfigOpts,
    *,
    alive: Callable[[], None] = lambda: None,
    watchdog_seconds: float | None = None,
) -> Conductor:
    """Build a conductor.

    :param alive: called regularly while the conductor works.
    :param watchdog_seconds: maximum interval of ``alive()``.
    :raises: ConfigError.
    """
    options = conf.conductor
    if options.heartbeat_timeout < 2 * options.heartbeat_interval:
        raise errors.ConfigError(
            'Option heartbeat_timeout in group [conductor] must be at least '
            f'twice heartbeat_interval, which is {options.heartbeat_interval}'
        )
    needed = options.heartbeat_timeout + 2 * options.heartbeat_interval
    if watchdog_seconds is not None and watchdog_seconds < needed:
        raise errors.ConfigError(
            f'The watchdog of the service manager (WatchdogSec) must be at '
            f'least {needed:g} seconds, which is heartbeat_timeout plus twice '
            'heartbeat_interval in group [conductor]; it is '
            f'{watchdog_seconds:g}'
        )
    return Conductor(conf, alive=alive)


@dataclasses.dataclass(frozen=True)
class AllInOne:
    """API and conductor in one process."""

    api: Api
    conductor: Conductor
    transport: oslo_messaging.Transport

    def close(self) -> bool:
        """Stop both tiers; return whether all running calls finished."""
        finished = self.conductor.stop()
        self.api.close()
        rpc_transport.close(self.transport)
        return finished


def build_all_in_one(conf: cfg.ConfigOpts) -> AllInOne:
    """Build API and conductor with an in-process bus.

    :raises: ConfigError.
    """
    transport = rpc_transport.make(conf, 'local://')
    metrics = factory.of_conductor(conf, with_api=True)
    return AllInOne(
        api=build_api(conf, transport, metrics),
        # The API of this process is notified at once.
        conductor=Conductor(
            conf, transport, drain_seconds=0.0, metrics=metrics
        ),
        transport=transport,
    )
