# SPDX-License-Identifier: Apache-2.0
"""The bus inside one process: the oslo.messaging driver of ``local://``.

It behaves like RabbitMQ as far as a client or a server can see, with queues
that are deleted with their last consumer::

    send() -> JSON -> _Broker -> one _Listener's mailbox -> _Request
      ^                                                        |
      +---------- JSON <- _Call <- reply() or heartbeat() <----+

Nothing outlives the driver object, so both sides must share one transport.

Where it is better than RabbitMQ: an answer that has no JSON form is answered
with an error at once, and a server's queue goes when the server stops, not
only when its connection closes. Where it differs: the context arrives as it
was sent, without the driver's own keys (msg_id, reply_q, client_timeout).
"""

import collections
import dataclasses
import queue
import threading
import time
import uuid
from collections.abc import Iterable
from types import TracebackType
from typing import Any

import oslo_messaging
from oslo_log import log as logging
from oslo_messaging._drivers import base
from oslo_messaging._drivers import common
from oslo_serialization import jsonutils

LOG = logging.getLogger(__name__)

# Notifications wait for a listener that may never come. A broker keeps them
# on disk; here they would fill the memory of the service.
MAX_STORED_NOTIFICATIONS = 1000

Address = tuple[str, ...]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


class _Call:
    """The caller's end of one call: where the answer is waited for."""

    def __init__(
        self, timeout_seconds: float | None, monitor_seconds: float | None
    ) -> None:
        # Zero is no monitor, as on RabbitMQ.
        self.monitor_seconds = monitor_seconds or None
        self.expires_at = _deadline(timeout_seconds)
        # None is a heartbeat. An answer that comes when nobody waits any
        # more goes away with this queue.
        self._answers: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def answer(self, body: bytes) -> None:
        self._answers.put(body)

    def heartbeat(self) -> None:
        self._answers.put(None)

    def wait(self) -> bytes:
        """Block until the answer is there.

        :raises MessagingTimeout: no answer in time, or no sign of life
            within the monitor's time.
        """
        body = None
        while body is None:
            monitor_until = _deadline(self.monitor_seconds)
            limits = [
                limit
                for limit in (self.expires_at, monitor_until)
                if limit is not None
            ]
            try:
                body = self._answers.get(
                    timeout=_seconds_left(min(limits, default=None))
                )
            except queue.Empty:
                raise oslo_messaging.MessagingTimeout(
                    'Timed out waiting for an answer'
                ) from None
        return body


@dataclasses.dataclass(frozen=True, slots=True)
class _Message:
    """What travels: a JSON body, and the way back if there is one."""

    body: bytes
    call: _Call | None = None
    id: str = dataclasses.field(default_factory=lambda: uuid.uuid4().hex)

    def expired(self) -> bool:
        if self.call is None or self.call.expires_at is None:
            return False
        return time.monotonic() >= self.call.expires_at


class _Request(base.RpcIncomingMessage):
    """A call or a cast in the hands of a server."""

    def __init__(self, message: _Message) -> None:
        content = jsonutils.loads(message.body)
        super().__init__(content['context'], content['message'], message.id)
        self._call = message.call
        if message.call is not None:
            self.client_timeout = message.call.monitor_seconds

    def reply(self, reply: Any = None, failure: ExcInfo | None = None) -> None:
        if self._call is None:
            return
        try:
            body = _pack_answer(reply, failure)
        except Exception as exc:
            # Without an answer the caller would wait out its time. The new
            # text is ours: the odd value may be in the one that was raised.
            LOG.exception(
                'Message %s: the answer has no JSON form', self.msg_id
            )
            what = type(failure[1] if failure else reply).__name__
            error = ValueError(
                f'the answer ({what}) has no JSON form: {type(exc).__name__}'
            )
            body = _pack_answer(None, (ValueError, error, None))
        self._call.answer(body)

    def heartbeat(self) -> None:
        if self._call is not None:
            self._call.heartbeat()

    def requeue(self) -> None:
        """Do nothing, as on RabbitMQ: a request is delivered only once."""


class _Notification(base.IncomingMessage):
    """A notification in the hands of a listener."""

    def __init__(
        self, message: _Message, *, broker: '_Broker', source: '_Queue'
    ) -> None:
        content = jsonutils.loads(message.body)
        super().__init__(content['context'], content['message'], message.id)
        self._original = message
        self._broker = broker
        self._source = source

    def requeue(self) -> None:
        self._broker.put_back(self._source, self._original)


