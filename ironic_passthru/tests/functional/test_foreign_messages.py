# SPDX-License-Identifier: Apache-2.0
"""Messages of attackers with a login to the broker."""

import bz2
import json
import pathlib
import re
import time
import zlib
from concurrent import futures
from typing import Any

import kombu
from oslo_utils import uuidutils

from ironic_passthru import errors
from ironic_passthru.rpc import client
from ironic_passthru.rpc import log_limit
from ironic_passthru.rpc import protocol
from ironic_passthru.rpc import transport
from ironic_passthru.tests.functional import deployment
from ironic_passthru.tests.functional import processes
from ironic_passthru.tests.functional import servers
from ironic_passthru.tests.functional import unreadable
from ironic_passthru.tests.functional import web

A = 'a' * 40
B = 'b' * 40

_SITE = deployment.Site(
    broker=servers.VirtualHost(),
    conductor__enabled_drivers='fake-hardware',
    # Replies to missing queues must not delay the tests.
    oslo_messaging_rabbit__kombu_missing_consumer_retry_timeout=1,
)

_JSON = 'application/json'
_NOWHERE = 'reply_nowhere'
_REPLIES = 'reply_test'

# More than the threads of a conductor.
_MANY = 200

# Maximum growth of a conductor's memory in a flood, in bytes.
_MEMORY = 400 * 1024**2


def setUpModule() -> None:
    _SITE.setUp()


def tearDownModule() -> None:
    _SITE.cleanUp()


def envelope(content: Any) -> str:
    """Return a message in the format of oslo.messaging."""
    text = content if isinstance(content, str) else json.dumps(content)
    return json.dumps({'oslo.version': '2.0', 'oslo.message': text})


def request(**changes: Any) -> str:
    """Return a valid ping with changed fields."""
    message = {
        'method': 'ping',
        'args': {},
        'version': '1.0',
        '_msg_id': uuidutils.generate_uuid(dashed=False),
        '_unique_id': uuidutils.generate_uuid(dashed=False),
        '_reply_q': _REPLIES,
        '_timeout': None,
    }
    return envelope(message | changes)


def deep(levels: int) -> str:
    return '[' * levels + ']' * levels


def failure(name: str, **kwargs: Any) -> str:
    """Return an error in the format of oslo.messaging."""
    return json.dumps(
        {
            'class': name,
            'module': 'ironic_passthru.errors',
            'message': 'hunter2\nhunter2',
            'tb': ['hunter2'],
            'args': [],
            'kwargs': kwargs,
        }
    )


# Messages that cost one log record of a conductor.
REQUESTS: list[bytes | str] = [
    # A duplicate.
    request(_unique_id='same'),
    b'',
    'no JSON',
    b'\x80\xff',
    'null',
    '7',
    '[["method", "ping"]]',
    '{"method": "ping"}',
    envelope('{broken'),
    envelope('[1]'),
    envelope('{"method": "ping", "args": {"a": NaN}}'),
    envelope('{"method": "ping", "args": {"a": 1e999}}'),
    envelope(deep(5000)),
    '{"oslo.version": "9.0", "oslo.message": "{}"}',
    '{"oslo.version": [1], "oslo.message": "{}"}',
    '{"oslo.version": "2.0", "oslo.message": 7}',
    envelope({'a': 'x' * 8_000_000}),
    request(method='no_such'),
    request(method='_runner'),
    request(method='no\nsuch'),
    request(method=None),
    request(method=['ping']),
    request(method={}),
    request(version='99.1'),
    request(version=[1]),
    request(namespace='x'),
    request(namespace=[]),
    request(args=[1]),
    request(args='text'),
    request(_reply_q=None),
    request(_reply_q=''),
    request(_reply_q=['x']),
    request(_reply_q={}),
    request(_reply_q='x' * 300),
    request(_reply_q=protocol.TOPIC),
    request(_msg_id=None),
    request(_msg_id=[1]),
    request(_msg_id='x' * 300),
    request(_unique_id=[1]),
    request(_unique_id='x' * 300),
    request(_context_self=1),
    request(_reply_q=_NOWHERE),
]

# Messages that are processed like any ping.
HARMLESS: list[str] = [
    request(_unique_id=None),
    request(args={'self': 1, 'context': 2}),
    request(args={'driver_name': 'x' * 8_000_000}),
    request(_timeout='soon'),
    request(_timeout=[1]),
    request(_timeout=1e300),
    request(_context_user='x' * 2_000_000, _context_roles={'a': [1]}),
    request(_context_overwrite=False, _context_conf=1, _context_values=2),
    request(_context_request_id=7),
    request(_unique_id='same'),
]

