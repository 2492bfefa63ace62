# SPDX-License-Identifier: Apache-2.0
"""Policy rules with their defaults, one module for each resource."""

from ironic_passthru.policies import base
from ironic_passthru.policies import conductors
from ironic_passthru.policies import drivers
from ironic_passthru.policies import health
from ironic_passthru.policies import operations

MODULES = (drivers, conductors, operations, health)


def list_rules() -> list[base.Rule]:
    """Return all rules; the entry point of ``oslo.policy.policies``."""
    return [rule for module in MODULES for rule in module.RULES]
