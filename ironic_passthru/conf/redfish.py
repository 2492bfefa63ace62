# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[redfish]``: the driver for Redfish BMCs."""

from oslo_config import cfg

from ironic_passthru.conf import groups

GROUP = cfg.OptGroup('redfish', title='The redfish driver')

OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        'inventory_file',
        sample_default='/etc/ironic_passthru/redfish-inventory.yaml',
        help='YAML file that names the BMCs of this conductor: where they '
        'are, how to log in, which tags they bear. It is read again when it '
        'changes. When it is unset the driver has no targets.',
    ),
    cfg.FloatOpt(
        'connect_timeout',
        default=5.0,
        min=0.1,
        max=300.0,
        help='Seconds that a BMC gets to accept a connection.',
    ),
    cfg.FloatOpt(
        'read_timeout',
        default=20.0,
        min=0.1,
        max=600.0,
        help='Seconds that a BMC may stay silent before its answer to a '
        'request is given up.',
    ),
    cfg.FloatOpt(
        'call_timeout',
        default=45.0,
        min=0.5,
        max=3600.0,
        help='Seconds after which a call is answered, whatever its targets '
        'do: those that have not finished by then get an error item. Keep '
        'it below [api] call_timeout, or slow calls are answered 504.',
    ),
    cfg.IntOpt(
        'concurrency',
        default=16,
        min=1,
        max=512,
        help='Number of BMCs that are talked to at once, over all calls '
        'together; the targets of a call beyond it wait for their turn.',
    ),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options of this module on ``conf``."""
    groups.register(conf, GROUP, OPTS)
