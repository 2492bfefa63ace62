# SPDX-License-Identifier: Apache-2.0
"""No call is sent to a conductor that does not receive messages."""

import concurrent.futures
import datetime
import pathlib
import threading
import time
from collections.abc import Callable
from typing import Any

import fixtures
import sqlalchemy as sa
from oslo_config import cfg

from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.conductor import service
from ironic_passthru.conf import database as database_conf
from ironic_passthru.db import conductors
from ironic_passthru.db import migration
from ironic_passthru.db import models
from ironic_passthru.db import operations
from ironic_passthru.db import session
from ironic_passthru.drivers import base as drivers
from ironic_passthru.rpc import client
from ironic_passthru.rpc import protocol
from ironic_passthru.rpc import transport
from ironic_passthru.tests import base
from ironic_passthru.tests import shortage


class Vendor(drivers.VendorInterface):
    """Notes its own life in the test's list of events."""

    def __init__(self, name: str, note: Callable[[str], None]) -> None:
        self.name = name
        self.note = note
        self.fails = False
        self.entered = threading.Semaphore(0)
        self.go_on = threading.Event()

    def start(self, conf: cfg.ConfigOpts) -> None:
        self.note(f'start {self.name}')
        if self.fails:
            raise errors.ConfigError('this rack has no key')

    def stop(self) -> None:
        self.note(f'stop {self.name}')

    @drivers.driver_passthru(['POST'], async_call=False)
    def block(self) -> str:
        self.entered.release()
        self.go_on.wait(20)
        return 'done'

    @drivers.driver_passthru(['POST'], async_call=False)
    def ok(self) -> str:
        return 'ok'

    @drivers.driver_passthru(['POST'])
    def later(self) -> str:
        return self.block()


class Store(conductors.ConductorStore):
    """The real registry, with a list of its calls."""

    case: 'ServiceCase'
    away = False

    def register(self, *args: Any, **kwargs: Any) -> None:
        self.case.event('register')
        self._check()
        super().register(*args, **kwargs)

    def withdraw(self, *args: Any, **kwargs: Any) -> bool:
        self.case.event('withdraw')
        self._check()
        return super().withdraw(*args, **kwargs)

    def heartbeat(self, *args: Any, **kwargs: Any) -> bool:
        self._check()
        return super().heartbeat(*args, **kwargs)

    def _check(self) -> None:
        if self.away:
            raise errors.RegistryUnavailable()


