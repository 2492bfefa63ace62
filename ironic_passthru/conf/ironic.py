# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[ironic]``: an Ironic behind the same endpoint.

The options of the connection have the names of keystoneauth. Its own ones are
not used: most of them select an endpoint of the catalog, which is that of this
service.
"""

from oslo_config import cfg

GROUP = cfg.OptGroup(
    'ironic', title='The Ironic that serves all other drivers'
)

OPTS: list[cfg.Opt] = [
    cfg.BoolOpt(
        'forward',
        default=False,
        help='Forward requests for drivers that no conductor of this service '
        'has ever offered to Ironic, and merge the drivers and conductors of '
        'both services.',
    ),
    cfg.URIOpt(
        'endpoint_override',
        schemes=['http', 'https'],
        help='URL of the API of Ironic itself, without a version; required '
        'for forward. It must not be the endpoint that clients use, because '
        'requests would return to this service. Requests contain the tokens '
        'of callers: use https unless it is an address of this host.',
    ),
    cfg.ListOpt(
        'served_by_ironic',
        default=[],
        help='Drivers whose methods Ironic serves, although conductors of '
        'this service offer drivers with these names.',
    ),
    cfg.StrOpt(
        'cafile',
        help='PEM file with the CA certificates that verify Ironic; by '
        'default those of the system.',
    ),
    cfg.StrOpt(
        'certfile',
        help='PEM file with a client certificate for Ironic.',
    ),
    cfg.StrOpt(
        'keyfile',
        help='PEM file with the private key of certfile; by default certfile '
        'contains it.',
    ),
    cfg.BoolOpt(
        'insecure',
        default=False,
        help='Do not verify the certificate of Ironic. Another host can then '
        'receive the tokens of callers.',
    ),
    cfg.FloatOpt(
        'timeout',
        default=90.0,
        min=1.0,
        max=3600.0,
        help='Maximum duration of a forwarded request, in seconds; the '
        'response is 504. It should exceed [DEFAULT] rpc_response_timeout of '
        'Ironic, which is 60 seconds by default.',
    ),
    cfg.FloatOpt(
        'connect_timeout',
        default=5.0,
        min=0.1,
        max=60.0,
        help='Timeout of a connection attempt to each address of Ironic, in '
        'seconds; the response is 503.',
    ),
    cfg.FloatOpt(
        'merge_timeout',
        default=5.0,
        min=0.1,
        max=60.0,
        help='Maximum duration of the requests for the drivers and conductors '
        'of Ironic that are merged with those of this service, in seconds. '
        'After a failure responses contain only those of this service for the '
        'same time, before Ironic is queried again.',
    ),
    cfg.IntOpt(
        'max_requests',
        default=8,
        min=1,
        max=1024,
        help='Maximum number of concurrent forwarded requests of one process; '
        'further ones are answered 503. Leave threads for the other requests: '
        'the built-in HTTP server has [api] threads. Requests for lists that '
        'are merged are not counted: merge_timeout limits them.',
    ),
    cfg.IntOpt(
        'max_response_size',
        default=16 * 1024 * 1024,
        min=1024,
        max=1024 * 1024 * 1024,
        help='Maximum size of the body of a response of Ironic, in bytes.',
    ),
]
