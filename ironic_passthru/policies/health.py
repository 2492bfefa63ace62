# SPDX-License-Identifier: Apache-2.0
"""Rules for the health check."""

from ironic_passthru.policies import base

GET = 'baremetal:health:get'

RULES = (
    base.Rule(
        GET,
        base.SYSTEM_READER,
        'Show the availability of database, bus and conductors. The short '
        'health check requires no authentication.',
        ('GET', '/healthcheck/detailed'),
    ),
)
