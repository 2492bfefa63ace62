# SPDX-License-Identifier: Apache-2.0
"""TLS for the built-in server."""

import pathlib
import ssl
from typing import Any

from cheroot import errors as cheroot_errors
from cheroot import ssl as cheroot_ssl

from ironic_passthru import errors
from ironic_passthru.redaction import credentials

_CERT = 'Option tls_cert_file in group [api]'
_KEY = 'Option tls_key_file in group [api]'
_VERSIONS = {'1.2': ssl.TLSVersion.TLSv1_2, '1.3': ssl.TLSVersion.TLSv1_3}


def context(options: Any) -> ssl.SSLContext | None:
    """Return how TLS is spoken, or None if it is not.

    :param options: the group ``[api]``.
    :raises: ConfigError.
    """
    cert, key = options.tls_cert_file, options.tls_key_file
    if not cert and not key:
        return None
    if not cert or not key:
        there, missing = (_CERT, _KEY) if cert else (_KEY, _CERT)
        raise errors.ConfigError(
            f'{there} is set, but {missing[0].lower()}{missing[1:]} is not'
        )
    if 'BEGIN CERTIFICATE' not in _read(cert, _CERT):
        raise errors.ConfigError(f'{_CERT}: {cert} is no certificate in PEM')
    credentials.check_private(key, _KEY)
    if 'PRIVATE KEY' not in _read(key, _KEY):
        raise errors.ConfigError(f'{_KEY}: {key} is no private key in PEM')
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.minimum_version = _VERSIONS[options.tls_minimum_version]
    # A client could have the server compute keys all day.
    made.options |= ssl.OP_NO_RENEGOTIATION
    made.set_alpn_protocols(['http/1.1'])
    _load(made, cert, key)
    return made


def _read(path: str, what: str) -> str:
    try:
        return pathlib.Path(path).read_text(encoding='latin-1')
    except OSError as error:
        raise errors.ConfigError(f'{what}: {path}: {error.strerror}') from None


def _load(made: ssl.SSLContext, cert: str, key: str) -> None:
    try:
        # Without a function OpenSSL would ask whoever starts the service.
        made.load_cert_chain(cert, key, password=lambda: '')
    except ssl.SSLError as error:
        if error.reason == 'KEY_VALUES_MISMATCH':
            why = f'is not the key of the certificate in {cert}'
        elif 'ENCRYPTED' in _read(key, _KEY):
            why = 'has a passphrase, which nobody could enter'
        else:
            why = f'cannot be used with the certificate in {cert}'
            why += f' ({error.reason or error})'
        raise errors.ConfigError(f'{_KEY}: {key} {why}') from None


class Adapter(cheroot_ssl.Adapter):
    """What cheroot asks for; the connection shakes hands later.

    cheroot's own does it where connections are accepted, so that one silent
    client keeps all others waiting.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context

    def bind(self, sock: Any) -> Any:
        """Return the socket that listens."""
        return sock

    def wrap(self, sock: Any) -> tuple[ssl.SSLSocket, dict[str, str]]:
        """Return a new connection with TLS, and what the request shows."""
        try:
            wrapped = self.context.wrap_socket(
                sock, server_side=True, do_handshake_on_connect=False
            )
        except OSError as error:
            # It has gone before it was accepted.
            sock.close()
            raise cheroot_errors.FatalSSLAlert(error.strerror) from None
        return wrapped, self.get_environ()

    def get_environ(self) -> dict[str, str]:
        """Return what Apache says of TLS, too."""
        return {'HTTPS': 'on'}

    def makefile(self, sock: Any, mode: str = 'r', bufsize: int = -1) -> Any:
        """Return nothing: connections make their streams themselves."""
        return None
