# SPDX-License-Identifier: Apache-2.0
"""Rules on conductors."""

from ironic_passthru.policies import base

GET = 'baremetal:conductor:get'

RULES = (
    base.rule(
        GET,
        base.SYSTEM_READER,
        'List conductors and show one.',
        ('GET', '/v1/conductors'),
        ('GET', '/v1/conductors/{hostname}'),
    ),
)
