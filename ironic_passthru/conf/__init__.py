# SPDX-License-Identifier: Apache-2.0
"""Configuration options, one module for each group.

Attributes of a module: GROUP (none for ``[DEFAULT]``), OPTS, and DEFAULTS for
defaults that differ from those of the library that defines the options.
"""

import types
from collections.abc import Iterable

from oslo_config import cfg

from ironic_passthru.conf import api
from ironic_passthru.conf import audit
from ironic_passthru.conf import conductor
from ironic_passthru.conf import database
from ironic_passthru.conf import default
from ironic_passthru.conf import ironic
from ironic_passthru.conf import metrics
from ironic_passthru.conf import notifications
from ironic_passthru.conf import operations
from ironic_passthru.conf import oslo_policy
from ironic_passthru.conf import redfish
from ironic_passthru.conf import rpc

MODULES: tuple[types.ModuleType, ...] = (
    default,
    api,
    audit,
    conductor,
    database,
    ironic,
    metrics,
    notifications,
    operations,
    oslo_policy,
    redfish,
    rpc,
)


def register_opts(
    conf: cfg.ConfigOpts, modules: Iterable[types.ModuleType] = MODULES
) -> None:
    """Register the options of modules on ``conf``."""
    for module in modules:
        name = None
        if hasattr(module, 'GROUP'):
            name = module.GROUP.name
            # A copy: oslo.config stores values in the group.
            conf.register_group(cfg.OptGroup(name, title=module.GROUP.title))
        conf.register_opts(module.OPTS, group=name)
        for option, value in getattr(module, 'DEFAULTS', {}).items():
            conf.set_default(option, value, group=name)
