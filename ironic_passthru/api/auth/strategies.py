# SPDX-License-Identifier: Apache-2.0
"""The strategies of login, and the choice between them."""

from typing import Any

from oslo_config import cfg

from ironic_passthru.api.auth import login


def _keystone(conf: cfg.ConfigOpts) -> login.Strategy:
    # Not at the top: it brings many libraries along, and its options.
    from ironic_passthru.api.auth import keystone

    return keystone.Keystone(conf)


def _http_basic(conf: cfg.ConfigOpts) -> login.Strategy:
    # Not at the top: bcrypt is of no use to the other strategies.
    from ironic_passthru.api.auth import basic

    return basic.make(conf)


def _noauth(conf: cfg.ConfigOpts) -> login.Strategy:
    from ironic_passthru.api.auth import noauth

    return noauth.Anonymous()


# By the value of [DEFAULT] auth_strategy.
STRATEGIES = {
    'keystone': _keystone,
    'http_basic': _http_basic,
    'noauth': _noauth,
}


def make(conf: cfg.ConfigOpts, application: Any) -> login.Login:
    """Return the layer that lets only callers with a login through.

    :param application: what they reach.
    :raises: ConfigError if the strategy cannot work as it is configured.
    """
    return login.Login(application, STRATEGIES[conf.auth_strategy](conf))
