# SPDX-License-Identifier: Apache-2.0
"""Outcomes of a call: the reply, certainly not run, or unknown."""

import concurrent.futures
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import amqp
import fixtures
import kombu.exceptions
import oslo_messaging
from oslo_messaging import transport as oslo_transport
from oslo_messaging._drivers import common

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru import operation
from ironic_passthru.rpc import client
from ironic_passthru.rpc import protocol
from ironic_passthru.rpc import rabbit
from ironic_passthru.rpc import signing
from ironic_passthru.rpc import transport
from ironic_passthru.tests import base
from ironic_passthru.tests import shortage

SECRET = 'hunter' + '2'
SERVERS = [protocol.ConductorAddress(f'host{n}', f'run{n}') for n in range(5)]
ANSWER = {'return': 'answer', 'async': False, 'attach': False}
UNDELIVERABLE = oslo_messaging.MessageUndeliverable('NO_ROUTE', 'x', 'y', {})


class FakeDriver:
    """A bus whose replies a test determines.

    :ivar sent: the messages, without the first one that opens the connection.
    :ivar outcome: returns the reply to a message, or raises.
    """

    def __init__(self, conf: Any) -> None:
        self.conf = conf
        self.sent: list[dict[str, Any]] = []
        self.outcome: Callable[..., Any] = lambda **message: ANSWER
        self.connect: Callable[[], Any] = _raise(UNDELIVERABLE)

    def require_features(self, requeue: bool = False) -> None:
        pass

    def send(
        self,
        target: oslo_messaging.Target,
        context: Any,
        message: dict[str, Any],
        **options: Any,
    ) -> Any:
        server = target.server or ''
        if server.startswith('none.') and context == {}:
            return self.connect()
        sent = {
            'server': target.server,
            'context': context,
            'method': message['method'],
            'args': dict(message['args']),
            **options,
        }
        self.sent.append(sent)
        return self.outcome(**sent)


