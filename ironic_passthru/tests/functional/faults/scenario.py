# SPDX-License-Identifier: Apache-2.0
"""A site under load, the faults, and the checks after them."""

import collections
import collections.abc
import functools
import json
import os
import pathlib
import time

import sqlalchemy as sa
from testtools import content

from ironic_passthru import operation
from ironic_passthru.drivers import base
from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import web
from ironic_passthru.tests.functional.faults import checker
from ironic_passthru.tests.functional.faults import driver
from ironic_passthru.tests.functional.faults import failpoints
from ironic_passthru.tests.functional.faults import figures
from ironic_passthru.tests.functional.faults import history
from ironic_passthru.tests.functional.faults import load

_SHORT_CALLS = 150

#: Minimum number of calls of a scenario.
CALLS = int(os.environ.get('PASSTHRU_FAULTS_CALLS', _SHORT_CALLS))
#: Whether long tests run.
LONG = CALLS > _SHORT_CALLS

HEARTBEAT_TIMEOUT_SECONDS = 3.0
CALL_TIMEOUT_SECONDS = 10

# Time to run the accepted calls.
_WORK_SECONDS = 15.0
BOUND_SECONDS = 2 * HEARTBEAT_TIMEOUT_SECONDS + _WORK_SECONDS

# Two processors cannot serve more clients.
_CLIENTS = 250 if LONG else 150

#: Number of calls in flight when a fault begins.
IN_FLIGHT = 200 if LONG else 120

# Number of operations that are also read over HTTP.
_SAMPLE = 10

_OPTIONS: dict[str, object] = {
    'conductor__enabled_drivers': driver.NAME,
    'conductor__heartbeat_interval': 0.5,
    'conductor__heartbeat_timeout': HEARTBEAT_TIMEOUT_SECONDS,
    # With hundreds of concurrent calls an API updates its catalog late.
    'conductor__drain_seconds': 3.0,
    'conductor__sync_workers': 128,
    'conductor__async_workers': 128,
    'conductor__async_backlog': 500,
    'api__call_timeout': CALL_TIMEOUT_SECONDS,
    'api__call_monitor_timeout': 3,
}

Database = collections.abc.Callable[[], servers.PostgreSQL | servers.MariaDB]


def crowded(address: str) -> list[str]:
    """Return the command line of gunicorn for hundreds of clients."""
    command = deployment.gunicorn(address)
    command[command.index('--threads') + 1] = '128'
    return command


class FaultSite(deployment.Site):
    """A site with the driver of the fault tests.

    :param database: creates the database server; by default the registry is
        an SQLite file.
    :cvar vendor: the class of the driver.
    :ivar database: the database server or ``None``.
    :ivar history: the requests of all tests on this site.
    """

    vendor: type[base.VendorInterface] = driver.FaultsVendor

    def __init__(
        self,
        database: Database | None = None,
        *,
        broker: servers.RabbitMQ | None = None,
        **options: object,
    ) -> None:
        super().__init__(broker=broker, **_OPTIONS | options)
        self.database = database() if database else None
        self.history = history.History()
        self.reported: set[checker.Violation] = set()

    def _setUp(self) -> None:
        if self.database is not None:
            self._registry = self.useFixture(self.database).new_database()
        super()._setUp()
        self.install_faults(driver.NAME)

    def install_faults(self, name: str) -> None:
        """Install the driver under a name."""
        self.install(name, f'{driver.__name__}:{self.vendor.__name__}')

    @property
    def executions(self) -> pathlib.Path:
        """The output file of the driver."""
        return self.directory / 'executions'

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, driver.FILE: str(self.executions)}

    def operations(self) -> list[checker.Operation]:
        """Return the operations of the registry, without the service."""
        # Without parts of operations.
        rows = self._query(
            'SELECT id, parameters, state, error FROM operations '
            'WHERE id NOT IN (SELECT part_id FROM operation_parts)'
        )
        results: dict[str, str] = collections.defaultdict(str)
        for id, text in self._query(
            'SELECT operation_id, body FROM operation_results '
            'ORDER BY operation_id, part'
        ):
            results[id] += text
        return [
            checker.Operation(
                id,
                _key(parameters),
                _state(state, error),
                history.codes(json.loads(results.get(id, 'null'))),
            )
            for id, parameters, state, error in rows
        ]

    def active(self) -> int:
        """Return the number of operations in states that are not final."""
        states = ', '.join(f"'{state}'" for state in operation.ACTIVE)
        rows = self._query(
            f'SELECT count(*) FROM operations WHERE state IN ({states})'
        )
        return rows[0][0]

    def runs_on(self, host: str) -> bool:
        """Return whether a conductor has a running operation."""
        rows = self._query(
            "SELECT count(*) FROM operations WHERE state = 'running' "
            f"AND conductor = '{host}'"
        )
        return rows[0][0] > 0

    def violations(self) -> list[checker.Violation]:
        """Return the violations that were not returned before."""
        # Read in this order: an execution must have its request.
        executions = driver.read(self.executions)
        operations = self.operations()
        found = checker.check(
            self.history.attempts(),
            executions=executions,
            operations=operations,
        )
        new = [one for one in found if one not in self.reported]
        self.reported.update(new)
        return new

    def _query(self, statement: str) -> list:
        with self._engine.connect() as connection:
            return list(connection.exec_driver_sql(statement))

    @functools.cached_property
    def _engine(self) -> sa.Engine:
        return sa.create_engine(self.registry, poolclass=sa.pool.NullPool)


