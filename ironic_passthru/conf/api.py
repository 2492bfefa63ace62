# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[api]``: the REST tier."""

from oslo_config import cfg

from ironic_passthru.conf import groups

GROUP = cfg.OptGroup('api', title='The REST API')

OPTS: list[cfg.Opt] = [
    cfg.HostAddressOpt(
        'host_ip',
        default='127.0.0.1',
        help='Address that the built-in HTTP server listens on. There is no '
        'login yet, so think twice before it is anything but loopback.',
    ),
    cfg.PortOpt(
        'port',
        default=6385,
        help='TCP port that the built-in HTTP server listens on; 0 lets the '
        'system choose a free one.',
    ),
    cfg.IntOpt(
        'threads',
        default=16,
        min=1,
        max=1024,
        help='Number of worker threads of the built-in HTTP server, which '
        'is the number of requests that it serves at once.',
    ),
    cfg.IntOpt(
        'socket_timeout',
        default=30,
        min=1,
        max=3600,
        help='Seconds after which the built-in HTTP server gives up on a '
        'client that neither sends nor receives.',
    ),
    cfg.URIOpt(
        'public_endpoint',
        schemes=['http', 'https'],
        sample_default='https://baremetal.example.com',
        help='URL that the links in answers start with. When it is unset '
        'they follow the Host header of the request.',
    ),
    cfg.IntOpt(
        'max_body_size',
        default=1024 * 1024,
        min=1024,
        max=1024 * 1024 * 1024,
        help='Largest request body, in bytes; a larger one is answered 413.',
    ),
    cfg.IntOpt(
        'max_body_depth',
        default=25,
        min=1,
        max=500,
        help='How many levels of JSON arrays and objects a request body may '
        'nest; a deeper one is answered 400.',
    ),
    cfg.FloatOpt(
        'catalogue_max_age',
        default=2.0,
        min=0.05,
        max=60.0,
        help='Seconds for which the catalogue of conductors, drivers and '
        'methods is served from memory before it is read again from the '
        'registry.',
    ),
    cfg.IntOpt(
        'call_timeout',
        default=60,
        min=1,
        max=86400,
        help='Seconds that a synchronous call may take before it is answered '
        '504, unless its method has a timeout of its own. Conductors drop a '
        'call that reaches them later.',
    ),
    cfg.IntOpt(
        'max_wait',
        default=30,
        min=0,
        max=3600,
        help='Seconds for which an answer is held at most when a request '
        'asks for it with "Prefer: wait"; 0 answers such requests at once.',
    ),
    cfg.IntOpt(
        'max_waiting',
        default=8,
        min=1,
        max=1024,
        help='Number of requests that one process holds at once for '
        '"Prefer: wait". Further ones are answered at once. Keep it below '
        'the number of worker threads, or other requests wait for one.',
    ),
    cfg.IntOpt(
        'call_monitor_timeout',
        default=6,
        min=2,
        max=3600,
        help='Seconds after which a conductor that sends no sign of life '
        'during a call is given up; signs are sent every half of it.',
    ),
    cfg.FloatOpt(
        'bus_connect_timeout',
        default=5.0,
        min=0.1,
        max=300.0,
        help='Seconds that a call waits for the first connection to the '
        'message bus before it is answered 503.',
    ),
    cfg.IntOpt(
        'retry_after',
        default=2,
        min=1,
        max=3600,
        help='Seconds that the Retry-After header names: of a 503, and of '
        'an answer about a call that has not finished.',
    ),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options of this module on ``conf``."""
    groups.register(conf, GROUP, OPTS)
