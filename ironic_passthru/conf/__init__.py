# SPDX-License-Identifier: Apache-2.0
"""Configuration: one module a group, all registered on a given object."""

from oslo_config import cfg

from ironic_passthru.conf import api
from ironic_passthru.conf import audit
from ironic_passthru.conf import conductor
from ironic_passthru.conf import database
from ironic_passthru.conf import default
from ironic_passthru.conf import notifications
from ironic_passthru.conf import operations
from ironic_passthru.conf import oslo_policy
from ironic_passthru.conf import redfish
from ironic_passthru.conf import rpc

MODULES = (
    default,
    api,
    audit,
    conductor,
    database,
    notifications,
    operations,
    oslo_policy,
    redfish,
    rpc,
)


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register every option of the project on ``conf``."""
    for module in MODULES:
        module.register_opts(conf)
