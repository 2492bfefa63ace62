# SPDX-License-Identifier: Apache-2.0
"""TLS settings of BMCs, shared by all connections with equal settings."""

import dataclasses
import os
import pathlib
import ssl
import threading

from ironic_passthru.drivers.redfish import bmc_target
from ironic_passthru.drivers.redfish import failures

_VERSIONS = {
    '1.0': ssl.TLSVersion.TLSv1,
    '1.1': ssl.TLSVersion.TLSv1_1,
    '1.2': ssl.TLSVersion.TLSv1_2,
    '1.3': ssl.TLSVersion.TLSv1_3,
}
_OLD = frozenset({'1.0', '1.1'})

# OpenSSL 3 allows the signatures of TLS 1.0 and 1.1 only at this level.
_OLD_LEVEL = '@SECLEVEL=0'
_OLD_CIPHERS = f'DEFAULT:{_OLD_LEVEL}'

# Servers of that time do not know secure renegotiation. The constant of
# OpenSSL has a name in Python 3.12 and later.
_OP_LEGACY_SERVER_CONNECT = 0x4

_Stamp = tuple[tuple[int, ...], ...]


@dataclasses.dataclass(frozen=True)
class _Settings:
    """What makes two contexts interchangeable."""

    ca: pathlib.Path | None
    verify: bool
    tls_minimum: str | None
    ciphers: str | None


class TrustStore:
    """SSL contexts of the targets, one for all with equal settings.

    A context with the certificates of an operating system takes 20 to 30 ms
    of CPU, more than all requests of a call.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._contexts: dict[_Settings, tuple[_Stamp, ssl.SSLContext]] = {}

    def context(self, target: bmc_target.Target) -> ssl.SSLContext:
        """Return the context for connections to a target.

        A changed file of certificates applies to the next connection. If the
        file has become invalid, its last valid version remains in use.

        :raises: Untrusted if no valid version has been read;
            HandshakeFailed if OpenSSL rejects the version or ciphers.
        """
        address = target.address
        settings = _Settings(
            address.ca, address.verify, address.tls_minimum, address.ciphers
        )
        stamp = _stamp(settings)
        with self._lock:
            known = self._contexts.get(settings)
            if known is not None and known[0] == stamp:
                return known[1]
            try:
                context = _context(settings)
            except failures.Untrusted:
                if known is None:
                    raise
                return known[1]
            self._contexts[settings] = stamp, context
            return context


def _stamp(settings: _Settings) -> _Stamp:
    """Return attributes of files that change with their content."""
    if not settings.verify:
        return ()
    paths: tuple[str | pathlib.Path | None, ...] = (settings.ca,)
    if settings.ca is None:
        system = ssl.get_default_verify_paths()
        paths = (system.cafile, system.capath)
    return tuple(_file_stamp(path) for path in paths if path is not None)


def _file_stamp(path: str | pathlib.Path) -> tuple[int, ...]:
    try:
        status = os.stat(path)
    except OSError as exc:
        return (exc.errno or -1,)
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_dev


def _context(settings: _Settings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        _set_protocol(context, settings)
    except (ssl.SSLError, ValueError) as exc:
        raise failures.HandshakeFailed() from exc
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        if settings.ca is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(settings.ca)
    except OSError as exc:
        raise failures.Untrusted() from exc
    return context


def _set_protocol(context: ssl.SSLContext, settings: _Settings) -> None:
    ciphers = settings.ciphers
    if settings.tls_minimum is not None:
        context.minimum_version = _VERSIONS[settings.tls_minimum]
    if settings.tls_minimum in _OLD:
        context.options |= _OP_LEGACY_SERVER_CONNECT
        if ciphers is None:
            ciphers = _OLD_CIPHERS
        elif '@SECLEVEL' not in ciphers:
            ciphers = f'{ciphers}:{_OLD_LEVEL}'
    if ciphers is not None:
        context.set_ciphers(ciphers)
