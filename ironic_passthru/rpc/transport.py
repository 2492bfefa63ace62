# SPDX-License-Identifier: Apache-2.0
"""Transports for RPC, with the defaults of this service."""

import contextlib
import threading
from collections.abc import Iterator

import oslo_messaging
from oslo_config import cfg

from ironic_passthru import conf as project_conf
from ironic_passthru import errors
from ironic_passthru.conf import rpc as rpc_conf
from ironic_passthru.conf import urls
from ironic_passthru.rpc import protocol
from ironic_passthru.rpc import rabbit
from ironic_passthru.rpc import tls

# Clients rebuild only the exceptions of these modules.
ERROR_MODULES = [errors.__name__]

_TRANSIENT_SECONDS = 60
# Messages that the broker sends ahead to each consumer. They are acknowledged
# as they are read, so more of them would not make anything faster.
_PREFETCH_COUNT = 64
# Seconds without traffic after which a connection is closed. A call that is
# being sent waits as long; the default of oslo.messaging is a minute.
_SILENCE_SECONDS = 15

# How long connections may delay the exit.
_CLOSE_SECONDS = 5.0


def make(
    conf: cfg.ConfigOpts, url: str | None = None
) -> oslo_messaging.Transport:
    """Return a transport, which connects at its first use.

    :param url: transport URL; by default ``[DEFAULT] transport_url``.
    :raises: ConfigError for an invalid URL or invalid options for TLS.
    """
    # The configuration may be that of another service.
    project_conf.register_opts(conf, [rpc_conf])
    with valid_url('DEFAULT'):
        transport = oslo_messaging.get_rpc_transport(
            conf,
            parse(conf, url, 'DEFAULT'),
            allowed_remote_exmods=ERROR_MODULES,
        )
    rabbit.register_telemetry(conf)
    tls.check(transport)
    if tls.GROUP in conf:
        _set_rabbit_defaults(conf)
    rabbit.adapt(transport)
    return transport


def close(transport: oslo_messaging.Transport) -> None:
    """Close the connections of a transport; stop waiting after some seconds.

    While the broker is unavailable, oslo.messaging waits without limit for
    threads that connect. They end with the process.
    """
    closing = threading.Thread(
        target=transport.cleanup, name='bus-close', daemon=True
    )
    closing.start()
    closing.join(_CLOSE_SECONDS)


def parse(
    conf: cfg.ConfigOpts, url: str | None, group: str
) -> oslo_messaging.TransportURL:
    """Return a transport URL that all libraries parse identically.

    :param url: by default ``[DEFAULT] transport_url``.
    :param group: group of the option ``transport_url``.
    :raises: ConfigError, or an error for :func:`valid_url`.
    """
    # Registers the options.
    oslo_messaging.TransportURL(conf)
    if not url:
        group = 'DEFAULT'
    text = url or urls.read(conf, option='transport_url', group=group) or ''
    # Before parsing: oslo.messaging logs parts of an invalid URL.
    urls.check(text, option='transport_url', group=group, several=True)
    parsed = oslo_messaging.TransportURL.parse(conf, text)
    if any(not host.hostname for host in parsed.hosts):
        raise ValueError('missing host')
    return parsed


@contextlib.contextmanager
def valid_url(group: str) -> Iterator[None]:
    """Convert errors of an invalid transport URL.

    :param group: group of the option ``transport_url``.
    :raises: ConfigError.
    """
    try:
        yield
    except (
        oslo_messaging.InvalidTransportURL,
        oslo_messaging.DriverLoadFailure,
        ValueError,
    ):
        # The text of the exception contains the URL with the password.
        raise errors.ConfigError(
            f'Option transport_url in group [{group}] is not a valid '
            'transport URL such as rabbit://user:password@host:5672/; special '
            'characters must be percent-encoded, such as %2F for /'
        ) from None


def _set_rabbit_defaults(conf: cfg.ConfigOpts) -> None:
    """Set defaults that delete queues with their process.

    RabbitMQ cannot delete quorum queues this way; their expiry is set by a
    policy.
    """
    group = tls.GROUP
    if not conf[group].rabbit_quorum_queue:
        conf.set_default('amqp_auto_delete', True, group=group)
    # Queues of replies expire instead. With the default of half an hour, a
    # process that restarts often would leave many of them.
    conf.set_default(
        'rabbit_transient_queues_ttl', _TRANSIENT_SECONDS, group=group
    )
    conf.set_default(
        'heartbeat_timeout_threshold', _SILENCE_SECONDS, group=group
    )
    conf.set_default('rabbit_qos_prefetch_count', _PREFETCH_COUNT, group=group)


def target(
    server: protocol.ConductorAddress | None = None,
) -> oslo_messaging.Target:
    """Return the target of all conductors, or of one of them."""
    return oslo_messaging.Target(
        exchange=protocol.EXCHANGE,
        topic=protocol.TOPIC,
        version=protocol.VERSION,
        server=server.name if server else None,
    )
