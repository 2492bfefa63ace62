# SPDX-License-Identifier: Apache-2.0
"""Driver of oslo.messaging for ``local://``: RPC inside one process.

Clients and servers see the behavior of RabbitMQ with queues that are deleted
with their last consumer::

    send() -> JSON -> _Broker -> mailbox of one _Listener -> _Request
      ^                                                         |
      +------------ JSON <- _Call <- reply() or heartbeat() <---+

Both sides must share one transport. Not implemented: fanout, notifications.

Differences from RabbitMQ: a reply that has no JSON form is replaced with an
error; the queue of a server is deleted when the server stops, not when its
connection closes; contexts contain no keys of the driver (msg_id, reply_q,
client_timeout).
"""

import collections
import dataclasses
import queue
import threading
import time
import uuid
from types import TracebackType
from typing import Any

import oslo_messaging
from oslo_log import log as logging
from oslo_messaging._drivers import base
from oslo_messaging._drivers import common
from oslo_serialization import jsonutils

LOG = logging.getLogger(__name__)

_Address = tuple[str, ...]
_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


class LocalDriver(base.BaseDriver):
    """The transport driver; only oslo.messaging calls its methods.

    A request without a JSON form raises the error of the serializer. After
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

    def send(
        self,
        target: oslo_messaging.Target,
        context: Any,
        message: dict[str, Any],
        wait_for_reply: bool | None = None,
        timeout: float | None = None,
        call_monitor_timeout: float | None = None,
        transport_options: oslo_messaging.TransportOptions | None = None,
        **_retry: int | None,
    ) -> Any:
        """Send a call or a cast.

        :param timeout: seconds until the client times out; the message is not
            delivered later.
        :param call_monitor_timeout: seconds without a heartbeat until the
            client times out.
        :raises MessageUndeliverable: the address has no listener and the
            options request ``at_least_once``.
        :raises MessagingTimeout: no reply in time.
        """
        if not isinstance(context, dict):
            context = context.to_dict()
        body = jsonutils.dump_as_bytes(
            {'context': context, 'message': message}
        )
        call = _Call(timeout, call_monitor_timeout) if wait_for_reply else None
        address = self._address(target)
        if target.server:
            address += (target.server,)
        routed = self._broker.route(address, _Message(body, call))
        if (
            not routed
            and transport_options
            and transport_options.at_least_once
        ):
            raise oslo_messaging.MessageUndeliverable(
                'NO_ROUTE', address[0], '.'.join(address[1:]), message
            )
        return self._result(call.wait()) if call else None

    def _result(self, body: bytes) -> Any:
        reply = jsonutils.loads(body)
        if reply['failure'] is not None:
            raise common.deserialize_remote_exception(
                reply['failure'], self._allowed_remote_exmods
            )
        return reply['result']

    def listen(
        self,
        target: oslo_messaging.Target,
        batch_size: int,
        batch_timeout: float | None,
    ) -> base.PollStyleListenerAdapter:
        """Receive the messages for a topic and for one of its servers."""
        topic = self._address(target)
        listener = _Listener(self._broker)
        self._broker.subscribe(listener, (topic, (*topic, target.server)))
        return base.PollStyleListenerAdapter(
            listener, batch_size, batch_timeout
        )

    def send_notification(self, *_args: Any, **_kwargs: Any) -> None:
        """Fail: no other process could receive a notification."""
        raise NotImplementedError('local:// transports no notifications')

    def listen_for_notifications(self, *_args: Any, **_kwargs: Any) -> None:
        """Fail: there are no notifications."""
        raise NotImplementedError('local:// transports no notifications')

    def cleanup(self) -> None:
        """Close the broker."""
        self._broker.close()

    def _address(self, target: oslo_messaging.Target) -> _Address:
        return target.exchange or self._default_exchange or '', target.topic


class _Call:
    """The client of one call, which waits for the reply."""

    def __init__(
        self, timeout_seconds: float | None, monitor_seconds: float | None
    ) -> None:
        # Zero disables the monitor, as on RabbitMQ.
        self.monitor_seconds = monitor_seconds or None
        self._expires_at = _deadline(timeout_seconds)
        # None is a heartbeat. The queue discards a reply after the timeout.
        self.replies: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    @property
    def expired(self) -> bool:
        return (
            self._expires_at is not None
            and time.monotonic() >= self._expires_at
        )

    def wait(self) -> bytes:
        """Return the reply.

        :raises MessagingTimeout: no reply or heartbeat in time.
        """
        body = None
        while body is None:
            limits = (self._expires_at, _deadline(self.monitor_seconds))
            first = min((x for x in limits if x is not None), default=None)
            try:
                body = self.replies.get(timeout=_seconds_left(first))
            except queue.Empty:
                raise oslo_messaging.MessagingTimeout(
                    'Timed out waiting for a reply'
                ) from None
        return body


@dataclasses.dataclass(frozen=True, slots=True)
class _Message:
    """A JSON body, and the waiting call unless the message is a cast."""

    body: bytes
    call: _Call | None
    id: str = dataclasses.field(default_factory=lambda: uuid.uuid4().hex)


class _Request(base.RpcIncomingMessage):
    """A received call or cast."""

    def __init__(self, message: _Message) -> None:
        content = jsonutils.loads(message.body)
        super().__init__(content['context'], content['message'], message.id)
        self._call = message.call
        if message.call is not None:
            self.client_timeout = message.call.monitor_seconds

    def reply(
        self, reply: Any = None, failure: _ExcInfo | None = None
    ) -> None:
        """Return a result or an exception to the client."""
        if self._call is None:
            return
        try:
            body = _pack_reply(reply, failure)
        except Exception as exc:
            # The client would time out without a reply. The exception text
            # may contain the value, so it is not sent.
            LOG.exception(
                'The reply to message %s has no JSON form', self.msg_id
            )
            kind = type(failure[1] if failure else reply).__name__
            error = ValueError(
                f'the reply ({kind}) has no JSON form: {type(exc).__name__}'
            )
            body = _pack_reply(None, (ValueError, error, None))
        self._call.replies.put(body)

    def heartbeat(self) -> None:
        """Restart the monitor of the client."""
        if self._call is not None:
            self._call.replies.put(None)

    def requeue(self) -> None:
        """Do nothing, as on RabbitMQ: requests are delivered only once."""


class _Listener(base.PollStyleListener):
    """A consumer with one mailbox for all its addresses."""

    def __init__(self, broker: '_Broker') -> None:
        super().__init__()
        self._broker = broker
        # None marks the end.
        self.mailbox: queue.SimpleQueue[_Message | None] = queue.SimpleQueue()

    @base.batch_poll_helper  # type: ignore[untyped-decorator]
    def poll(self, timeout: float | None = None) -> _Request | None:
        """Return the next request that has not expired; None if none."""
        deadline = _deadline(timeout)
        while True:
            try:
                message = self.mailbox.get(timeout=_seconds_left(deadline))
            except queue.Empty:
                return None
            if message is None:
                # Keep the mark: the adapter polls until nothing is returned.
                self.mailbox.put(None)
                return None
            if message.call is not None and message.call.expired:
                LOG.debug('Message %s expired in its queue', message.id)
                continue
            return _Request(message)

    def stop(self) -> None:
        """Receive no more messages; delivered ones can still be polled."""
        self._broker.unsubscribe(self)

    def cleanup(self) -> None:
        """Stop."""
        self.stop()


class _Broker:
    """The queues, as consumers by address; one lock serializes all steps."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._queues: dict[_Address, collections.deque[_Listener]] = {}

    def subscribe(
        self, listener: _Listener, addresses: tuple[_Address, ...]
    ) -> None:
        """Deliver messages for the addresses to a listener."""
        with self._lock:
            self._check_open()
            for address in addresses:
                self._queues.setdefault(address, collections.deque()).append(
                    listener
                )

    def unsubscribe(self, listener: _Listener) -> None:
        """Remove a listener; delete queues without listeners."""
        with self._lock:
            for address, listeners in list(self._queues.items()):
                if listener in listeners:
                    listeners.remove(listener)
                if not listeners:
                    del self._queues[address]
            # Under the lock: no message may follow the mark.
            listener.mailbox.put(None)

    def route(self, address: _Address, message: _Message) -> bool:
        """Deliver a message to one of the listeners in turn.

        :returns: False if the address has no listeners.
        """
        with self._lock:
            self._check_open()
            listeners = self._queues.get(address)
            if not listeners:
                return False
            listeners[0].mailbox.put(message)
            listeners.rotate(-1)
            return True

    def close(self) -> None:
        """Refuse further messages and listeners."""
        # Without a mark for the listeners: their threads would poll without a
        # pause until their servers are stopped.
        with self._lock:
            self._closed = True
            self._queues.clear()

    def _check_open(self) -> None:
        if self._closed:
            raise oslo_messaging.MessageDeliveryFailure(
                'The local:// transport is closed'
            )


def _pack_reply(reply: Any, failure: _ExcInfo | None) -> bytes:
    text = common.serialize_remote_exception(failure) if failure else None
    return jsonutils.dump_as_bytes({'result': reply, 'failure': text})


def _deadline(seconds: float | None) -> float | None:
    return None if seconds is None else time.monotonic() + seconds


def _seconds_left(deadline: float | None) -> float | None:
    # A queue raises ValueError for a negative timeout.
    return None if deadline is None else max(0.0, deadline - time.monotonic())
