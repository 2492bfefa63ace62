# SPDX-License-Identifier: Apache-2.0
"""Rules on the health of the service."""

from ironic_passthru.policies import base

GET = 'baremetal:health:get'

RULES = (
    base.rule(
        GET,
        base.SYSTEM_READER,
        'Show whether database, bus and conductors can be reached. The '
        'short form of the health check needs no login.',
        ('GET', '/healthcheck/detailed'),
    ),
)
