# SPDX-License-Identifier: Apache-2.0
"""HTTP connections whose timeout is for all addresses of a name together.

urllib3 waits for the timeout at each address:
https://github.com/urllib3/urllib3/blob/2.1.0/src/urllib3/util/connection.py
"""

import socket
import time

from urllib3 import connection
from urllib3 import exceptions

# A timeout of 0 would mean a socket that does not wait.
_LEAST_SECONDS = 0.001


class BoundedHTTPConnection(connection.HTTPConnection):
    """A connection without TLS."""

    def _new_conn(self) -> socket.socket:
        return _connect(self)


class BoundedHTTPSConnection(connection.HTTPSConnection):
    """A connection with TLS."""

    def _new_conn(self) -> socket.socket:
        return _connect(self)


def _connect(made: connection.HTTPConnection) -> socket.socket:
    """Connect to the first address that accepts a connection.

    Each address has an equal share of the remaining time, so that an unusable
    one does not hide the next.

    :returns: a socket whose timeout is the remaining time.
    """
    seconds = made.timeout
    if not isinstance(seconds, int | float):
        raise TypeError('a connection needs a timeout')
    end = time.monotonic() + seconds
    error: OSError = TimeoutError()
    try:
        found = socket.getaddrinfo(
            made.host.strip('[]'), made.port, type=socket.SOCK_STREAM
        )
        for number, (family, kind, protocol, _, address) in enumerate(found):
            left = end - time.monotonic()
            sock = socket.socket(family, kind, protocol)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                share = left / (len(found) - number)
                sock.settimeout(max(_LEAST_SECONDS, share))
                sock.connect(address)
                left = end - time.monotonic()
                sock.settimeout(max(_LEAST_SECONDS, left))
            except OSError as exc:
                sock.close()
                error = exc
            else:
                return sock
    except OSError as exc:
        error = exc
    raise exceptions.NewConnectionError(made, 'no address') from error
