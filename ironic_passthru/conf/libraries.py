# SPDX-License-Identifier: Apache-2.0
"""Options of libraries for the sample and the page of options.

Options without an effect in this service are left out.
"""

from collections.abc import Mapping
from importlib import metadata

from oslo_config import cfg

# Of the entry points ``oslo.config.opts``.
NAMESPACES = (
    'keystonemiddleware.audit',
    'keystonemiddleware.auth_token',
    'oslo.db',
    'oslo.log',
    'oslo.messaging',
    'oslo.middleware.cors',
    'oslo.middleware.healthcheck',
    'oslo.middleware.http_proxy_to_wsgi',
    'oslo.policy',
)

#: Groups of buses that this service does not use.
UNUSED_GROUPS = frozenset({'oslo_messaging_kafka'})

#: Options without an effect, by group.
NO_EFFECT: Mapping[str, frozenset[str]] = {
    'DEFAULT': frozenset(
        {
            # The number of threads and timeouts are arguments; messages other
            # than those of Ironic are rejected.
            *('executor_thread_pool_size', 'rpc_response_timeout'),
            'rpc_ping_enabled',
            # Of Nova's instances.
            *('instance_format', 'instance_uuid_format'),
        }
    ),
    'database': frozenset(
        {
            # Of asynchronous sessions, and of another interface of oslo.db.
            *('asyncio_connection', 'asyncio_slave_connection', 'backend'),
            *('db_inc_retry_interval', 'db_max_retry_interval'),
            *('db_retry_interval', 'use_db_reconnect'),
        }
    ),
    # The short health check needs no login.
    'healthcheck': frozenset({'detailed'}),
    # A cache of Swift, and a value that the service sets itself.
    'keystone_authtoken': frozenset({'cache', 'delay_auth_decision'}),
}


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Return the options by group."""
    found = []
    for namespace in NAMESPACES:
        (point,) = metadata.entry_points(
            group='oslo.config.opts', name=namespace
        )
        for group, options in point.load()():
            name = str(getattr(group, 'name', group) or 'DEFAULT')
            hidden = NO_EFFECT.get(name, frozenset())
            if name not in UNUSED_GROUPS:
                kept = [each for each in options if each.dest not in hidden]
                found.append((name, kept))
    return found
