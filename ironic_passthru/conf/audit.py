# SPDX-License-Identifier: Apache-2.0
"""Options of the group ``[audit]``: the record of who called what."""

from oslo_config import cfg

from ironic_passthru.conf import groups

GROUP = cfg.OptGroup('audit', title='The record of who called what')

OPTS: list[cfg.Opt] = [
    cfg.BoolOpt(
        'enabled',
        default=True,
        help='Whether the API writes one line for each call to the logger '
        'ironic_passthru.audit.',
    ),
    cfg.StrOpt(
        'format',
        default='text',
        choices=[
            ('text', 'name=value pairs'),
            ('json', 'one JSON object'),
        ],
        help='Form of that line, for people or for programs.',
    ),
    cfg.StrOpt(
        'cadf_map_file',
        help="Mapping file of keystonemiddleware's audit filter, such as "
        '/etc/ironic_passthru/api_audit_map.conf. With it the API sends a '
        'CADF event for each request, as the group '
        '[audit_middleware_notifications] says.',
    ),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options of this module on ``conf``."""
    groups.register(conf, GROUP, OPTS)