class FaultTestCase(deployment.SiteTestCase):
    """A test with two APIs and the conductors c1 and c2."""

    site: FaultSite
    hosts: tuple[str, ...] = ('c1', 'c2')
    api_options: dict[str, object] = {}

    def setUp(self) -> None:
        super().setUp()
        self._began = time.monotonic()
        self._first = len(self.site.history.attempts())
        for host in self.hosts:
            self.site.conductor(host).start()
        self.conductors = {
            host: self.site.start_conductor(host) for host in self.hosts
        }
        self.apis = [
            self.site.start_api(name, crowded, **self.api_options)
            for name in ('api1', 'api2')
        ]
        self.wait_for_hosts(self.hosts)

    def wait_for_hosts(
        self, hosts: collections.abc.Iterable[str], name: str = driver.NAME
    ) -> None:
        """Wait until both APIs list these conductors of a driver."""
        wanted = sorted(hosts)
        for api in self.apis:
            self.wait_for(
                lambda api=api: self._hosts(api, name) == wanted,
                f'{name} is offered by {wanted}',
                seconds=30.0,
            )

    def _hosts(self, api: web.Client, name: str) -> list[str]:
        answer = api.get(f'/v1/drivers/{name}')
        return sorted(answer.json['hosts']) if answer.status == 200 else []

    def start_own(
        self,
        host: str,
        failpoint: str = '',
        *,
        wait: bool = True,
        **options: object,
    ) -> processes.Process:
        """Start a conductor for this test.

        :param failpoint: failpoint and passage, as in ``record:37``.
        :param wait: whether to wait until the APIs list it.
        """
        # It stops between tests, when no calls arrive.
        options = {'conductor__drain_seconds': 0.5} | options
        own = self.site.conductor(host, **options)
        self.addCleanup(self._end, own)
        own.environment[failpoints.VARIABLE] = failpoint
        own.start()
        if wait:
            self.wait_for_host(
                host, options.get('conductor__enabled_drivers', driver.NAME)
            )
        return own

    def wait_for_host(self, host: str, name: str = driver.NAME) -> None:
        """Wait until a conductor has published and both APIs list it."""
        self.site.start_conductor(host)
        for api in self.apis:
            self.wait_for(
                lambda api=api: host in self._hosts(api, name),
                f'{host} is known',
                seconds=30.0,
            )

    def restart(self, host: str) -> None:
        """Restart a conductor."""
        self.assertEqual(0, self.conductors[host].stop())
        self.note(f'{host} has stopped')
        self.site.start_conductor(host)
        self.wait_for_hosts(self.hosts)

    def restart_each(self) -> None:
        """Restart the site's conductors, one after the other."""
        for host in self.hosts:
            self.restart(host)

    def kill_and_start_all(self) -> None:
        """Kill the site's conductors at once and start them again."""
        for conductor in self.conductors.values():
            conductor.kill()
        self.note('all conductors are killed')
        for host in self.hosts:
            self.site.start_conductor(host)

    def _end(self, conductor: processes.Process) -> None:
        if conductor.running:
            # An orderly stop, which leaves nothing to the next test.
            conductor.stop()

    def under_load(self, **options: object) -> load.Load:
        """Return clients that have not started."""
        profile = load.Profile(**{'threads': _CLIENTS} | options)
        return load.Load(self.apis, self.site.history, profile=profile)

    def warm_up(self, running: load.Load) -> None:
        """Wait until ``IN_FLIGHT`` calls are in flight."""
        running.wait_for_successes(CALLS // 4)
        self.wait_for_flight(running)

    def wait_for_flight(self, running: load.Load) -> None:
        """Wait for this number of requested or accepted calls."""
        processes.wait_until(
            lambda: running.in_flight + self.site.active() >= IN_FLIGHT,
            f'{IN_FLIGHT} calls are in flight',
            seconds=60.0,
            pause=0.2,
        )

    def note(self, text: str) -> None:
        """Record an action on the service."""
        self.site.history.note(text)

    def attempts(self) -> list[history.Attempt]:
        """Return the attempts of this test."""
        return self.site.history.attempts()[self._first :]

    def outcomes(self) -> collections.Counter[str]:
        """Return the number of attempts of this test by outcome."""
        return collections.Counter(a.outcome for a in self.attempts())

    def longest_wait(self) -> float:
        """Return the longest response time in this test."""
        return max(a.ended - a.began for a in self.attempts() if a.ended)

    def states(self) -> collections.Counter[str]:
        """Return the number of operations of this test by state."""
        keys = {attempt.key for attempt in self.attempts()}
        return collections.Counter(
            o.state for o in self.site.operations() if o.key in keys
        )

    def check(self) -> None:
        """Wait for final states of all operations, and check the history."""
        deadline = time.monotonic() + BOUND_SECONDS
        while self.site.active() and time.monotonic() < deadline:
            time.sleep(0.1)
        violations = self.site.violations()
        self._add_figures(violations)
        self.assertGreaterEqual(len(self.attempts()), CALLS)
        if violations:
            self._attach({_call(violation.key) for violation in violations})
            shown = '\n'.join(map(str, violations[:20]))
            self.fail(
                f'{len(violations)} violations among '
                f'{len(self.attempts())} attempts:\n{shown}'
            )
        self._ask_the_api()

    def _ask_the_api(self) -> None:
        """Fail unless the API returns the operations of the registry."""
        recorded = {o.id: o.state for o in self.site.operations()}
        accepted = [a.operation for a in self.attempts() if a.status == 202]
        for operation_id in accepted[-_SAMPLE:]:
            answer = self.apis[0].get(f'/v1/operations/{operation_id}')
            self.assertEqual(200, answer.status, answer.body)
            self.assertEqual(recorded[operation_id], answer.json['state'])

    def _add_figures(self, violations: list[checker.Violation]) -> None:
        keys = {attempt.key for attempt in self.attempts()}
        executions = driver.read(self.site.executions)
        figures.add(
            figures.Row(
                scenario=self.id().partition('.faults.')[2],
                calls=len(keys),
                answers=dict(self.outcomes()),
                operations=dict(self.states()),
                executions=sum(_call(e.key) in keys for e in executions),
                violations=len(violations),
                seconds=time.monotonic() - self._began,
            )
        )

    def _attach(self, keys: set[str]) -> None:
        lines = self.site.history.lines(lambda a: a.key in keys)
        lines += [
            str(thing)
            for thing in (
                *driver.read(self.site.executions),
                *self.site.operations(),
            )
            if _call(thing.key) in keys
        ]
        text = '\n'.join(lines)
        self.addDetail('history', content.text_content(text))


def _state(state: str, error: str | None) -> str:
    is_rejected = error is not None and json.loads(error)['status'] == 400
    return 'rejected' if state == 'failed' and is_rejected else state


def _call(key: str) -> str:
    """Return the key of a call for that of one of its targets."""
    return key.partition('/')[0]


def _key(parameters: object) -> str:
    if isinstance(parameters, str):
        parameters = json.loads(parameters)
    return dict(parameters).get('call', '')
