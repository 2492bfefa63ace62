# SPDX-License-Identifier: Apache-2.0
"""Rules for conductors."""

from ironic_passthru.policies import base

GET = 'baremetal:conductor:get'

RULES = (
    base.Rule(
        GET,
        base.SYSTEM_READER,
        'List conductors and show one.',
        ('GET', '/v1/conductors'),
        ('GET', '/v1/conductors/{hostname}'),
    ),
)
