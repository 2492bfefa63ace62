# SPDX-License-Identifier: Apache-2.0
"""Changes to private parts of oslo.messaging (requirements.txt: <19).

No other module but ``local``, whose driver implements an interface of
oslo.messaging, depends on private parts. Each change works around a
limitation of oslo.messaging 18:

``_deliver``
    A message that consumers cannot decode is logged with a traceback. If it
    was acknowledged before, its rejection closes the channel, and the process
    receives neither messages nor replies.
``_Request``
    A reply to a missing queue occupies a thread of the pool, and one that the
    broker rejects leaves the caller without a reply.
``_EncodedConnection``
    Login and virtual host are not percent-encoded.
``_Connection``
    An error does not show whether a message was published; connections to a
    blocked or silent broker, and channels that it closed, are kept; codecs
    and headers of a message can stop a consumer. Each message builds the
    functions for its repetition, which takes a tenth of the CPU of a call, and
    wakes the thread that receives messages several times after it.
``_CompactLog``
    One invalid message causes several records and a traceback.
``register_telemetry``
    The options of metrics and of tracing are registered on ``cfg.CONF`` only,
    and every call reads them.
``MessageServer``
    Messages are read without a limit while all threads are occupied.
"""

import contextlib
import functools
import importlib
import logging
import os
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from urllib import parse

import amqp.exceptions
import oslo_messaging
from oslo_config import cfg
from oslo_log import log
from oslo_messaging._drivers import amqp as rpc_amqp
from oslo_messaging._drivers import amqpdriver
from oslo_messaging._drivers import common
from oslo_messaging._drivers import impl_rabbit
from oslo_messaging.rpc import server as rpc_server
from oslo_utils import netutils

from ironic_passthru import errors
from ironic_passthru import threads as passthru_threads
from ironic_passthru.rpc import envelope
from ironic_passthru.rpc import log_limit
from ironic_passthru.rpc import message_filter
from ironic_passthru.rpc import protocol
from ironic_passthru.rpc import rejections
from ironic_passthru.rpc import reply_retry

LOG = log.getLogger(__name__)

# Seconds to retry a reply whose queue is missing. A client without heartbeats
# times out sooner; the default of oslo.messaging is a minute.
_REPLY_SECONDS = 10

# Prefixes of records that repeat another one: of a missing reply queue, and
# of a failed conductor.
_REDUNDANT = (
    'The reply %(msg_id)s failed to send after',
    'Failed to rebuild remote exception',
)

# Errors that the library neither repeats nor translates.
_NEVER_REPEATED = (
    common.Timeout,
    oslo_messaging.MessageUndeliverable,
    rpc_amqp.AMQPDestinationNotFound,
)

# Shortest wait for messages. The library waits for 1 ms after each message,
# then for 2, 4 and so on, to acknowledge messages that were processed; those
# of RPC are acknowledged when they arrive.
_POLL_SECONDS = 1.0

# Interval of heartbeats to the broker while no thread is free.
_HEARTBEAT_SECONDS = 2.0

# Prefix of the reply queues of oslo.messaging, and the length limit of AMQP.
_REPLY_QUEUE_PREFIX = 'reply_'
_MAX_ROUTE_LENGTH = 255


class NothingSent(oslo_messaging.MessageDeliveryFailure):
    """A call failed before it was published."""


class _Message(impl_rabbit.RabbitMessage):
    """The decoded content of a message, with methods to acknowledge it."""

    def __init__(self, raw: Any, content: dict[str, Any]) -> None:
        # The base class would decode the message.
        dict.__init__(self, content)
        self._raw_message = raw