class ClientCase(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(request_context.clear_current)
        self.driver = FakeDriver(self.make_conf())
        self.client = self.make_client()
        self.context = request_context.RequestContext(request_id='req-1')

    def make_client(self, **options: Any) -> client.ConductorAPI:
        return client.ConductorAPI(
            oslo_transport.RPCTransport(self.driver), **options
        )

    def call(self, **options: Any) -> Any:
        options.setdefault('servers', SERVERS)
        return self.client.driver_vendor_passthru(
            self.context,
            'acme',
            'method',
            http_method='POST',
            info={'a': 1},
            **options,
        )

    def sent_to(self) -> list[str]:
        return [message['server'] for message in self.driver.sent]


def _raise(error: BaseException) -> Callable[..., Any]:
    def outcome(**message: Any) -> Any:
        raise error

    return outcome


def not_delivered(cause: BaseException | None) -> Callable[..., Any]:
    """Fail as oslo.messaging does: the reason is the context."""

    def outcome(**message: Any) -> Any:
        if cause is None:
            raise oslo_messaging.MessageDeliveryFailure('no')
        try:
            raise cause
        except Exception:
            raise oslo_messaging.MessageDeliveryFailure('no')  # noqa: B904

    return outcome


# Errors of the broker for a published message.
NO_EXCHANGE = amqp.exceptions.NotFound(
    'no exchange', amqp.spec.Basic.Publish, 'basic.publish'
)
NO_PERMISSION = amqp.exceptions.AccessRefused(
    'no permission', amqp.spec.Basic.Publish, 'basic.publish'
)

# Event on the bus; error of the call; whether the next server is tried.
OUTCOMES: list[tuple[Callable[..., Any], type[errors.PassthruError], bool]] = [
    (_raise(UNDELIVERABLE), errors.CallNotDelivered, True),
    (_raise(errors.ConductorBusy()), errors.ConductorBusy, True),
    (_raise(errors.ConductorStopping()), errors.ConductorStopping, True),
    (_raise(errors.StaleCall()), errors.StaleCall, True),
    (_raise(errors.CallExpired()), errors.CallExpired, True),
    (not_delivered(NO_EXCHANGE), errors.CallNotDelivered, True),
    (not_delivered(NO_PERMISSION), errors.BusUnavailable, False),
    (_raise(rabbit.NothingSent(SECRET)), errors.BusUnavailable, False),
    # Not an error of the message.
    (
        not_delivered(amqp.exceptions.NotFound()),
        errors.OutcomeUnknown,
        False,
    ),
    (
        not_delivered(amqp.exceptions.AccessRefused()),
        errors.OutcomeUnknown,
        False,
    ),
    (not_delivered(ConnectionRefusedError()), errors.OutcomeUnknown, False),
    (
        _raise(kombu.exceptions.OperationalError(SECRET)),
        errors.OutcomeUnknown,
        False,
    ),
    (not_delivered(ConnectionResetError()), errors.OutcomeUnknown, False),
    (not_delivered(BrokenPipeError()), errors.OutcomeUnknown, False),
    (not_delivered(TimeoutError()), errors.OutcomeUnknown, False),
    (not_delivered(None), errors.OutcomeUnknown, False),
    (_raise(oslo_messaging.MessagingTimeout()), errors.OutcomeUnknown, False),
    (_raise(errors.DuplicateCall()), errors.DuplicateCall, False),
    (
        _raise(errors.OutcomeUnknown(request_id='r')),
        errors.OutcomeUnknown,
        False,
    ),
    (_raise(errors.DriverFailed(request_id='r')), errors.DriverFailed, False),
    (
        _raise(errors.VendorError(message='s', status=503, code='c')),
        errors.VendorError,
        False,
    ),
    (_raise(errors.TemporaryFailure('s')), errors.TemporaryFailure, False),
    (_raise(errors.InvalidParameterValue('s')), errors.Invalid, False),
    (
        _raise(oslo_messaging.RemoteError('KeyError', SECRET, [SECRET])),
        errors.PassthruError,
        False,
    ),
    # A conductor of an older release, before dispatch.
    (
        _raise(oslo_messaging.RemoteError('UnsupportedVersion', SECRET)),
        errors.CallNotDelivered,
        True,
    ),
    (
        _raise(oslo_messaging.RemoteError('NoSuchMethod', SECRET)),
        errors.CallNotDelivered,
        True,
    ),
    # An error of a built-in class is rebuilt and arrives as such.
    (_raise(KeyError(SECRET)), errors.PassthruError, False),
    (_raise(TypeError(SECRET)), errors.PassthruError, False),
]


class TestOutcomes(ClientCase):
    def test_each_failure(self) -> None:
        for outcome, expected, tries_next in OUTCOMES:
            self.driver.sent.clear()
            self.driver.outcome = outcome
            error = self.assertRaises(errors.PassthruError, self.call)
            self.assertIsInstance(error, expected)
            self.assertNotIn(SECRET, str(error.kwargs) + error.message)
            count = len(SERVERS) if tries_next else 1
            self.assertEqual(count, len(self.driver.sent), expected)
            not_run = tries_next or expected is errors.BusUnavailable
            self.assertEqual(not_run, isinstance(error, errors.NotRun))
            if not_run:
                self.assertEqual(503, error.status)
            if expected is errors.PassthruError:
                self.assertIs(expected, type(error))
                self.assertEqual(500, error.status)

    def test_the_next_one_takes_it(self) -> None:
        for outcome, _, tries_next in OUTCOMES:
            if not tries_next:
                continue
            self.driver.sent.clear()

            def two_refuse(refuse: Any = outcome, **message: Any) -> Any:
                if len(self.driver.sent) < 3:
                    refuse(**message)
                return ANSWER

            self.driver.outcome = two_refuse
            self.assertEqual(ANSWER, self.call())
            self.assertEqual(3, len(set(self.sent_to())), 'each is new')

    def test_no_attempt_after_one_that_may_have_run(self) -> None:
        def outcome(**message: Any) -> Any:
            if len(self.driver.sent) == 1:
                raise errors.ConductorBusy()
            raise oslo_messaging.MessagingTimeout

        self.driver.outcome = outcome
        error = self.assertRaises(errors.OutcomeUnknown, self.call)
        self.assertEqual(2, len(self.driver.sent))
        self.assertIn('req-1', error.message)

    def test_no_conductor_at_all(self) -> None:
        self.assertRaises(errors.CallNotDelivered, self.call, servers=[])
        self.assertEqual([], self.driver.sent)

    def test_the_number_of_attempts_is_limited(self) -> None:
        fleet = [protocol.ConductorAddress('h', str(n)) for n in range(300)]
        self.driver.outcome = _raise(errors.ConductorBusy())
        self.assertRaises(errors.ConductorBusy, self.call, servers=fleet)
        self.assertEqual(8, len(set(self.sent_to())))

    def test_the_load_is_spread(self) -> None:
        for _ in range(200):
            self.call()
        self.assertEqual(len(SERVERS), len(set(self.sent_to())))

    def test_records_of_a_failed_conductor(self) -> None:
        log = self.useFixture(fixtures.FakeLogger(level=0, nuke_handlers=True))
        for error in (
            oslo_messaging.RemoteError('KeyError', SECRET, [SECRET]),
            KeyError(SECRET),
        ):
            self.driver.outcome = _raise(error)
            self.assertRaises(errors.PassthruError, self.call)
        self.assertEqual(2, log.output.count('KeyError in request req-1'))
        self.assertNotIn(SECRET, log.output)


class TestStrictness(ClientCase):
    """Messages that conductors would drop without a reply are not sent."""

    def check_refused(self, reason: str, **options: Any) -> None:
        given: dict[str, Any] = {
            'http_method': 'POST',
            'info': {},
            'servers': None,
            **options,
        }
        error = self.assertRaises(
            errors.RequestError,
            self.client.driver_vendor_passthru,
            self.context,
            'acme',
            'method',
            **given,
        )
        self.assertIn(reason, error.message)
        self.assertEqual([], self.driver.sent)

    def test_arguments_that_are_not_strict_json(self) -> None:
        deep: Any = []
        for _ in range(600):
            deep = [deep]
        circular: dict[str, Any] = {}
        circular['a'] = circular
        for value in (
            float('nan'),
            [float('-inf')],
            '\ud800',
            {'\udfff': 1},
            10**5000,
            {1: 'a', '1': 'b'},
            {'a': ({None: 1},)},
            object(),
            {1, 2},
            b'x',
            deep,
            circular,
        ):
            self.check_refused('are not JSON', info={'a': value})
        self.check_refused('are not JSON', call_id='\ud800')
        self.check_refused(
            'are not JSON', key=operation.Key('\ud800', float('nan'))
        )
        for seconds in (float('nan'), float('inf')):
            self.check_refused('timeout_seconds', timeout_seconds=seconds)

    def test_names_of_drivers(self) -> None:
        for ask in (
            self.client.get_driver_vendor_passthru_methods,
            self.client.get_driver_properties,
        ):
            for name in ('\ud800', object(), float('nan')):
                self.assertRaises(errors.RequestError, ask, self.context, name)
        self.assertEqual([], self.driver.sent)

    def test_messages_that_are_too_large(self) -> None:
        limit = 1024**2
        self.driver.conf.set_override('max_message_size', limit, group='rpc')
        self.client = self.make_client()
        for text in ('x' * limit, 'é' * (limit // 7), '"' * (limit // 4)):
            self.check_refused('max_message_size', info={'a': text})
        for text in ('x' * (limit - 8192), 'é' * (limit // 7 - 1024)):
            self.client.driver_vendor_passthru(
                self.context,
                'acme',
                'method',
                http_method='POST',
                info={'a': text},
                servers=SERVERS[:1],
            )
            sent = self.driver.sent.pop()
            message = {'args': sent['args'], 'context': sent['context']}
            size = len(json.dumps(json.dumps(message)))
            self.assertLess(size, limit)


class TestMessages(ClientCase):
    def test_the_content_of_messages(self) -> None:
        self.driver.outcome = _raise(errors.ConductorBusy())
        before = time.time()
        self.assertRaises(
            errors.ConductorBusy, self.call, call_id='id', timeout_seconds=30
        )
        by_name = {server.name: server for server in SERVERS}
        for message in self.driver.sent:
            arguments = message['args']
            self.assertEqual(
                by_name[message['server']].incarnation,
                arguments.pop('incarnation'),
            )
            deadline = arguments.pop('deadline')
            self.assertTrue(before < deadline <= time.time() + 30)
            self.assertAlmostEqual(before + 30, deadline, delta=5)
            self.assertEqual(
                {
                    'driver_name': 'acme',
                    'driver_method': 'method',
                    'http_method': 'POST',
                    'info': {'a': 1},
                    'call_id': 'id',
                },
                arguments,
            )
            self.assertEqual('req-1', message['context']['request_id'])
            self.assertTrue(message['transport_options'].at_least_once)
            self.assertEqual(0, message['retry'])
            self.assertTrue(message['wait_for_reply'])

    def test_each_call_has_one_id(self) -> None:
        self.driver.outcome = _raise(errors.ConductorBusy())
        ids = []
        for _ in range(2):
            self.driver.sent.clear()
            self.assertRaises(errors.ConductorBusy, self.call)
            (call_id,) = {m['args']['call_id'] for m in self.driver.sent}
            ids.append(call_id)
        self.assertNotEqual(*ids)

    def test_all_attempts_share_one_deadline(self) -> None:
        def outcome(args: dict[str, Any], **message: Any) -> Any:
            if len(self.driver.sent) == 2:
                self.wait_for(
                    lambda: time.time() > args['deadline'] + 0.05, 'too late'
                )
            raise errors.ConductorBusy()

        self.driver.outcome = outcome
        self.assertRaises(errors.ConductorBusy, self.call, timeout_seconds=0.5)
        first, second = self.driver.sent
        self.assertLess(second['timeout'], first['timeout'])
        self.assertLessEqual(first['timeout'], 0.5)
        self.assertAlmostEqual(
            first['args']['deadline'], second['args']['deadline'], delta=0.05
        )

    def test_timeouts_of_the_client(self) -> None:
        self.client = self.make_client(timeout_seconds=7, monitor_seconds=3)
        self.call()
        message = self.driver.sent[0]
        self.assertAlmostEqual(7, message['timeout'], delta=2)
        self.assertEqual(3, message['call_monitor_timeout'])

    def test_any_conductor_locates_a_driver(self) -> None:
        found = [['host3', 'run3']]
        local = _Local(self)
        local.endpoint.located = found
        answer = local.client.driver_vendor_passthru(
            self.context, 'acme', 'm', http_method='GET', info={}
        )
        self.assertEqual(['locate_driver', 'call run3'], local.endpoint.seen)
        self.assertEqual(ANSWER, answer)
        self.assertEqual(
            {'of': 'acme'},
            local.client.get_driver_properties(self.context, 'acme'),
        )
        self.assertEqual(
            {'m': {'of': 'acme'}},
            local.client.get_driver_vendor_passthru_methods(
                self.context, 'acme'
            ),
        )

    def test_no_conductor_locates_the_driver(self) -> None:
        # Lookups run nothing.
        self.driver.outcome = _raise(oslo_messaging.MessagingTimeout())
        self.assertRaises(errors.CallNotDelivered, self.call, servers=None)
        self.assertEqual(
            ['locate_driver'] * 2,
            [message['method'] for message in self.driver.sent],
        )


class Endpoint:
    target = oslo_messaging.Target(version='1.0')

    def __init__(self) -> None:
        self.located: list[Any] = []
        self.seen: list[str] = []
        self.error: Exception | None = None

    def locate_driver(self, context: Any, driver_name: str) -> Any:
        self.seen.append('locate_driver')
        return self.located

    def driver_vendor_passthru(
        self, context: Any, incarnation: str, **arguments: Any
    ) -> Any:
        self.seen.append(f'call {incarnation}')
        if self.error:
            raise self.error
        return ANSWER

    def get_driver_properties(self, context: Any, driver_name: str) -> Any:
        return {'of': driver_name}

    def get_driver_vendor_passthru_methods(
        self, context: Any, driver_name: str
    ) -> Any:
        return {'m': {'of': driver_name}}

    def ping(self, context: Any) -> str:
        return 'run3'


class _Local:
    """A client and a server of ``SERVERS[3]`` over ``local://``."""

    def __init__(self, test: base.TestCase) -> None:
        bus = transport.make(test.make_conf(), 'local://')
        test.addCleanup(bus.cleanup)
        self.endpoint = Endpoint()
        server = oslo_messaging.get_rpc_server(
            bus, transport.target(SERVERS[3]), [self.endpoint]
        )
        # The usual pool takes up to a second to stop.
        server._executor_cls = concurrent.futures.ThreadPoolExecutor
        server.start()
        test.addCleanup(server.wait)
        test.addCleanup(server.stop)
        self.client = client.ConductorAPI(bus)


class TestOverLocal(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.local = _Local(self)
        self.endpoint = self.local.endpoint

    def call(self) -> Any:
        return self.local.client.driver_vendor_passthru(
            {}, 'acme', 'm', http_method='GET', info={}, servers=SERVERS
        )

    def test_the_live_conductor_is_found(self) -> None:
        for _ in range(20):
            self.assertEqual(ANSWER, self.call())
        self.assertEqual(['call run3'] * 20, self.endpoint.seen)

    def test_unexpected_exceptions_of_a_conductor(self) -> None:
        for raised in (KeyError(SECRET), TypeError(SECRET), UnicodeError()):
            self.endpoint.error = raised
            error = self.assertRaises(errors.PassthruError, self.call)
            self.assertIs(errors.PassthruError, type(error))
            self.assertNotIn(SECRET, str(error))

    def test_ping_and_check(self) -> None:
        answer = self.local.client.ping({}, SERVERS[3], timeout_seconds=5)
        self.assertEqual('run3', answer)
        self.assertRaises(
            errors.CallNotDelivered,
            self.local.client.ping,
            {},
            SERVERS[0],
            timeout_seconds=5,
        )
        self.assertEqual('reachable', self.local.client.check())


# Valid replies to each method, and invalid replies to all methods.
ANSWERS: dict[str, list[Any]] = {
    'driver_vendor_passthru': [
        ANSWER,
        {**ANSWER, 'return': [1], 'more': 2},
        {**ANSWER, 'targets': []},
        {**ANSWER, 'targets': ['b1', 'Zoë']},
    ],
    'get_driver_vendor_passthru_methods': [{}, {'m': {}}],
    'get_driver_properties': [{}, {'p': 'text'}],
    'ping': ['run'],
}
INVALID_ANSWERS: list[Any] = [
    None,
    7,
    [],
    [1],
    True,
    {**ANSWER, 'async': 'yes'},
    {**ANSWER, 'attach': None},
    {**ANSWER, 'targets': None},
    {**ANSWER, 'targets': 'b1'},
    {**ANSWER, 'targets': {'b1': 1}},
    {**ANSWER, 'targets': ['b1', 7]},
    {'return': 1},
    {'async': True, 'attach': False},
]


class TestForgedAnswers(ClientCase):
    """Programs with a login to the broker can forge replies."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(
            fixtures.FakeLogger(level=0, nuke_handlers=True)
        )

    def ask(self, method: str) -> Any:
        return self.client._send(
            self.context, method, server=SERVERS[0], timeout=5
        )

    def lines(self) -> list[str]:
        """Return the log records, without those of oslo.messaging."""
        lines = self.log.output.splitlines()
        return [line for line in lines if 'Failed to rebuild' not in line]

    def assert_internal_error(self, method: str = 'ping') -> None:
        """Fail unless the error is a 500 with one log record."""
        before = len(self.lines())
        error = self.assertRaises(errors.PassthruError, self.ask, method)
        self.assertIs(errors.PassthruError, type(error))
        self.assertEqual({}, error.kwargs)
        (line,) = self.lines()[before:]
        self.assertIn('in request req-1', line)
        self.assertLess(len(line), 200)

    def answer(self, answer: Any) -> None:
        self.driver.outcome = lambda **message: answer

    def test_answers_of_each_form(self) -> None:
        for method, good in ANSWERS.items():
            for answer in good:
                self.answer(answer)
                self.assertEqual(answer, self.ask(method))
            for answer in INVALID_ANSWERS:
                if method.startswith('get_') and isinstance(answer, dict):
                    continue
                self.answer(answer)
                self.assert_internal_error(method)

    def test_addresses(self) -> None:
        self.answer([['h', 'r'], ('h', 's')])
        self.assertEqual(2, len(self.ask('locate_driver')))
        for answer in ('hr', [1], [['h']], [['h', 7]], [['h', 'r', 's']], {}):
            self.answer(answer)
            self.assert_internal_error('locate_driver')

    def forge(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Reply with an error as oslo.messaging rebuilds it."""
        self.forge_text(
            {
                'class': name,
                'module': 'ironic_passthru.errors',
                'message': SECRET,
                'tb': [SECRET],
                'args': args,
                'kwargs': kwargs,
            }
        )

    def forge_text(self, failure: Any) -> None:
        def outcome(**message: Any) -> Any:
            raise common.deserialize_remote_exception(
                json.dumps(failure), transport.ERROR_MODULES
            )

        self.driver.outcome = outcome

    def test_errors_that_a_conductor_sends(self) -> None:
        for name, kwargs in (
            ('DriverNotFound', {'driver': 'x'}),
            ('VendorError', {'message': 's', 'status': 507, 'code': 'c'}),
            (
                'InvalidParameters',
                {
                    'method': 'm',
                    'errors': [{'pointer': '/a', 'detail': 'is missing'}],
                },
            ),
            ('DriverFailed', {'request_id': 'r'}),
            ('DriverFailed', {'request_id': 'r', 'targets': ['b1']}),
            ('PassthruError', {}),
        ):
            self.forge(name, **kwargs)
            error = self.assertRaises(errors.PassthruError, self.ask, 'ping')
            self.assertIsInstance(error, getattr(errors, name))
            self.assertEqual(kwargs, {k: error.kwargs[k] for k in kwargs})

    def test_arguments_that_no_conductor_sends(self) -> None:
        vendor = {'message': 's', 'status': 507, 'code': 'c'}
        parameters = {'method': 'm', 'errors': []}
        for name, kwargs in (
            ('VendorError', {**vendor, 'status': 200}),
            ('VendorError', {**vendor, 'status': 99999}),
            ('VendorError', {**vendor, 'status': '500'}),
            ('VendorError', {**vendor, 'status': None}),
            ('VendorError', {**vendor, 'status': True}),
            ('VendorError', {**vendor, 'code': ['c']}),
            ('VendorError', {**vendor, 'code': 'c' * 300}),
            ('VendorError', {**vendor, 'message': 's' * 10_000_000}),
            ('DriverNotFound', {'driver': 'd' * 10_000_000}),
            ('InvalidParameters', {**parameters, 'errors': 7}),
            ('InvalidParameters', {**parameters, 'errors': [7]}),
            ('InvalidParameters', {**parameters, 'errors': [{}]}),
            (
                'InvalidParameters',
                {**parameters, 'errors': [{'detail': 'd', 'more': 1}]},
            ),
            (
                'InvalidParameters',
                {**parameters, 'errors': [{'detail': 'd', 'pointer': 7}]},
            ),
            ('DriverFailed', {'targets': 'b1'}),
            ('DriverFailed', {'targets': [['b1']]}),
            ('VendorError', {**vendor, 'targets': {'b1': 1}}),
            ('Unauthorized', {'challenge': 'Basic\r\nSet-Cookie: a'}),
            ('VerbNotAllowed', {'http_method': 'GET', 'allow': ['x\r\ny']}),
            ('ConfigError', {'reason': 'r'}),
        ):
            self.forge(name, **kwargs)
            self.assert_internal_error()
        self.assertNotIn(SECRET, self.log.output)

    def test_classes_outside_of_errors(self) -> None:
        for module, name in (
            ('os', 'system'),
            ('subprocess', 'Popen'),
            ('ironic_passthru.errors', 'dataclasses'),
            ('ironic_passthru.errors', 'FieldError'),
            ('ironic_passthru.errors', 'NoSuch'),
            ('ironic_passthru.errors', '__builtins__'),
            ('ironic_passthru.service', 'Conductor'),
            ('builtins', 'SystemExit'),
            ('builtins', 'KeyboardInterrupt'),
            ('builtins', 'MemoryError'),
            ('builtins', 'exec'),
            ('builtins', 'StopIteration'),
            ('exceptions', 'KeyError'),
            ('a\nb', 'c\nd'),
        ):
            failure = {
                'class': name,
                'module': module,
                'message': f'{SECRET}\n{SECRET}',
                'tb': [SECRET],
                'args': ['touch /tmp/x'],
                'kwargs': {},
            }
            self.forge_text(failure)
            error = self.assertRaises(errors.PassthruError, self.ask, 'ping')
            self.assertIs(errors.PassthruError, type(error))
        self.assertNotIn(SECRET, self.log.output)

    def test_failures_that_cannot_be_read(self) -> None:
        for failure in (
            [],
            7,
            'text',
            {},
            {'class': 7, 'module': ['x']},
            {'class': 'X', 'module': 'y', 'tb': 7},
            {'class': 'KeyError', 'module': 'builtins', 'args': 7},
            {'class': 'KeyError', 'module': 'builtins', 'kwargs': [1]},
        ):
            self.forge_text(failure)
            error = self.assertRaises(errors.PassthruError, self.ask, 'ping')
            self.assertIs(errors.PassthruError, type(error))

    def test_an_invalid_reply_is_not_tried_again(self) -> None:
        self.answer({'return': 1})
        self.assertRaises(errors.PassthruError, self.call)
        self.assertEqual(1, len(self.driver.sent))


class TestSigning(ClientCase):
    KEYS = ('k' * 40, 'l' * 40)

    def setUp(self) -> None:
        super().setUp()
        self.client = self.make_client(signing_keys=self.KEYS)

    def check(self, message: dict[str, Any], server: str | None) -> None:
        signing.Signatures(self.KEYS[:1]).check(
            message['context'],
            servers=[server],
            method=message['method'],
            arguments=message['args'],
        )

    def proven(self, error: errors.PassthruError) -> Callable[..., Any]:
        """Refuse with the proof of a conductor that has one of the keys."""
        keys = signing.Signatures(self.KEYS[:1])

        def outcome(context: Any, **message: Any) -> Any:
            error.kwargs['proof'] = keys.prove(context)
            raise error

        return outcome

    def test_each_attempt_is_signed_for_its_server(self) -> None:
        self.driver.outcome = self.proven(errors.ConductorBusy())
        self.assertRaises(errors.ConductorBusy, self.call)
        for message in self.driver.sent:
            self.check(message, message['server'])
        self.assertEqual(len(SERVERS), len(self.driver.sent))

    def test_not_run_counts_with_a_proof(self) -> None:
        for error, count in (
            (errors.ConductorBusy(), len(SERVERS)),
            (errors.StaleCall(), len(SERVERS)),
            (errors.KeyInUse(operation='o'), 1),
            (errors.RegistryUnavailable(), 1),
            (errors.TemporaryFailure('s'), 1),
            (errors.Conflict('s'), 1),
            (errors.VendorError(message='s', status=503, code='c'), 1),
        ):
            self.driver.sent.clear()
            self.driver.outcome = self.proven(error)
            raised = self.assertRaises(type(error), self.call)
            self.assertNotIn('proof', raised.kwargs)
            self.assertEqual(count, len(self.driver.sent))

    def test_unproven_refusals_are_not_tried_again(self) -> None:
        """Forged refusals must not cause a second run."""
        for error in self.not_run():
            for proof in ('', 'x' * 64, 7, self.proof_of_another()):
                self.driver.sent.clear()
                error.kwargs['proof'] = proof
                self.driver.outcome = _raise(error)
                raised = self.assertRaises(errors.PassthruError, self.call)
                self.assertIs(errors.OutcomeUnknown, type(raised))
                self.assertIn('req-1', raised.message)
                self.assertEqual(1, len(self.driver.sent), error)

    def not_run(self) -> list[errors.PassthruError]:
        """Return all errors upon which clients send a call again."""
        made: list[errors.PassthruError] = [
            one(driver='d', known=1, operation='o')
            for one in vars(errors).values()
            if isinstance(one, type)
            and issubclass(one, errors.PassthruError)
            and one is not errors.VendorError
            and one.status in (409, 503)
        ]
        self.assertLess(15, len(made))
        return made + [
            errors.VendorError(message='s', status=status, code='c')
            for status in (409, 503)
        ]

    def proof_of_another(self) -> str | None:
        keys = signing.Signatures(self.KEYS)
        message = {'method': 'm', 'arguments': {'call_id': 'another'}}
        return keys.prove(keys.sign({}, server=SERVERS[0].name, **message))

    def test_an_older_release_cannot_prove_it_either(self) -> None:
        for name in ('UnsupportedVersion', 'NoSuchMethod'):
            self.driver.sent.clear()
            self.driver.outcome = _raise(
                oslo_messaging.RemoteError(name, SECRET)
            )
            self.assertRaises(errors.OutcomeUnknown, self.call)
            self.assertEqual(1, len(self.driver.sent))

    def test_undelivered_calls_need_no_proof(self) -> None:
        self.driver.outcome = _raise(UNDELIVERABLE)
        self.assertRaises(errors.CallNotDelivered, self.call)
        self.assertEqual(len(SERVERS), len(self.driver.sent))

    def test_the_record_of_an_unproven_refusal(self) -> None:
        log = self.useFixture(fixtures.FakeLogger(level=0, nuke_handlers=True))
        self.driver.outcome = _raise(errors.ConductorBusy(proof=SECRET))
        self.assertRaises(errors.OutcomeUnknown, self.call)
        (line,) = log.output.splitlines()
        self.assertIn('unproven reply ConductorBusy to request req-1', line)
        self.assertIn('signing_keys', line)
        self.assertNotIn(SECRET, line)

    def test_lookups_are_signed_for_any_server(self) -> None:
        self.driver.outcome = _raise(oslo_messaging.MessagingTimeout())
        self.assertRaises(errors.CallNotDelivered, self.call, servers=None)
        for message in self.driver.sent:
            self.check(message, None)
        self.assertEqual(2, len(self.driver.sent))

    def test_no_token_leaves(self) -> None:
        self.context.auth_token = SECRET
        self.call()
        self.client = self.make_client()
        self.call()
        self.client.driver_vendor_passthru(
            {'auth_token': SECRET, 'user': 'u'},
            'acme',
            'm',
            http_method='GET',
            info={},
            servers=SERVERS,
        )
        self.assertNotIn(SECRET, str(self.driver.sent))
        self.assertEqual({'user': 'u'}, self.driver.sent[-1]['context'])

    def test_a_key_that_is_too_short(self) -> None:
        error = self.assertRaises(
            errors.ConfigError, self.make_client, signing_keys=[SECRET]
        )
        self.assertNotIn(SECRET, error.message)


class TestConnection(ClientCase):
    def setUp(self) -> None:
        super().setUp()
        self.go_on = threading.Event()
        self.addCleanup(self.go_on.set)
        self.attempts = 0

    def hang(self) -> Any:
        self.attempts += 1
        self.go_on.wait(20)
        raise UNDELIVERABLE

    def test_a_bus_that_does_not_answer(self) -> None:
        self.driver.connect = self.hang
        self.client = self.make_client(connect_seconds=0.05)
        start = time.monotonic()
        for _ in range(3):
            self.assertRaises(errors.BusUnavailable, self.call)
            self.assertRaises(errors.BusUnavailable, self.client.check)
        self.assertLess(time.monotonic() - start, 5)
        self.assertEqual(1, self.attempts, 'one thread')
        self.assertEqual([], self.driver.sent)
        self.go_on.set()
        self.wait_for(self._works, 'it recovers')
        self.assertEqual('reachable', self.client.check())

    def _works(self) -> bool:
        try:
            return bool(self.call() == ANSWER)
        except errors.BusUnavailable:
            return False

    def test_a_bus_that_refuses_is_tried_again(self) -> None:
        self.driver.connect = not_delivered(ConnectionRefusedError())
        self.client = self.make_client(connect_seconds=0.05)
        self.assertRaises(errors.BusUnavailable, self.call)
        self.assertEqual([], self.driver.sent)
        self.driver.connect = _raise(UNDELIVERABLE)
        self.wait_for(self._works, 'it recovers')

    def test_a_bus_without_a_single_conductor(self) -> None:
        self.driver.connect = not_delivered(NO_EXCHANGE)
        self.assertEqual(ANSWER, self.call())

    def test_many_first_calls_share_one_attempt(self) -> None:
        self.driver.connect = self.hang
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            calls = [pool.submit(self.call) for _ in range(8)]
            self.wait_for(lambda: self.attempts, 'an attempt')
            self.assertEqual([], self.driver.sent)
            self.go_on.set()
            self.assertEqual([ANSWER] * 8, [c.result(10) for c in calls])
        self.assertEqual(1, self.attempts)

    def test_a_bus_that_went_away_later(self) -> None:
        self.assertEqual('reachable', self.client.check())
        self.driver.connect = not_delivered(ConnectionRefusedError())
        self.assertRaises(errors.BusUnavailable, self.client.check)

    def test_a_thread_that_cannot_be_started_is_tried_again(self) -> None:
        with shortage.ThreadShortage():
            for _ in range(3):
                self.assertRaises(errors.BusUnavailable, self.call)
        self.assertEqual([], self.driver.sent)
        self.wait_for(self._works, 'it recovers')
