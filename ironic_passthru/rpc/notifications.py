# SPDX-License-Identifier: Apache-2.0
"""Notifications that nobody waits for, whatever the message bus does.

::

    whoever has something to tell ──> Outbox ──> its thread ──> Notifier
                                        │
                                        └──> dropped, and counted

An outbox holds so many and no more; what does not fit, or cannot be sent, is
dropped. Each is sent at most once.
"""

import collections
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
# Of these drivers, these need a bus.
_ON_A_BUS = frozenset({'messaging', 'messagingv2'})

# How often one is sent again, unless it is configured; oslo.messaging tries
# for ever. The pauses grow: it gives up after half a minute.
_RETRIES = 5
# How often the log tells of what is dropped, at most.
_TELL_SECONDS = 60.0


class Outbox:
    """Hands things to a thread of its own, or drops them.

    The thread starts with the first of them, so that a server may fork
    before; the process may end without it.

    :param send: does what takes long with one of them; whatever it raises
        costs that one alone.
    :param size: how many may wait.
    :ivar dropped: how many were dropped so far.
    """

    def __init__(self, send: Callable[[Any], object], size: int) -> None:
        self._send = send
        self._size = size
        self._changed = threading.Condition()
        self._waiting: collections.deque[Any] = collections.deque()
        # How many are waiting or being sent.
        self._count = 0
        self._open = True
        self._thread = threading.Thread(
            target=self._run, name='outbox', daemon=True
        )
        self._started = False
        self.dropped = 0
        self._told = 0
        self._tell_after = float('-inf')

    def put(self, item: Any) -> None:
        """Take one; it never waits and never raises."""
        with self._changed:
            fits = self._open and len(self._waiting) < self._size
            if fits:
                self._waiting.append(item)
                self._count += 1
                self._changed.notify()
                self._start()
        if not fits:
            self._drop(1, 'too many wait')

    def close(self, seconds: float) -> bool:
        """Take no more and wait until all is sent, but no longer than so.

        :returns: whether nothing is being sent any more.
        """
        with self._changed:
            self._open = False
            self._changed.notify()
        if self._started:
            self._thread.join(seconds)
        with self._changed:
            left, self._count = self._count, 0
            self._waiting.clear()
            self._tell_after = float('-inf')
        self._drop(left, 'there was no more time')
        return not self._thread.is_alive()

    def _start(self) -> None:
        if self._started:
            return
        try:
            self._thread.start()
            self._started = True
        except RuntimeError:
            # The process has as many threads as it may have; what waits is
            # sent when there is another one.
            LOG.warning('There is no thread to send notifications')

    def _run(self) -> None:
        while item := self._take():
            try:
                self._send(item[0])
                self._drop(0, 'they could not be sent')
            except Exception as error:
                # Its text may hold the notification.
                self._drop(1, type(error).__name__)
            with self._changed:
                self._count = max(0, self._count - 1)

    def _take(self) -> tuple[Any, ...]:
        """Return one, or none if there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or not self._open)
            return (self._waiting.popleft(),) if self._waiting else ()

    def _drop(self, count: int, reason: str) -> None:
        """Count what is dropped, and tell of it now and then."""
        with self._changed:
            self.dropped += count
            news = self.dropped - self._told
            now = time.monotonic()
            if not news or now < self._tell_after:
                return
            self._told = self.dropped
            self._tell_after = now + _TELL_SECONDS
        LOG.warning('%d notifications were dropped: %s', news, reason)


class _Transport(transports.NotificationTransport):
    """A transport that keeps the error of what it could not send.

    oslo.messaging's drivers would log it, with its traceback and all that
    was to be sent, each time.
    """

    error: Exception | None = None

    def _send_notification(self, *args: Any, **kwargs: Any) -> None:
        try:
            super()._send_notification(*args, **kwargs)
        except Exception as error:
            self.error = error


class Notifier:
    """oslo.messaging's notifier, for one thread.

    :param publisher_id: who tells.
    :param driver: instead of those that are configured.
    :param topics: the same.
    :param url: the same, of the bus.
    :param group: where ``url`` is configured.
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
            needed=not _ON_A_BUS.isdisjoint(drivers),
        )
        self._transport = _Transport(transport._driver)
        self._notifier = oslo_messaging.Notifier(
            self._transport, publisher_id, driver=driver, topics=topics
        )

    def send(
        self, event_type: str, payload: dict[str, Any], *, failure: bool
    ) -> None:
        """Send a notification; returns when the bus has it.

        :param failure: whether its priority is ERROR rather than INFO.
        """
        self._transport.error = None
        tell = self._notifier.error if failure else self._notifier.info
        # No context: a notification says for itself whose it is.
        tell({}, event_type, payload)
        if self._transport.error is not None:
            raise self._transport.error

    def close(self) -> None:
        """Give the connection back."""
        self._transport.cleanup()


def _register_options(conf: cfg.ConfigOpts) -> None:
    for group, options in opts.list_opts():
        if group in (GROUP, _RABBIT):
            conf.register_opts(options, group=group)
    conf.set_default('retry', _RETRIES, group=GROUP)


def _check(drivers: list[str]) -> None:
    """Make sure that there are such drivers.

    oslo.messaging would warn of one that there is not, and go on.

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
    """Return a transport; it connects when it is first used.

    :param group: where the address is configured.
    :param needed: whether anything will be sent over it.
    :raises: ConfigError, also for options by which TLS verifies nobody.
    """
    with rpc_transport.valid_url(group):
        url = rpc_transport.parse(conf, address, group)
        unset = not address and _is_default(conf, 'transport_url')
        if needed and (unset or url.transport == 'local'):
            # Nobody else could ever listen there.
            raise errors.ConfigError(
                f'Option transport_url in group [{group}] must name a '
                'message bus that others reach, to send notifications'
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

    A broker refuses to have one in two ways, and for calls this service has
    a default of its own: see :mod:`ironic_passthru.rpc.transport`.
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
