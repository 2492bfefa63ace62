# SPDX-License-Identifier: Apache-2.0
"""The rules of the policy with their defaults: one module a capability."""

from oslo_policy import policy

from ironic_passthru.policies import conductors
from ironic_passthru.policies import drivers
from ironic_passthru.policies import health
from ironic_passthru.policies import operations

MODULES = (drivers, conductors, operations, health)


def list_rules() -> list[policy.DocumentedRuleDefault]:
    """Return all rules; the entry point of ``oslo.policy.policies``."""
    return [rule for module in MODULES for rule in module.RULES]
