# SPDX-License-Identifier: Apache-2.0
"""Duplicate messages, to one conductor or to several."""

import time
from concurrent import futures

import oslo_messaging
from oslo_utils import uuidutils

from ironic_passthru import errors
from ironic_passthru.rpc import client
from ironic_passthru.rpc import protocol
from ironic_passthru.rpc import transport as rpc_transport
from ironic_passthru.tests.functional.faults import driver
from ironic_passthru.tests.functional.faults import echo
from ironic_passthru.tests.functional.faults import history
from ironic_passthru.tests.functional.faults import scenario

_SITE = scenario.FaultSite()

_COPIES = 4


def setUpModule() -> None:
    _SITE.setUp()


def tearDownModule() -> None:
    _SITE.cleanUp()


class TestEcho(scenario.FaultTestCase):
    """A bus that delivers every message twice."""

    site = _SITE

    def test_every_message_twice(self) -> None:
        addresses = [self.site.address(host) for host in self.hosts]
        copier = self.useFixture(echo.Echo(self.site.broker.url, addresses))
        with self.under_load() as running:
            running.wait_for_more(scenario.CALLS)
            self.wait_for(
                lambda: copier.copies > scenario.CALLS // 2,
                'messages are copied',
            )
        # Clients still get their results.
        self.assertGreater(self.outcomes()['200'], 0)
        self.check()


class TestOneCallId(scenario.FaultTestCase):
    """Concurrent messages with one call id."""

    site = _SITE

    def setUp(self) -> None:
        super().setUp()
        self.pool = futures.ThreadPoolExecutor(2 * _COPIES)
        self.addCleanup(self.pool.shutdown)
        self.addresses = [self.site.address(host) for host in self.hosts]
        self.bus = self.site.bus(self)

    def executions(self, key: str) -> int:
        """Return how often a call has run."""
        noted = driver.read(self.site.executions)
        return sum(execution.key == key for execution in noted)

    def begin(self, kind: history.Kind) -> history.Attempt:
        """Record a call that is not made over HTTP."""
        made = self.site.history
        return made.begin(made.new_key(), kind)

    def send_by_client(
        self,
        key: str,
        call_id: str,
        *,
        server: protocol.ConductorAddress,
        method: str = 'act',
        driver_name: str = driver.NAME,
        seconds: float = 0.1,
    ) -> object:
        return self.conductor_api.driver_vendor_passthru(
            {},
            driver_name,
            method,
            http_method='POST',
            info={'call': key, 'seconds': seconds},
            servers=[server],
            call_id=call_id,
        )

    def send_word_for_word(
        self,
        key: str,
        call_id: str,
        *,
        server: protocol.ConductorAddress,
        method: str,
    ) -> object:
        """Send messages for the first conductor to any of them."""
        prepared = self.raw.prepare(server=server.name, timeout=20)
        return prepared.call(
            {},
            'driver_vendor_passthru',
            driver_name=driver.NAME,
            driver_method=method,
            http_method='POST',
            info={'call': key, 'seconds': 0.1},
            call_id=call_id,
            incarnation=self.addresses[0].incarnation,
            deadline=time.time() + 20,
        )

    def failures(
        self,
        send: object,
        servers: list[protocol.ConductorAddress],
        *,
        kind: history.Kind,
    ) -> list[BaseException]:
        """Send copies to each server at once; return the exceptions.

        Fails unless exactly one was accepted and it ran once.
        """
        attempt = self.begin(kind)
        call_id = uuidutils.generate_uuid()
        method = 'act' if kind is history.Kind.SYNC else 'act_later'
        sent = [
            self.pool.submit(
                send, attempt.key, call_id, server=server, method=method
            )
            for _ in range(_COPIES)
            for server in servers
        ]
        outcomes = [one.exception(30) for one in sent]
        self.assertEqual(1, outcomes.count(None), outcomes)
        self.wait_for(lambda: self.executions(attempt.key), 'it runs')
        self.wait_for(lambda: not self.site.active(), 'it ends')
        self.assertEqual(1, self.executions(attempt.key))
        return [outcome for outcome in outcomes if outcome is not None]

    def test_to_one_conductor(self) -> None:
        self.conductor_api = client.ConductorAPI(self.bus)
        for kind in (history.Kind.SYNC, history.Kind.ASYNC):
            failures = self.failures(
                self.send_by_client, self.addresses[:1], kind=kind
            )
            for failure in failures:
                self.assertIsInstance(failure, errors.DuplicateCall)

    def test_to_two_conductors(self) -> None:
        self.conductor_api = client.ConductorAPI(self.bus)
        # Conductors share only the records of calls.
        failures = self.failures(
            self.send_by_client, self.addresses, kind=history.Kind.ASYNC
        )
        for failure in failures:
            self.assertIsInstance(failure, errors.DuplicateCall)

    def test_a_copy_of_what_was_refused(self) -> None:
        """A client that got 503 may have sent the call again."""
        self.conductor_api = client.ConductorAPI(self.bus)
        self.site.install_faults('lone')
        self.start_own(
            'l1', conductor__enabled_drivers='lone', conductor__sync_workers=1
        )
        lone = self.site.address('l1')
        first = self.begin(history.Kind.SYNC)
        running = self.pool.submit(
            self.send_by_client,
            first.key,
            uuidutils.generate_uuid(),
            server=lone,
            driver_name='lone',
            seconds=2.0,
        )
        self.wait_for(lambda: self.executions(first.key), 'it runs')
        refused = self.begin(history.Kind.SYNC)
        call_id = uuidutils.generate_uuid()

        def send() -> object:
            return self.send_by_client(
                refused.key, call_id, server=lone, driver_name='lone'
            )

        self.assertRaises(errors.ConductorBusy, send)
        running.result(60)
        self.assertRaises(errors.PassthruError, send)
        self.assertEqual(0, self.executions(refused.key))

    def test_word_for_word_to_two_conductors(self) -> None:
        self.raw = oslo_messaging.get_rpc_client(
            self.bus,
            rpc_transport.target(),
            serializer=protocol.ContextSerializer(),
        )
        for kind in (history.Kind.SYNC, history.Kind.ASYNC):
            failures = self.failures(
                self.send_word_for_word, self.addresses, kind=kind
            )
            stale = [f for f in failures if isinstance(f, errors.StaleCall)]
            self.assertEqual(_COPIES, len(stale), failures)
