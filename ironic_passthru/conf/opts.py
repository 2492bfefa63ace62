# SPDX-License-Identifier: Apache-2.0
"""What oslo-config-generator puts into the sample configuration."""

from oslo_config import cfg

from ironic_passthru.conf import api
from ironic_passthru.conf import audit
from ironic_passthru.conf import conductor
from ironic_passthru.conf import cors
from ironic_passthru.conf import database
from ironic_passthru.conf import default
from ironic_passthru.conf import healthcheck
from ironic_passthru.conf import keystone_authtoken
from ironic_passthru.conf import notifications
from ironic_passthru.conf import operations
from ironic_passthru.conf import oslo_policy
from ironic_passthru.conf import redfish
from ironic_passthru.conf import rpc


def list_opts() -> list[tuple[str | cfg.OptGroup, list[cfg.Opt]]]:
    """Return the project's own options by group."""
    return [
        ('DEFAULT', default.OPTS),
        (api.GROUP, api.OPTS),
        (audit.GROUP, audit.OPTS),
        (conductor.GROUP, conductor.OPTS),
        (notifications.GROUP, notifications.OPTS),
        (operations.GROUP, operations.OPTS),
        (redfish.GROUP, redfish.OPTS),
        (rpc.GROUP, rpc.OPTS),
    ]


def set_sample_defaults() -> None:
    """Tell oslo-config-generator the defaults of libraries' options here.

    An entry point of ``oslo.config.opts.defaults``, called in the
    generator's process alone: it changes the libraries' own lists.
    """
    cors.set_sample_defaults()
    database.set_sample_defaults()
    healthcheck.set_sample_defaults()
    keystone_authtoken.set_sample_defaults()
    oslo_policy.set_sample_defaults()
