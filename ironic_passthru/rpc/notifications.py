# SPDX-License-Identifier: Apache-2.0
"""Notifications on the message bus, sent by a thread of their own.

::

    publisher ──> NotificationQueue ──> thread ──> Notifier
                        │
                        └──> dropped, and counted

The queue is bounded: notifications that do not fit, or cannot be sent, are
dropped. Each notification is sent at most once.
"""

import collections
import dataclasses
import threading
import time
from collections.abc import Callable
from importlib import metadata
from typing import Any

import oslo_messaging
from oslo_config import cfg
from oslo_log import log
from oslo_messaging import opts
from oslo_messaging import transport as transports

from ironic_passthru import errors
from ironic_passthru.conf import urls
from ironic_passthru.rpc import rabbit
from ironic_passthru.rpc import tls
from ironic_passthru.rpc import transport as rpc_transport

LOG = log.getLogger(__name__)

GROUP = 'oslo_messaging_notifications'
_RABBIT = 'oslo_messaging_rabbit'
_DRIVERS = 'oslo.messaging.notify.drivers'
_BUS_DRIVERS = frozenset({'messaging', 'messagingv2'})

# Default number of attempts to send again; oslo.messaging has no limit. The
# pauses grow: it gives up after half a minute.
_RETRIES = 5
# Shortest time between two log records about dropped notifications.
_LOG_SECONDS = 60.0
# How long close() waits for the notifications in the queue.
_CLOSE_SECONDS = 2.0


@dataclasses.dataclass(frozen=True)
class Notification:
    """A notification to send.

    :param payload: a JSON object.
    :param is_failure: whether its priority is ERROR instead of INFO.
    """

    event_type: str
    payload: dict[str, Any]
    is_failure: bool = False


#: A notification, or a function that returns it in the thread of the queue;
#: None to send nothing.
Item = Notification | Callable[[], Notification | None]


class NotificationQueue:
    """A bounded queue and the thread that sends its notifications.

    The thread starts with the first notification, so that a server may fork
    before. It is a daemon, unlike the threads of an executor: the process
    may exit while it waits for the bus.

    :param notifier: used by the thread; an error that it raises drops one
        notification.
    :param size: number of notifications that may wait.
    :ivar dropped: number of dropped notifications.
    """

    def __init__(self, notifier: 'Notifier', size: int) -> None:
        self._notifier = notifier
        self._size = size
        self._changed = threading.Condition()
        self._waiting: collections.deque[Item] = collections.deque()
        # Number of notifications that wait or are being sent.
        self._unsent = 0
        self._open = True
        self._thread = threading.Thread(
            target=self._run, name='events', daemon=True
        )
        self._started = False
        self.dropped = 0
        self._logged = 0
        self._log_after = float('-inf')

    def put(self, item: Item) -> None:
        """Queue or drop a notification without waiting."""
        with self._changed:
            fits = self._open and len(self._waiting) < self._size
            if fits:
                self._waiting.append(item)
                self._unsent += 1
                self._changed.notify()
                self._start()
        if not fits:
            self._drop(1, 'the queue is full')

    def close(self) -> None:
        """Send what waits, for a bounded time, and close the notifier.

        The notifier stays open if it does not return in time.
        """
        with self._changed:
            self._open = False
            self._changed.notify()
        if self._started:
            self._thread.join(_CLOSE_SECONDS)
        with self._changed:
            left, self._unsent = self._unsent, 0
            self._waiting.clear()
            self._log_after = float('-inf')
        self._drop(left, 'the process stops')
        if not self._thread.is_alive():
            self._notifier.close()

    def _start(self) -> None:
        if self._started:
            return
        try:
            self._thread.start()
            self._started = True
        except RuntimeError:
            # The next notification tries again.
            LOG.warning('Cannot start the thread that sends notifications')

    def _run(self) -> None:
        while items := self._take():
            try:
                item = items[0]
                found = item if isinstance(item, Notification) else item()
                if found is not None:
                    self._notifier.send(found)
                self._drop(0, 'they could not be sent')
            except Exception as error:
                # Not its text, which may contain the notification.
                self._drop(1, type(error).__name__)
            with self._changed:
                self._unsent = max(0, self._unsent - 1)

    def _take(self) -> list[Item]:
        """Return the next item, or an empty list after the last one."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or not self._open)
            return [self._waiting.popleft()] if self._waiting else []

    def _drop(self, count: int, reason: str) -> None:
        """Count dropped notifications, and log them at times."""
        with self._changed:
            self.dropped += count
            new = self.dropped - self._logged
            now = time.monotonic()
            if not new or now < self._log_after:
                return
            self._logged = self.dropped
            self._log_after = now + _LOG_SECONDS
        LOG.warning('%d notifications were dropped: %s', new, reason)


class _Transport(transports.NotificationTransport):
    """A transport that keeps the error of a notification.

    The drivers of oslo.messaging log it each time, with its traceback and
    the whole notification, and raise nothing.
    """

    error: Exception | None = None

    def _send_notification(self, *args: Any, **kwargs: Any) -> None:
        try:
            super()._send_notification(*args, **kwargs)
        except Exception as error:
            self.error = error


class Notifier:
    """A notifier of oslo.messaging, for one thread.

    :param publisher_id: service and host.
    :param driver: overrides the configured drivers.
    :param topics: overrides the configured topics.
    :param url: overrides the configured address of the bus.
    :param group: the group in which ``url`` is configured.
    :raises: ConfigError if there is no way to send anything.
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        publisher_id: str,
        *,
        driver: str | None = None,
        topics: list[str] | None = None,
        url: str | None = None,
        group: str = GROUP,
    ) -> None:
        _register_options(conf)
        drivers = [driver] if driver else conf[GROUP].driver
        _check(drivers)
        address = url or urls.read(conf, option='transport_url', group=GROUP)
        transport = _transport(
            conf,
            address,
            group=group if url else GROUP,
            needed=not _BUS_DRIVERS.isdisjoint(drivers),
        )
        self._transport = _Transport(transport._driver)
        self._notifier = oslo_messaging.Notifier(
            self._transport, publisher_id, driver=driver, topics=topics
        )

    def send(self, notification: Notification) -> None:
        """Return when the bus has received a notification.

        :raises: any error of the bus.
        """
        self._transport.error = None
        send = (
            self._notifier.error
            if notification.is_failure
            else self._notifier.info
        )
        # Without context: the payload contains the identity.
        send({}, notification.event_type, notification.payload)
        if self._transport.error is not None:
            raise self._transport.error

    def close(self) -> None:
        """Close the connection."""
        self._transport.cleanup()


