# SPDX-License-Identifier: Apache-2.0
"""A registry on three nodes of Galera, each used by some processes."""

import collections
import contextlib
import functools
import itertools
import threading
from concurrent import futures
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from ironic_passthru import operation
from ironic_passthru.db import models
from ironic_passthru.db import operations
from ironic_passthru.db import session
from ironic_passthru.tests import base
from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import registry
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import web
from ironic_passthru.tests.functional.faults import load
from ironic_passthru.tests.functional.faults import proxy
from ironic_passthru.tests.functional.faults import scenario
from ironic_passthru.tests.functional.servers import galera
from ironic_passthru.tests.functional.servers import shipped
from ironic_passthru.tests.unit.db import cases
from ironic_passthru.tests.unit.db import operation_cases


class GaleraSite(scenario.FaultSite):
    """A site whose processes use one node each.

    :ivar nodes: by name of the process.
    :ivar entrance: leads to the node that the other processes use.
    """

    nodes = {'c1': 0, 'c2': 1, 'api1': 2, 'api2': 1}

    def __init__(self, **options: object) -> None:
        super().__init__(servers.Galera, **options)

    def _setUp(self) -> None:
        super()._setUp()
        self.entrance = self.useFixture(proxy.Proxy(self.database.ports[0]))

    def conductor(
        self, host: str, *, name: str = '', **options: object
    ) -> processes.Process:
        return super().conductor(
            host, name=name, **self._registry_of(host) | options
        )

    def start_api(
        self,
        name: str = 'api',
        server: deployment.Server = deployment.gunicorn,
        **options: object,
    ) -> web.Client:
        return super().start_api(
            name, server, **self._registry_of(name) | options
        )

    def _registry_of(self, name: str) -> dict[str, object]:
        if name in self.nodes:
            return {
                'database__connection': self.database.on(
                    self.nodes[name], self.registry
                )
            }
        through = sa.make_url(self.registry).set(port=self.entrance.port)
        return {
            'database__connection': through.render_as_string(
                hide_password=False
            )
        }

    @functools.cached_property
    def _engine(self) -> sa.Engine:
        # What is judged by must not be behind.
        return sa.create_engine(
            self.registry,
            poolclass=sa.pool.NullPool,
            connect_args={'init_command': 'SET SESSION wsrep_sync_wait = 15'},
        )


_SITE = GaleraSite()


def setUpModule() -> None:
    _SITE.setUp()


def tearDownModule() -> None:
    _SITE.cleanUp()


class GaleraCase(scenario.FaultTestCase):
    """A test with conductors that go when those of its class are done."""

    site = _SITE

    @classmethod
    def tearDownClass(cls) -> None:
        super().tearDownClass()
        for host in cls.hosts:
            _SITE.conductor(host).stop()


class TestSample(base.TestCase):
    """Galera options in the sample for MariaDB."""

    def test_all_options_are_in_force(self) -> None:
        sample = shipped.options(shipped.mariadb(galera=True))
        self.assertGreater(
            len(sample), len(shipped.options(shipped.mariadb())) + 6
        )
        for node in range(3):
            found = _SITE.database.variables(node)
            for name, value in sample.items():
                if name not in galera.PRIVATE:
                    self.assertIn(found[name], shipped.ways_to_write(value))
            # The others are there to try something else in less time.
            provider = found['wsrep_provider_options']
            self.assertIn('repl.causal_read_timeout = PT10S', provider)


