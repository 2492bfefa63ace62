# SPDX-License-Identifier: Apache-2.0
"""Start and stop of a conductor."""

import contextlib
import functools
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
from ironic_passthru.conductor import call_spans
from ironic_passthru.conductor import endpoint
from ironic_passthru.conductor import events
from ironic_passthru.conductor import heartbeat
from ironic_passthru.conductor import housekeeping
from ironic_passthru.conductor import operation_tracker
from ironic_passthru.conductor import operation_writer
from ironic_passthru.conductor import runner
from ironic_passthru.conductor import served_targets
from ironic_passthru.conductor import watched
from ironic_passthru.db import conductors
from ironic_passthru.db import operations
from ironic_passthru.db import target_lists
from ironic_passthru.drivers import loader
from ironic_passthru.metrics import observer
from ironic_passthru.rpc import client
from ironic_passthru.rpc import protocol
from ironic_passthru.rpc import server
from ironic_passthru.rpc import signing

LOG = log.getLogger(__name__)

# Number of conductors in the reply to a lookup of a driver.
_MAX_LOCATED = 32

# Threads beyond those of synchronous calls: to accept asynchronous calls, and
# to refuse calls and reply to pings while all workers are occupied.
_SPARE_THREADS = admission.MAX_ADMISSIONS + 8

# How long a stopping conductor retries to record outcomes.
_RECORD_SECONDS = 5.0


