# SPDX-License-Identifier: Apache-2.0
"""The connection to the bus, with the defaults that this service needs."""

import contextlib
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

# Errors of these modules are rebuilt on the other side, all else is not.
ERROR_MODULES = [errors.__name__]

_TRANSIENT_SECONDS = 60
# Messages that the broker sends ahead to each consumer. They are acknowledged
# as they are read, so more of them would not make anything faster.
_PREFETCH_COUNT = 64
# How long a broker may be silent before its connection is given up. A call
# that is being sent to it waits as long; oslo's default is a minute.
_SILENCE_SECONDS = 15


def make(
    conf: cfg.ConfigOpts, url: str | None = None
) -> oslo_messaging.Transport:
    """Return a transport; it connects when it is first used.

    :param url: transport URL; by default ``[DEFAULT] transport_url``.
    :raises: ConfigError for a URL or options for TLS that are not valid.
    """
    # Other services have a configuration of their own.
    project_conf.register_opts(conf, [rpc_conf])
    with valid_url('DEFAULT'):
        transport = oslo_messaging.get_rpc_transport(
            conf,
            parse(conf, url, 'DEFAULT'),
            allowed_remote_exmods=ERROR_MODULES,
        )
    tls.check(transport)
    if tls.GROUP in conf:
        _set_rabbit_defaults(conf)
    rabbit.adapt(transport)
    return transport


def parse(
    conf: cfg.ConfigOpts, url: str | None, group: str
) -> oslo_messaging.TransportURL:
    """Return a transport URL that all libraries read in the same way.

    :param url: by default ``[DEFAULT] transport_url``.
    :param group: where the URL is configured, as ``transport_url``.
    :raises: ConfigError, or an error for :func:`valid_url`.
    """
    # This registers the options.
    oslo_messaging.TransportURL(conf)
    if not url:
        group = 'DEFAULT'
    text = url or urls.read(conf, option='transport_url', group=group) or ''
    # Before it is parsed: oslo.messaging logs parts that it misreads.
    urls.check(text, option='transport_url', group=group, several=True)
    parsed = oslo_messaging.TransportURL.parse(conf, text)
    if any(not host.hostname for host in parsed.hosts):
        raise ValueError('a login without a host')
    return parsed


@contextlib.contextmanager
def valid_url(group: str) -> Iterator[None]:
    """Say what is wrong while a transport is made.

    :param group: where the URL is configured, as ``transport_url``.
    :raises: ConfigError for a URL that is not valid.
    """
    try:
        yield
    except (
        oslo_messaging.InvalidTransportURL,
        oslo_messaging.DriverLoadFailure,
        ValueError,
    ):
        # The text of these holds the URL, and so a password.
        raise errors.ConfigError(
            f'Option transport_url in group [{group}] is not a valid '
            'transport URL such as rabbit://user:password@host:5672/; special '
            'characters must be percent-encoded, such as %2F for /'
        ) from None


def _set_rabbit_defaults(conf: cfg.ConfigOpts) -> None:
    """Let queues go with the process that they belong to.

    Quorum queues cannot do that in RabbitMQ; for them an operator sets an
    expiry by a policy.
    """
    group = tls.GROUP
    if not conf[group].rabbit_quorum_queue:
        conf.set_default('amqp_auto_delete', True, group=group)
    # For replies and fanout, which expire instead: within half an hour, the
    # default, a process that restarts often would leave many behind.
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
    """Return the address of the conductors, or of one of them."""
    return oslo_messaging.Target(
        exchange=protocol.EXCHANGE,
        topic=protocol.TOPIC,
        version=protocol.VERSION,
        server=server.name if server else None,
    )
