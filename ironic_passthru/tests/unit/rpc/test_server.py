# SPDX-License-Identifier: Apache-2.0
"""What the bus can reach of a conductor, and what it cannot."""

import concurrent.futures
import inspect
import threading
import time
from typing import Any

import fixtures
import oslo_messaging
from oslo_context import context as oslo_context

from ironic_passthru import errors
from ironic_passthru.drivers import fake
from ironic_passthru.drivers import loader
from ironic_passthru.rpc import client
from ironic_passthru.rpc import protocol
from ironic_passthru.rpc import server
from ironic_passthru.rpc import transport
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.conductor import records

ADDRESS = protocol.Server('host', 'run')
EXPOSED = {
    'driver_vendor_passthru',
    'get_driver_vendor_passthru_methods',
    'get_driver_properties',
    'locate_driver',
    'ping',
}


class Vendor(fake.FakeVendor):
    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.contexts: list[Any] = []

    @fake.base.driver_passthru(['POST'], async_call=False)
    def block(self) -> str:
        self.contexts.append(oslo_context.get_current())
        self.entered.release()
        self.go_on.wait(20)
        return 'done'


class ServerCase(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(
            fixtures.FakeLogger(
                level=0,
                nuke_handlers=True,
                format='%(levelname)s %(message)s',
            )
        )
        self.vendor = Vendor()
        self.conductor = records.conductor(
            self,
            {'fake': loader.make('fake', self.vendor)},
            incarnation='run',
            sync_workers=1,
            async_workers=1,
            max_result_size=10_000,
        )
        self.runner = self.conductor.runner
        self.bus = transport.make(self.make_conf(), 'local://')
        self.addCleanup(self.bus.cleanup)
        self.server = server.Server(
            self.bus,
            ADDRESS,
            endpoint=server.Endpoint(
                self.runner, incarnation='run', locate=self.locate
            ),
            workers=1,
        )
        # The usual pool takes up to a second to end.
        self.server._server._executor_cls = (
            concurrent.futures.ThreadPoolExecutor
        )
        self.server.start()
        self.addCleanup(self.server.stop)
        self.addCleanup(self.vendor.go_on.set)
        self.raw = oslo_messaging.get_rpc_client(
            self.bus,
            transport.target(),
            timeout=20,
            transport_options=oslo_messaging.TransportOptions(
                at_least_once=True
            ),
        ).prepare(server=ADDRESS.name)
        self.client = client.ConductorAPI(self.bus, monitor_seconds=2)

    def locate(self, driver_name: str) -> list[tuple[str, str]]:
        if driver_name != 'fake':
            raise errors.DriverNotFound(driver=driver_name)
        return [('host', 'run')]

    def call(self, method: str = 'no_op', **info: Any) -> Any:
        return self.client.driver_vendor_passthru(
            {'request_id': 'req-1'},
            'fake',
            method,
            http_method='POST',
            info=info,
            servers=[ADDRESS],
        )


class TestReach(ServerCase):
    def test_what_is_exposed(self) -> None:
        policy = oslo_messaging.ExplicitRPCAccessPolicy()
        endpoint = server.Endpoint(
            self.runner, incarnation='run', locate=self.locate
        )
        reachable = {
            name
            for name, _ in inspect.getmembers(endpoint)
            if policy.is_allowed(endpoint, name)
        }
        self.assertEqual(EXPOSED, reachable)

    def test_nothing_else_is_reached(self) -> None:
        self.assertEqual('run', self.raw.call({}, 'ping'))
        for name in (
            '_runner',
            '_locate',
            'target',
            '__init__',
            '__class__',
            'stop',
            'oslo_rpc_server_ping',
            '',
        ):
            error = self.assertRaises(
                oslo_messaging.RemoteError, self.raw.call, {}, name
            )
            self.assertEqual('NoSuchMethod', error.exc_type, name)

    def test_another_version(self) -> None:
        for version in ('1.99', '2.0', '0.9'):
            error = self.assertRaises(
                oslo_messaging.RemoteError,
                self.raw.prepare(version=version, server=ADDRESS.name).call,
                {},
                'ping',
            )
            self.assertEqual('UnsupportedVersion', error.exc_type)

    def test_the_public_client(self) -> None:
        self.assertEqual(
            {'return': None, 'async': False, 'attach': False}, self.call()
        )
        methods = self.client.get_driver_vendor_passthru_methods({}, 'fake')
        self.assertEqual(
            {
                'http_methods': ['GET', 'POST'],
                'async': False,
                'attach': False,
                'description': 'Do nothing, as fast as it can be done.',
            },
            methods['no_op'],
        )
        self.assertEqual(
            {'fake_rack', 'fake_delay'},
            set(self.client.get_driver_properties({}, 'fake')),
        )
        answer = self.client.driver_vendor_passthru(
            {}, 'fake', 'echo', http_method='POST', info={'a': 1}
        )
        self.assertEqual({'a': 1}, answer['return'])

    def test_the_arguments_that_ironic_sends(self) -> None:
        answer = self.raw.call(
            {'user': 'u', 'show_deleted': False},
            'driver_vendor_passthru',
            driver_name='fake',
            driver_method='echo',
            http_method='POST',
            info={'a': 1},
        )
        self.assertEqual({'a': 1}, answer['return'])


class TestMistakes(ServerCase):
    def test_no_traceback_of_a_users_mistake(self) -> None:
        mistakes = [
            (errors.MethodNotFound, 'nothing', {}),
            (errors.VerbNotSupported, 'hello', {}),
            (errors.InvalidParameters, 'no_op', {'a': 1}),
            (errors.InvalidParameterValue, 'fail', {'kind': 'invalid'}),
            (errors.VendorError, 'fail', {'kind': 'paper'}),
        ]
        for expected, method, info in mistakes:
            self.assertRaises(expected, self.call, method, **info)
        for name in (
            'get_driver_properties',
            'get_driver_vendor_passthru_methods',
        ):
            ask = getattr(self.client, name)
            self.assertRaises(errors.DriverNotFound, ask, {}, 'other')
            self.assertRaises(
                errors.DriverNotFound,
                self.raw.call,
                {},
                name,
                driver_name='other',
            )
        self.assertNotIn('ERROR', self.log.output)

    def test_messages_that_are_no_calls(self) -> None:
        good: dict[str, Any] = {
            'driver_name': 'fake',
            'driver_method': 'no_op',
            'http_method': 'POST',
            'info': {},
        }
        wrong: list[dict[str, Any]] = [
            {**good, 'info': None},
            {**good, 'info': [1]},
            {**good, 'driver_name': ['fake']},
            {**good, 'driver_method': {}},
            {**good, 'call_id': [1]},
            {**good, 'deadline': 'soon'},
            {**good, 'unknown': 1},
            {'driver_name': 'fake'},
            {},
        ]
        for arguments in wrong:
            error = self.assertRaises(
                errors.RequestError,
                self.raw.call,
                {},
                'driver_vendor_passthru',
                **arguments,
            )
            self.assertEqual(400, error.status)
        self.assertNotIn('ERROR', self.log.output)
        self.raw.call({}, 'driver_vendor_passthru', **good)


class TestWork(ServerCase):
    def in_thread(self) -> concurrent.futures.Future[Any]:
        pool = concurrent.futures.ThreadPoolExecutor(1)
        self.addCleanup(pool.shutdown)
        self.addCleanup(self.vendor.go_on.set)
        future = pool.submit(self.call, 'block')
        self.assertTrue(self.vendor.entered.acquire(timeout=10))
        return future

    def test_a_full_conductor_still_answers(self) -> None:
        running = self.in_thread()
        self.assertRaises(errors.ConductorBusy, self.call)
        self.assertEqual(
            'run', self.client.ping({}, ADDRESS, timeout_seconds=10)
        )
        self.assertTrue(self.call('no_op_async')['async'])
        self.vendor.go_on.set()
        self.assertEqual('done', running.result(10)['return'])

    def test_signs_of_life_keep_a_slow_call_alive(self) -> None:
        start = time.monotonic()
        running = self.in_thread()
        # Longer than the client waits without one.
        concurrent.futures.wait([running], timeout=2.4)
        self.assertFalse(running.done())
        self.vendor.go_on.set()
        self.assertEqual('done', running.result(10)['return'])
        self.assertGreater(time.monotonic() - start, 2.2)

    def test_the_context_is_current_during_the_call_only(self) -> None:
        running = self.in_thread()
        self.vendor.go_on.set()
        running.result(10)
        self.assertEqual('req-1', self.vendor.contexts[0].request_id)
        pool = self.server._server._work_executor
        left = [pool.submit(oslo_context.get_current) for _ in range(9)]
        self.assertEqual({None}, {each.result(10) for each in left})

    def test_stop_waits_for_the_answer_under_way(self) -> None:
        running = self.in_thread()
        stopping = threading.Thread(target=self.server.stop)
        stopping.start()
        self.wait_for(self._deaf, 'nothing new is taken')
        self.assertTrue(stopping.is_alive())
        self.vendor.go_on.set()
        self.assertEqual('done', running.result(10)['return'])
        stopping.join(10)
        self.assertFalse(stopping.is_alive())

    def _deaf(self) -> bool:
        try:
            self.client.ping({}, ADDRESS, timeout_seconds=0.2)
        except (errors.CallNotDelivered, errors.OutcomeUnknown):
            return True
        return False

    def test_stop_ends_the_thread_that_sends_signs(self) -> None:
        running = self.in_thread()
        self.vendor.go_on.set()
        running.result(10)
        thread = self.server._monitor._thread
        self.assertTrue(thread is not None and thread.is_alive())
        self.server.stop()
        thread.join(10)
        self.assertFalse(thread.is_alive())
