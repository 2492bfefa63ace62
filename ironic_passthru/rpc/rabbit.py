# SPDX-License-Identifier: Apache-2.0
"""What oslo.messaging's RabbitMQ driver lacks against foreign messages.

Its consumers decode a message and hand it on. If that fails they log a
traceback; and if it fails after the message was acknowledged, they reject it
all the same, which ends their channel: the process no longer hears of its
queues, or of its replies. So the callback of each consumer is replaced.

Nor does it tell whether a message that could not be sent may have arrived
all the same. So what fails before a call is published is an error of its own.

This is the one place that touches private parts of oslo.messaging's driver.
"""

import bz2
import contextlib
import functools
import json
import logging
import time
import zlib
from collections.abc import Iterator
from typing import Any
from urllib import parse

import amqp.exceptions
import kombu.serialization
import oslo_messaging
from oslo_log import log
from oslo_messaging._drivers import amqp as rpc_amqp
from oslo_messaging._drivers import amqpdriver
from oslo_messaging._drivers import common
from oslo_messaging._drivers import impl_rabbit
from oslo_utils import netutils

from ironic_passthru.rpc import log_limit
from ironic_passthru.rpc import reply_retry
from ironic_passthru.validation import strict_json

LOG = log.getLogger(__name__)

# How long a conductor tries to reach a caller whose queue is not there. A
# caller without signs of life gives up sooner; oslo's default is a minute.
_REPLY_SECONDS = 10

# Begin of lines that are followed by another one: that the queue for a reply
# is missing, or by ours that a conductor failed.
_SAID_TWICE = (
    'The reply %(msg_id)s failed to send after',
    'Failed to rebuild remote exception',
)

_ENVELOPE = {'oslo.version', 'oslo.message'}

# The driver remembers and logs these; its own have 32 characters.
_IDS = ('_msg_id', '_unique_id')
_MAX_ID_LENGTH = 255

_JSON = 'application/json'

# For the values of [oslo_messaging_rabbit] kombu_compression.
_DECOMPRESSORS: dict[Any, Any] = {
    'application/x-gzip': zlib.decompressobj,
    'application/x-bz2': bz2.BZ2Decompressor,
}


class NotOurs(ValueError):
    """A message is none of oslo.messaging's."""


class TooLarge(NotOurs):
    """A message exceeds ``[rpc] max_message_size``."""


class NothingSent(oslo_messaging.MessageDeliveryFailure):
    """A call did not get as far as being published."""


class _Message(impl_rabbit.RabbitMessage):
    """What a message says; it is acknowledged through this."""

    def __init__(self, raw: Any, content: dict[str, Any]) -> None:
        dict.__init__(self, content)
        self._raw_message = raw


class _Request(amqpdriver.AMQPIncomingMessage):
    """A request; no thread waits for the queue of its reply.

    :param retrier: retries the reply while the queue is missing.
    """

    def __init__(self, retrier: reply_retry.ReplyRetrier, *args: Any) -> None:
        super().__init__(*args)
        self._retrier = retrier

    def reply(self, reply: Any = None, failure: Any = None) -> None:
        """Send the reply, or pass it on to the retrier."""
        send = functools.partial(self._try_to_send, reply, failure)
        if not send():
            seconds = self.listener.driver.missing_destination_retry_timeout
            self._retrier.add(
                reply_retry.Reply(
                    queue=self.reply_q,
                    send=send,
                    abandon=self._abandon,
                    deadline=time.monotonic() + seconds,
                )
            )

    def _try_to_send(self, reply: Any, failure: Any) -> bool:
        """Return whether nothing is left to do, as the queue exists."""
        driver = self.listener.driver
        try:
            with driver._get_connection(common.PURPOSE_SEND) as connection:
                self._send_reply(connection, reply, failure)
        except (
            oslo_messaging.MessageUndeliverable,
            rpc_amqp.AMQPDestinationNotFound,
        ):
            return False
        return True

    def _abandon(self) -> None:
        # Nothing is sent to this queue for a minute. Logs it.
        self._obsolete_reply_queues.add(self.reply_q, self.msg_id)


