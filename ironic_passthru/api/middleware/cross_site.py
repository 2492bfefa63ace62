# SPDX-License-Identifier: Apache-2.0
"""The layer that refuses what a browser sends for pages of other sites.

Any page can have a browser send GETs and plain POSTs anywhere. A token must
be known to whoever sends it, but an address and a password that the browser
remembers need not: with those, such a request would be as good as any.
Programs other than browsers send neither ``Origin`` nor ``Sec-Fetch-Site``.
"""

import re
from collections.abc import Collection
from collections.abc import Iterable
from typing import Any
from urllib import parse

import webob
from oslo_config import cfg

from ironic_passthru import errors
from ironic_passthru import wsgi_server
from ironic_passthru.api.auth import login
from ironic_passthru.api.middleware import cors

# Same-site is a page of another host or port of this domain.
_OTHER_SITES = ('cross-site', 'same-site')
_OTHER_SITE = 'A browser may not send this request for a page of another site'
_FOREIGN_HOST = (
    'The host in the URL of this request is neither localhost, an address of '
    'loopback nor the host of [api] public_endpoint; behind a proxy, set that '
    'option to the URL that clients use'
)
_PORT = re.compile(r':[0-9]*\Z')


def make(conf: cfg.ConfigOpts, application: Any) -> Any:
    """Return the application, behind the guard where it needs one."""
    if conf.auth_strategy == 'keystone':
        return application
    return CrossSiteGuard(
        application,
        public_endpoint=conf.api.public_endpoint,
        # That anybody's scripts may read does not let them use a password,
        # so '*' names nobody here.
        friends={*cors.origins(conf)} - {'*'},
        hosts_matter=conf.auth_strategy == 'noauth',
    )


class CrossSiteGuard:
    """Refuses requests that a page of another site is behind.

    What needs no login may be read from everywhere.

    :param public_endpoint: URL of the service, if it is configured.
    :param friends: origins whose scripts may do what other clients may.
    :param hosts_matter: whether a name that somebody else has made to stand
        for loopback (DNS rebinding) must be told from our own. Browsers keep
        passwords by name, so it is so only where none is needed.
    :raises: CrossSite, which the layer above renders.
    """

    def __init__(
        self,
        application: Any,
        *,
        public_endpoint: str | None,
        friends: Collection[str],
        hosts_matter: bool,
    ) -> None:
        self._application = application
        self._friends = set(friends)
        self._host: str | None = None
        self._hosts_matter = hosts_matter
        if public_endpoint:
            self._friends.add(webob.Request.blank(public_endpoint).host_url)
            self._host = parse.urlsplit(public_endpoint).hostname
        # The first that is of another site is named.
        self._refused = (
            ('Host', self._has_foreign_host, _FOREIGN_HOST),
            ('Origin', self._has_foreign_origin, _OTHER_SITE),
            ('Sec-Fetch-Site', self._is_from_elsewhere, _OTHER_SITE),
        )

    def __call__(
        self, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        if not login.is_public(environ):
            for header, is_foreign, reason in self._refused:
                if is_foreign(environ):
                    raise errors.CrossSite(header=header, reason=reason)
        return self._application(environ, start_response)

    def _has_foreign_host(self, environ: dict[str, Any]) -> bool:
        # Browsers always name one; where other hosts get in, it can be any.
        host = environ.get(wsgi_server.LOOPBACK_HOST)
        if not (host and self._hosts_matter):
            return False
        name = _PORT.sub('', host.lower())
        return name != self._host and not wsgi_server.is_loopback(
            name.strip('[]')
        )

    def _has_foreign_origin(self, environ: dict[str, Any]) -> bool:
        origin = environ.get('HTTP_ORIGIN')
        if origin is None or origin in self._friends:
            return False
        return origin != webob.Request(environ).host_url

    def _is_from_elsewhere(self, environ: dict[str, Any]) -> bool:
        # With an origin all is known; an allowed one is elsewhere, too.
        return (
            'HTTP_ORIGIN' not in environ
            and environ.get('HTTP_SEC_FETCH_SITE') in _OTHER_SITES
        )
