# SPDX-License-Identifier: Apache-2.0
"""Authentication strategies and their selection."""

from wsgiref import types as wsgi_types

from oslo_config import cfg

from ironic_passthru.api.auth import login

# The imports are local: keystone and basic load libraries that the other
# strategies do not need.


def _keystone(conf: cfg.ConfigOpts) -> login.Strategy:
    from ironic_passthru.api.auth import keystone

    return keystone.Keystone(conf)


def _http_basic(conf: cfg.ConfigOpts) -> login.Strategy:
    from ironic_passthru.api.auth import basic

    return basic.make(conf)


def _noauth(_conf: cfg.ConfigOpts) -> login.Strategy:
    from ironic_passthru.api.auth import noauth

    return noauth.Anonymous()


#: Factories by the value of ``[DEFAULT] auth_strategy``.
STRATEGIES = {
    'keystone': _keystone,
    'http_basic': _http_basic,
    'noauth': _noauth,
}


def make(
    conf: cfg.ConfigOpts, application: wsgi_types.WSGIApplication
) -> login.Login:
    """Return the application with authentication by the set strategy.

    :raises: ConfigError if the configuration of the strategy is not valid.
    """
    return login.Login(application, STRATEGIES[conf.auth_strategy](conf))