class ServiceCase(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        directory = self.useFixture(fixtures.TempDir()).path
        self.conf = self.make_conf(
            host='here',
            conductor__enabled_drivers=['one', 'two'],
            conductor__heartbeat_interval=0.1,
            conductor__heartbeat_timeout=5.0,
            conductor__graceful_shutdown_timeout=10.0,
            database__connection=database_conf.sqlite_url(
                pathlib.Path(directory, 'registry.sqlite')
            ),
        )
        database = session.Database(self.conf)
        self.addCleanup(database.close)
        migration.ensure(database)
        self.database = database
        self.store = Store(database)
        self.store.case = self
        self.records = operations.OperationStore(database)
        self.bus = transport.make(self.conf, 'local://')
        self.addCleanup(self.bus.cleanup)
        self.client = client.ConductorAPI(self.bus)
        self.events: list[str] = []
        self.vendors = {
            name: Vendor(name, self.event) for name in ('one', 'two')
        }
        self.useFixture(
            fixtures.MonkeyPatch(
                'ironic_passthru.drivers.entry_points.instance',
                lambda name, **_options: self.vendors[name],
            )
        )
        # The usual pool takes up to a second to end.
        self.useFixture(
            fixtures.MonkeyPatch(
                'futurist.ThreadPoolExecutor',
                concurrent.futures.ThreadPoolExecutor,
            )
        )
        self.conductor = self.make()

    def make(self, **options: Any) -> service.ConductorService:
        options.setdefault('drain_seconds', 0.0)
        return service.ConductorService(
            self.conf, self.bus, self.store, self.records, **options
        )

    def event(self, what: str) -> None:
        """Keep an event, and whether the conductor receives messages then."""
        self.events.append(what if self.receives() else f'{what} (silent)')

    def receives(self) -> bool:
        try:
            self.client.ping({}, self.conductor.address, timeout_seconds=5)
        except errors.CallNotDelivered:
            return False
        return True

    def start(self) -> None:
        self.conductor.start()
        for vendor in self.vendors.values():
            self.addCleanup(vendor.go_on.set)

    def call(self, method: str = 'ok') -> Any:
        return self.client.driver_vendor_passthru(
            {},
            'one',
            method,
            http_method='POST',
            info={},
            servers=[self.conductor.address],
        )['return']

    def record(self) -> conductors.ConductorRecord:
        (record,) = self.store.conductors(heartbeat_timeout_seconds=5)
        return record


class TestUnexpected(ServiceCase):
    """What can go wrong inside ends no operation in between."""

    def state(self, one: str) -> operation.State | None:
        found = self.records.get(one)
        return found and found.state

    def accept(self, one: str) -> None:
        self.client.driver_vendor_passthru(
            {},
            'one',
            'later',
            http_method='POST',
            info={},
            servers=[self.conductor.address],
            call_id=one,
        )

    def test_an_end_that_cannot_be_written(
        self,
    ) -> None:
        apply = operations.ChangeWriter.apply

        def refuse(recorder: Any, changes: Any) -> Any:
            if any(
                getattr(change, 'target', None) is operation.State.SUCCEEDED
                for change in changes
            ):
                raise MemoryError
            return apply(recorder, changes)

        self.start()
        self.vendors['one'].go_on.set()
        self.useFixture(
            fixtures.MonkeyPatch(
                'ironic_passthru.db.operations.ChangeWriter.apply', refuse
            )
        )
        self.accept('a')
        self.wait_for(
            lambda: self.state('a') is operation.State.UNKNOWN, 'its end'
        )
        self.assertTrue(self.conductor._admission.wait(5))
        self.assertTrue(self.conductor.stop())

    def test_missing_threads_are_started_by_a_heartbeat(self) -> None:
        self.start()
        beaten = self.record().heartbeat_at
        self.wait_for(
            lambda: self.record().heartbeat_at > beaten, 'a heartbeat'
        )
        ids = [f'a{number}' for number in range(8)]
        with shortage.ThreadShortage():
            for one in ids:
                self.accept(one)
            self.wait_for(
                lambda: self.vendors['one'].entered.acquire(blocking=False),
                'one runs',
            )
        for _ in ids[1:]:
            self.assertTrue(self.vendors['one'].entered.acquire(timeout=10))
        self.vendors['one'].go_on.set()
        for one in ids:
            self.wait_for(
                lambda one=one: self.state(one) is operation.State.SUCCEEDED,
                f'{one} succeeds',
            )
        self.assertTrue(self.conductor.stop())

    def test_a_start_without_threads_leaves_nothing(self) -> None:
        # This connects the client, which needs a thread as well.
        self.assertFalse(self.receives())
        with shortage.ThreadShortage():
            self.assertRaises(RuntimeError, self.conductor.start)
        self.assertFalse(self.receives())
        self.start()
        self.assertEqual('ok', self.call())
        self.assertTrue(self.conductor.stop())


class TestLife(ServiceCase):
    def test_it_is_registered_only_while_it_receives(self) -> None:
        self.start()
        self.assertEqual('ok', self.call())
        self.assertTrue(self.conductor.stop())
        self.assertEqual(
            [
                'start one (silent)',
                'start two (silent)',
                'register',
                'withdraw',
                'stop two (silent)',
                'stop one (silent)',
            ],
            self.events,
        )
        self.assertRaises(errors.CallNotDelivered, self.call)

    def test_notifications_that_cannot_be_sent_prevent_the_start(
        self,
    ) -> None:
        self.conf.set_override('enabled', True, group='notifications')
        self.assertRaises(errors.ConfigError, self.conductor.start)
        self.assertFalse(self.receives())
        self.assertEqual('stop one (silent)', self.events[-1])

    def test_what_it_publishes(self) -> None:
        self.conf.set_override('conductor_group', 'rack1', group='conductor')
        self.start()
        record = self.record()
        self.assertEqual(
            ('here', self.conductor.address.incarnation, 'rack1', True),
            (record.hostname, record.incarnation, record.group, record.alive),
        )
        self.assertEqual(
            {n: d.spec.digest for n, d in self.conductor.drivers.items()},
            dict(record.drivers),
        )
        self.assertEqual({'one', 'two'}, set(record.drivers))
        self.conductor.stop()
        self.assertFalse(self.record().alive)

    def test_it_beats(self) -> None:
        self.start()
        first = self.record().heartbeat_at
        self.wait_for(
            lambda: self.record().heartbeat_at > first, 'a heartbeat'
        )
        self.conductor.stop()

    def test_no_heartbeat_without_threads_or_bus(self) -> None:
        log = self.useFixture(fixtures.FakeLogger())
        self.start()
        self.addCleanup(self.conductor.stop)
        self.assertTrue(self.conductor._is_ready())

        def fail(*_: Any, **__: Any) -> None:
            raise errors.CallNotDelivered()

        for target, function, text in (
            (self.conductor._runner, 'recover', 'threads that cannot'),
            (self.conductor._client, 'ping', 'Cannot receive'),
        ):
            replacement = fail if function == 'ping' else lambda: False
            with fixtures.MockPatchObject(target, function, replacement):
                self.assertFalse(self.conductor._is_ready())
            self.assertIn(text, log.output)

    def test_every_run_is_another(self) -> None:
        self.assertNotEqual(
            self.conductor.address.incarnation,
            self.make().address.incarnation,
        )

    def test_who_offers_a_driver(self) -> None:
        self.start()
        self.store.register('other', 'run', group='', drivers={})
        address = self.conductor.address
        located = self.client._locate({}, 'one', 10)
        self.assertEqual([address], located)
        self.assertRaises(
            errors.DriverNotFound, self.client._locate, {}, 'three', 10
        )
        self.conductor.stop()

    def test_lookups_do_not_trust_a_clock_that_jumps(self) -> None:
        self.start()
        entry = conductors.CatalogEntry(digest='0' * 64, document={})
        self.store.register('other', 'run', group='', drivers={'far': entry})
        expected = [protocol.ConductorAddress('other', 'run')]
        self.assertEqual(expected, self.client._locate({}, 'far', 10))
        yesterday = datetime.datetime.now() - datetime.timedelta(hours=24)
        with self.database.writer() as writer:
            writer.execute(
                sa.update(models.conductors).values(heartbeat_at=yesterday)
            )
        self.assertEqual(expected, self.client._locate({}, 'far', 10))
        self.conductor.stop()

    def test_refused_while_it_leaves(self) -> None:
        self.conductor = self.make(drain_seconds=0.5)
        self.start()
        stopping = threading.Thread(target=self.conductor.stop)
        start = time.monotonic()
        stopping.start()
        self.addCleanup(stopping.join)
        replies: set[str] = set()
        while stopping.is_alive():
            try:
                replies.add(self.call())
            except (errors.ConductorStopping, errors.CallNotDelivered) as e:
                replies.add(e.code)
        self.assertGreaterEqual(time.monotonic() - start, 0.5)
        self.assertIn('conductor_stopping', replies)
        self.assertLessEqual(
            replies, {'ok', 'conductor_stopping', 'call_not_delivered'}
        )

    def test_running_calls_get_their_time(self) -> None:
        log = self.useFixture(fixtures.FakeLogger())
        self.start()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            running = pool.submit(self.call, 'block')
            self.assertTrue(self.vendors['one'].entered.acquire(timeout=10))
            stopping = pool.submit(self.conductor.stop)
            self.wait_for(
                lambda: 'waits for 1 calls' in log.output, 'a log record'
            )
            self.assertFalse(stopping.done())
            self.vendors['one'].go_on.set()
            self.assertEqual('done', running.result(10))
            self.assertTrue(stopping.result(10))

    def test_running_calls_are_left_after_the_timeout(self) -> None:
        self.conf.set_override(
            'graceful_shutdown_timeout', 0.1, group='conductor'
        )
        self.start()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            running = pool.submit(self.call, 'block')
            self.assertTrue(self.vendors['one'].entered.acquire(timeout=10))
            start = time.monotonic()
            self.assertFalse(self.conductor.stop())
            self.assertLess(time.monotonic() - start, 5)
            self.assertRaises(errors.ConductorStopping, self.call)
            self.assertIn('stop one', self.events)
            self.vendors['one'].go_on.set()
            # It could still be answered.
            self.assertEqual('done', running.result(10))
        self.conductor._server.stop()

    def test_an_unavailable_registry_does_not_delay_a_stop(self) -> None:
        self.start()
        self.store.away = True
        self.assertTrue(self.conductor.stop())
        self.assertIn('stop one (silent)', self.events)

    def test_taken_over(self) -> None:
        self.start()
        self.assertFalse(self.conductor.lost.is_set())
        self.store.register('here', 'another', group='', drivers={})
        self.assertTrue(self.conductor.lost.wait(10))
        self.assertTrue(self.conductor.stop())
        record = self.record()
        self.assertEqual(('another', True), (record.incarnation, record.alive))


class TestOperations(ServiceCase):
    """Accepted operations reach a final state in any case."""

    def setUp(self) -> None:
        super().setUp()
        self.conf.set_override('async_workers', 1, group='conductor')
        self.conf.set_override('progress_interval', 0.05, group='operations')

    def accept(self) -> None:
        self.assertIsNone(self.call('later'))

    def states(self) -> list[str]:
        """Return the states of all operations, the oldest first."""
        return [o.state for o in reversed(self.records.page(limit=10))]

    def test_operations_of_an_earlier_run_are_ended_at_start(self) -> None:
        self.start()
        self.accept()
        self.assertTrue(self.vendors['one'].entered.acquire(timeout=10))
        self.accept()
        self.assertEqual(['running', 'queued'], self.states())
        second = self.make()
        second.start()
        self.assertEqual(['unknown', 'expired'], self.states())
        self.vendors['one'].go_on.set()
        self.assertTrue(self.conductor.stop())
        self.assertTrue(second.stop())
        self.assertEqual(['unknown', 'expired'], self.states())

    def test_operations_of_a_lost_conductor_are_ended(self) -> None:
        self.conf.set_override('heartbeat_timeout', 0.5, group='conductor')
        self.start()
        lost = 'lost'
        self.store.register(lost, 'run', group='', drivers={})
        self.records.apply([self.operation_of(lost)])
        self.wait_for(lambda: self.states() == ['expired'], 'settled')
        self.conductor.stop()

    def operation_of(self, conductor: str) -> operation.NewOperation:
        """Return an operation of another conductor."""
        return operation.NewOperation(
            id='a',
            driver='one',
            method='later',
            http_method='POST',
            parameters={},
            user_id=None,
            project_id=None,
            request_id=None,
            conductor=conductor,
            incarnation='run',
            accepted=True,
            attach=False,
        )

    def test_a_stop_runs_accepted_operations(self) -> None:
        self.start()
        self.accept()
        self.accept()
        self.assertTrue(self.vendors['one'].entered.acquire(timeout=10))
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            stopping = pool.submit(self.conductor.stop)
            self.wait_for(lambda: 'withdraw' in self.events, 'withdrawn')
            self.wait_for(self.refuses, 'it refuses')
            self.vendors['one'].go_on.set()
            self.assertTrue(stopping.result(10))
        self.assertEqual(['succeeded', 'succeeded'], self.states())

    def refuses(self) -> bool:
        try:
            self.call()
        except errors.ConductorStopping:
            return True
        return False

    def test_a_stop_ends_operations_that_take_too_long(self) -> None:
        self.conf.set_override(
            'graceful_shutdown_timeout', 0.1, group='conductor'
        )
        self.start()
        self.accept()
        self.assertTrue(self.vendors['one'].entered.acquire(timeout=10))
        self.accept()
        self.assertFalse(self.conductor.stop())
        self.assertEqual(['unknown', 'expired'], self.states())
        self.vendors['one'].go_on.set()
        self.conductor._server.stop()
        self.assertEqual(['unknown', 'expired'], self.states())

    def test_liveness_does_not_depend_on_the_bus(self) -> None:
        """An unavailable broker must not end running operations."""
        self.start()
        self.conductor._heartbeat.stop()
        self.accept()
        first = self.liveness_at()
        self.wait_for(lambda: self.liveness_at() > first, 'a liveness update')
        self.assertIn(self.states(), (['queued'], ['running']))
        self.vendors['one'].go_on.set()
        self.conductor.stop()

    def test_liveness_does_not_depend_on_housekeeping(self) -> None:
        """A long purge, or a slow database, is not an absence."""
        hangs, go_on = threading.Event(), threading.Event()

        def purge(*_: Any, **__: Any) -> int:
            hangs.set()
            go_on.wait(20)
            return 0

        self.useFixture(
            fixtures.MonkeyPatch(
                'ironic_passthru.db.operations.OperationStore.purge', purge
            )
        )
        self.start()
        self.addCleanup(self.conductor.stop)
        self.addCleanup(go_on.set)
        self.assertTrue(hangs.wait(20))
        for _ in range(2):
            last = self.liveness_at()
            self.wait_for(
                lambda last=last: self.liveness_at() > last, 'a sign'
            )
        self.assertFalse(go_on.is_set())

    def test_a_record_in_a_file_that_is_gone_is_refused(self) -> None:
        """A call with the reply 202 has a record."""
        self.start()
        self.addCleanup(self.conductor.stop)
        self.addCleanup(self.vendors['one'].go_on.set)
        self.accept()
        path = pathlib.Path(self.database.url.database or '')
        path.rename(path.with_suffix('.old'))
        self.assertRaises(errors.RegistryUnavailable, self.accept)
        self.assertFalse(path.exists())
        path.with_suffix('.old').rename(path)
        self.accept()
        self.assertEqual(2, len(self.states()))

    def liveness_at(self) -> Any:
        table = models.conductors
        with self.database.reader() as reader:
            return reader.scalar(sa.select(table.c.liveness_at))


class TestFailedStart(ServiceCase):
    def setUp(self) -> None:
        super().setUp()
        self.before = set(threading.enumerate())

    def nothing_is_left(self) -> None:
        for line in ('start one (silent)', 'stop one (silent)'):
            self.assertIn(line, self.events)
        self.assertFalse(self.receives())
        # Those of the client connecting once end by themselves.
        self.wait_for(
            lambda: set(threading.enumerate()) <= self.before,
            'no thread is left',
        )

    def test_a_driver(self) -> None:
        self.vendors['two'].fails = True
        error = self.assertRaises(errors.ConfigError, self.conductor.start)
        self.assertIn('no key', error.message)
        self.nothing_is_left()
        self.assertNotIn('register', str(self.events))

    def test_the_registry(self) -> None:
        self.store.away = True
        self.assertRaises(errors.RegistryUnavailable, self.conductor.start)
        self.nothing_is_left()
        self.assertIn('stop two (silent)', self.events)

    def test_a_name_that_cannot_be_published(self) -> None:
        self.conductor.address = protocol.ConductorAddress('x' * 300, 'run')
        self.assertRaises(errors.ConfigError, self.conductor.start)
        self.nothing_is_left()

    def test_the_bus(self) -> None:
        def refuse(*args: Any) -> None:
            raise OSError('no listener')

        self.useFixture(
            fixtures.MonkeyPatch(
                'ironic_passthru.rpc.local.LocalDriver.listen', refuse
            )
        )
        self.assertRaises(OSError, self.conductor.start)
        self.nothing_is_left()
        self.assertNotIn('register', str(self.events))

    def test_and_it_can_be_tried_again(self) -> None:
        self.store.away = True
        self.assertRaises(errors.RegistryUnavailable, self.conductor.start)
        self.store.away = False
        self.start()
        self.assertEqual('ok', self.call())
        self.assertTrue(self.conductor.stop())
