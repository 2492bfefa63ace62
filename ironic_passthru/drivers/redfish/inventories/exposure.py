# SPDX-License-Identifier: Apache-2.0
"""Warnings about targets whose passwords are exposed."""

from collections.abc import Iterable

from oslo_log import log

from ironic_passthru.drivers.redfish import bmc_target

LOG = log.getLogger(__name__)

_WEAK_TLS = ('1.0', '1.1')


def warn(driver: str, targets: Iterable[bmc_target.Target]) -> None:
    """Log the targets without TLS, with weak TLS or without verification."""
    for target in targets:
        if not target.address.encrypted:
            LOG.warning(
                'Target %s of driver %s has no TLS: its password and all '
                'requests can be read and changed on the network',
                target.name,
                driver,
            )
            continue
        if not target.address.verify:
            LOG.warning(
                'Certificate of target %s of driver %s is not verified: any '
                'server at its address receives its password',
                target.name,
                driver,
            )
        if target.address.tls_minimum in _WEAK_TLS:
            LOG.warning(
                'Target %s of driver %s allows TLS %s, which is insecure: its '
                'password and all requests may be read and changed on the '
                'network',
                target.name,
                driver,
                target.address.tls_minimum,
            )
