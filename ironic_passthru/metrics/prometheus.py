# SPDX-License-Identifier: Apache-2.0
"""Metrics kept with :mod:`prometheus_client`."""

import importlib
import os
import pathlib
import threading
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from wsgiref import types as wsgi_types

import prometheus_client
from oslo_config import cfg
from prometheus_client import exposition
from prometheus_client import metrics_core
from prometheus_client import registry as registries

from ironic_passthru import errors
from ironic_passthru.metrics import codes
from ironic_passthru.metrics import definitions
from ironic_passthru.metrics import directory
from ironic_passthru.metrics import instrument
from ironic_passthru.metrics import listener
from ironic_passthru.metrics import observer


class PrometheusMetrics(observer.Metrics):
    """Keeps the metrics of a process and serves them.

    :param defined: the metrics that exist.
    :param port: port that serves them.
    :param values: directory shared with other processes; None if the values
        are those of this process.
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        defined: Iterable[definitions.Definition],
        port: int,
        values: directory.ValueDirectory | None = None,
    ) -> None:
        self._values = values
        own = prometheus_client.CollectorRegistry()
        self._to = {
            definition: instrument.Instrument(_made(definition, own))
            for definition in defined
            if not definition.sampled
        }
        self._served: Any = own
        if values is not None:
            # The values of the instruments are those of one process.
            self._served = prometheus_client.CollectorRegistry()
            self._served.register(values)
        self._make_listener = lambda: listener.Listener(
            exposition.make_wsgi_app(self._served),
            conf.metrics.listen_host,
            port,
            *([] if values is None else [values.claim]),
        )
        self._listener: listener.Listener | None = None
        self._starting = threading.Lock()
        self._pid = -1

    def wrap(
        self, application: wsgi_types.WSGIApplication
    ) -> wsgi_types.WSGIApplication:
        """Return the application with its requests recorded."""
        # Conductors do not import the API.
        from ironic_passthru.metrics import requests

        instruments = requests.RequestInstruments(
            requests=self._to[definitions.HTTP_REQUESTS],
            seconds=self._to[definitions.HTTP_SECONDS],
            calls=self._to[definitions.CALLS],
            call_seconds=self._to[definitions.CALL_SECONDS],
            call_errors=self._to[definitions.CALL_ERRORS],
        )
        return requests.RequestMetrics(application, instruments, self.serve)

    def catalog_read(self, seconds: float, *, failed: bool) -> None:
        """Record a read of the catalog."""
        if failed:
            self._to[definitions.CATALOG_FAILURES].inc()
            return
        self._to[definitions.CATALOG_SECONDS].observe(seconds)
        self._to[definitions.CATALOG_READ].set(time.time())

    def bus_failed(self, error: errors.PassthruError) -> None:
        """Record a message without a reply."""
        code = codes.code_of(error)
        self._to[definitions.BUS_ERRORS].inc(code)

    def database_failed(self) -> None:
        """Record a transaction that failed."""
        self._to[definitions.DATABASE_ERRORS].inc()

    def method_ended(
        self, job: observer.MethodRun, seconds: float, *, failed: bool
    ) -> None:
        """Record a run of a driver method."""
        labels = job.call.driver_name, job.call.driver_method
        outcome = 'failed' if failed else 'succeeded'
        self._to[definitions.METHOD_RUNS].inc(*labels, outcome)
        self._to[definitions.METHOD_SECONDS].observe(seconds, *labels)

    def call_refused(self, error: errors.PassthruError) -> None:
        """Record a call that the conductor did not run."""
        self._to[definitions.REFUSALS].inc(codes.code_of(error))

    def operation_changed(self, state: str) -> None:
        """Record a state that the conductor gave to an operation."""
        self._to[definitions.OPERATIONS].inc(state)

    def heartbeat(self, *, written: bool) -> None:
        """Record a heartbeat that was due."""
        if written:
            self._to[definitions.HEARTBEAT].set(time.time())
        else:
            self._to[definitions.HEARTBEATS_SKIPPED].inc()

    def watch(self, read: Callable[[], observer.ConductorState]) -> None:
        """Read the state of the conductor at each scrape."""
        self._served.register(_StateCollector(read))

    def serve(self) -> None:
        """Serve the metrics over HTTP, unless this process does already.

        :raises: ConfigError if a single process cannot listen.
        """
        if self._pid == os.getpid():
            return
        with self._starting:
            if self._pid == os.getpid():
                return
            self._pid = os.getpid()
            found = self._make_listener()
            if self._values is None:
                _bind(found)
            found.start()
            self._listener = found

    def serve_in_workers(self) -> None:
        """Serve the metrics from the processes of a WSGI server.

        A server may fork after it has loaded the application; the thread that
        serves must be started afterwards. The first request starts it at the
        latest.
        """
        os.register_at_fork(after_in_child=self.serve)
        if uwsgi := _module('uwsgi'):
            # It forks without the hooks of Python.
            uwsgi.post_fork_hook = self.serve
        if _module('mod_wsgi'):
            # Its processes have been forked before.
            self.serve()

    def close(self) -> None:
        """Stop to serve the metrics."""
        if self._listener is not None:
            self._listener.stop()
        if self._values is not None:
            self._values.close()


class _StateCollector(registries.Collector):
    """Samples of the state of a conductor.

    :param read: returns the state.
    """

    def __init__(self, read: Callable[[], observer.ConductorState]) -> None:
        self._read = read

    def describe(self) -> Iterable[metrics_core.Metric]:
        """Return no metric: the conductor may not have started yet."""
        return ()

    def collect(self) -> Iterator[metrics_core.Metric]:
        """Return the samples."""
        state = self._read()
        busy = max(0, state.accepted.calls - len(state.queued_seconds))
        pools = {'sync': state.sync, 'async': state.accepted}
        backlog_size = state.accepted.size - state.workers
        sizes = {'sync': state.sync.size, 'async': state.workers}
        yield _gauge(definitions.POOL_SIZE, sizes)
        yield _gauge(
            definitions.POOL_BUSY, {'sync': state.sync.calls, 'async': busy}
        )
        yield _gauge(definitions.BACKLOG_SIZE, {None: backlog_size})
        yield _gauge(definitions.BACKLOG, {None: len(state.queued_seconds)})
        yield _gauge(
            definitions.TARGETS_AT_LIMIT,
            {name: pool.targets_at_limit for name, pool in pools.items()},
        )
        yield _gauge(
            definitions.OPERATIONS_ACTIVE,
            {'queued': len(state.queued_seconds), 'running': state.running},
        )
        yield _gauge(
            definitions.OLDEST_QUEUED,
            {None: max(state.queued_seconds, default=0)},
        )
        counted = metrics_core.CounterMetricFamily(
            definitions.REDFISH_TARGETS.full_name,
            definitions.REDFISH_TARGETS.help,
            labels=definitions.REDFISH_TARGETS.labels,
        )
        for code, count in state.redfish_targets.items():
            counted.add_metric([code], count)
        yield counted


def _gauge(
    definition: definitions.Definition, values: Mapping[Any, float]
) -> metrics_core.Metric:
    """Return a gauge.

    :param values: by the value of its label; the key None without a label.
    """
    family = metrics_core.GaugeMetricFamily(
        definition.full_name, definition.help, labels=definition.labels
    )
    for label, value in values.items():
        family.add_metric([] if label is None else [label], value)
    return family


def _made(
    definition: definitions.Definition,
    registry: prometheus_client.CollectorRegistry,
) -> Any:
    """Return a metric of the library, with the known values of its label."""
    common = definition.full_name, definition.help, definition.labels
    made: Any
    match definition.kind:
        case definitions.MetricKind.COUNTER:
            made = prometheus_client.Counter(*common, registry=registry)
        case definitions.MetricKind.GAUGE:
            made = prometheus_client.Gauge(
                # The catalog of another process may be older.
                *common,
                registry=registry,
                multiprocess_mode='livemax',
            )
        case definitions.MetricKind.HISTOGRAM:
            made = prometheus_client.Histogram(
                *common, registry=registry, buckets=definition.buckets
            )
    for value in definition.known:
        made.labels(value)
    return made


def _bind(found: listener.Listener) -> None:
    host, port = found.address
    try:
        found.bind()
    except OSError as error:
        raise errors.ConfigError(
            'Options listen_host and conductor_port in group [metrics]: '
            f'cannot listen on {host} port {port}: {error.strerror}'
        ) from None


def _module(name: str) -> Any:
    """Return a module that exists only in processes of one WSGI server."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def make_api(conf: cfg.ConfigOpts) -> PrometheusMetrics:
    """Return the metrics of one of the API processes of a host.

    :raises: ConfigError.
    """
    values = directory.ValueDirectory(pathlib.Path(conf.metrics.directory))
    defined = (*definitions.API, *definitions.COMMON)
    try:
        return PrometheusMetrics(conf, defined, conf.metrics.api_port, values)
    except OSError as error:
        raise errors.ConfigError(
            'Option directory in group [metrics]: '
            f'{conf.metrics.directory}: {error.strerror}'
        ) from None


def make_conductor(
    conf: cfg.ConfigOpts, *, with_api: bool
) -> PrometheusMetrics:
    """Return the metrics of a conductor.

    :param with_api: whether its process is an API, too.
    """
    prometheus_client.disable_created_metrics()
    defined = [*definitions.CONDUCTOR, *definitions.COMMON]
    if with_api:
        defined.extend(definitions.API)
    return PrometheusMetrics(conf, defined, conf.metrics.conductor_port)