class ConductorService:
    """One run of a conductor.

    :param conf: the configuration.
    :param transport: connection to the bus.
    :param store: the registry of conductors.
    :param records: the registry of operations.
    :param drain_seconds: how long to refuse calls before leaving the bus.
    :param alive: called periodically while the conductor is not stuck.
    :param metrics: metrics of the process.
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
        metrics: observer.Metrics = observer.NO_METRICS,
    ) -> None:
        self._conf = conf
        self._transport = transport
        self._store = store
        self._records = records
        self._drain_seconds = drain_seconds
        self._alive = alive
        self._metrics = metrics
        self.address = protocol.ConductorAddress(
            conf.host, uuidutils.generate_uuid()
        )
        self.drivers: Mapping[str, loader.Driver] = {}
        self._located: dict[str, conductors.ConductorRecord] = {}
        #: Set when another process has registered with the same host name.
        self.lost = threading.Event()

    def start(self) -> None:
        """Load the drivers, listen, and publish the catalog.

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
        """Withdraw, refuse calls, let running calls finish, disconnect.

        :returns: whether all calls have finished in time.
        """
        timeout = self._conf.conductor.graceful_shutdown_timeout
        deadline = time.monotonic() + timeout
        self._heartbeat.stop()
        self._withdraw()
        # From here on calls are refused, and the API sends them to another
        # conductor at once. If the queue vanished now, messages on their way
        # to it would be lost and their callers would wait.
        count = self._admission.stop()
        LOG.info(
            'Conductor %s stops; it waits for %d calls, %g seconds at most',
            self.address.hostname,
            count,
            timeout,
        )
        drained = time.monotonic() + self._drain_seconds
        finished = self._admission.wait(max(0.0, deadline - time.monotonic()))
        time.sleep(max(0.0, drained - time.monotonic()))
        if finished:
            self._server.stop()
        else:
            LOG.error('Calls still run after graceful_shutdown_timeout')
        self._runner.close()
        self._writer.close(_RECORD_SECONDS)
        self._housekeeping.stop()
        self._housekeeping.reap_all()
        self._publisher.stop()
        self._stop_liveness()
        self._events.close()
        loader.stop(self.drivers.values())
        return finished

    def _start(self, undo: contextlib.ExitStack) -> None:
        """Start each part, and register how to undo that."""
        keys = self._conf.rpc.signing_keys
        self.drivers = loader.load(self._conf)
        undo.callback(loader.stop, self.drivers.values())
        self._events = watched.events_of(
            events.make(self._conf, self._records.get),
            self._metrics,
            self._records.get,
        )
        undo.callback(self._events.close)
        self._make_runner()
        undo.callback(self._runner.close)
        self._writer.start()
        undo.callback(self._writer.close, 0.0)
        self._client = client.ConductorAPI(
            self._transport,
            signing_keys=keys,
            on_bus_error=self._metrics.bus_failed,
        )
        self._server = self._make_server(signing.Signatures(keys))
        # The queue must exist before the catalog is published.
        self._server.start()
        undo.callback(self._server.stop)
        self._publish(self._publisher.read())
        undo.callback(self._withdraw)
        self._publisher.start()
        undo.callback(self._publisher.stop)
        self._liveness.start()
        undo.callback(self._stop_liveness)
        self._housekeeping.start()
        undo.callback(self._housekeeping.stop)
        self._start_heartbeat()

    def _make_server(self, signatures: signing.Signatures) -> server.RPCServer:
        return server.RPCServer(
            self._transport,
            self.address,
            endpoint=endpoint.Endpoint(
                watched.WatchedRunner(self._runner, self._metrics),
                incarnation=self.address.incarnation,
                locate=self._locate,
                fenced=signatures.required,
                trace=call_spans.make(self.address.hostname),
            ),
            threads=self._conf.conductor.sync_workers + _SPARE_THREADS,
            signatures=signatures,
        )

    def _start_heartbeat(self) -> None:
        write, is_ready = watched.heartbeats(
            self._metrics,
            functools.partial(self._store.heartbeat, *self._run),
            self._is_ready,
        )
        self._heartbeat = heartbeat.Heartbeat(
            self._conf.conductor.heartbeat_interval,
            write=write,
            on_lost=self.lost.set,
            is_ready=is_ready,
            on_round=self._alive,
        )
        self._heartbeat.start()

    def _make_runner(self) -> None:
        options = self._conf.conductor
        hostname, incarnation = self._run
        self._publisher = served_targets.TargetPublisher(
            served_targets.ServedTargets(self.drivers),
            functools.partial(self._store.target_lists.publish, *self._run),
            interval_seconds=options.targets_interval,
        )
        bounds = admission.Bounds(
            sync_workers=options.sync_workers,
            async_workers=options.async_workers,
            async_backlog=options.async_backlog,
            driver_limit=options.driver_limit,
            target_limit=options.target_limit,
        )
        self._admission = admission.Admission(
            bounds,
            incarnation=incarnation,
            drivers=len(self.drivers),
        )
        self._writer = operation_writer.OperationWriter(
            self._records.change_writer
        )
        tracker = operation_tracker.OperationTracker(
            self._writer,
            hostname=hostname,
            incarnation=incarnation,
            events=self._events,
        )
        self._runner = runner.Runner(
            self.drivers,
            admission=self._admission,
            tracker=tracker,
            workers=options.async_workers,
            max_result_size=options.max_result_size,
            queue_seconds=self._conf.operations.queue_timeout,
            events=self._events,
        )
        self._metrics.watch(
            functools.partial(
                watched.state, bounds, self._admission, tracker, self.drivers
            )
        )
        self._make_housekeeping(tracker)

    def _make_housekeeping(
        self, tracker: operation_tracker.OperationTracker
    ) -> None:
        options = self._conf.operations
        hostname, incarnation = self._run
        intervals = housekeeping.Intervals(
            progress=options.progress_interval,
            upkeep=self._conf.conductor.heartbeat_interval,
            absent_after=self._conf.conductor.heartbeat_timeout,
            keep=options.retention_seconds,
            keep_results=options.result_retention_seconds,
        )
        self._housekeeping = housekeeping.Housekeeping(
            self._records,
            tracker,
            hostname=hostname,
            incarnation=incarnation,
            intervals=intervals,
            purge_batch=options.purge_batch,
            events=self._events,
        )
        self._liveness_record = self._store.liveness_updater(
            hostname, incarnation
        )
        # It does not depend on the bus: an unavailable broker ends none of
        # the operations of this conductor.
        self._liveness = heartbeat.Heartbeat(
            intervals.liveness,
            write=self._liveness_record.update,
            on_lost=self.lost.set,
            name='liveness',
        )

    def _stop_liveness(self) -> None:
        self._liveness.stop()
        self._liveness_record.close()

    @property
    def _run(self) -> tuple[str, str]:
        return self.address.hostname, self.address.incarnation

    def _publish(self, targets: target_lists.Targets) -> None:
        self._store.register(
            *self._run,
            group=self._conf.conductor.conductor_group,
            drivers={
                name: conductors.CatalogEntry(
                    digest=driver.spec.digest,
                    document=driver.spec.to_document(),
                )
                for name, driver in self.drivers.items()
            },
            targets=targets,
        )
        self._metrics.heartbeat(written=True)

    def _withdraw(self) -> None:
        try:
            self._store.withdraw(*self._run)
        except errors.RegistryUnavailable:
            LOG.warning(
                'Registry database unavailable; this conductor counts as '
                'alive until its heartbeat expires'
            )

    def _is_ready(self) -> bool:
        """Return whether this conductor can receive and run calls."""
        if not self._runner.recover():
            LOG.warning(
                'Accepted calls wait for threads that cannot be started; '
                'heartbeat skipped'
            )
            return False
        if not self._receives():
            LOG.warning(
                'Cannot receive from the message bus; heartbeat skipped'
            )
            return False
        return True

    def _receives(self) -> bool:
        """Return whether a message to this conductor arrives."""
        try:
            reply = self._client.ping(
                {},
                self.address,
                timeout_seconds=self._conf.conductor.heartbeat_timeout / 2,
            )
        except errors.PassthruError:
            return False
        return reply == self.address.incarnation

    def _locate(self, driver_name: str) -> list[tuple[str, str]]:
        # The age of a heartbeat is measured from one lookup to the next by
        # the clock of this process: the clock of the database may jump.
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