def _register_options(conf: cfg.ConfigOpts) -> None:
    for group, options in opts.list_opts():
        if group in (GROUP, _RABBIT):
            conf.register_opts(options, group=group)
    conf.set_default('retry', _RETRIES, group=GROUP)


def _check(drivers: list[str]) -> None:
    """Check that all drivers exist; oslo.messaging ignores unknown ones.

    :raises: ConfigError.
    """
    known = sorted(metadata.entry_points(group=_DRIVERS).names)
    unknown = [name for name in drivers if name not in known]
    if unknown or not drivers:
        raise errors.ConfigError(
            f'Option driver in group [{GROUP}] must be set to send '
            f'notifications, to one of: {", ".join(known)}'
        )


def _transport(
    conf: cfg.ConfigOpts,
    address: str | None,
    *,
    needed: bool,
    group: str = GROUP,
) -> oslo_messaging.Transport:
    """Return a transport, which connects at its first use.

    :param group: the group in which the address is configured.
    :param needed: whether notifications are sent over it.
    :raises: ConfigError, also for TLS without verification.
    """
    with rpc_transport.valid_url(group):
        url = rpc_transport.parse(conf, address, group)
        unset = not address and _is_default(conf, 'transport_url')
        if needed and (unset or url.transport == 'local'):
            # No other process can receive from it.
            raise errors.ConfigError(
                f'Option transport_url in group [{group}] must name a '
                'message bus that other services reach, to send notifications'
            )
        _share_exchange(conf, url)
        transport = oslo_messaging.get_notification_transport(conf, url)
        rabbit.encode_logins(transport)
    if needed:
        tls.check(transport)
    return transport


def _share_exchange(
    conf: cfg.ConfigOpts, url: oslo_messaging.TransportURL
) -> None:
    """Declare the exchange as all services of OpenStack do.

    A broker refuses a second declaration with other options, and this
    service has its own default for calls: see
    :mod:`ironic_passthru.rpc.transport`.
    """
    name = 'amqp_auto_delete'
    on_rabbit = url.transport.startswith(('rabbit', 'kombu'))
    if on_rabbit and _is_default(conf, name, _RABBIT):
        url.query.setdefault(name, 'false')


def _is_default(
    conf: cfg.ConfigOpts, name: str, group: str | None = None
) -> bool:
    found = conf.get_location(name, group)
    if found is None:
        return True
    return found.location in (
        cfg.Locations.opt_default,
        cfg.Locations.set_default,
    )