# Content type and encoding of messages with any body.
TYPES = [
    ('application/octet-stream', 'binary'),
    ('application/x-python-serialize', 'binary'),
    ('application/x-yaml', 'utf-8'),
    ('text/plain', 'no-such-encoding'),
    ('\x00', '\x00'),
    (None, None),
]


class BusCase(deployment.SiteTestCase):
    """A test that publishes messages without oslo.messaging."""

    site = _SITE
    conductor: processes.Process

    def setUp(self) -> None:
        super().setUp()
        connection = kombu.Connection(
            self.site.broker.url.replace('rabbit:', 'amqp:')
        )
        self.addCleanup(connection.release)
        self.connection = connection
        self.producer = kombu.Producer(connection.channel())
        # Queue of the replies.
        kombu.Queue(_REPLIES, channel=connection.channel()).declare()

    def restart_after_test(self) -> None:
        """Let the next test start the conductor with an empty log."""
        self.addCleanup(self.conductor.kill)

    def publish(
        self,
        body: bytes | str,
        queue: str,
        *,
        content_type: Any = _JSON,
        encoding: Any = 'utf-8',
        **headers: Any,
    ) -> None:
        self.producer.publish(
            body.encode() if isinstance(body, str) else body,
            routing_key=queue,
            content_type=content_type,
            content_encoding=encoding,
            headers=headers,
        )

    def queue(self, host: str) -> str:
        return f'{protocol.TOPIC}.{self.site.address(host).name}'

    def lines(self, process: processes.Process, before: int) -> list[str]:
        """Return warnings and errors logged after ``before`` records.

        Records caused by a busy machine do not count: more connections than
        the pool keeps, and heartbeats delayed by large messages.
        """
        return [
            line
            for line in process.log().splitlines()[before:]
            if ' INFO ' not in line
            and 'Connection pool limit' not in line
            and 'conductor.heartbeat' not in line
            and 'heartbeat skipped' not in line
        ]

    def assert_lines(
        self, process: processes.Process, before: int, count: int
    ) -> None:
        """Fail unless this number of records appears, without tracebacks."""

        def there() -> bool:
            return len(self.lines(process, before)) >= count

        self.wait_for(there, f'{count} lines')
        lines = self.lines(process, before)
        self.assertEqual(count, len(lines), '\n'.join(lines)[:20_000])
        self.assertNotIn('Traceback', '\n'.join(lines))
        for line in lines:
            self.assertLess(len(line), 400, line[:1000])

    def assert_queues_empty(self, *names: str) -> None:
        """Fail unless each queue has a consumer and no messages."""

        def empty() -> bool:
            listed = self.site.broker.rabbitmqctl(
                *('list_queues', '--vhost', self.site.broker.virtual_host),
                *('name', 'messages', 'messages_unacknowledged', 'consumers'),
                *('--formatter', 'json'),
            )
            queues = {queue.pop('name'): queue for queue in json.loads(listed)}
            return all(
                queues[name]['consumers'] >= 1
                and not queues[name]['messages']
                and not queues[name]['messages_unacknowledged']
                for name in names
            )

        self.wait_for(empty, 'the queues are empty')


