# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[conductor]``: the tier that owns the drivers."""

from oslo_config import cfg

from ironic_passthru.conf import groups

GROUP = cfg.OptGroup('conductor', title='The conductor')

OPTS: list[cfg.Opt] = [
    cfg.ListOpt(
        'enabled_drivers',
        default=['fake-hardware'],
        help='Names of the drivers that this conductor offers: entry points '
        'of the group ironic_passthru.drivers. One that cannot be loaded '
        'stops the conductor. The default touches no hardware; it is there '
        'to try the service.',
    ),
    cfg.ListOpt(
        'allowed_dangerous_methods',
        default=[],
        help='Methods declared dangerous that may be called all the same, as '
        '"driver.method"; * and ? stand for any text and any character of '
        'one of the two names, so "acme.*" allows those of the driver acme '
        'but not of acme.lab. "*" allows all. Others are refused whoever '
        'asks. What the policy says holds besides.',
    ),
    cfg.StrOpt(
        'conductor_group',
        default='',
        max_length=255,
        regex=r'^[a-zA-Z0-9_\-\.]*$',
        help='Group that this conductor belongs to; empty for none. Clients '
        'can read it, and policy rules can restrict calls to the conductors '
        'of some groups by the target attribute conductor_group.',
    ),
    cfg.IntOpt(
        'sync_workers',
        default=64,
        min=1,
        max=4096,
        help='Number of synchronous calls that run at once; further ones are '
        'refused at once, so that another conductor can take them.',
    ),
    cfg.IntOpt(
        'async_workers',
        default=64,
        min=1,
        max=4096,
        help='Number of asynchronous calls that run at once.',
    ),
    cfg.IntOpt(
        'async_backlog',
        default=64,
        min=0,
        max=100000,
        help='Number of accepted asynchronous calls that may wait for a '
        'worker; further ones are refused.',
    ),
    cfg.IntOpt(
        'driver_limit',
        min=1,
        max=104096,
        help='Number of calls of one driver at once, in each of the two '
        'pools: that of synchronous calls, and that of asynchronous ones, '
        'accepted ones that wait included. Further ones are refused with 503 '
        'before anything has run. By default it is three quarters of the '
        'pool, rounded up, so that a driver whose hardware hangs leaves '
        'places to the others; a conductor with a single driver gives it '
        'the whole pool. Whatever it is, with several drivers one never '
        'occupies more than three quarters of async_workers.',
    ),
    cfg.IntOpt(
        'target_limit',
        default=8,
        min=1,
        max=104096,
        help='Number of calls at once, running or accepted, for one target '
        'of a driver, such as a BMC, in each of the two pools. Further ones '
        'are refused with 503 before anything has run, so that a BMC that '
        'hangs cannot take every worker. It holds for methods that say which '
        'of their parameters names the target.',
    ),
    cfg.FloatOpt(
        'heartbeat_interval',
        default=5.0,
        min=0.1,
        max=3600.0,
        help='Seconds between two heartbeats of a conductor in the registry. '
        'Before each one it makes sure that it still hears the bus.',
    ),
    cfg.FloatOpt(
        'heartbeat_timeout',
        default=30.0,
        min=0.5,
        max=86400.0,
        help='Seconds after its last heartbeat at which a conductor counts '
        'as dead. It must be the same on all hosts, API ones included, and '
        'at least twice heartbeat_interval.',
    ),
    cfg.IntOpt(
        'max_result_size',
        default=16 * 1024 * 1024,
        min=1024,
        max=1024 * 1024 * 1024,
        help='Largest result of a method, in bytes as it crosses the bus; a '
        'larger one becomes an error 500.',
    ),
    cfg.FloatOpt(
        'drain_seconds',
        default=3.0,
        min=0.0,
        max=300.0,
        help='Seconds that a stopping conductor goes on answering (with a '
        'refusal that makes the API try another one) so that every API '
        'process can learn that it is leaving. At least [api] '
        'catalog_max_age.',
    ),
    cfg.FloatOpt(
        'graceful_shutdown_timeout',
        default=60.0,
        min=0.0,
        max=86400.0,
        help='Seconds that running calls get to finish when the conductor '
        'is told to stop.',
    ),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options of this module on ``conf``."""
    groups.register(conf, GROUP, OPTS)
