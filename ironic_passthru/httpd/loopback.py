# SPDX-License-Identifier: Apache-2.0
"""Keeps a server that asks for no login away from other hosts."""

import ipaddress

from oslo_config import cfg
from oslo_log import log

from ironic_passthru import errors

LOG = log.getLogger(__name__)


def check(conf: cfg.ConfigOpts) -> None:
    """Make sure that whoever reaches the built-in server needs a login.

    :raises: ConfigError if ``auth_strategy`` is ``noauth``, other hosts
        reach the address, and nobody said that they may.
    """
    host = str(conf.api.host_ip)
    if conf.auth_strategy != 'noauth' or is_loopback(host):
        return
    if not conf.api.allow_insecure_bind:
        raise errors.ConfigError(
            f'Option host_ip in group [api] is {host}, which other hosts may '
            'reach, while auth_strategy in group [DEFAULT] is noauth, so that '
            'they could call every method: choose another auth_strategy, an '
            'address of loopback, or set allow_insecure_bind in group [api]'
        )
    LOG.warning(
        'Whoever reaches %s can call every method: auth_strategy is noauth, '
        'and allow_insecure_bind in group [api] is set',
        host,
    )


def is_loopback(host: str) -> bool:
    """Tell whether only this host reaches an address.

    Of names only ``localhost`` is taken for one of loopback, since what
    others stand for can change.
    """
    if host.lower() == 'localhost':
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    # An IPv4 address may be written as one of IPv6.
    return (getattr(address, 'ipv4_mapped', None) or address).is_loopback