class TestRequests(BusCase):
    """Messages to a conductor without signing keys."""

    def setUp(self) -> None:
        super().setUp()
        self.conductor = self.site.start_conductor('open')
        self.address = self.site.address('open')
        self.target = self.queue('open')
        self.client = client.ConductorAPI(self.site.bus(self))
        self.before = len(self.conductor.log().splitlines())

    def assert_serves(self) -> None:
        """Fail unless the same incarnation still runs calls."""
        self.assertEqual(
            self.address.incarnation,
            self.client.ping({}, self.address, timeout_seconds=20),
        )
        with futures.ThreadPoolExecutor(8) as pool:
            calls = [pool.submit(self.echo, number) for number in range(24)]
            self.assertEqual(
                [{'n': n} for n in range(24)], [c.result(60) for c in calls]
            )
        self.assert_queues_empty(self.target, protocol.TOPIC)

    def echo(self, number: int) -> Any:
        return self.client.driver_vendor_passthru(
            {},
            'fake-hardware',
            'echo',
            http_method='POST',
            info={'n': number},
            servers=[self.address],
        )['return']

    def test_each_costs_one_line_at_most(self) -> None:
        for body in HARMLESS + REQUESTS:
            self.publish(body, self.target)
        for content_type, encoding in TYPES:
            self.publish(
                b'\x80\x04K\x01.',
                self.target,
                content_type=content_type,
                encoding=encoding,
            )
        for compression in ('application/x-gzip', 'x', [1]):
            self.publish(b'x', self.target, compression=compression)
        # The reply would be the next message of the conductor.
        self.publish(request(_reply_q=self.target), self.target)
        count = len(REQUESTS) + len(TYPES) + 3 + 1
        self.assert_lines(self.conductor, self.before, count)
        self.assert_serves()
        self.assertEqual(count, len(self.lines(self.conductor, self.before)))

    def test_many_occupy_no_thread(self) -> None:
        self.restart_after_test()
        bodies = [
            request(method='no_such'),
            request(args=[1]),
            request(version='9.9'),
            envelope(f'{{"method": "ping", "_context_a": {deep(600)}}}'),
        ]
        for body in bodies:
            for _ in range(_MANY):
                fresh = body.replace(
                    '_unique_id', uuidutils.generate_uuid(dashed=False)
                )
                self.publish(fresh, self.target)
        self.assert_serves()
        lines = self.lines(self.conductor, self.before)
        self.assertGreaterEqual(len(lines), log_limit.MAX_RECORDS)
        self.assertLess(len(lines), len(bodies) * _MANY)
        self.assertNotIn('Traceback', '\n'.join(lines))

    def test_many_callers_that_are_gone(self) -> None:
        """No thread waits for missing queues."""
        self.restart_after_test()
        for number in range(_MANY):
            self.publish(request(_reply_q=f'reply_{number}'), self.target)
        self.assert_serves()
        self.conductor.wait_for_log('replies are pending')
        self.conductor.wait_for_log("reply_0 doesn't exist")

    def test_large_messages_that_are_dropped(self) -> None:
        before = memory(self.conductor)
        size = self.make_conf().rpc.max_message_size
        bomb = zlib.compress(b' ' * (8 * size))
        large = request(args={'driver_name': 'x' * size})
        for _ in range(8):
            self.publish(large, self.target)
            self.publish(bomb, self.target, compression='application/x-gzip')
        self.assert_lines(self.conductor, self.before, 16)
        for line in self.lines(self.conductor, self.before):
            self.assertIn('TooLarge', line)
        self.assertLess(memory(self.conductor), before + _MEMORY)
        self.assert_serves()

    def test_contents_that_name_a_codec(self) -> None:
        """Contents are UTF-8, whatever codec a message names."""
        before = memory(self.conductor)
        # This codec takes quadratic time.
        self.publish(b'a' * 2_000_000, self.target, encoding='punycode')
        self.publish(request(), self.target, encoding='punycode')
        # Many streams: one of this size takes seconds to compress.
        bomb = bz2.compress(b' ' * (_MEMORY // 50)) * 100
        for _ in range(4):
            self.publish(
                bomb,
                self.target,
                content_type='application/data',
                encoding='bz2',
            )
        self.assert_lines(self.conductor, self.before, 5)
        self.assertLess(memory(self.conductor), before + _MEMORY)
        self.assert_serves()

    def test_compressed_calls(self) -> None:
        conf = self.make_conf(oslo_messaging_rabbit__kombu_compression='gzip')
        bus = transport.make(conf, self.site.broker.url)
        self.addCleanup(bus.cleanup)
        self.client = client.ConductorAPI(bus)
        self.assertEqual({'n': 7}, self.echo(7))

    def test_headers_that_cannot_be_read(self) -> None:
        channel = self.connection.channel()
        channel.basic_publish(unreadable.Message(), routing_key=self.target)
        self.conductor.wait_for_log('headers of a message; reconnecting')

        def serves() -> bool:
            try:
                self.client.ping({}, self.address, timeout_seconds=2)
            except errors.PassthruError:
                return False
            return True

        self.wait_for(serves, 'it receives messages again')
        lines = self.lines(self.conductor, self.before)
        self.assertNotIn('Traceback', '\n'.join(lines))
        self.assert_serves()


def memory(process: processes.Process) -> int:
    """Return the peak memory of a process in bytes."""
    text = pathlib.Path(f'/proc/{process.pid}/status').read_text()
    (kibibytes,) = re.findall(r'^VmHWM:\s+(\d+) kB$', text, re.M)
    return int(kibibytes) * 1024


class Tap:
    """Receive a copy of each message to some conductors."""

    def __init__(self, connection: kombu.Connection, *targets: str) -> None:
        channel = connection.channel()
        exchange = kombu.Exchange(protocol.EXCHANGE, passive=True)
        queue = kombu.Queue(
            f'tap-{uuidutils.generate_uuid()}',
            bindings=[
                kombu.binding(exchange, routing_key=target)
                for target in targets
            ],
            exclusive=True,
            auto_delete=True,
        )
        self._queue = queue(channel)
        self._queue.declare()

    def next(self, method: str) -> dict[str, Any]:
        """Return the content of the next message for ``method``."""
        found: list[dict[str, Any]] = []

        def get() -> bool:
            message = self._queue.get(no_ack=True)
            if message is not None:
                content = json.loads(message.payload['oslo.message'])
                if content['method'] == method:
                    found.append(content)
            return bool(found)

        processes.wait_until(get, f'a message for {method}')
        return found[0]


class SignedCase(BusCase):
    """A conductor and an API with the same signing key."""

    def setUp(self) -> None:
        super().setUp()
        self.key = uuidutils.generate_uuid()
        self.conductor = self.site.start_conductor(
            'locked', conductor__enabled_drivers='marks', rpc__signing_keys=A
        )
        self.target = self.queue('locked')
        self.api = self.site.start_api('signing', rpc__signing_keys=A)
        self.pool = futures.ThreadPoolExecutor(16)
        self.addCleanup(self.pool.shutdown)
        self.wait_for(lambda: self.call(key='warm').status == 200, 'calls')
        self.before = len(self.conductor.log().splitlines())

    def call(self, key: str = '', seconds: float = 0) -> web.Answer:
        return self.api.call(
            'mark',
            'POST',
            driver='marks',
            key=key or self.key,
            seconds=seconds,
        )


class TestSigned(SignedCase):
    """With signing keys, a login to the broker is not enough for calls."""

    def setUp(self) -> None:
        super().setUp()
        tap = Tap(self.connection, self.target)
        self.assertEqual(200, self.call().status)
        self.message = tap.next('driver_vendor_passthru')
        self.marks = self.site.marked(self.key)

    def send(self, queue: str = '', **changes: Any) -> kombu.Queue:
        """Send the message with changes; return the reply queue."""
        reply_q = f'reply_{uuidutils.generate_uuid(dashed=False)}'
        channel = self.connection.channel()
        replies = kombu.Queue(reply_q, channel=channel, exclusive=True)
        replies.declare()
        content = {
            **self.message,
            '_unique_id': uuidutils.generate_uuid(dashed=False),
            '_reply_q': reply_q,
            **changes,
        }
        self.publish(envelope(content), queue or self.target)
        return replies

    def answer(self, replies: kombu.Queue) -> dict[str, Any]:
        """Return the failure that arrives in a queue."""
        got: list[Any] = []

        def get() -> bool:
            message = replies.get(no_ack=True)
            if message is not None:
                got.append(json.loads(message.payload['oslo.message']))
            return bool(got and got[-1]['ending'])

        self.wait_for(get, 'an answer')
        return json.loads(got[-1]['failure'])

    def assert_unanswered(
        self, queues: list[kombu.Queue], target: str = ''
    ) -> None:
        """Fail if any of the messages sent to a conductor was answered."""
        # It reads them in order and replies to a copy of the call. On a slow
        # host the deadline of the call has passed by then.
        last = self.answer(self.send(target))
        self.assertIn(last['class'], ('DuplicateCall', 'CallExpired'))
        for replies in queues:
            self.assertIsNone(replies.get(no_ack=True), replies)

    def test_the_same_once_more(self) -> None:
        for _ in range(3):
            failure = self.answer(self.send())
            self.assertEqual('DuplicateCall', failure['class'])
        self.assertEqual(self.marks, self.site.marked(self.key))

    def test_many_unsigned_occupy_no_thread_and_get_no_reply(self) -> None:
        self.restart_after_test()
        bodies: list[dict[str, Any]] = [
            {'_context_signature': None},
            {'_context_signature': 'x:y'},
            {'args': {}},
            {'method': 'no_such'},
            {'method': None},
            {'_context_signature': None, 'args': {'a': 'x' * 1024**2}},
        ]
        answers = [self.send(**changes) for changes in bodies]
        before = memory(self.conductor)
        for number in range(_MANY):
            for changes in bodies:
                content = {
                    **self.message,
                    '_unique_id': uuidutils.generate_uuid(dashed=False),
                    '_reply_q': f'reply_{number}',
                    **changes,
                }
                self.publish(envelope(content), self.target)
        # After all of them; on a slow host the first calls expire.
        self.wait_for(
            lambda: self.call(key='behind').status == 200,
            'a call is answered',
            seconds=120.0,
        )
        self.assert_unanswered(answers)
        self.assertLess(memory(self.conductor), before + _MEMORY)
        lines = self.lines(self.conductor, self.before)
        # Records of two formats, within a few minutes.
        self.assertLess(len(lines), len(bodies) * _MANY / 3)
        self.assertEqual(self.marks, self.site.marked(self.key))

    def test_many_signed_ones_whose_caller_is_gone(self) -> None:
        """Copies of a call, which any reader of messages can send."""
        self.restart_after_test()
        for number in range(_MANY):
            content = {
                **self.message,
                '_unique_id': uuidutils.generate_uuid(dashed=False),
                '_reply_q': f'reply_{number}',
            }
            self.publish(envelope(content), self.target)
        self.assertEqual(200, self.call(key='behind').status)
        self.assertEqual(self.marks, self.site.marked(self.key))

    def test_altered(self) -> None:
        arguments = self.message['args']
        changes: list[dict[str, Any]] = [
            {'args': {**arguments, 'call_id': uuidutils.generate_uuid()}},
            {'args': {**arguments, 'deadline': time.time() + 600}},
            {'args': {**arguments, 'driver_method': 'mark_later'}},
            {'args': {**arguments, 'info': {'key': self.key, 'seconds': 9}}},
            {'args': {'driver_name': 'marks'}, 'method': 'locate_driver'},
            {'_context_user': 'root'},
            {'_context_roles': ['admin', 'root']},
            {'_context_system_scope': 'other'},
            {'_context_request_id': 'req-1'},
            {'_context_signature': None},
            {'_context_signature': 'x:y'},
        ]
        # oslo.messaging reads missing fields only from the signed fields.
        changes.append(
            {name: None for name in self.message if '_context_' in name}
        )
        answers = [self.send(**change) for change in changes]
        self.assert_unanswered(answers)
        self.assert_lines(self.conductor, self.before, len(changes))
        self.assertNotIn(A, self.conductor.log())
        self.assertEqual(self.marks, self.site.marked(self.key))

    def test_to_another_conductor_or_a_later_run(self) -> None:
        second = self.site.start_conductor(
            'second', conductor__enabled_drivers='marks', rpc__signing_keys=A
        )
        self.addCleanup(second.stop)
        answers = [self.send(self.queue('second'))]
        second.wait_for_log('the signature does not match')
        self.conductor.kill()
        self.conductor = self.site.start_conductor('locked')
        answers.append(self.send(self.queue('locked')))
        self.conductor.wait_for_log('the signature does not match')
        for replies in answers:
            self.assertIsNone(replies.get(no_ack=True))
        self.assertEqual(self.marks, self.site.marked(self.key))


class TestKeys(BusCase):
    """Hosts with different keys."""

    def test_an_api_without_the_key(self) -> None:
        self.site.start_conductor(
            'locked', conductor__enabled_drivers='marks', rpc__signing_keys=A
        )
        api = self.site.start_api('late', rpc__signing_keys=B)
        key = uuidutils.generate_uuid()

        def refused() -> bool:
            answer = api.call('mark', 'POST', driver='marks', key=key)
            return answer.status == 504

        self.wait_for(refused, 'no answer', seconds=20.0)
        self.site.process('locked', []).wait_for_log(
            'the signing key is unknown'
        )
        self.assertEqual([], self.site.marked(key))


class TestReplies(SignedCase):
    """Messages in the reply queue of an API."""

    def setUp(self) -> None:
        super().setUp()
        self.process = self.site.process('signing', [])
        self.tap = Tap(self.connection, self.target)
        self.api_before = len(self.process.log().splitlines())

    def intercepted(
        self, seconds: float = 3.0
    ) -> tuple[dict[str, Any], futures.Future[web.Answer]]:
        """Start a call; return its message and its future response.

        :param seconds: duration of the call, in which a test replies to it.
        """
        future = self.pool.submit(self.call, self.key, seconds)
        return self.tap.next('driver_vendor_passthru'), future

    def test_rubbish(self) -> None:
        message, answer = self.intercepted()
        bodies: list[bytes | str] = [
            b'',
            b'\x80\xff',
            'no JSON',
            '[]',
            envelope('{broken'),
            envelope('[1]'),
            envelope('{"result": NaN}'),
            envelope({'_msg_id': ['x']}),
            envelope({'_msg_id': {}}),
            envelope({'_msg_id': [message['_msg_id']], 'result': 1}),
            envelope({'result': 'x' * 8_000_000, '_msg_id': []}),
        ]
        for body in bodies:
            self.publish(body, message['_reply_q'])
        self.publish(
            b'\x80\x04K\x01.',
            message['_reply_q'],
            content_type='application/x-python-serialize',
            encoding='binary',
        )
        self.assertEqual(200, answer.result(60).status)
        self.assert_lines(self.process, self.api_before, len(bodies) + 1)
        self.assertEqual(200, self.call().status)
        self.assert_queues_empty(message['_reply_q'])

    def test_forged_refusals(self) -> None:
        """Forged rejections do not make an API retry a running call."""
        self.start_second()
        self.tap = Tap(self.connection, self.target, self.queue('second'))
        calls = {}
        for name, kwargs in (
            ('ConductorBusy', {}),
            ('ConductorStopping', {'proof': 'f' * 64}),
            ('CallExpired', {}),
            ('KeyInUse', {'operation': 'x'}),
            ('Conflict', {}),
            ('TemporaryFailure', {}),
            ('VendorError', {'message': 's', 'status': 503, 'code': 'c'}),
        ):
            self.key = uuidutils.generate_uuid()
            message, answer = self.intercepted()
            self.forge(message, failure=failure(name, **kwargs))
            calls[name] = self.key, answer
        for name, (key, answer) in calls.items():
            self.assertEqual(504, answer.result(60).status, name)
            self.wait_for(
                lambda key=key: len(self.site.marked(key)) >= 2, 'it has run'
            )
            self.assertEqual(2, len(self.site.marked(key)), name)

    def forge(self, message: dict[str, Any], **changes: Any) -> None:
        """Reply to a message in place of its conductor."""
        content = {'_msg_id': message['_msg_id'], 'ending': True, **changes}
        self.publish(envelope(content), message['_reply_q'])

    def test_a_refusal_sends_it_to_the_next(self) -> None:
        self.start_second(conductor__sync_workers=1)
        other = client.ConductorAPI(self.site.bus(self), signing_keys=[B])
        running = self.pool.submit(
            other.driver_vendor_passthru,
            {},
            'marks',
            'mark',
            http_method='POST',
            info={'key': 'first', 'seconds': 4.0},
            servers=[self.site.address('second')],
        )
        self.wait_for(lambda: self.site.marked('first'), 'it is busy')
        # Half of the calls try that conductor first.
        statuses = {self.call().status for _ in range(12)}
        self.assertFalse(running.done())
        self.assertEqual({200}, statuses)
        marked = self.site.marked(self.key)
        self.assertEqual({'locked:began', 'locked:ended'}, set(marked))
        running.result(60)

    def start_second(self, **options: object) -> None:
        """Start another conductor during a change of keys."""
        second = self.site.start_conductor(
            'second',
            conductor__enabled_drivers='marks',
            rpc__signing_keys=f'{B},{A}',
            **options,
        )
        self.addCleanup(second.stop)

    def test_forged_answers(self) -> None:
        vendor = {'message': 's', 'status': 507, 'code': 'c'}
        for forged in (
            {},
            {'result': 7, 'failure': None},
            {'result': {'return': 1}, 'failure': None},
            {'failure': 'no JSON'},
            {'failure': '[]'},
            {'failure': failure('NoSuch')},
            {'failure': failure('VendorError', **vendor | {'status': 200})},
            {'failure': failure('VendorError', **vendor | {'status': '2'})},
            {
                'failure': failure(
                    'VendorError', **vendor | {'message': 's' * 8_000_000}
                )
            },
            {'failure': failure('Unauthorized', challenge='a\r\nb: c')},
        ):
            message, answer = self.intercepted()
            self.forge(message, **forged)
            got = answer.result(60)
            # The whole of the largest one does not fit the test's report.
            self.assertIn(got.status, (500, 504), str(forged)[:200])
            self.assertNotIn(b'hunter2', got.body)
            self.assertLess(len(got.body), 1000)
        self.assertEqual(200, self.call().status)
        log = '\n'.join(self.lines(self.process, self.api_before))
        self.assertNotIn('Traceback', log)
        self.assertNotIn('hunter2', log)
