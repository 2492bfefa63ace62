# SPDX-License-Identifier: Apache-2.0
"""BMCs that calls can select: names, addresses and credentials."""

import contextlib
import dataclasses
import functools
import ipaddress
import pathlib
from urllib import parse

_PORTS = {'http': 80, 'https': 443}


@dataclasses.dataclass(frozen=True)
class Address:
    """Address and credentials of a BMC.

    :param url: scheme and authority, such as ``https://bmc.example.com``.
    :param ca: file of trusted certificates; ``None`` for those of the
        operating system.
    :param verify: whether the BMC's certificate is verified.
    :param tls_minimum: lowest version of TLS, ``1.0`` to ``1.3``; ``None``
        for that of OpenSSL.
    :param ciphers: list of ciphers for OpenSSL; ``None`` for its own.
    :param login: ``basic`` or ``session``; ``None`` for Basic, or a session
        where Basic is refused.
    """

    url: str = dataclasses.field(repr=False)
    username: str = dataclasses.field(repr=False)
    password: str = dataclasses.field(repr=False)
    ca: pathlib.Path | None = None
    verify: bool = True
    tls_minimum: str | None = None
    ciphers: str | None = None
    login: str | None = None

    @property
    def encrypted(self) -> bool:
        """Whether the connection is encrypted."""
        return self.url.startswith('https://')

    @property
    def endpoint(self) -> tuple[str, int | None]:
        """Host and port, the same for all spellings of an address."""
        return _endpoint(self.url)


@functools.lru_cache(10_000)
def _endpoint(url: str) -> tuple[str, int | None]:
    parts = parse.urlsplit(url)
    host = (parts.hostname or '').removesuffix('.')
    # A name is in lower case already.
    with contextlib.suppress(ValueError):
        host = str(ipaddress.ip_address(host))
    return host, parts.port or _PORTS.get(parts.scheme)


@dataclasses.dataclass(frozen=True)
class Target:
    """One BMC that calls can select."""

    name: str
    address: Address
    system_id: str | None = None
    tags: frozenset[str] = frozenset()