class TestNodes(GaleraCase):
    """Nodes that die while others go on."""

    def kill(self, *nodes: int, **facts: object) -> None:
        with self.under_load(**facts) as running:
            self.warm_up(running)
            for node in nodes:
                self.site.database.kill(node)
            self.note(f'nodes {nodes} are killed')
            if len(nodes) == 1:
                running.wait_for_successes(scenario.CALLS // 4)
            else:
                running.wait_for_more(scenario.CALLS // 4)
            self.site.database.start_all(*nodes)
            self.note(f'nodes {nodes} are back')
            self.wait_for_hosts(self.hosts)
            running.wait_for_successes(scenario.CALLS // 4)
        self.assertGreater(self.outcomes()['503'], 0, self.outcomes())
        self.check()

    def test_that_of_a_conductor_and_an_api(self) -> None:
        self.kill(1, habit=load.Habit.INSIST)

    if scenario.LONG:

        def test_that_of_a_conductor(self) -> None:
            self.kill(0)

        def test_that_of_an_api(self) -> None:
            self.kill(2)

        def test_the_majority(self) -> None:
            self.kill(1, 2)

        def test_all_at_once(self) -> None:
            self.kill(0, 1, 2)


if scenario.LONG:

    class TestEntrance(GaleraCase):
        """One address for all, which leads to one node, and to another."""

        hosts = ('e1', 'e2')

        def setUp(self) -> None:
            super().setUp()
            self.apis = [
                self.site.start_api(name, scenario.crowded)
                for name in ('api3', 'api4')
            ]
            self.addCleanup(self.site.entrance.lead_to, self.port(0))
            self.wait_for_hosts(self.hosts)

        def port(self, node: int) -> int:
            return self.site.database.ports[node]

        def test_a_node_that_dies(self) -> None:
            with self.under_load() as running:
                self.warm_up(running)
                self.site.database.kill(0)
                self.note('node 0 is killed')
                self.site.entrance.lead_to(self.port(1))
                running.wait_for_successes(scenario.CALLS // 4)
                self.site.database.start(0)
                running.wait_for_successes(scenario.CALLS // 4)
            self.check()

        def test_from_node_to_node_and_back(self) -> None:
            """What is committed on one is there on the next one."""
            with self.under_load() as running:
                self.warm_up(running)
                for node in (1, 2, 0) * 3:
                    self.site.entrance.lead_to(self.port(node))
                    self.site.entrance.reset()
                    running.wait_for_successes(scenario.CALLS // 20)
            self.check()
            self.assertNotIn('expired', self.accepted_states())

        def accepted_states(self) -> collections.Counter[str]:
            accepted = {a.operation for a in self.attempts() if a.operation}
            return collections.Counter(
                o.state for o in self.site.operations() if o.id in accepted
            )


class ScatteredCase(cases.RegistryCase):
    """A test each transaction of which goes to the next node."""

    def setUp(self) -> None:
        self.useFixture(registry.Statements())
        self._ports = itertools.cycle(_SITE.database.ports)
        self._scatter()
        super().setUp()

    def _scatter(self) -> None:
        event = (sa.engine.Engine, 'do_connect', self._choose)
        sa.event.listen(*event)
        self.addCleanup(sa.event.remove, *event)

    def _choose(self, _dialect: Any, _rec: Any, _args: Any, kw: Any) -> None:
        if kw.get('port') in _SITE.database.ports:
            kw['port'] = next(self._ports)

    def new_url(self) -> str:
        return _SITE.database.new_database()

    def open(self, url: str, **options: object) -> session.Database:
        conf = self.make_conf(
            database__connection=url,
            # A connection is not used twice.
            database__connection_recycle_time=0,
            **options,
        )
        database = session.Database(conf)
        self.addCleanup(database.close)
        return database


_RACES = (
    cases.ConcurrencyCases,
    operation_cases.RecordCases,
    operation_cases.TransitionCases,
)
_ALL = (*cases.ALL_CASES, *operation_cases.ALL_CASES)


class TestRegistry(ScatteredCase, *(_ALL if scenario.LONG else _RACES)):
    """The registry with each transaction on another node."""

    def test_a_session_waits_for_a_node_that_is_behind(self) -> None:
        """Unless ``mysql_wsrep_sync_wait`` is 0."""
        self._ports = itertools.repeat(_SITE.database.ports[1])
        store = operations.OperationStore(self.open(self.url))
        unsynchronized = operations.OperationStore(
            self.open(self.url, database__mysql_wsrep_sync_wait=0)
        )
        for other in (store, unsynchronized):
            self.assertIsNone(other.state('late'))
        self._ports = itertools.repeat(_SITE.database.ports[0])
        elsewhere = operations.OperationStore(self.open(self.url))
        with contextlib.ExitStack() as stack:
            pool = stack.enter_context(futures.ThreadPoolExecutor(2))
            with _SITE.database.behind(1):
                self.assertEqual(
                    [True], elsewhere.apply([self.new(id='late')])
                )
                self._ports = itertools.repeat(_SITE.database.ports[1])
                self.assertIsNone(unsynchronized.state('late'))
                waiting = [
                    pool.submit(store.state, 'late'),
                    pool.submit(store.cancel, 'late'),
                ]
                self.assertEqual(set(), futures.wait(waiting, 0.5).done)
            self.assertEqual(operation.State.QUEUED, waiting[0].result())
            self.assertTrue(waiting[1].result())

    def test_upgrades_that_start_together_all_succeed(self) -> None:
        # The lock of dbsync is local to a node.
        self._ports = itertools.repeat(_SITE.database.ports[0])
        cases.SchemaCases.test_upgrades_that_start_together_all_succeed(self)

    def test_two_changes_of_a_row_on_two_nodes_both_succeed(self) -> None:
        """The later one fails at commit and is repeated."""
        self.register()
        barrier = threading.Barrier(2)
        attempts: list[str] = []

        def change(name: str) -> None:
            def work(writer: orm.Session) -> None:
                attempts.append(name)
                writer.execute(
                    sa.update(models.conductors).values(
                        conductor_group=models.conductors.c.conductor_group
                        + name
                    )
                )
                if attempts.count(name) == 1:
                    barrier.wait(cases.TIMEOUT)

            self.database.write(work)

        before = self.conflicts()
        threads = [threading.Thread(target=change, args=(n,)) for n in 'ab']
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(cases.TIMEOUT)
        self.assertEqual(3, len(attempts), 'one of them had to try again')
        self.assertIn(self.read()['host1'].group, ('ab', 'ba'))
        self.assertGreater(self.conflicts(), before)

    def conflicts(self) -> int:
        return sum(
            int(_SITE.database.status(name, node))
            for name in ('wsrep_local_cert_failures', 'wsrep_local_bf_aborts')
            for node in range(3)
        )
