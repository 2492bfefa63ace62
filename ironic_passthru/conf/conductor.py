# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[conductor]``."""

from oslo_config import cfg

GROUP = cfg.OptGroup('conductor', title='The conductor')

OPTS: list[cfg.Opt] = [
    cfg.ListOpt(
        'enabled_drivers',
        default=['fake-hardware'],
        help='Drivers of this conductor, as NAME or NAME:ENTRY_POINT. NAME '
        'alone is that of an entry point in the group '
        'ironic_passthru.drivers. NAME:ENTRY_POINT loads an entry point as an '
        'instance, a driver with another name and configuration groups of '
        'its own: redfish-site-b:redfish reads [redfish-site-b] and '
        '[redfish-site-b_ironic] instead of [redfish] and [redfish_ironic]. '
        'NAME then consists of lower-case letters, digits, ".", "_" and "-". '
        'The conductor does not start if a driver cannot be loaded. The '
        'default touches no hardware.',
    ),
    cfg.ListOpt(
        'enabled_ironic_hardware_types',
        default=[],
        sample_default='acme,acme2:acme2-vendor',
        help='Hardware types of an installed Ironic whose vendor interfaces '
        'are drivers of this conductor, without any change, as TYPE or '
        'TYPE:VENDOR_INTERFACE. TYPE is an entry point in the group '
        'ironic.hardware.types and the name of the driver; VENDOR_INTERFACE '
        'is an entry point in ironic.hardware.interfaces.vendor, by default '
        'that of the first interface that the hardware type supports. Only '
        'methods of drivers are served, not those of nodes.',
    ),
    cfg.ListOpt(
        'ironic_config_files',
        default=[],
        sample_default='/etc/ironic/ironic.conf',
        help='Configuration files of Ironic, for '
        'enabled_ironic_hardware_types. The default is the files that '
        'Ironic reads without an argument.',
    ),
    cfg.ListOpt(
        'allowed_dangerous_methods',
        default=[],
        help='Dangerous methods that clients can call, as "driver.method". * '
        'and ? match any text and any character within one of the two names: '
        '"acme.*" matches the methods of driver acme, but not those of '
        'acme.lab. "*" matches all methods. Calls of other dangerous methods '
        'are rejected for every user. The policy applies in addition.',
    ),
    cfg.StrOpt(
        'conductor_group',
        default='',
        max_length=255,
        regex=r'^[a-zA-Z0-9_\-\.]*$',
        help='Group of this conductor, such as the conductors that reach the '
        'same hardware. Clients see it. A call with the header '
        'Passthru-Conductor-Group runs only on conductors of the named '
        'group; other calls run in any group that serves their targets. '
        'The policy rule for calls can test it (conductor_group).',
    ),
    cfg.FloatOpt(
        'targets_interval',
        default=2.0,
        min=0.1,
        max=3600.0,
        help='Interval between two reads of the targets that drivers serve, '
        'in seconds. Changes are published to the API.',
    ),
    cfg.IntOpt(
        'sync_workers',
        default=64,
        min=1,
        max=4096,
        help='Maximum number of concurrent synchronous calls; further ones '
        'are refused, and the API tries another conductor.',
    ),
    cfg.IntOpt(
        'async_workers',
        default=64,
        min=1,
        max=4096,
        help='Maximum number of concurrent asynchronous calls.',
    ),
    cfg.IntOpt(
        'async_backlog',
        default=64,
        min=0,
        max=100000,
        help='Maximum number of accepted asynchronous calls that wait for a '
        'worker; further ones are refused.',
    ),
    cfg.IntOpt(
        'driver_limit',
        min=1,
        max=104096,
        help='Maximum number of calls of one driver in each of the two '
        'pools: running synchronous calls, and running or accepted '
        'asynchronous calls. Further ones are refused with 503. The default '
        'is three quarters of the pool, rounded up, or the whole pool if '
        'there is only one driver. With several drivers, one driver never '
        'uses more than three quarters of async_workers.',
    ),
    cfg.IntOpt(
        'target_limit',
        default=8,
        min=1,
        max=104096,
        help='Maximum number of running or accepted calls for one target of '
        'a driver, such as a BMC, in each of the two pools. Further ones are '
        'refused with 503. It applies to methods that declare which of their '
        'parameters is the target.',
    ),
    cfg.FloatOpt(
        'heartbeat_interval',
        default=5.0,
        min=0.1,
        max=3600.0,
        help='Interval of the heartbeats of a conductor in the registry, in '
        'seconds. A conductor that cannot receive messages from the bus '
        'skips the heartbeat.',
    ),
    cfg.FloatOpt(
        'heartbeat_timeout',
        default=30.0,
        min=0.5,
        max=86400.0,
        help='Maximum age of the last heartbeat of a live conductor, in '
        'seconds. It must be at least twice heartbeat_interval, and the same '
        'on all hosts, including those of the API.',
    ),
    cfg.IntOpt(
        'max_result_size',
        default=16 * 1024 * 1024,
        min=1024,
        max=1024 * 1024 * 1024,
        help='Maximum size of a serialized result of a method, in bytes; a '
        'larger result is replaced by an error with status 500.',
    ),
    cfg.FloatOpt(
        'drain_seconds',
        default=3.0,
        min=0.0,
        max=300.0,
        help='Time in seconds that a stopping conductor continues to refuse '
        'calls, until every API process uses other conductors. It should be '
        'at least [api] catalog_max_age.',
    ),
    cfg.FloatOpt(
        'graceful_shutdown_timeout',
        default=60.0,
        min=0.0,
        max=86400.0,
        help='Maximum time in seconds that a stopping conductor waits for '
        'running calls.',
    ),
]