class _Request(amqpdriver.AMQPIncomingMessage):
    """A request whose reply is retried outside the thread pool.

    An error replaces a reply that is too large for the broker.

    :param retrier: retries the reply while its queue is missing.
    """

    def __init__(self, retrier: reply_retry.ReplyRetrier, *args: Any) -> None:
        super().__init__(*args)
        self._retrier = retrier

    def reply(self, reply: Any = None, failure: Any = None) -> None:
        """Send the reply, or pass it to the retrier."""
        send = functools.partial(self._try_to_send, reply, failure)
        if not send():
            seconds = self.listener.driver.missing_destination_retry_timeout
            self._retrier.add(
                reply_retry.Reply(
                    queue=self.reply_q,
                    send=send,
                    # Logs the reply and sends nothing to this queue for a
                    # minute.
                    abandon=functools.partial(
                        self._obsolete_reply_queues.add,
                        self.reply_q,
                        self.msg_id,
                    ),
                    deadline=time.monotonic() + seconds,
                )
            )

    def _try_to_send(self, reply: Any, failure: Any) -> bool:
        """Return whether the queue exists."""
        driver = self.listener.driver
        try:
            with driver._get_connection(common.PURPOSE_SEND) as connection:
                self._send_reply(connection, reply, failure)
        except (
            oslo_messaging.MessageUndeliverable,
            rpc_amqp.AMQPDestinationNotFound,
        ):
            return False
        except oslo_messaging.MessageDeliveryFailure as error:
            limit = rejections.size_limit(error)
            # An error is small; another attempt would repeat the rejection.
            if limit is None or failure:
                raise
        else:
            return True
        return self._try_to_send(None, self._too_large(reply, limit))

    def _too_large(self, reply: Any, limit: int) -> tuple[Any, ...]:
        """Log that the broker rejected the reply; return the error."""
        request_id = self.ctxt.get('request_id')
        LOG.error(
            'RabbitMQ rejected the result for request %s: its '
            'max_message_size is %d bytes',
            request_id,
            limit,
        )
        arguments = self.message.get('args', {})
        # Reported targets stay known to the audit.
        kept = {k: v for k, v in reply.items() if k == protocol.TARGETS}
        error = errors.ResultTooLarge(
            method=arguments.get('driver_method', self.message.get('method')),
            limit=limit,
            request_id=request_id,
            hint='It is the limit of RabbitMQ for an encoded result.',
            **kept,
        )
        return type(error), error, None


class _EncodedConnection(impl_rabbit.Connection):
    """A connection with the login and virtual host of its transport URL.

    oslo.messaging decodes them but does not encode ``/`` and the virtual host
    in the URL for kombu, which then reads another user, password, host or
    virtual host.
    """

    # The defaults are those of the library.
    def _transform_transport_url(  # nosec B107
        self,
        url: oslo_messaging.TransportURL,
        host: oslo_messaging.TransportHost,
        default_username: str = '',
        default_password: str = '',
        default_hostname: str = '',
    ) -> str:
        scheme = url.transport.replace('kombu+', '').replace('rabbit', 'amqp')
        user = _encoded(host.username or default_username)
        password = _encoded(host.password or default_password)
        name = netutils.escape_ipv6(host.hostname) or default_hostname
        path = _encoded(url.virtual_host or '')
        return (
            f'{scheme}://{user}:{password}@{name}:{host.port or 5672}/{path}'
        )


def _encoded(text: str) -> str:
    return parse.quote(text, safe='')


