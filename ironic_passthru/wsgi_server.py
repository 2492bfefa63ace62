# SPDX-License-Identifier: Apache-2.0
"""Interface between the built-in HTTP server and the WSGI application."""

import ipaddress
import select

#: Key of the WSGI environment: the Host header as received by a server that
#: listens on a loopback address, or ''. Other servers do not set it.
LOOPBACK_HOST = 'ironic_passthru.loopback_host'

#: Key of the WSGI environment: a function that returns whether a response
#: need not continue, because the client has disconnected or the server stops.
HAS_ENDED = 'ironic_passthru.has_ended'


class ClientTooSlow(TimeoutError):
    """A client exceeded a time limit; raised by ``wsgi.input`` too.

    :ivar limit_seconds: the exceeded limit.
    """

    def __init__(self, limit_seconds: float) -> None:
        # cheroot recognizes timeouts by this text.
        super().__init__('timed out')
        self.limit_seconds = limit_seconds


def is_loopback(host: str) -> bool:
    """Return whether only this host can connect to an address.

    ``localhost`` is the only accepted name: the addresses of other names can
    change.
    """
    if host.lower() == 'localhost':
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    # An IPv4 address may be written as an IPv6 address.
    return (getattr(address, 'ipv4_mapped', None) or address).is_loopback


def is_closed_by_client(descriptor: int) -> bool:
    """Return whether the client has closed a connection, or its half of it.

    :param descriptor: file descriptor of the socket; negative if it is
        closed.
    """
    if descriptor < 0:
        return True
    poller = select.poll()
    poller.register(descriptor, select.POLLRDHUP)
    return bool(poller.poll(0))
