# SPDX-License-Identifier: Apache-2.0
"""``auth_strategy = keystone``: tokens of the Identity service.

keystonemiddleware validates them. It wraps an application that does nothing:
a token is valid if that application is reached.
"""

import importlib.util
import os
from collections.abc import Iterable
from typing import Any
from wsgiref import types as wsgi_types

from keystoneauth1 import loading
from keystonemiddleware import auth_token
from oslo_config import cfg
from oslo_log import log

from ironic_passthru import context as request_context
from ironic_passthru import errors
from ironic_passthru.api.auth import login
from ironic_passthru.conf import keystone_authtoken

LOG = log.getLogger(__name__)

_GROUP = keystone_authtoken.GROUP_NAME

# Names of headers, none of them a token.
_TOKEN = 'HTTP_X_AUTH_TOKEN'  # nosec B105
_SERVICE_TOKEN = 'HTTP_X_SERVICE_TOKEN'  # nosec B105

# Key of the token data that the middleware adds, a name too.
_TOKEN_AUTH = 'keystone.token_auth'  # nosec B105

# Servers reject longer headers. Such a rejection must not look like an
# unavailable Identity service.
_MAX_TOKEN_LENGTH = 4096

# Credentials of this service, required if the plugin has these options.
_REQUIRED = (('auth_url',), ('username', 'user_id'), ('password',))

# Attributes that a context has for the service that acts for a user.
_SERVICE_ATTRIBUTES = (
    'user_id',
    'user_name',
    'user_domain_id',
    'user_domain_name',
    'project_id',
    'project_name',
    'project_domain_id',
    'project_domain_name',
    'roles',
)

_FILES = ('cafile', 'certfile', 'keyfile')


