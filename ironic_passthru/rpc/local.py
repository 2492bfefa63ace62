# SPDX-License-Identifier: Apache-2.0
"""The bus inside one process: the oslo.messaging driver of ``local://``.

It behaves like RabbitMQ as far as a client or a server can see, with queues
that are deleted with their last consumer::

    send() -> JSON -> Broker -> one Listener's mailbox -> _Request
      ^                                                      |
      +---------- JSON <- Call <- reply() or heartbeat() <---+

Nothing outlives the driver object, so both sides must share one transport.

Where it is better than RabbitMQ: an answer that has no JSON form is answered
with an error at once, and a server's queue goes when the server stops, not
only when its connection closes. Where it differs: the context arrives as it
was sent, without the driver's own keys (msg_id, reply_q, client_timeout).
"""

from collections.abc import Iterable
from typing import Any

import oslo_messaging
from oslo_messaging._drivers import base
from oslo_messaging._drivers import common
from oslo_serialization import jsonutils

from ironic_passthru.rpc import local_broker


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
        self._broker = local_broker.Broker()

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
        call = (
            local_broker.Call(timeout, call_monitor_timeout)
            if wait_for_reply
            else None
        )
        address = self._address(target, target.topic)
        fanout = bool(target.fanout)
        if target.server and not fanout:
            address += (target.server,)
        routed = self._broker.route(
            address, local_broker.Message(body, call), fanout=fanout
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
            local_broker.Message(_pack(context, message)),
        )

    def listen(
        self,
        target: oslo_messaging.Target,
        batch_size: int,
        batch_timeout: float | None,
    ) -> base.PollStyleListenerAdapter:
        """Take part in a topic, and be addressed as its server."""
        topic = self._address(target, target.topic)
        listener = local_broker.Listener(self._broker, notifications=False)
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
        listener = local_broker.Listener(self._broker, notifications=True)
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

    def _address(
        self, target: oslo_messaging.Target, topic: str
    ) -> local_broker.Address:
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