class _EncodedConnection(impl_rabbit.Connection):
    """A connection with the login and virtual host of its transport URL.

    oslo.messaging decodes all of them, but leaves ``/`` and the virtual host
    unencoded in the URL that it makes for kombu, which then reads another
    user, password, host or virtual host.
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

    No call waits at it for a broker that is out of memory or disk, and one
    that has become silent is replaced.
    """

    def __init__(
        self, conf: Any, url: Any, purpose: Any, retry: int | None = None
    ) -> None:
        # Whether what is being sent may wait for the broker as long as it
        # takes, and whether any of it may have left.
        self._patient = False
        self._publishing = False
        self._all_options = conf
        try:
            super().__init__(conf, url, purpose, retry=retry)
        except Exception as error:
            if retry is None:
                raise
            raise NothingSent(str(error)) from error

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
        with self._patience():
            super().direct_send(*args, **kwargs)

    def notify_send(self, *args: Any, **kwargs: Any) -> None:
        with self._patience():
            super().notify_send(*args, **kwargs)

    @contextlib.contextmanager
    def _patience(self) -> Iterator[None]:
        # These are sent again until they arrive, and would meet the same
        # broker over one new connection after the other.
        self._patient = True
        try:
            yield
        finally:
            self._patient = False

    def _transport_socket_timeout(
        self, timeout: float | None
    ) -> contextlib.AbstractContextManager[None]:
        # Entered when all is ready to publish, and for nothing else.
        self._publishing = True
        return super()._transport_socket_timeout(timeout)

    def ensure_connection(self) -> None:
        # Called when heartbeats are missed. The AMQP library goes on with a
        # connection as long as the network does not say that it is gone, and
        # closing it in order would need an answer.
        if self.connection.connected:
            self.connection.collect()
        super().ensure_connection()

    def _on_connection_blocked(self, reason: str) -> None:
        super()._on_connection_blocked(reason)
        if self._patient:
            return
        # The broker reads no more until it has what it lacks. The AMQP
        # library would wait for that as long as it takes, whatever time the
        # call has: each sign of life of the broker begins the time anew. Nor
        # would the broker answer if the connection were closed in order.
        self.connection.connection.collect()
        raise amqp.exceptions.RecoverableConnectionError(reason)

    def _set_current_channel(self, new_channel: Any) -> None:
        # Called for each new channel. The AMQP library would decode a body by
        # whichever codec its message names, and some codecs take hours.
        if new_channel is not None:
            new_channel.auto_decode = False
        super()._set_current_channel(new_channel)

    def declare_consumer(self, consumer: Any) -> Any:
        consumer._callback = functools.partial(
            _deliver, consumer, max_size=self._all_options.rpc.max_message_size
        )
        return super().declare_consumer(consumer)

    def consume(self, timeout: float | None = None) -> None:
        try:
            super().consume(timeout)
            return
        except oslo_messaging.MessageDeliveryFailure:
            # Not the network, which is tried again for ever: the AMQP library
            # has stumbled over the headers of a message.
            pass
        LOG.error('A message cannot be read; the connection is replaced')
        # The next call makes another one.
        self.connection.close()


class _OneLine(logging.Filter):
    """Makes one line of what the driver says of one foreign message."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not isinstance(record.msg, str):
            return True
        if record.msg.startswith('ignoring duplicate message'):
            record.exc_info = None
        return not record.msg.startswith(_SAID_TWICE)


_ONE_LINE = _OneLine()


def adapt(transport: oslo_messaging.Transport) -> None:
    """Let a transport survive foreign messages, if it is RabbitMQ's."""
    driver = transport._driver
    if not isinstance(driver, impl_rabbit.RabbitDriver):
        return
    driver._connection_pool.connection_cls = _Connection
    group = 'oslo_messaging_rabbit'
    option = 'kombu_missing_consumer_retry_timeout'
    transport.conf.set_default(option, _REPLY_SECONDS, group=group)
    driver.missing_destination_retry_timeout = transport.conf[group][option]
    for module in (amqpdriver, common):
        # A filter that is there already is not added again.
        logging.getLogger(module.__name__).addFilter(_ONE_LINE)
    log_limit.apply(__name__, amqpdriver.__name__, common.__name__)


