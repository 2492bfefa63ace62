# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[api]``: the REST tier."""

from oslo_config import cfg

GROUP = cfg.OptGroup('api', title='The REST API')

OPTS: list[cfg.Opt] = [
    cfg.HostAddressOpt(
        'host_ip',
        default='127.0.0.1',
        help='Address of the built-in HTTP server. With auth_strategy noauth '
        'it must be a loopback address unless allow_insecure_bind is set.',
    ),
    cfg.BoolOpt(
        'allow_insecure_bind',
        default=False,
        help='Allow the built-in HTTP server to use an address other than '
        'loopback with auth_strategy noauth. Every client that can connect '
        'can then call every method.',
    ),
    cfg.PortOpt(
        'port',
        default=6385,
        help='TCP port of the built-in HTTP server; 0 selects a free one.',
    ),
    cfg.IntOpt(
        'threads',
        default=16,
        min=1,
        max=1024,
        help='Number of worker threads of the built-in HTTP server, which is '
        'the maximum number of concurrent requests.',
    ),
    cfg.IntOpt(
        'socket_timeout',
        default=30,
        min=1,
        max=3600,
        help='Timeout of the built-in HTTP server for a client that neither '
        'sends nor receives, in seconds.',
    ),
    cfg.IntOpt(
        'request_timeout',
        default=60,
        min=1,
        max=3600,
        help='Timeout of the built-in HTTP server for receiving a whole '
        'request, headers and body, in seconds; the response is 408. Other '
        'servers have their own options.',
    ),
    cfg.StrOpt(
        'tls_cert_file',
        help='PEM file with the certificate of the built-in HTTP server, '
        'followed by intermediate certificates. If it is set, the server '
        'supports only HTTPS.',
    ),
    cfg.StrOpt(
        'tls_key_file',
        help='PEM file with the private key of tls_cert_file, without a '
        'passphrase. Other users must not be able to read it.',
    ),
    cfg.StrOpt(
        'tls_minimum_version',
        default='1.2',
        choices=['1.2', '1.3'],
        help='Minimum version of TLS of the built-in HTTP server.',
    ),
    cfg.URIOpt(
        'public_endpoint',
        schemes=['http', 'https'],
        sample_default='https://baremetal.example.com',
        help='Base URL of the links in responses. By default it is the Host '
        'header of the request.',
    ),
    cfg.BoolOpt(
        'console',
        default=False,
        help='Serve the console, a page in the browser that uses this API, '
        'at /console/. The page itself needs no login; all that it shows '
        'does. The all-in-one service (ironic-passthru) enables it by '
        'default.',
    ),
    cfg.IntOpt(
        'max_body_size',
        default=1024 * 1024,
        min=1024,
        max=1024 * 1024 * 1024,
        help='Maximum size of a request body, in bytes; larger bodies are '
        'rejected with 413.',
    ),
    cfg.IntOpt(
        'max_body_depth',
        default=25,
        min=1,
        max=500,
        help='Maximum number of nested levels of JSON arrays and objects in '
        'a request body; deeper bodies are rejected with 400.',
    ),
    cfg.IntOpt(
        'max_query_size',
        default=8192,
        min=256,
        max=1024 * 1024,
        help='Maximum length of the query of a URL, in bytes; longer queries '
        'are rejected with 414.',
    ),
    cfg.BoolOpt(
        'debug_tracebacks_in_api',
        default=False,
        help='Include the traceback in the response to a request that failed '
        'with an unexpected exception. For development only: tracebacks '
        'disclose internal details.',
    ),
    cfg.FloatOpt(
        'catalog_max_age',
        default=2.0,
        min=0.05,
        max=60.0,
        help='Interval of reading the catalog of conductors, drivers and '
        'methods from the registry, in seconds.',
    ),
    cfg.FloatOpt(
        'targets_retention',
        default=86400.0,
        min=0.0,
        max=31536000.0,
        help='How long the targets of a conductor stay known after its last '
        'heartbeat, in seconds. Until then calls by tag or pattern report '
        'them as not attempted.',
    ),
    cfg.IntOpt(
        'call_timeout',
        default=60,
        min=1,
        max=86400,
        help='Timeout of a synchronous call, in seconds, for methods without '
        'their own; the response is 504. Conductors drop calls that they '
        'receive later.',
    ),
    cfg.IntOpt(
        'max_wait',
        default=30,
        min=0,
        max=3600,
        help='Maximum delay of a response to a request with "Prefer: wait", '
        'in seconds; 0 disables the delay.',
    ),
    cfg.IntOpt(
        'max_waiting',
        default=8,
        min=1,
        max=1024,
        help='Maximum number of requests with "Prefer: wait" that one '
        'process delays at a time. The responses to further ones are not '
        'delayed. It should be lower than the number of worker threads.',
    ),
    cfg.IntOpt(
        'max_event_seconds',
        default=60,
        min=1,
        max=3600,
        help='Maximum duration of an event stream of an operation, in '
        'seconds; then the client reconnects.',
    ),
    cfg.IntOpt(
        'max_event_streams',
        default=4,
        min=0,
        max=1024,
        help='Maximum number of event streams of operations in one process; '
        'the response to further requests is 503. 0 disables them. Together '
        'with max_waiting it should be lower than the number of worker '
        'threads.',
    ),
    cfg.IntOpt(
        'call_monitor_timeout',
        default=6,
        min=2,
        max=3600,
        help='Timeout for the heartbeats of a running call, in seconds. '
        'Conductors send them at half the interval.',
    ),
    cfg.FloatOpt(
        'bus_connect_timeout',
        default=5.0,
        min=0.1,
        max=300.0,
        help='Timeout of a call for the first connection to the message bus, '
        'in seconds; the response is 503.',
    ),
    cfg.IntOpt(
        'retry_after',
        default=2,
        min=1,
        max=3600,
        help='Value of the Retry-After header in seconds, for status 503 and '
        'for calls that have not finished.',
    ),
]