class _Connection(_EncodedConnection):
    """A connection whose consumers survive every message.

    Calls do not wait for a blocked broker, and a silent connection is
    replaced.
    """

    def __init__(
        self, conf: Any, url: Any, purpose: Any, retry: int | None = None
    ) -> None:
        # Whether to wait for a blocked broker, and whether a part of the
        # message may have been sent.
        self._waits_if_blocked = False
        self._publishing = False
        self._all_options = conf
        # The socket with a timeout, and the timeout.
        self._timed: tuple[Any, float | None] = (None, None)
        try:
            super().__init__(conf, url, purpose, retry=retry)
        except Exception as error:
            if retry is None:
                raise
            raise NothingSent(str(error)) from error

    def ensure(
        self, method: Callable[[], Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Run ``method``; repeat it on a new connection if ``retry`` allows.

        The first attempt on an open channel needs nothing for a repetition.
        Its error is handled as if it were raised within the base class.
        """
        if self.channel is None or self._initial_pid != os.getpid():
            return super().ensure(method, *args, **kwargs)
        try:
            return method()
        except _NEVER_REPEATED:
            raise
        except Exception as error:
            failures = [error]

        def repeat() -> Any:
            if failures:
                raise failures.pop()
            return method()

        return super().ensure(repeat, *args, **kwargs)

    def set_transport_socket_timeout(
        self, timeout: float | None = None
    ) -> None:
        """Set the timeout of the socket, unless it is set already."""
        # Set before and after each message, usually to the same value.
        if timeout and timeout > self.heartbeat_timeout_threshold > 0:
            # The base class limits it to the default.
            timeout = None
        connection = getattr(self.channel, 'connection', None)
        sock = getattr(connection, 'sock', None)
        if sock is None or self._timed != (sock, timeout):
            super().set_transport_socket_timeout(timeout)
            self._timed = (sock, timeout)

    def topic_send(self, *args: Any, **kwargs: Any) -> None:
        """Send a call.

        :raises: NothingSent if it failed before it was published.
        """
        self._publishing = False
        try:
            super().topic_send(*args, **kwargs)
        except Exception as error:
            if self._publishing:
                raise
            raise NothingSent(str(error)) from error

    def direct_send(self, *args: Any, **kwargs: Any) -> None:
        """Send a reply, after a blocked broker has recovered."""
        with self._waiting_if_blocked():
            super().direct_send(*args, **kwargs)

    def notify_send(self, *args: Any, **kwargs: Any) -> None:
        """Send a notification, after a blocked broker has recovered."""
        with self._waiting_if_blocked():
            super().notify_send(*args, **kwargs)

    def _ensure_publishing(self, *args: Any, **kwargs: Any) -> None:
        try:
            super()._ensure_publishing(*args, **kwargs)
        except oslo_messaging.MessageDeliveryFailure as error:
            if rejections.size_limit(error) is not None:
                # kombu would use the channel again that the broker closed.
                with self._connection_lock:
                    self.connection.collect()
            raise

    @contextlib.contextmanager
    def _waiting_if_blocked(self) -> Iterator[None]:
        # Replies and notifications are retried; without this each attempt
        # would open another connection to the blocked broker.
        self._waits_if_blocked = True
        try:
            yield
        finally:
            self._waits_if_blocked = False

    def _transport_socket_timeout(
        self, timeout: float | None
    ) -> contextlib.AbstractContextManager[None]:
        # Entered immediately before publishing, and only then.
        self._publishing = True
        limit: contextlib.AbstractContextManager[None]
        limit = super()._transport_socket_timeout(timeout)
        return limit

    def ensure_connection(self) -> None:
        """Replace the connection after missed heartbeats."""
        # The AMQP library uses a silent connection until the network reports
        # an error. Closing it regularly would wait for a reply.
        if self.connection.connected:
            self.connection.collect()
        super().ensure_connection()

    def _on_connection_blocked(self, reason: str) -> None:
        super()._on_connection_blocked(reason)
        if self._waits_if_blocked:
            return
        # The broker is short of memory or disk and reads no messages. The
        # AMQP library would wait without limit, because each heartbeat of the
        # broker restarts its timeout; closing the connection regularly would
        # wait as well.
        self.connection.connection.collect()
        raise amqp.exceptions.RecoverableConnectionError(reason)

    def _set_current_channel(self, new_channel: Any) -> None:
        # Called for each new channel. The AMQP library would decode a body
        # with any codec that its message names; some codecs take hours.
        if new_channel is not None:
            new_channel.auto_decode = False
        super()._set_current_channel(new_channel)

    def declare_consumer(self, consumer: Any) -> Any:
        """Declare a consumer that drops invalid messages."""
        consumer._callback = functools.partial(
            _deliver, consumer, max_size=self._all_options.rpc.max_message_size
        )
        return super().declare_consumer(consumer)

    def consume(self, timeout: float | None = None) -> None:
        """Receive messages; replace the connection if headers are invalid."""
        if timeout is not None:
            timeout = max(timeout, _POLL_SECONDS)
        try:
            super().consume(timeout)
            return
        except oslo_messaging.MessageDeliveryFailure:
            # The AMQP library failed to read the headers of a message.
            # Network errors do not arrive here: they are retried forever.
            pass
        LOG.error('Cannot read the headers of a message; reconnecting')
        # The next call of this method opens another one.
        self.connection.close()


def _deliver(consumer: Any, delivered: Any, *, max_size: int) -> None:
    """Pass a message to the callback of a consumer, or drop it.

    No content of the message causes an exception.

    :param max_size: bytes of the body, before and after decompression.
    """
    headers = delivered.properties.get('application_headers') or {}
    # kombu would decompress a body with this header, to any size.
    compression = headers.pop('compression', None)
    raw = consumer.queue.channel.message_to_python(delivered)
    try:
        content = envelope.decode(
            raw.body,
            content_type=raw.content_type,
            compression=compression,
            max_size=max_size,
        )
        # Free the memory: the message may wait for a thread.
        raw.body = None
        consumer.callback(_Message(raw, content))
        return
    except Exception as error:
        reason = type(error).__name__
    # Outside the exception handler: oslo.log would add the exception.
    LOG.warning(
        'Dropped an invalid message from queue %s: %s',
        consumer.queue_name,
        reason,
    )
    # To reject an acknowledged message would close the channel.
    if not raw.acknowledged:
        raw.reject()


class _CompactLog(logging.Filter):
    """Limits the records of the driver to one line for each message."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log a record; remove its traceback."""
        if not isinstance(record.msg, str):
            return True
        if record.msg.startswith('ignoring duplicate message'):
            record.exc_info = None
        return not record.msg.startswith(_REDUNDANT)


_COMPACT_LOG = _CompactLog()


class MessageServer(rpc_server.RPCServer):
    """Server that accepts only authentic messages with a valid reply queue.

    It drops other messages in the thread that reads messages: they occupy no
    thread of the pool and get no reply.

    :param threads: size of the pool. While all threads are occupied, further
        messages stay in the broker.
    :param retrier: retries replies whose queues are missing.
    """

    dispatcher: message_filter.MessageFilter

    def __init__(
        self,
        transport: oslo_messaging.Transport,
        target: oslo_messaging.Target,
        *,
        dispatcher: message_filter.MessageFilter,
        threads: int,
        retrier: reply_retry.ReplyRetrier,
    ) -> None:
        super().__init__(transport, target, dispatcher)
        # The pool of futurist never recovers from a failed thread start.
        self._executor_cls = passthru_threads.ThreadPool
        self._free_threads = threading.Semaphore(threads)
        self._retrier = retrier

    def _create_listener(self) -> Any:
        listener = super()._create_listener()
        poller = listener._poll_style_listener
        if isinstance(poller, amqpdriver.RpcAMQPListener):
            poller.message_cls = functools.partial(_Request, self._retrier)
        return listener

    def discard(self) -> None:
        """Stop the pool of a server that failed to start."""
        if self._work_executor is not None:
            self._work_executor.shutdown(wait=False)

    def _on_incoming(self, incoming: list[Any]) -> None:
        # The batch size of this server is one.
        (message,) = incoming
        if not self._is_accepted(message):
            message.acknowledge()
            return
        while not self._free_threads.acquire(timeout=_HEARTBEAT_SECONDS):
            _send_heartbeat(message)
        super()._on_incoming(incoming)

    def _is_accepted(self, message: Any) -> bool:
        if _has_valid_route(message):
            return self.dispatcher.is_authentic(message)
        LOG.warning('Dropped a message without a valid reply queue')
        return False

    def _process_incoming(self, incoming: list[Any]) -> None:
        try:
            super()._process_incoming(incoming)
        finally:
            self._free_threads.release()


def _has_valid_route(incoming: Any) -> bool:
    """Return whether the reply queue of a message belongs to a client.

    In any other queue, of a conductor or another service of the broker, the
    reply would be read as a request.
    """
    if not hasattr(incoming, 'reply_q'):
        # Only AMQP messages name their reply queue.
        return True
    return all(
        isinstance(name, str)
        and 0 < len(name) <= _MAX_ROUTE_LENGTH
        and name.isascii()
        and name.isprintable()
        for name in (incoming.reply_q, incoming.orig_msg_id)
    ) and incoming.reply_q.startswith(_REPLY_QUEUE_PREFIX)


def _send_heartbeat(incoming: Any) -> None:
    """Keep the connection of a message alive while nothing is read."""
    if not isinstance(incoming, amqpdriver.AMQPIncomingMessage):
        return
    try:
        incoming.listener.conn.connection.connection.send_heartbeat()
    except Exception as error:
        # The next read fails too, and reconnects.
        LOG.debug('Cannot send a heartbeat to the broker: %s', error)


def register_telemetry(conf: cfg.ConfigOpts) -> None:
    """Register options of metrics, and those of tracing since 18.3."""
    for part in ('metrics', 'tracing'):
        try:
            client = importlib.import_module(f'oslo_messaging._{part}.client')
        except ImportError:
            continue
        group = f'oslo_messaging_{part}'
        conf.register_opts(getattr(client, group), group=group)


def adapt(transport: oslo_messaging.Transport) -> None:
    """Apply the changes to a transport for RPC, if it uses RabbitMQ."""
    driver = transport._driver
    if not isinstance(driver, impl_rabbit.RabbitDriver):
        return
    driver._connection_pool.connection_cls = _Connection
    group = 'oslo_messaging_rabbit'
    option = 'kombu_missing_consumer_retry_timeout'
    transport.conf.set_default(option, _REPLY_SECONDS, group=group)
    driver.missing_destination_retry_timeout = transport.conf[group][option]
    for module in (amqpdriver, common):
        # Adding the same filter again has no effect.
        logging.getLogger(module.__name__).addFilter(_COMPACT_LOG)
    log_limit.apply(__name__, amqpdriver.__name__, common.__name__)


def encode_logins(transport: oslo_messaging.Transport) -> None:
    """Encode the login of a transport for notifications, for RabbitMQ."""
    driver = transport._driver
    if isinstance(driver, impl_rabbit.RabbitDriver):
        driver._connection_pool.connection_cls = _EncodedConnection


def options(transport: oslo_messaging.Transport) -> Any | None:
    """Return the effective options of a transport, None without RabbitMQ.

    Options in its URL override the configuration.
    """
    if isinstance(transport._driver, impl_rabbit.RabbitDriver):
        return transport._driver._connection_pool.conf.oslo_messaging_rabbit
    return None
