# SPDX-License-Identifier: Apache-2.0
"""Addresses of the client and of its proxy."""

import functools
import ipaddress
import re
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from wsgiref import types as wsgi_types

from oslo_config import cfg
from oslo_middleware import http_proxy_to_wsgi

from ironic_passthru.api.http import environ_keys

# RFC 7239 quotes IPv6 addresses; a port may follow.
_NODE = re.compile(r'"?(?:\[([^]]+)\]|([0-9.]+))(?::[0-9]+)?"?')

# Longest text of an address: IPv6 with an embedded IPv4 address.
_MAX_LENGTH = 45


class ClientAddress:
    """Keep the address of the proxy, before its headers replace it."""

    def __init__(self, application: wsgi_types.WSGIApplication) -> None:
        self._application = application

    def __call__(
        self,
        environ: wsgi_types.WSGIEnvironment,
        start_response: wsgi_types.StartResponse,
    ) -> Iterable[bytes]:
        environ[environ_keys.PROXY_ADDRESS] = environ.get('REMOTE_ADDR')
        return self._application(environ, start_response)


def make(
    conf: cfg.ConfigOpts, application: wsgi_types.WSGIApplication
) -> wsgi_types.WSGIApplication:
    """Return the application, behind the headers of proxies if enabled."""
    # Registers the option.
    proxied = http_proxy_to_wsgi.HTTPProxyToWSGI(application, conf)
    if conf.oslo_middleware.enable_proxy_headers_parsing:
        return ClientAddress(proxied)
    return application


def client_of(environ: Mapping[str, Any]) -> str | None:
    """Return the address of the client; None if it is not an IP address.

    The last address of a list is used. The nearest proxy appended it; the
    client may have forged the others.
    """
    return _address(environ.get('REMOTE_ADDR'))


def proxy_of(environ: Mapping[str, Any]) -> str | None:
    """Return the address of the proxy; None unless its headers are used."""
    return _address(environ.get(environ_keys.PROXY_ADDRESS))


def _address(text: str | None) -> str | None:
    last = (text or '').rpartition(',')[2].strip()
    node = _NODE.fullmatch(last)
    # The zone after a percent sign is valid on one host, and can be any text.
    host = (node[1] or node[2] if node else last).partition('%')[0]
    return _canonical(host) if len(host) <= _MAX_LENGTH else None


@functools.lru_cache(maxsize=1024)
def _canonical(host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None
