# SPDX-License-Identifier: Apache-2.0
"""RPC server, message filter and endpoint of a conductor over the bus."""

import concurrent.futures
import inspect
import threading
import time
from typing import Any
from unittest import mock

import fixtures
import oslo_messaging
from oslo_context import context as oslo_context

from ironic_passthru import errors
from ironic_passthru.conductor import endpoint
from ironic_passthru.drivers import fake
from ironic_passthru.drivers import loader
from ironic_passthru.rpc import client
from ironic_passthru.rpc import log_limit
from ironic_passthru.rpc import protocol
from ironic_passthru.rpc import server
from ironic_passthru.rpc import signing
from ironic_passthru.rpc import transport
from ironic_passthru.tests import base
from ironic_passthru.tests.unit.conductor import records

ADDRESS = protocol.ConductorAddress('host', 'run')
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
    """A conductor at local://.

    :cvar keys: the signing keys.
    """

    keys: tuple[str, ...] = ()

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
        signatures = signing.Signatures(self.keys)
        self.server = server.RPCServer(
            self.bus,
            ADDRESS,
            endpoint=endpoint.Endpoint(
                self.runner,
                incarnation='run',
                locate=self.locate,
                fenced=signatures.required,
            ),
            threads=3,
            signatures=signatures,
        )
        # The usual pool takes up to a second to stop.
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
        self.client = client.ConductorAPI(
            self.bus, monitor_seconds=2, signing_keys=self.keys
        )

    def warnings(self) -> list[str]:
        """Return the records above DEBUG."""
        lines = self.log.output.splitlines()
        return [line for line in lines if not line.startswith('DEBUG')]

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
    def test_exposed_methods(self) -> None:
        policy = oslo_messaging.ExplicitRPCAccessPolicy()
        made = endpoint.Endpoint(
            self.runner, incarnation='run', locate=self.locate
        )
        reachable = {
            name
            for name, _ in inspect.getmembers(made)
            if policy.is_allowed(made, name)
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
                'description': 'Do nothing.',
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
    def test_client_errors_leave_no_traceback(self) -> None:
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

    def test_invalid_arguments_of_a_call(self) -> None:
        good: dict[str, Any] = {
            'driver_name': 'fake',
            'driver_method': 'no_op',
            'http_method': 'POST',
            'info': {},
        }
        for arguments in ({**good, 'info': None}, {**good, 'unknown': 1}, {}):
            error = self.assertRaises(
                errors.RequestError,
                self.raw.call,
                {},
                'driver_vendor_passthru',
                **arguments,
            )
            self.assertNotIn('()', error.message)
        self.assertNotIn('ERROR', self.log.output)
        self.raw.call({}, 'driver_vendor_passthru', **good)

    def test_invalid_arguments_of_other_methods(self) -> None:
        for arguments, reason in (
            ({}, 'missing arguments: driver_name'),
            (
                {'driver_name': 'fake', 'more': 1},
                'unknown arguments; allowed: driver_name',
            ),
            ({'driver_name': 7}, 'driver_name must not be of type int'),
        ):
            error = self.assertRaises(
                errors.RequestError,
                self.raw.call,
                {},
                'get_driver_properties',
                **arguments,
            )
            self.assertEqual({'reason': reason}, error.kwargs)
        error = self.assertRaises(
            errors.RequestError, self.raw.call, {}, 'ping', more=1
        )
        self.assertIn('allowed: none', error.message)

    def send(self, context: Any, message: Any) -> Any:
        """Send a message without a client."""
        return self.bus._driver.send(
            transport.target(ADDRESS),
            context,
            message,
            wait_for_reply=True,
            timeout=20,
        )

    def test_messages_without_a_valid_method(self) -> None:
        good = {'method': 'ping', 'args': {}, 'version': '1.0'}
        self.assertEqual('run', self.send({}, good))
        self.assertEqual('run', self.send({}, {'method': 'ping'}))
        for change, error in (
            ({'method': None}, errors.RequestError),
            ({'method': ['ping']}, errors.RequestError),
            ({'method': {}}, errors.RequestError),
            ({'method': 'no\nsuch' * 99}, oslo_messaging.RemoteError),
            ({'args': [1]}, errors.RequestError),
            ({'args': 'text'}, errors.RequestError),
            ({'args': None}, errors.RequestError),
            ({'version': '9.0'}, oslo_messaging.RemoteError),
            ({'version': '1'}, oslo_messaging.RemoteError),
            ({'version': 'x.y'}, oslo_messaging.RemoteError),
            ({'version': ['1.0']}, oslo_messaging.RemoteError),
            ({'version': None}, oslo_messaging.RemoteError),
            ({'version': '1.0\n'}, oslo_messaging.RemoteError),
            ({'namespace': 'x'}, oslo_messaging.RemoteError),
            ({'namespace': []}, oslo_messaging.RemoteError),
        ):
            before = len(self.warnings())
            self.assertRaises(error, self.send, {}, {**good, **change})
            (line,) = self.warnings()[before:]
            self.assertTrue(line.startswith('WARNING Rejected'), line)
            self.assertLess(len(line), 200)
        self.assertEqual('run', self.send({}, good))

    def test_argument_names_of_python_parameters(self) -> None:
        for name in ('self', 'context', 'endpoint', 'cls', ''):
            message = {'method': 'ping', 'args': {name: 1}}
            self.assertRaises(errors.RequestError, self.send, {}, message)
        self.assertEqual([], self.warnings())

    def test_contexts_of_any_kind(self) -> None:
        good = {'method': 'ping', 'args': {}, 'version': '1.0'}
        for context in (
            {'user': 'x' * 10_000_000},
            {'roles': [[[['admin']]]], 'request_id': {'a': {'b': 1}}},
            {'overwrite': False, 'is_admin': True, 'self': 1, 'cls': 2},
            {'request_id': float('nan')},
        ):
            self.assertEqual('run', self.send(context, good))
        self.assertEqual([], self.warnings())


class TestSigned(ServerCase):
    """With keys, messages without a valid signature are dropped."""

    keys = ('k' * 40, 'l' * 40)

    def setUp(self) -> None:
        super().setUp()
        self.facts = {
            'driver_name': 'fake',
            'driver_method': 'echo',
            'http_method': 'POST',
            'info': {'a': 1},
            'call_id': 'id-1',
            'incarnation': 'run',
            'deadline': time.time() + 20,
        }

    def signed(
        self,
        method: str = 'driver_vendor_passthru',
        server_name: str | None = ADDRESS.name,
        **facts: Any,
    ) -> dict[str, Any]:
        """Return the context of a signed message."""
        return signing.Signatures(self.keys).sign(
            {'request_id': 'req-1', 'user': 'u', 'roles': ['reader']},
            server=server_name,
            method=method,
            arguments=facts,
        )

    def passthru(self, context: Any, **facts: Any) -> Any:
        return self.raw.call(context, 'driver_vendor_passthru', **facts)

    def assert_dropped(
        self,
        context: Any,
        method: str = 'driver_vendor_passthru',
        **facts: Any,
    ) -> str:
        """Fail unless a message is dropped; return the log record."""
        before = len(self.warnings())
        with mock.patch.object(
            self.server._server, '_work_executor'
        ) as executor:
            self.raw.cast(context, method, **facts)
            self.wait_for(lambda: len(self.warnings()) > before, 'a record')
        # No thread, and therefore no reply.
        executor.submit.assert_not_called()
        (line,) = self.warnings()[before:]
        return line

    def assert_refused(self, context: Any, **facts: Any) -> None:
        """Fail unless a call is dropped with one record without secrets."""
        line = self.assert_dropped(context, **facts)
        self.assertIn("'driver_vendor_passthru'", line)
        for secret in (*self.keys, "signature':", 'fake', 'id-1'):
            self.assertNotIn(secret, line)

    def test_the_clients_messages_are_accepted(self) -> None:
        self.assertIsNone(self.call()['return'])
        self.assertEqual(
            'run', self.client.ping({}, ADDRESS, timeout_seconds=9)
        )
        # Any conductor may process the lookup.
        methods = self.client.get_driver_vendor_passthru_methods({}, 'fake')
        self.assertIn('no_op', methods)
        self.assertIn(
            'fake_rack', self.client.get_driver_properties({}, 'fake')
        )
        self.assertEqual([], self.warnings())

    def test_a_message_of_another_client(self) -> None:
        answer = self.passthru(self.signed(**self.facts), **self.facts)
        self.assertEqual({'a': 1}, answer['return'])

    def test_a_message_for_another_server_or_for_any(self) -> None:
        for name in ('host.other', None):
            context = self.signed(server_name=name, **self.facts)
            self.assert_refused(context, **self.facts)
        facts = {'driver_name': 'fake'}
        context = self.signed('get_driver_properties', None, **facts)
        self.assertIn(
            'fake_rack',
            self.raw.call(context, 'get_driver_properties', **facts),
        )

    def test_a_signature_of_another_method(self) -> None:
        context = self.signed('get_driver_properties', **self.facts)
        self.assert_refused(context, **self.facts)

    def test_reading_needs_a_signature_too(self) -> None:
        # The record does not show which methods exist.
        for method in (*sorted(EXPOSED), 'nothing'):
            line = self.assert_dropped({}, method)
            self.assertIn(f"'{method}': it is not signed", line)

    def test_messages_without_a_method(self) -> None:
        for method in (None, 7, ['ping'], {}):
            line = self.assert_dropped({}, method)
            self.assertIn('without a method', line)

    def test_a_flood_takes_no_thread_and_few_records(self) -> None:
        with mock.patch.object(
            self.server._server, '_work_executor'
        ) as executor:
            for _ in range(3 * log_limit.MAX_RECORDS):
                self.raw.cast({}, 'ping')
            # The queue is served in order.
            context = self.signed('ping')
            self.raw.cast(context, 'ping')
            self.wait_for(lambda: executor.submit.called, 'the signed one')
        executor.submit.assert_called_once()
        self.assertEqual(log_limit.MAX_RECORDS, len(self.warnings()))

    def test_the_same_message_once_more(self) -> None:
        context = self.signed(**self.facts)
        self.passthru(context, **self.facts)
        for _ in range(3):
            self.assertRaises(
                errors.DuplicateCall, self.passthru, context, **self.facts
            )

    def test_once_more_after_it_was_refused(self) -> None:
        pool = concurrent.futures.ThreadPoolExecutor(1)
        self.addCleanup(pool.shutdown)
        self.addCleanup(self.vendor.go_on.set)
        running = pool.submit(self.call, 'block')
        self.assertTrue(self.vendor.entered.acquire(timeout=10))
        context = self.signed(**self.facts)
        busy = self.assertRaises(
            errors.ConductorBusy, self.passthru, context, **self.facts
        )
        self.assertTrue(self.is_proven(context, busy))
        self.vendor.go_on.set()
        running.result(10)
        again = self.assertRaises(
            errors.DuplicateCall, self.passthru, context, **self.facts
        )
        self.assertFalse(self.is_proven(context, again))

    def is_proven(self, context: Any, error: errors.PassthruError) -> bool:
        signatures = signing.Signatures(self.keys)
        return signatures.is_proven(context, error.kwargs.get('proof'))

    def test_refusals_contain_a_proof(self) -> None:
        """All errors upon which clients send a call again."""
        for error in (
            errors.ConductorStopping(),
            errors.RegistryUnavailable(),
            errors.KeyInUse(operation='o'),
            errors.Conflict('message'),
            errors.TemporaryFailure('message'),
            errors.VendorError(message='s', status=409, code='c'),
            errors.VendorError(message='s', status=503, code='c'),
        ):
            context = self.signed(**self.facts)
            with mock.patch.object(self.runner, 'run', side_effect=error):
                raised = self.assertRaises(
                    type(error), self.passthru, context, **self.facts
                )
                self.assertTrue(self.is_proven(context, raised), error)
                self.assertEqual(error.message, raised.message)
                # The client removes the proof.
                raised = self.assertRaises(type(error), self.call)
                self.assertEqual(
                    error.kwargs.keys() - {'proof'}, raised.kwargs.keys()
                )

    def test_errors_of_calls_that_may_have_run_have_none(self) -> None:
        context = self.signed(**self.facts)
        for error in (
            errors.OutcomeUnknown(request_id='r'),
            errors.DriverFailed(request_id='r'),
            errors.VendorError(message='s', status=500, code='c'),
        ):
            with mock.patch.object(self.runner, 'run', side_effect=error):
                raised = self.assertRaises(
                    type(error), self.passthru, context, **self.facts
                )
            self.assertNotIn('proof', raised.kwargs)

    def test_a_copy_with_another_version_has_none(self) -> None:
        # The version is not signed: the call itself may be running.
        for version in ('1.99', '9.0'):
            other = self.raw.prepare(version=version, server=ADDRESS.name)
            error = self.assertRaises(
                oslo_messaging.RemoteError,
                other.call,
                self.signed(**self.facts),
                'driver_vendor_passthru',
                **self.facts,
            )
            self.assertEqual('UnsupportedVersion', error.exc_type)

    def test_a_refused_call_is_sent_to_the_next(self) -> None:
        gone = protocol.ConductorAddress('host', 'gone')
        error = errors.ConductorStopping()
        with mock.patch.object(self.runner, 'run', side_effect=error):
            for servers in ([ADDRESS], [ADDRESS, gone]):
                tried: list[protocol.ConductorAddress] = []
                self.assertRaises(
                    errors.NotRun,
                    self.client.driver_vendor_passthru,
                    {},
                    'fake',
                    'no_op',
                    http_method='POST',
                    info={},
                    servers=servers,
                    tried=tried,
                )
                self.assertEqual(set(servers), set(tried))

    def test_once_more_after_its_deadline(self) -> None:
        facts = {**self.facts, 'deadline': time.time() + 0.2}
        context = self.signed(**facts)
        self.passthru(context, **facts)
        self.wait_for(lambda: time.time() > facts['deadline'], 'it is over')
        # The id is kept for a while, because clocks may be set back.
        self.assertRaises(
            errors.DuplicateCall, self.passthru, context, **facts
        )
        facts['call_id'] = 'id-3'
        self.assertRaises(
            errors.CallExpired, self.passthru, self.signed(**facts), **facts
        )

    def test_a_message_for_an_earlier_run(self) -> None:
        facts = {**self.facts, 'incarnation': 'before'}
        self.assertRaises(
            errors.StaleCall, self.passthru, self.signed(**facts), **facts
        )

    def test_calls_without_protection_from_replay_are_refused(self) -> None:
        for name in ('call_id', 'incarnation', 'deadline'):
            for facts in (
                {k: v for k, v in self.facts.items() if k != name},
                {**self.facts, name: None},
            ):
                error = self.assertRaises(
                    errors.RequestError,
                    self.passthru,
                    self.signed(**facts),
                    **facts,
                )
                self.assertIn(name, error.message)
        facts = {**self.facts, 'deadline': time.time() + 32 * 86400}
        self.assertRaises(
            errors.RequestError, self.passthru, self.signed(**facts), **facts
        )

    def test_clients_with_other_keys(self) -> None:
        for keys, accepted in (
            (['k' * 40], True),
            (['l' * 40], True),
            (['l' * 40, 'k' * 40], True),
            (['m' * 40, 'k' * 40], False),
            ([], False),
        ):
            other = client.ConductorAPI(self.bus, signing_keys=keys)
            if accepted:
                self.assertIn(
                    'fake_rack', other.get_driver_properties({}, 'fake')
                )
                continue
            other = client.ConductorAPI(
                self.bus, monitor_seconds=1, signing_keys=keys
            )
            tried: list[protocol.ConductorAddress] = []
            self.assertRaises(
                errors.OutcomeUnknown,
                other.driver_vendor_passthru,
                {},
                'fake',
                'no_op',
                http_method='GET',
                info={},
                servers=[ADDRESS] * 20,
                tried=tried,
            )
            self.assertEqual(1, len(tried))


class TestSignedWithoutNeed(ServerCase):
    """Clients may have keys before conductors have them."""

    def test_a_signature_that_is_not_required(self) -> None:
        early = client.ConductorAPI(self.bus, signing_keys=['k' * 40])
        answer = early.driver_vendor_passthru(
            {'user': 'u'}, 'fake', 'echo', http_method='POST', info={'a': 1}
        )
        self.assertEqual({'a': 1}, answer['return'])
        self.assertEqual([], self.warnings())


class TestThreads(ServerCase):
    """Messages stay in the broker while all threads are occupied."""

    def test_messages_wait_for_a_free_thread(self) -> None:
        messages = self.server._server
        threads = 0
        while messages._free_threads.acquire(blocking=False):
            threads += 1
        self.assertEqual(threads, messages._work_executor._max_workers)
        heartbeat = threading.Event()
        self.useFixture(
            fixtures.MonkeyPatch(
                'ironic_passthru.rpc.rabbit._HEARTBEAT_SECONDS', 0.01
            )
        )
        self.useFixture(
            fixtures.MonkeyPatch(
                'ironic_passthru.rpc.rabbit._send_heartbeat',
                lambda _message: heartbeat.set(),
            )
        )
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            pinged = pool.submit(
                self.client.ping, {}, ADDRESS, timeout_seconds=20
            )
            self.assertTrue(heartbeat.wait(10))
            self.assertFalse(pinged.done())
            messages._free_threads.release()
            self.assertEqual('run', pinged.result(20))
        # Released after each message.
        for _ in range(3):
            self.client.ping({}, ADDRESS, timeout_seconds=20)


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

    def test_heartbeats_keep_a_slow_call_alive(self) -> None:
        start = time.monotonic()
        running = self.in_thread()
        # Longer than the timeout of the client without heartbeats.
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

    def test_stop_waits_for_the_reply_of_a_running_call(self) -> None:
        running = self.in_thread()
        stopping = threading.Thread(target=self.server.stop)
        stopping.start()
        self.wait_for(self._is_stopped, 'no call is accepted')
        self.assertTrue(stopping.is_alive())
        self.vendor.go_on.set()
        self.assertEqual('done', running.result(10)['return'])
        stopping.join(10)
        self.assertFalse(stopping.is_alive())

    def _is_stopped(self) -> bool:
        try:
            self.client.ping({}, ADDRESS, timeout_seconds=0.2)
        except (errors.CallNotDelivered, errors.OutcomeUnknown):
            return True
        return False

    def test_stop_ends_the_call_monitor(self) -> None:
        running = self.in_thread()
        self.vendor.go_on.set()
        running.result(10)
        thread = self.server._monitor._thread
        self.assertTrue(thread is not None and thread.is_alive())
        self.server.stop()
        thread.join(10)
        self.assertFalse(thread.is_alive())
