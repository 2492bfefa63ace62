# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[metrics]``: metrics for Prometheus."""

from oslo_config import cfg

GROUP = cfg.OptGroup('metrics', title='Metrics for Prometheus')

OPTS: list[cfg.Opt] = [
    cfg.BoolOpt(
        'enabled',
        default=False,
        help='Serve metrics for Prometheus at /metrics on a port of their '
        'own. It requires the extra "metrics" of the package.',
    ),
    cfg.HostAddressOpt(
        'listen_host',
        default='127.0.0.1',
        help='Address of the metrics. They need no login: use an address '
        'that only the monitoring system can reach.',
    ),
    cfg.PortOpt(
        'api_port',
        default=6395,
        min=1,
        help='Port of the metrics of the API. One of its processes on a '
        'host listens and returns the sum over all of them.',
    ),
    cfg.PortOpt(
        'conductor_port',
        default=6396,
        min=1,
        help='Port of the metrics of a conductor, and of the all-in-one '
        'service.',
    ),
    cfg.StrOpt(
        'directory',
        default='$state_path/metrics',
        help='Directory in which the processes of the API on a host keep '
        'their values. It is created with mode 0700, and emptied when the '
        'first process starts; a memory file system suffices.',
    ),
]
