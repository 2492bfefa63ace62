# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[redfish]``."""

from oslo_config import cfg

GROUP = cfg.OptGroup('redfish', title='The redfish driver')

OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        'inventory',
        default='file',
        help='Source of the BMCs: "file" (inventory_file), "ironic" (the '
        'nodes of an existing Ironic, [redfish_ironic]), or the name of an '
        'entry point of a vendor in ironic_passthru.redfish.inventories.',
    ),
    cfg.StrOpt(
        'inventory_file',
        sample_default='/etc/ironic_passthru/redfish-inventory.yaml',
        help='YAML file with the BMCs of this conductor: addresses, '
        'credentials and tags. Changes apply without a restart. If it is '
        'unset, the driver has no targets.',
    ),
    cfg.StrOpt(
        'castellan_config_file',
        sample_default='/etc/ironic_passthru/castellan.conf',
        help='Configuration file of castellan for the key manager, such as '
        'Vault or Barbican, with the secrets that password_secret in the '
        'inventory file names.',
    ),
    cfg.StrOpt(
        'firmware_directory',
        sample_default='/var/lib/ironic_passthru/firmware',
        help='Directory with firmware images that update_firmware may send '
        'to BMCs (image_file). If it is unset, BMCs only get images that '
        'they download themselves (image_uri).',
    ),
    cfg.FloatOpt(
        'inventory_refresh',
        default=60.0,
        min=1.0,
        max=86400.0,
        help='Interval between two reads of an inventory that is not a file, '
        'and of passwords in a key manager, in seconds.',
    ),
    cfg.FloatOpt(
        'connect_timeout',
        default=5.0,
        min=0.1,
        max=300.0,
        help='Timeout for connecting to a BMC, in seconds, for all addresses '
        'of its name together.',
    ),
    cfg.FloatOpt(
        'read_timeout',
        default=20.0,
        min=0.1,
        max=600.0,
        help='Timeout for receiving data of a response from a BMC, in '
        'seconds.',
    ),
    cfg.FloatOpt(
        'call_timeout',
        default=45.0,
        min=0.5,
        max=3600.0,
        help='Timeout of a synchronous call, and of each target in an '
        'asynchronous one, in seconds. Targets that have not finished get an '
        'error item. It should be lower than [api] call_timeout.',
    ),
    cfg.IntOpt(
        'concurrency',
        default=256,
        min=1,
        max=1024,
        help='Maximum number of targets with work in progress, over all '
        'calls; further targets wait. Each has a thread.',
    ),
    cfg.IntOpt(
        'changes_per_bmc',
        default=1,
        min=1,
        max=16,
        help='Maximum number of targets of one BMC that are changed at a '
        'time, over all calls; further targets wait.',
    ),
    cfg.IntOpt(
        'reads_per_bmc',
        default=4,
        min=1,
        max=64,
        help='Maximum number of targets of one BMC that are read at a time, '
        'over all calls; further targets wait.',
    ),
    cfg.BoolOpt(
        'send_trace_headers',
        default=False,
        help='Whether requests to BMCs contain the headers traceparent and '
        'tracestate if calls are traced. BMCs then receive the ids of traces.',
    ),
]