def defer_replies(listener: Any, retrier: reply_retry.ReplyRetrier) -> None:
    """Let no thread wait for missing queues, if a listener is RabbitMQ's.

    :param listener: as a transport returned it; not started yet.
    """
    poller = listener._poll_style_listener
    if isinstance(poller, amqpdriver.RpcAMQPListener):
        poller.message_cls = functools.partial(_Request, retrier)


def send_heartbeat(incoming: Any) -> None:
    """Keep the connection that a message came by, while nothing is read."""
    if not isinstance(incoming, amqpdriver.AMQPIncomingMessage):
        return
    try:
        incoming.listener.conn.connection.connection.send_heartbeat()
    except Exception as error:
        # Reading finds out, and connects anew.
        LOG.debug('A heartbeat could not be sent: %s', error)


def encode_logins(transport: oslo_messaging.Transport) -> None:
    """Let a transport for notifications use the login of its URL."""
    driver = transport._driver
    if isinstance(driver, impl_rabbit.RabbitDriver):
        driver._connection_pool.connection_cls = _EncodedConnection


def options(transport: oslo_messaging.Transport) -> Any | None:
    """Return the options that count for a transport, if it is RabbitMQ's.

    Its URL may hold some.
    """
    if isinstance(transport._driver, impl_rabbit.RabbitDriver):
        return transport._driver._connection_pool.conf.oslo_messaging_rabbit
    return None


def _deliver(consumer: Any, delivered: Any, *, max_size: int) -> None:
    """Hand a message to the callback of a consumer, or drop it.

    Nothing may be raised on account of what is in it.

    :param max_size: bytes of the body, before and after decompression.
    """
    headers = delivered.properties.get('application_headers') or {}
    # kombu decompresses what has this header, to any size.
    compression = headers.pop('compression', None)
    raw = consumer.queue.channel.message_to_python(delivered)
    try:
        content = _unpack(_payload(raw, compression, max_size=max_size))
        # Not needed any more; the message may wait for a thread.
        raw.body = None
        consumer.callback(_Message(raw, content))
        return
    except Exception as error:
        fault = type(error).__name__
    # Not while the exception is handled: oslo.log adds the text of that.
    LOG.warning(
        'A message in queue %s was dropped, for it is not one of ours: %s',
        consumer.queue_name,
        fault,
    )
    # A second answer to the broker would end the channel.
    if not raw.acknowledged:
        raw.reject()


def _payload(raw: Any, compression: Any, *, max_size: int) -> Any:
    """Return what the body of a message holds.

    :raises: NotOurs and other errors.
    """
    body = raw.body
    if len(body) > max_size:
        raise TooLarge('too large')
    if compression is not None:
        decompressor = _DECOMPRESSORS[compression]()
        body = decompressor.decompress(body, max_size + 1)
        if len(body) > max_size:
            raise TooLarge('too large')
        if not decompressor.eof:
            raise NotOurs('incomplete')
    # Never by the codec that the message names: some of them decompress.
    return kombu.serialization.loads(
        body, raw.content_type, 'utf-8', accept={_JSON}
    )


def _unpack(envelope: Any) -> dict[str, Any]:
    """Return the content of a message.

    :raises: NotOurs and other errors for what is no content.
    """
    if not isinstance(envelope, dict) or not envelope.keys() >= _ENVELOPE:
        raise NotOurs('no envelope')
    if envelope['oslo.version'] != common._RPC_ENVELOPE_VERSION:
        raise NotOurs('another version of the envelope')
    content = json.loads(
        envelope['oslo.message'],
        parse_constant=strict_json.no_constant,
        parse_float=strict_json.finite,
    )
    if not isinstance(content, dict):
        raise NotOurs('no object')
    for name in _IDS:
        value = content.get(name)
        if value is not None and not (
            isinstance(value, str)
            and len(value) <= _MAX_ID_LENGTH
            and value.isprintable()
        ):
            raise NotOurs('not an identifier')
    return content
