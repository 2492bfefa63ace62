# SPDX-License-Identifier: Apache-2.0
"""Protection against requests that browsers send for pages of other sites.

Any page can make a browser send GET and simple POST requests to any server.
A page cannot add a token that it does not have, but the browser adds a stored
password by itself, and without authentication the network path is enough.
Clients other than browsers send neither ``Origin`` nor ``Sec-Fetch-Site``.
"""

import re
from collections.abc import Collection
from collections.abc import Iterable
from urllib import parse
from wsgiref import types as wsgi_types

import webob
from oslo_config import cfg

from ironic_passthru import errors
from ironic_passthru import wsgi_server
from ironic_passthru.api.http import routes
from ironic_passthru.api.middleware import cors

# same-site: another host or port of this domain.
_OTHER_SITES = ('cross-site', 'same-site')
_OTHER_SITE = 'A browser may not send this request for a page of another site'
_WRONG_HOST = (
    'The host in the URL of this request is neither localhost, a loopback '
    'address nor the host of [api] public_endpoint; behind a proxy, set that '
    'option to the URL that clients use'
)
_PORT = re.compile(r':[0-9]*\Z')


def make(
    conf: cfg.ConfigOpts, application: wsgi_types.WSGIApplication
) -> wsgi_types.WSGIApplication:
    """Return the application, protected unless requests need tokens."""
    if conf.auth_strategy == 'keystone':
        return application
    return CrossSiteProtection(
        application,
        public_endpoint=conf.api.public_endpoint,
        # '*' lets scripts read public responses; it does not let them use
        # the password of a user.
        allowed_origins={*cors.origins(conf)} - {'*'},
        check_host=conf.auth_strategy == 'noauth',
    )


class CrossSiteProtection:
    """Reject requests that a page of another site makes a browser send.

    Public resources can be read from everywhere.

    :param public_endpoint: URL of the service, if it is configured.
    :param allowed_origins: origins whose scripts have the rights of other
        clients.
    :param check_host: whether to reject names that resolve to a loopback
        address (DNS rebinding). Browsers store passwords by host name, so
        only a service without authentication needs this check.
    :raises: CrossSite.
    """

    def __init__(
        self,
        application: wsgi_types.WSGIApplication,
        *,
        public_endpoint: str | None,
        allowed_origins: Collection[str],
        check_host: bool,
    ) -> None:
        self._application = application
        self._allowed_origins = set(allowed_origins)
        self._host: str | None = None
        self._check_host = check_host
        if public_endpoint:
            self._allowed_origins.add(
                webob.Request.blank(public_endpoint).host_url
            )
            self._host = parse.urlsplit(public_endpoint).hostname
        # The error names the first header that fails.
        self._checks = (
            ('Host', self._has_wrong_host, _WRONG_HOST),
            ('Origin', self._has_other_origin, _OTHER_SITE),
            ('Sec-Fetch-Site', self._is_from_other_site, _OTHER_SITE),
        )

    def __call__(
        self,
        environ: wsgi_types.WSGIEnvironment,
        start_response: wsgi_types.StartResponse,
    ) -> Iterable[bytes]:
        if not routes.match(environ).public:
            for header, fails, reason in self._checks:
                if fails(environ):
                    raise errors.CrossSite(header=header, reason=reason)
        return self._application(environ, start_response)

    def _has_wrong_host(self, environ: wsgi_types.WSGIEnvironment) -> bool:
        # Browsers always send one. The key is unset if other hosts can
        # connect, since the service then can have any name.
        host = environ.get(wsgi_server.LOOPBACK_HOST)
        if not (host and self._check_host):
            return False
        name = _PORT.sub('', host.lower())
        return name != self._host and not wsgi_server.is_loopback(
            name.strip('[]')
        )

    def _has_other_origin(self, environ: wsgi_types.WSGIEnvironment) -> bool:
        origin = environ.get('HTTP_ORIGIN')
        if origin is None or origin in self._allowed_origins:
            return False
        return bool(origin != webob.Request(environ).host_url)

    def _is_from_other_site(self, environ: wsgi_types.WSGIEnvironment) -> bool:
        # An Origin header decides alone: an allowed one is another site too.
        return (
            'HTTP_ORIGIN' not in environ
            and environ.get('HTTP_SEC_FETCH_SITE') in _OTHER_SITES
        )
