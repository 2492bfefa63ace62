# SPDX-License-Identifier: Apache-2.0
"""TLS of the built-in server."""

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
    """Return the configured SSL context; None without TLS.

    :param options: the group ``[api]``.
    :raises: ConfigError.
    """
    cert, key = options.tls_cert_file, options.tls_key_file
    if not cert and not key:
        return None
    if not cert or not key:
        present, missing = (_CERT, _KEY) if cert else (_KEY, _CERT)
        raise errors.ConfigError(
            f'{present} is set, but {missing[0].lower()}{missing[1:]} is not'
        )
    if 'BEGIN CERTIFICATE' not in _read(cert, _CERT):
        raise errors.ConfigError(
            f'{_CERT}: {cert} does not contain a certificate in PEM format'
        )
    credentials.check_private(key, _KEY)
    if 'PRIVATE KEY' not in _read(key, _KEY):
        raise errors.ConfigError(
            f'{_KEY}: {key} does not contain a private key in PEM format'
        )
    ssl_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ssl_context.minimum_version = _VERSIONS[options.tls_minimum_version]
    # Renegotiation costs the server more than the client.
    ssl_context.options |= ssl.OP_NO_RENEGOTIATION
    ssl_context.set_alpn_protocols(['http/1.1'])
    _load(ssl_context, cert, key)
    return ssl_context


def _read(path: str, option: str) -> str:
    try:
        return pathlib.Path(path).read_text(encoding='latin-1')
    except OSError as error:
        raise errors.ConfigError(
            f'{option}: {path}: {error.strerror}'
        ) from None


def _load(ssl_context: ssl.SSLContext, cert: str, key: str) -> None:
    try:
        # Without a password OpenSSL prompts for it on the terminal.
        ssl_context.load_cert_chain(cert, key, password=lambda: '')
    except ssl.SSLError as error:
        if error.reason == 'KEY_VALUES_MISMATCH':
            reason = f'is not the key of the certificate in {cert}'
        elif 'ENCRYPTED' in _read(key, _KEY):
            reason = 'has a passphrase, which is not supported'
        else:
            reason = (
                f'cannot be used with the certificate in {cert} '
                f'({error.reason or error})'
            )
        raise errors.ConfigError(f'{_KEY}: {key} {reason}') from None


class Adapter(cheroot_ssl.Adapter):
    """cheroot's interface to TLS, with a deferred handshake.

    cheroot's own adapters do the handshake when they accept a connection, so
    that a slow client blocks all others.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context

    def bind(self, sock: Any) -> Any:
        """Return the listening socket."""
        return sock

    def wrap(self, sock: Any) -> tuple[ssl.SSLSocket, dict[str, str]]:
        """Return the TLS socket and the WSGI environment of a connection."""
        try:
            wrapped = self.context.wrap_socket(
                sock, server_side=True, do_handshake_on_connect=False
            )
        except OSError as error:
            # The client has disconnected.
            sock.close()
            raise cheroot_errors.FatalSSLAlert(error.strerror) from None
        return wrapped, self.get_environ()

    def get_environ(self) -> dict[str, str]:
        """Return the variables for the WSGI environment, as Apache's."""
        return {'HTTPS': 'on'}

    def makefile(
        self, _sock: Any, _mode: str = 'r', _bufsize: int = -1
    ) -> None:
        """Return nothing: connections make their streams themselves."""
