# SPDX-License-Identifier: Apache-2.0
"""Where a request comes from, as far as that can be told."""

import functools
import ipaddress
import re
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from ironic_passthru.api.http import environ_keys as keys

# RFC 7239 quotes addresses of IPv6 and lets ports follow.
_NODE = re.compile(r'"?(?:\[([^]]+)\]|([0-9.]+))(?::[0-9]+)?"?')

# Of the text of an address: IPv6 that ends like IPv4.
_MAX_LENGTH = 45


class ClientAddress:
    """Notes who is connected, before headers of a proxy name the client."""

    def __init__(self, application: Any) -> None:
        self._application = application

    def __call__(
        self, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        environ[keys.PEER] = environ.get('REMOTE_ADDR')
        return self._application(environ, start_response)


def client_of(environ: Mapping[str, Any]) -> str | None:
    """Return the address of the client; None if it is not an IP address.

    Of a list it is the last one, which the nearest proxy has added: those
    before it may be what the client said.
    """
    return _address(environ.get('REMOTE_ADDR'))


def proxy_of(environ: Mapping[str, Any]) -> str | None:
    """Return the address of whoever named the client, if that is allowed."""
    return _address(environ.get(keys.PEER))


def _address(text: str | None) -> str | None:
    last = (text or '').rpartition(',')[2].strip()
    node = _NODE.fullmatch(last)
    # What follows a percent sign is known to one host only, and any text.
    host = (node[1] or node[2] if node else last).partition('%')[0]
    return _canonical(host) if len(host) <= _MAX_LENGTH else None


@functools.lru_cache(maxsize=1024)
def _canonical(host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None