class _Listener(base.PollStyleListener):
    """One consumer: everything addressed to it meets in its mailbox."""

    def __init__(self, broker: '_Broker', *, notifications: bool) -> None:
        super().__init__()
        self._broker = broker
        self._notifications = notifications
        # None says that nothing follows.
        self._mailbox: queue.SimpleQueue[tuple[_Queue, _Message] | None]
        self._mailbox = queue.SimpleQueue()

    def deliver(self, source: '_Queue', message: _Message) -> None:
        self._mailbox.put((source, message))

    def end(self) -> None:
        self._mailbox.put(None)

    @base.batch_poll_helper
    def poll(
        self, timeout: float | None = None
    ) -> base.IncomingMessage | None:
        deadline = _deadline(timeout)
        while True:
            try:
                item = self._mailbox.get(timeout=_seconds_left(deadline))
            except queue.Empty:
                return None
            if item is None:
                # The adapter polls on until it gets nothing: leave the mark
                # for the next time.
                self.end()
                return None
            source, message = item
            if message.expired():
                LOG.debug('Message %s expired in its queue', message.id)
                continue
            if self._notifications:
                return _Notification(
                    message, broker=self._broker, source=source
                )
            return _Request(message)

    def stop(self) -> None:
        """Take no more messages; those already here can still be polled."""
        self._broker.unsubscribe(self)

    def cleanup(self) -> None:
        self.stop()


class _Queue:
    """A named queue whose consumers take turns; its broker's lock is held."""

    def __init__(self) -> None:
        self.consumers: collections.deque[_Listener] = collections.deque()
        self._stored: collections.deque[_Message] = collections.deque(
            maxlen=MAX_STORED_NOTIFICATIONS
        )

    def put(self, message: _Message) -> None:
        if self.consumers:
            self.consumers[0].deliver(self, message)
            self.consumers.rotate(-1)
            return
        self._stored.append(message)
        # Only notifications come here: a queue for calls has consumers.
        if len(self._stored) == MAX_STORED_NOTIFICATIONS - 1:
            LOG.warning(
                'Nobody listens for notifications: only the latest %d of a '
                'topic are kept',
                MAX_STORED_NOTIFICATIONS,
            )

    def put_to_all(self, message: _Message) -> None:
        for consumer in self.consumers:
            consumer.deliver(self, message)

    def add(self, consumer: _Listener) -> None:
        self.consumers.append(consumer)
        while self._stored:
            consumer.deliver(self, self._stored.popleft())

    def remove(self, consumer: _Listener) -> None:
        if consumer in self.consumers:
            self.consumers.remove(consumer)


