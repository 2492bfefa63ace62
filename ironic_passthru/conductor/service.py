# SPDX-License-Identifier: Apache-2.0
"""The life of a conductor, from the first driver to the last answer."""

import contextlib
import random
import threading
import time
from collections.abc import Callable
from collections.abc import Mapping

import oslo_messaging
from oslo_config import cfg
from oslo_log import log
from oslo_utils import uuidutils

from ironic_passthru import errors
from ironic_passthru.conductor import admission
from ironic_passthru.conductor import events
from ironic_passthru.conductor import heartbeat
from ironic_passthru.conductor import housekeeping
from ironic_passthru.conductor import operation_tracker
from ironic_passthru.conductor import operation_writer
from ironic_passthru.conductor import runner
from ironic_passthru.db import conductors
from ironic_passthru.db import operations
from ironic_passthru.drivers import loader
from ironic_passthru.rpc import client
from ironic_passthru.rpc import protocol
from ironic_passthru.rpc import server
from ironic_passthru.rpc import signing

LOG = log.getLogger(__name__)

# How many conductors are named to one who asks for a driver.
_MAX_LOCATED = 32

# How long a stopping conductor waits for the registry to note what is done.
_JOURNAL_SECONDS = 5.0


class ConductorService:
    """One run of a conductor.

    :param conf: the configuration.
    :param transport: connection to the bus.
    :param store: the registry of conductors.
    :param records: the registry of operations.
    :param drain_seconds: how long to go on refusing calls while leaving.
    :param alive: called from time to time while the conductor is not stuck.
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        transport: oslo_messaging.Transport,
        store: conductors.ConductorStore,
        records: operations.OperationStore,
        *,
        drain_seconds: float,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self._conf = conf
        self._transport = transport
        self._store = store
        self._records = records
        self._drain_seconds = drain_seconds
        self._alive = alive
        self.address = protocol.ConductorAddress(
            conf.host, uuidutils.generate_uuid()
        )
        self.drivers: Mapping[str, loader.Driver] = {}
        self._located: dict[str, conductors.ConductorRecord] = {}
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
        self._admission.stop()
        drained = time.monotonic() + self._drain_seconds
        finished = self._admission.wait(max(0.0, deadline - time.monotonic()))
        time.sleep(max(0.0, drained - time.monotonic()))
        if finished:
            self._server.stop()
        else:
            LOG.error('Calls still run after graceful_shutdown_timeout')
        self._runner.close()
        self._journal.close(_JOURNAL_SECONDS)
        self._keeper.stop()
        self._keeper.settle_own()
        self._end_signs()
        self._notices.close()
        loader.stop(self.drivers.values())
        return finished

    def _start(self, undo: contextlib.ExitStack) -> None:
        """Start, and note how to undo each step should a later one fail."""
        options = self._conf.conductor
        keys = self._conf.rpc.signing_keys
        signatures = signing.make(keys)
        self.drivers = loader.load(options.enabled_drivers, self._conf)
        undo.callback(loader.stop, self.drivers.values())
        self._notices = events.make(self._conf, self._records.get)
        undo.callback(self._notices.close)
        self._make_runner()
        undo.callback(self._runner.close)
        self._journal.start()
        undo.callback(self._journal.close, 0.0)
        self._client = client.ConductorAPI(self._transport, signing_keys=keys)
        self._server = server.RPCServer(
            self._transport,
            self.address,
            endpoint=server.Endpoint(
                self._runner,
                incarnation=self.address.incarnation,
                locate=self._locate,
                fenced=signatures.required,
            ),
            workers=options.sync_workers,
            signatures=signatures,
        )
        # Nobody may be sent here before the queue exists.
        self._server.start()
        undo.callback(self._server.stop)
        self._publish()
        undo.callback(self._withdraw)
        self._signs.start()
        undo.callback(self._end_signs)
        self._keeper.start()
        undo.callback(self._keeper.stop)
        self._heartbeat = heartbeat.Heartbeat(
            options.heartbeat_interval,
            listens=self._listens,
            able=self._runner.recover,
            beat=self._beat,
            lost=self.lost.set,
            alive=self._alive,
        )
        self._heartbeat.start()

    def _make_runner(self) -> None:
        options = self._conf.conductor
        hostname, incarnation = self.address.hostname, self.address.incarnation
        self._admission = admission.Admission(
            admission.Bounds(
                sync_workers=options.sync_workers,
                async_workers=options.async_workers,
                async_backlog=options.async_backlog,
                driver_limit=options.driver_limit,
                target_limit=options.target_limit,
            ),
            incarnation=incarnation,
            drivers=len(self.drivers),
        )
        self._journal = operation_writer.OperationWriter(
            self._records.change_writer
        )
        own = operation_tracker.OperationTracker(
            self._journal,
            hostname=hostname,
            incarnation=incarnation,
            told=self._notices,
        )
        self._runner = runner.Runner(
            self.drivers,
            admission=self._admission,
            ledger=own,
            workers=options.async_workers,
            max_result_size=options.max_result_size,
            queue_seconds=self._conf.operations.queue_timeout,
            told=self._notices,
        )
        self._keeper = housekeeping.Housekeeping(
            self._records,
            own,
            hostname=hostname,
            incarnation=incarnation,
            times=self._times(),
            purge_batch=self._conf.operations.purge_batch,
            told=self._notices,
        )

        self._liveness_updater = self._store.liveness_updater(
            hostname, incarnation
        )
        self._signs = heartbeat.Heartbeat(
            self._times().between_signs,
            # It does not depend on the bus: a broker that is unavailable
            # makes no conductor lose what it works on.
            listens=lambda: True,
            beat=self._liveness_updater.update,
            lost=self.lost.set,
            name='sign-of-life',
        )

    def _end_signs(self) -> None:
        self._signs.stop()
        self._liveness_updater.close()

    def _times(self) -> housekeeping.Times:
        options = self._conf.operations
        return housekeeping.Times(
            progress=options.progress_interval,
            upkeep=self._conf.conductor.heartbeat_interval,
            gone_after=self._conf.conductor.heartbeat_timeout,
            keep=options.retention_seconds,
            keep_results=options.result_retention_seconds,
        )

    def _publish(self) -> None:
        self._store.register(
            self.address.hostname,
            self.address.incarnation,
            group=self._conf.conductor.conductor_group,
            drivers={
                name: conductors.CatalogEntry(
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
        # A heartbeat's age is measured from one lookup to the next by the
        # clock of this process: the database's clock may jump.
        found = self._store.conductors(
            heartbeat_timeout_seconds=self._conf.conductor.heartbeat_timeout,
            known=self._located,
            driver=driver_name,
        )
        if not found:
            raise errors.DriverNotFound(driver=driver_name)
        self._located |= {record.hostname: record for record in found}
        alive = [(r.hostname, r.incarnation) for r in found if r.alive]
        # Some of hundreds are enough: each lookup returns others.
        count = min(len(alive), _MAX_LOCATED)
        return random.sample(alive, count)  # nosec B311
