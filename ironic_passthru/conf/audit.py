# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[audit]``: audit records of calls."""

from oslo_config import cfg

GROUP = cfg.OptGroup('audit', title='Audit records of calls')

OPTS: list[cfg.Opt] = [
    cfg.BoolOpt(
        'enabled',
        default=True,
        help='Write one record for each call to the logger '
        'ironic_passthru.audit of the API.',
    ),
    cfg.StrOpt(
        'format',
        default='text',
        choices=[
            ('text', 'name=value pairs'),
            ('json', 'one JSON object'),
        ],
        help='Format of the records.',
    ),
    cfg.StrOpt(
        'cadf_map_file',
        help='Mapping file of the audit filter of keystonemiddleware, such '
        'as /etc/ironic_passthru/api_audit_map.conf. If it is set, the API '
        'sends a CADF event for each request, as configured in the group '
        '[audit_middleware_notifications].',
    ),
]