class _Broker:
    """Who listens where. One lock makes each step all or nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False
        # For calls: deleted with the last consumer.
        self._queues: dict[Address, _Queue] = {}
        # For notifications, by pool: kept, they store and forward.
        self._pools: dict[Address, dict[str | None, _Queue]] = (
            collections.defaultdict(lambda: {None: _Queue()})
        )

    def subscribe(
        self, listener: _Listener, addresses: Iterable[Address]
    ) -> None:
        with self._lock:
            self._check_open()
            for address in addresses:
                self._queues.setdefault(address, _Queue()).add(listener)

    def subscribe_pool(
        self,
        listener: _Listener,
        addresses: Iterable[Address],
        *,
        pool: str | None,
    ) -> None:
        with self._lock:
            self._check_open()
            for address in addresses:
                pools = self._pools[address]
                pools.setdefault(pool, _Queue()).add(listener)

    def unsubscribe(self, listener: _Listener) -> None:
        with self._lock:
            for address, each in list(self._queues.items()):
                each.remove(listener)
                if not each.consumers:
                    del self._queues[address]
            for pools in self._pools.values():
                for each in pools.values():
                    each.remove(listener)
            # Under the lock, so that nothing can follow the mark.
            listener.end()

    def route(
        self, address: Address, message: _Message, *, fanout: bool
    ) -> bool:
        """Deliver to one consumer, or with fanout to all of them.

        :returns: False if nobody listens at the address.
        """
        with self._lock:
            self._check_open()
            found = self._queues.get(address)
            if found is None:
                return False
            if fanout:
                found.put_to_all(message)
            else:
                found.put(message)
            return True

    def store(self, address: Address, message: _Message) -> None:
        """Give every pool of the address one copy, now or when it listens."""
        with self._lock:
            self._check_open()
            for each in self._pools[address].values():
                each.put(message)

    def put_back(self, source: _Queue, message: _Message) -> None:
        with self._lock:
            source.put(message)

    def close(self) -> None:
        # The listeners get no mark here: their threads would poll without a
        # pause until their own servers are stopped.
        with self._lock:
            self._closed = True
            self._queues.clear()
            self._pools.clear()

    def _check_open(self) -> None:
        if self._closed:
            raise oslo_messaging.MessageDeliveryFailure(
                'The local:// transport is closed'
            )


class LocalDriver(base.BaseDriver):
    """The transport driver. Its methods are called by oslo.messaging only.

    A request that has no JSON form raises what the serialiser raised. After
    cleanup(), sending and listening raise MessageDeliveryFailure.
    """

    def __init__(
        self,
        conf: Any,
        url: oslo_messaging.TransportURL,
        default_exchange: str | None = None,
        allowed_remote_exmods: list[str] | None = None,
    ) -> None:
        super().__init__(conf, url, default_exchange, allowed_remote_exmods)
        self._broker = _Broker()

    def require_features(self, requeue: bool = False) -> None:
        """Accept all: notifications can be requeued."""

    def send(
        self,
        target: oslo_messaging.Target,
        context: Any,
        message: dict[str, Any],
        wait_for_reply: bool | None = None,
        timeout: float | None = None,
        call_monitor_timeout: float | None = None,
        retry: int | None = None,
        transport_options: oslo_messaging.TransportOptions | None = None,
    ) -> Any:
        """Send a call or a cast.

        :param timeout: seconds until the caller gives up; a message that
            nobody took by then is not delivered.
        :param call_monitor_timeout: seconds without a heartbeat after which
            the caller gives up.
        :param retry: without meaning here, nothing is ever sent twice.
        :raises MessageUndeliverable: nobody listens there and the options
            say ``at_least_once``.
        :raises MessagingTimeout: no answer in time.
        """
        body = _pack(context, message)
        call = _Call(timeout, call_monitor_timeout) if wait_for_reply else None
        address = self._address(target, target.topic)
        fanout = bool(target.fanout)
        if target.server and not fanout:
            address += (target.server,)
        routed = self._broker.route(
            address, _Message(body, call), fanout=fanout
        )
        mandatory = transport_options and transport_options.at_least_once
        # RabbitMQ's fanout is never mandatory.
        if mandatory and not routed and not fanout:
            raise oslo_messaging.MessageUndeliverable(
                'NO_ROUTE', address[0], '.'.join(address[1:]), message
            )
        return None if call is None else self._unpack_answer(call.wait())

    def send_notification(
        self,
        target: oslo_messaging.Target,
        context: Any,
        message: dict[str, Any],
        version: float,
        retry: int | None = None,
    ) -> None:
        """Send a notification; the topic already names the priority."""
        self._broker.store(
            self._address(target, target.topic),
            _Message(_pack(context, message)),
        )

    def listen(
        self,
        target: oslo_messaging.Target,
        batch_size: int,
        batch_timeout: float | None,
    ) -> base.PollStyleListenerAdapter:
        """Take part in a topic, and be addressed as its server."""
        topic = self._address(target, target.topic)
        listener = _Listener(self._broker, notifications=False)
        self._broker.subscribe(listener, [topic, (*topic, target.server)])
        return base.PollStyleListenerAdapter(
            listener, batch_size, batch_timeout
        )

    def listen_for_notifications(
        self,
        targets_and_priorities: Iterable[tuple[oslo_messaging.Target, str]],
        pool: str | None,
        batch_size: int,
        batch_timeout: float | None,
    ) -> base.PollStyleListenerAdapter:
        """Listen for priorities of topics, taking turns within a pool."""
        listener = _Listener(self._broker, notifications=True)
        addresses = [
            self._address(target, f'{target.topic}.{priority}')
            for target, priority in targets_and_priorities
        ]
        self._broker.subscribe_pool(listener, addresses, pool=pool)
        return base.PollStyleListenerAdapter(
            listener, batch_size, batch_timeout
        )

    def cleanup(self) -> None:
        self._broker.close()

    def _address(self, target: oslo_messaging.Target, topic: str) -> Address:
        return target.exchange or self._default_exchange or '', topic

    def _unpack_answer(self, body: bytes) -> Any:
        answer = jsonutils.loads(body)
        if answer['failure'] is not None:
            raise common.deserialize_remote_exception(
                answer['failure'], self._allowed_remote_exmods
            )
        return answer['result']


def _pack(context: Any, message: dict[str, Any]) -> bytes:
    if not isinstance(context, dict):
        context = context.to_dict()
    return jsonutils.dump_as_bytes({'context': context, 'message': message})


def _pack_answer(reply: Any, failure: ExcInfo | None) -> bytes:
    text = common.serialize_remote_exception(failure) if failure else None
    return jsonutils.dump_as_bytes({'result': reply, 'failure': text})


def _deadline(seconds: float | None) -> float | None:
    return None if seconds is None else time.monotonic() + seconds


def _seconds_left(deadline: float | None) -> float | None:
    # A queue refuses a negative time.
    return None if deadline is None else max(0.0, deadline - time.monotonic())
