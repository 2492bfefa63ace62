# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[api]``: the REST tier."""

from oslo_config import cfg

from ironic_passthru.conf import groups

GROUP = cfg.OptGroup('api', title='The REST API')

OPTS: list[cfg.Opt] = [
    cfg.HostAddressOpt(
        'host_ip',
        default='127.0.0.1',
        help='Address that the built-in HTTP server listens on. With '
        'auth_strategy noauth it must be one of loopback, unless '
        'allow_insecure_bind is set.',
    ),
    cfg.BoolOpt(
        'allow_insecure_bind',
        default=False,
        help='Whether the built-in HTTP server may listen on an address that '
        'other hosts reach although auth_strategy is noauth: whoever '
        'reaches it may then call every method.',
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
    cfg.IntOpt(
        'request_timeout',
        default=60,
        min=1,
        max=3600,
        help='Seconds that a client gets to send a request whole, headers '
        'and body, to the built-in HTTP server; a body that takes longer is '
        'answered 408. Behind other servers their own limits hold.',
    ),
    cfg.StrOpt(
        'tls_cert_file',
        help='PEM file with the certificate of the built-in HTTP server, '
        'followed by those that it is signed with. With it the server '
        'speaks HTTPS only.',
    ),
    cfg.StrOpt(
        'tls_key_file',
        help='PEM file with the private key of tls_cert_file, without a '
        'passphrase. Others must not be able to read it.',
    ),
    cfg.StrOpt(
        'tls_minimum_version',
        default='1.2',
        choices=['1.2', '1.3'],
        help='Oldest version of TLS that the built-in HTTP server speaks.',
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
    cfg.IntOpt(
        'max_query_size',
        default=8192,
        min=256,
        max=1024 * 1024,
        help='Longest query of a URL, in bytes; a longer one is answered 414.',
    ),
    cfg.BoolOpt(
        'debug_tracebacks_in_api',
        default=False,
        help='Whether the answer to a request that failed for an unexpected '
        'reason holds the traceback. It tells clients about the inside of '
        'the service, so it is for development alone.',
    ),
    cfg.FloatOpt(
        'catalog_max_age',
        default=2.0,
        min=0.05,
        max=60.0,
        help='Seconds for which the catalog of conductors, drivers and '
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
