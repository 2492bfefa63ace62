# SPDX-License-Identifier: Apache-2.0
"""All metrics: names, help texts, labels and buckets.

Labels have few values: never a target, a user, or text of a client.
"""

import dataclasses
import enum

from ironic_passthru import operation

#: Value of a label for names that the service does not define.
OTHER = 'other'

PREFIX = 'ironic_passthru_'

# In seconds: from a read of memory to the longest synchronous call.
_BUCKETS = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0),
)


class MetricKind(enum.StrEnum):
    """Type of a metric."""

    COUNTER = 'counter'
    GAUGE = 'gauge'
    HISTOGRAM = 'histogram'


@dataclasses.dataclass(frozen=True)
class Definition:
    """A metric.

    :param name: without the prefix; a counter ends with ``_total``.
    :param help: text for users.
    :param sampled: whether the value is read at each scrape.
    :param known: values of the only label that exist from the start: a rate
        needs a first value.
    """

    name: str
    kind: MetricKind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = _BUCKETS
    sampled: bool = False
    known: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """Name that Prometheus stores, without suffixes of histograms."""
        return PREFIX + self.name


def _counter(
    name: str,
    text: str,
    *labels: str,
    sampled: bool = False,
    known: tuple[str, ...] = (),
) -> Definition:
    return Definition(
        f'{name}_total',
        MetricKind.COUNTER,
        text,
        labels,
        sampled=sampled,
        known=known,
    )


def _seconds(name: str, text: str, *labels: str) -> Definition:
    return Definition(f'{name}_seconds', MetricKind.HISTOGRAM, text, labels)


def _gauge(
    name: str, text: str, *labels: str, sampled: bool = True
) -> Definition:
    return Definition(name, MetricKind.GAUGE, text, labels, sampled=sampled)


HTTP_REQUESTS = _counter(
    'http_requests',
    'HTTP requests to the API.',
    *('route', 'http_method', 'status'),
)
HTTP_SECONDS = _seconds(
    'http_request_duration',
    'Time of the API from a request to the start of its response.',
    *('route', 'http_method'),
)
CALLS = _counter(
    'calls',
    'Calls by clients, with their outcome as in audit records.',
    *('driver', 'method', 'outcome'),
)
CALL_SECONDS = _seconds(
    'call_duration',
    'Time of the API from a call to the start of its response.',
    *('driver', 'method'),
)
CALL_ERRORS = _counter(
    'call_errors',
    'Calls whose response is an error, by the code of the error.',
    *('outcome', 'code'),
)
CATALOG_SECONDS = _seconds(
    'catalog_refresh_duration',
    'Time to read the catalog from the registry.',
)
CATALOG_FAILURES = _counter(
    'catalog_refresh_failures',
    'Reads of the catalog that failed; the last catalog is used.',
)
CATALOG_READ = _gauge(
    'catalog_last_refresh_timestamp_seconds',
    'Time of the last read of the catalog by any process, since the epoch.',
    sampled=False,
)

METHOD_RUNS = _counter(
    'method_runs',
    'Driver methods that ended on this conductor: succeeded or failed.',
    *('driver', 'method', 'outcome'),
)
METHOD_SECONDS = _seconds(
    'method_run_duration',
    'Run time of driver methods.',
    *('driver', 'method'),
)
REFUSALS = _counter(
    'refusals',
    'Calls that this conductor did not run, by the code of the error.',
    'code',
    known=('conductor_busy',),
)
POOL_SIZE = _gauge(
    'pool_size', 'Calls that can run at once, by pool: sync, async.', 'pool'
)
POOL_BUSY = _gauge('pool_busy', 'Calls that run, by pool.', 'pool')
BACKLOG_SIZE = _gauge(
    'backlog_size', 'Accepted calls that can wait for a worker.'
)
BACKLOG = _gauge('backlog', 'Accepted calls that wait for a worker.')
TARGETS_AT_LIMIT = _gauge(
    'targets_at_limit',
    'Targets with as many calls as [conductor] target_limit allows, by pool.',
    'pool',
)
OPERATIONS = _counter(
    'operations',
    'Operations that this conductor gave a state, by state.',
    'state',
    known=tuple(state.value for state in operation.State),
)
OPERATIONS_ACTIVE = _gauge(
    'operations_active',
    'Operations of this conductor by state: queued or running.',
    'state',
)
OLDEST_QUEUED = _gauge(
    'oldest_queued_operation_age_seconds',
    'Age of the operation of this conductor that waits longest; 0 if none '
    'waits.',
)
HEARTBEAT = _gauge(
    'heartbeat_last_timestamp_seconds',
    'Time of the last heartbeat of this conductor, since the epoch.',
    sampled=False,
)
HEARTBEATS_SKIPPED = _counter(
    'heartbeats_skipped',
    'Heartbeats that were due but not written, because calls cannot be '
    'received or run, or the registry is unavailable.',
)
REDFISH_TARGETS = _counter(
    'redfish_targets',
    'Targets of finished calls of the redfish driver, by the code of their '
    'failure, or ok.',
    'code',
    sampled=True,
)

BUS_ERRORS = _counter(
    'bus_errors',
    'Messages that could not be delivered, or that had no reply in time, by '
    'the code of the error.',
    'code',
    known=('bus_unavailable', 'call_not_delivered', 'outcome_unknown'),
)
DATABASE_ERRORS = _counter(
    'database_errors',
    'Transactions that failed because the registry was unavailable.',
)

#: Metrics of the API.
API = (
    HTTP_REQUESTS,
    HTTP_SECONDS,
    CALLS,
    CALL_SECONDS,
    CALL_ERRORS,
    CATALOG_SECONDS,
    CATALOG_FAILURES,
    CATALOG_READ,
)
#: Metrics of conductors.
CONDUCTOR = (
    METHOD_RUNS,
    METHOD_SECONDS,
    REFUSALS,
    POOL_SIZE,
    POOL_BUSY,
    BACKLOG_SIZE,
    BACKLOG,
    TARGETS_AT_LIMIT,
    OPERATIONS,
    OPERATIONS_ACTIVE,
    OLDEST_QUEUED,
    HEARTBEAT,
    HEARTBEATS_SKIPPED,
    REDFISH_TARGETS,
)
#: Metrics of both.
COMMON = (BUS_ERRORS, DATABASE_ERRORS)

ALL = (*API, *CONDUCTOR, *COMMON)
