# SPDX-License-Identifier: Apache-2.0
"""The life of a conductor, from the first driver to the last answer."""

import contextlib
import threading
import time
from collections.abc import Mapping

import oslo_messaging
from oslo_config import cfg
from oslo_log import log
from oslo_utils import uuidutils

from ironic_passthru import errors
from ironic_passthru.conductor import heartbeat
from ironic_passthru.conductor import runner
from ironic_passthru.db import conductors
from ironic_passthru.drivers import loader
from ironic_passthru.rpc import client
from ironic_passthru.rpc import protocol
from ironic_passthru.rpc import server

LOG = log.getLogger(__name__)


class ConductorService:
    """One run of a conductor.

    :param conf: the configuration.
    :param transport: connection to the bus.
    :param store: the registry of conductors.
    :param drain_seconds: how long to go on refusing calls while leaving.
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        transport: oslo_messaging.Transport,
        store: conductors.ConductorStore,
        *,
        drain_seconds: float,
    ) -> None:
        self._conf = conf
        self._transport = transport
        self._store = store
        self._drain_seconds = drain_seconds
        self.address = protocol.Server(conf.host, uuidutils.generate_uuid())
        self.drivers: Mapping[str, loader.Driver] = {}
        #: Set when the conductor must end for a reason of its own.
        self.lost = threading.Event()

    def start(self) -> None:
        """Load the drivers, listen, and publish what is offered.

        :raises: DriverLoadError, ConfigError, RegistryUnavailable.
        """
        with contextlib.ExitStack() as undo:
            self._start(undo)
            undo.pop_all()
        LOG.info(
            'Conductor %s (%s) offers %s',
            self.address.hostname,
            self.address.incarnation,
            ', '.join(self.drivers),
        )

    def stop(self) -> bool:
        """Leave: withdraw, refuse, let running calls finish, disconnect.

        :returns: whether all calls had finished in time.
        """
        deadline = (
            time.monotonic() + self._conf.conductor.graceful_shutdown_timeout
        )
        self._heartbeat.stop()
        self._withdraw()
        # From here on calls are refused, which sends the API to another
        # conductor at once; were the queue to vanish now, messages on their
        # way into it would be lost and their callers left waiting.
        self._calls.stop_accepting()
        drained = time.monotonic() + self._drain_seconds
        finished = self._calls.wait(max(0.0, deadline - time.monotonic()))
        time.sleep(max(0.0, drained - time.monotonic()))
        if finished:
            self._server.stop()
        else:
            LOG.error('Calls still run after graceful_shutdown_timeout')
        self._calls.close()
        loader.stop(self.drivers.values())
        return finished

    def _start(self, undo: contextlib.ExitStack) -> None:
        """Start, and note how to undo each step should a later one fail."""
        options = self._conf.conductor
        self.drivers = loader.load(options.enabled_drivers, self._conf)
        undo.callback(loader.stop, self.drivers.values())
        self._calls = runner.Runner(
            self.drivers,
            incarnation=self.address.incarnation,
            limits=runner.Limits(
                sync_workers=options.sync_workers,
                async_workers=options.async_workers,
                async_backlog=options.async_backlog,
                max_result_size=options.max_result_size,
            ),
        )
        undo.callback(self._calls.close)
        self._client = client.ConductorAPI(self._transport)
        self._server = server.Server(
            self._transport,
            self.address,
            endpoint=server.Endpoint(
                self._calls,
                incarnation=self.address.incarnation,
                locate=self._locate,
            ),
            workers=options.sync_workers,
        )
        # Nobody may be sent here before the queue exists.
        self._server.start()
        undo.callback(self._server.stop)
        self._publish()
        undo.callback(self._withdraw)
        self._heartbeat = heartbeat.Heartbeat(
            options.heartbeat_interval,
            listens=self._listens,
            beat=self._beat,
            lost=self.lost.set,
        )
        self._heartbeat.start()

    def _publish(self) -> None:
        self._store.register(
            self.address.hostname,
            self.address.incarnation,
            group=self._conf.conductor.conductor_group,
            drivers={
                name: conductors.CatalogueEntry(
                    digest=driver.spec.digest,
                    document=driver.spec.to_document(),
                )
                for name, driver in self.drivers.items()
            },
        )

    def _withdraw(self) -> None:
        try:
            self._store.withdraw(
                self.address.hostname, self.address.incarnation
            )
        except errors.RegistryUnavailable:
            LOG.warning(
                'The registry is away; this conductor counts as alive until '
                'its heartbeat has expired'
            )

    def _beat(self) -> bool:
        return self._store.heartbeat(
            self.address.hostname, self.address.incarnation
        )

    def _listens(self) -> bool:
        try:
            answer = self._client.ping(
                {},
                self.address,
                timeout_seconds=self._conf.conductor.heartbeat_timeout / 2,
            )
        except errors.PassthruError:
            return False
        return answer == self.address.incarnation

    def _locate(self, driver_name: str) -> list[tuple[str, str]]:
        records = self._store.conductors(
            heartbeat_timeout_seconds=self._conf.conductor.heartbeat_timeout
        )
        offering = [r for r in records if driver_name in r.drivers]
        if not offering:
            raise errors.DriverNotFound(driver=driver_name)
        return [(r.hostname, r.incarnation) for r in offering if r.alive]
