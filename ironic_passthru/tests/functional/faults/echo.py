# SPDX-License-Identifier: Apache-2.0
"""Duplication of messages on the bus."""

import collections.abc
import contextlib
import random
import socket
import threading
import time

import fixtures
import kombu

from ironic_passthru.rpc import protocol

_JOIN_SECONDS = 10.0


class Echo(fixtures.Fixture):
    """Publish each message for some conductors a second time.

    :param url: transport URL of the broker.
    :param servers: addresses of the conductors.
    :param seconds: the longest time between a message and its copy.
    :ivar copies: how many have been published.
    """

    def __init__(
        self,
        url: str,
        servers: collections.abc.Iterable[protocol.ConductorAddress],
        *,
        seconds: float = 1.0,
    ) -> None:
        super().__init__()
        self._url = url.replace('rabbit:', 'amqp:')
        self._queues = [f'{protocol.TOPIC}.{s.name}' for s in servers]
        self._seconds = seconds

    def _setUp(self) -> None:
        self.copies = 0
        self._over = threading.Event()
        self._waiting: list[tuple[float, str, kombu.Message]] = []
        connection = kombu.Connection(self._url)
        self.addCleanup(connection.close)
        self._producer = kombu.Producer(connection.channel())
        consumer = kombu.Consumer(
            connection.channel(),
            [self._tap(queue) for queue in self._queues],
            on_message=self._keep,
            no_ack=True,
        )
        consumer.consume()
        self._thread = threading.Thread(
            target=self._run, args=(connection,), daemon=True
        )
        self._thread.start()
        self.addCleanup(self._end)

    def _end(self) -> None:
        self._over.set()
        self._thread.join(_JOIN_SECONDS)

    def _tap(self, queue: str) -> kombu.Queue:
        """Return a queue with the bindings of ``queue``."""
        exchange = kombu.Exchange(protocol.EXCHANGE, passive=True)
        return kombu.Queue(
            f'{queue}.echo',
            exchange,
            routing_key=queue,
            exclusive=True,
            auto_delete=True,
        )

    def _keep(self, message: kombu.Message) -> None:
        when = time.monotonic() + random.uniform(0, self._seconds)
        queue = message.delivery_info['routing_key']
        self._waiting.append((when, queue, message))

    def _run(self, connection: kombu.Connection) -> None:
        while not self._over.is_set():
            with contextlib.suppress(socket.timeout):
                connection.drain_events(timeout=0.05)
            self._publish_due()

    def _publish_due(self) -> None:
        now = time.monotonic()
        due = [item for item in self._waiting if item[0] <= now]
        self._waiting = [item for item in self._waiting if item[0] > now]
        for _, queue, message in due:
            # The default exchange: a copy must not be copied.
            self._producer.publish(
                message.body,
                routing_key=queue,
                content_type=message.content_type,
                content_encoding=message.content_encoding,
                headers=message.headers,
                serializer=None,
            )
            self.copies += 1
