# SPDX-License-Identifier: Apache-2.0
"""Connections to one BMC that end with their call."""

from typing import Any

import urllib3
from urllib3 import connection
from urllib3 import connectionpool

from ironic_passthru.drivers.redfish import deadline as call_deadline


class _Ending:
    """Shuts down a connection at the end of its call.

    A timeout applies to each read, so a BMC that sends its header byte by
    byte could occupy a thread for days.
    """

    def __init__(
        self, *args: Any, deadline: call_deadline.Deadline, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._deadline = deadline

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self._deadline.cut_at_end(self.sock)  # type: ignore[attr-defined]


class _HTTPConnection(_Ending, connection.HTTPConnection):
    pass


class _HTTPSConnection(_Ending, connection.HTTPSConnection):
    pass


class _HTTPPool(connectionpool.HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(connectionpool.HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


def pool(
    url: str,
    deadline: call_deadline.Deadline,
    *,
    ca: str | None,
    verify: bool,
) -> connectionpool.HTTPConnectionPool:
    """Return a pool of connections to one address.

    :param url: scheme and authority.
    :param ca: file of trusted certificates; ``None`` for the system's.
    :param verify: whether certificate and host name are checked.
    """
    parts = urllib3.util.parse_url(url)
    host = str(parts.host)
    if parts.scheme == 'http':
        return _HTTPPool(host, parts.port, deadline=deadline)
    return _HTTPSPool(
        host,
        parts.port,
        cert_reqs='CERT_REQUIRED' if verify else 'CERT_NONE',
        ca_certs=ca,
        deadline=deadline,
    )
