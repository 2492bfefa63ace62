# SPDX-License-Identifier: Apache-2.0
"""Queues of the bus inside one process, and what travels through them.

Who sends hands a message to the broker, which puts it into the mailbox of one
consumer; the answer goes straight back to the call that waits for it.
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


class Call:
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
class Message:
    """What travels: a JSON body, and the way back if there is one."""

    body: bytes
    call: Call | None = None
    id: str = dataclasses.field(default_factory=lambda: uuid.uuid4().hex)

    def expired(self) -> bool:
        if self.call is None or self.call.expires_at is None:
            return False
        return time.monotonic() >= self.call.expires_at


class _Request(base.RpcIncomingMessage):
    """A call or a cast in the hands of a server."""

    def __init__(self, message: Message) -> None:
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
        self, message: Message, *, broker: 'Broker', source: 'Queue'
    ) -> None:
        content = jsonutils.loads(message.body)
        super().__init__(content['context'], content['message'], message.id)
        self._original = message
        self._broker = broker
        self._source = source

    def requeue(self) -> None:
        self._broker.put_back(self._source, self._original)


class Listener(base.PollStyleListener):
    """One consumer: everything addressed to it meets in its mailbox."""

    def __init__(self, broker: 'Broker', *, notifications: bool) -> None:
        super().__init__()
        self._broker = broker
        self._notifications = notifications
        # None says that nothing follows.
        self._mailbox: queue.SimpleQueue[tuple[Queue, Message] | None]
        self._mailbox = queue.SimpleQueue()

    def deliver(self, source: 'Queue', message: Message) -> None:
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


class Queue:
    """A named queue whose consumers take turns; its broker's lock is held."""

    def __init__(self) -> None:
        self.consumers: collections.deque[Listener] = collections.deque()
        self._stored: collections.deque[Message] = collections.deque(
            maxlen=MAX_STORED_NOTIFICATIONS
        )

    def put(self, message: Message) -> None:
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

    def put_to_all(self, message: Message) -> None:
        for consumer in self.consumers:
            consumer.deliver(self, message)

    def add(self, consumer: Listener) -> None:
        self.consumers.append(consumer)
        while self._stored:
            consumer.deliver(self, self._stored.popleft())

    def remove(self, consumer: Listener) -> None:
        if consumer in self.consumers:
            self.consumers.remove(consumer)


class Broker:
    """Who listens where. One lock makes each step all or nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False
        # For calls: deleted with the last consumer.
        self._queues: dict[Address, Queue] = {}
        # For notifications, by pool: kept, they store and forward.
        self._pools: dict[Address, dict[str | None, Queue]] = (
            collections.defaultdict(lambda: {None: Queue()})
        )

    def subscribe(
        self, listener: Listener, addresses: Iterable[Address]
    ) -> None:
        with self._lock:
            self._check_open()
            for address in addresses:
                self._queues.setdefault(address, Queue()).add(listener)

    def subscribe_pool(
        self,
        listener: Listener,
        addresses: Iterable[Address],
        *,
        pool: str | None,
    ) -> None:
        with self._lock:
            self._check_open()
            for address in addresses:
                pools = self._pools[address]
                pools.setdefault(pool, Queue()).add(listener)

    def unsubscribe(self, listener: Listener) -> None:
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
        self, address: Address, message: Message, *, fanout: bool
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

    def store(self, address: Address, message: Message) -> None:
        """Give every pool of the address one copy, now or when it listens."""
        with self._lock:
            self._check_open()
            for each in self._pools[address].values():
                each.put(message)

    def put_back(self, source: Queue, message: Message) -> None:
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


def _pack_answer(reply: Any, failure: ExcInfo | None) -> bytes:
    text = common.serialize_remote_exception(failure) if failure else None
    return jsonutils.dump_as_bytes({'result': reply, 'failure': text})


def _deadline(seconds: float | None) -> float | None:
    return None if seconds is None else time.monotonic() + seconds


def _seconds_left(deadline: float | None) -> float | None:
    # A queue refuses a negative time.
    return None if deadline is None else max(0.0, deadline - time.monotonic())