class Keystone:
    """Validate tokens with the Identity service.

    The first request opens the first connection.

    :raises: ConfigError if ``[keystone_authtoken]`` is not valid.
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        try:
            keystone_authtoken.register_opts(conf)
            uri = public_uri(conf)
            _check_files(conf)
            _check_cache(conf[_GROUP])
            self._middleware = auth_token.AuthProtocol(
                _accept,
                {
                    'oslo_config_config': conf,
                    # Prevents a request to the Identity service.
                    'www_authenticate_uri': uri,
                    # Distinguishes an unavailable Identity service from an
                    # invalid token.
                    'delay_auth_decision': False,
                },
            )
        except errors.ConfigError:
            raise
        except Exception as error:
            # Two libraries validate options and raise various exceptions.
            raise errors.ConfigError(
                f'Group [{_GROUP}], which auth_strategy keystone needs, is '
                f'not valid: {_one_line(error)}'
            ) from None
        self._challenge = f'Keystone uri="{uri}"'

    def identify(
        self, environ: wsgi_types.WSGIEnvironment
    ) -> request_context.RequestContext:
        """Return the owner of the token of a request.

        :raises: Unauthorized, IdentityUnavailable.
        """
        if not (
            _may_be_token(environ.get(_TOKEN))
            and _may_be_token(environ.get(_SERVICE_TOKEN, 'none'))
        ):
            raise errors.Unauthorized(challenge=self._challenge)
        status = self._validate(environ)
        if status == 401:
            raise errors.Unauthorized(challenge=self._challenge)
        if status != 200:
            raise errors.IdentityUnavailable()
        return _context(environ)

    def _validate(self, environ: wsgi_types.WSGIEnvironment) -> int:
        """Return the status of the response of the middleware."""
        statuses = []

        def start_response(status: str, *_: Any) -> None:
            statuses.append(int(status.split()[0]))

        try:
            list(self._middleware(environ, start_response))
        except Exception as error:
            # DNS, TLS, invalid JSON, memcached, ...
            LOG.error('A token cannot be validated: %s', _one_line(error))
            return 503
        return statuses[0]


def _accept(
    _environ: wsgi_types.WSGIEnvironment,
    start_response: wsgi_types.StartResponse,
) -> Iterable[bytes]:
    """Respond to a request with a valid token."""
    start_response('200 OK', [])
    return []


def _may_be_token(text: str | None) -> bool:
    """Return whether a text has the form of a token."""
    return (
        text is not None
        and 0 < len(text) <= _MAX_TOKEN_LENGTH
        and text.isascii()
        and text.isprintable()
        and ' ' not in text
    )


def _context(
    environ: wsgi_types.WSGIEnvironment,
) -> request_context.RequestContext:
    """Return the identity in the response of the Identity service.

    The headers of the middleware are not used: the scope of a service token
    would replace that of the user. The context excludes the tokens, since
    contexts are sent over the bus, logged and recorded.
    """
    tokens = environ[_TOKEN_AUTH]
    user, service = tokens.user, tokens.service
    identity = _identity(user)
    if service is not None:
        identity |= {
            f'service_{name}': value
            for name, value in _identity(service).items()
            if name in _SERVICE_ATTRIBUTES
        }
    if user.system_scoped and user.system.get('all'):
        identity['system_scope'] = 'all'
    return login.make_context(
        environ,
        domain_id=user.domain_id,
        domain_name=user.domain_name,
        is_admin_project=user.is_admin_project,
        **identity,
    )


def _identity(access: Any) -> dict[str, Any]:
    """Return the attributes of a context from token data."""
    return {
        'user_id': access.user_id,
        'user_name': access.username,
        'user_domain_id': access.user_domain_id,
        'user_domain_name': access.user_domain_name,
        'project_id': access.project_id,
        'project_name': access.project_name,
        'project_domain_id': access.project_domain_id,
        'project_domain_name': access.project_domain_name,
        'roles': list(access.role_names),
    }


def public_uri(conf: cfg.ConfigOpts) -> str:
    """Return the Identity URL for clients; check the other options.

    :raises: ConfigError.
    """
    group = conf[_GROUP].auth_section or _GROUP
    auth_type = conf[group].auth_type
    if not auth_type:
        raise _not_set('auth_type', group)
    loader: Any = loading.get_plugin_loader(auth_type)
    conf.register_opts(
        loading.get_auth_plugin_conf_options(loader), group=group
    )
    known = {option.dest for option in loader.get_options()}
    for names in _REQUIRED:
        if known.issuperset(names[:1]) and not any(
            conf[group][name] for name in names if name in known
        ):
            raise _not_set(names[0], group)
    uri = conf[_GROUP].www_authenticate_uri
    if uri is None and 'auth_url' in known:
        uri = conf[group].auth_url
    if not uri:
        raise _not_set('www_authenticate_uri', _GROUP)
    for url in (uri, conf[group].auth_url if 'auth_url' in known else uri):
        if not url.startswith(('http://', 'https://')) or '"' in url:
            raise errors.ConfigError(
                f'Options auth_url and www_authenticate_uri in group '
                f'[{group}] must be URLs of the Identity service, '
                f'http://... or https://..., not {url!r}'
            )
    return str(uri)


def _not_set(option: str, group: str) -> errors.ConfigError:
    return errors.ConfigError(
        f'Option {option} in group [{group}] is not set: with auth_strategy '
        'keystone, the default, the service logs in to the Identity service '
        'to check tokens; other values of auth_strategy in group [DEFAULT] '
        'are http_basic and noauth'
    )


def _check_files(conf: cfg.ConfigOpts) -> None:
    """Check that certificates are readable; the library reads them late."""
    for name in _FILES:
        path = conf[_GROUP][name]
        if path and not os.access(path, os.R_OK):
            raise errors.ConfigError(
                f'Option {name} in group [{_GROUP}]: {path} cannot be read'
            )


def _check_cache(options: cfg.ConfigOpts.GroupAttr) -> None:
    """Check for the modules that memcached needs; they are loaded late."""
    if not options.memcached_servers:
        return
    required = ['memcache']
    if options.memcache_tls_enabled or options.memcache_sasl_enabled:
        required.append('bmemcached')
    if options.memcache_security_strategy == 'ENCRYPT':
        required.append('cryptography')
    missing = [name for name in required if not importlib.util.find_spec(name)]
    if missing:
        raise errors.ConfigError(
            f'Option memcached_servers in group [{_GROUP}] needs Python '
            f'modules that are not installed ({", ".join(missing)}): '
            "pip install 'ironic-passthru[memcached]'"
        )


def _one_line(error: Exception) -> str:
    return ' '.join(str(error).split()) or type(error).__name__
