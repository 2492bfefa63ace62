# SPDX-License-Identifier: Apache-2.0
"""Validation of the options for TLS to RabbitMQ."""

import ssl

import oslo_messaging

from ironic_passthru import errors
from ironic_passthru.rpc import rabbit

# Options of oslo.messaging's driver.
GROUP = 'oslo_messaging_rabbit'

# Names of oslo.messaging; SSLv23 is any version that OpenSSL allows.
_VERSIONS = ('', 'sslv23', 'tlsv1_2')


def check(transport: oslo_messaging.Transport) -> None:
    """Ensure that TLS verifies the broker and that the files are usable.

    Without ``ssl_ca_file`` oslo.messaging does not verify host names, and
    with ``ssl_version`` not even certificates; with unusable files the broker
    seems to be unavailable. Options in the URL of the transport override the
    configuration.

    :raises: ConfigError with one line that names the option.
    """
    section = rabbit.options(transport)
    if section is None or not section.ssl:
        return
    if not section.ssl_ca_file:
        raise _config_error(
            'ssl_ca_file',
            'is not set, so brokers would not be verified; set it to the file '
            'with the certificates of the trusted authorities',
        )
    if section.ssl_version.lower() not in _VERSIONS:
        raise _config_error(
            'ssl_version',
            f'{section.ssl_version!r} is not TLSv1_2; unset it to use the '
            'newest version that the broker supports',
        )
    # Used only to validate the files.
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(section.ssl_ca_file)
    except OSError as error:
        raise _unusable('ssl_ca_file', section.ssl_ca_file, error) from None
    if not section.ssl_cert_file:
        return
    try:
        context.load_cert_chain(
            section.ssl_cert_file,
            section.ssl_key_file or None,
            # Empty, because OpenSSL would prompt for it.
            password='',  # nosec B106
        )
    except OSError as error:
        raise _unusable(
            'ssl_cert_file', section.ssl_cert_file, error
        ) from None


def _unusable(option: str, path: str, error: OSError) -> errors.ConfigError:
    if not isinstance(error, ssl.SSLError):
        reason = error.strerror or 'cannot be read'
    elif option == 'ssl_ca_file':
        reason = 'it contains no certificates'
    else:
        reason = 'not a certificate, or ssl_key_file is not its key'
    return _config_error(option, f'{path} cannot be used: {reason}')


def _config_error(option: str, reason: str) -> errors.ConfigError:
    return errors.ConfigError(f'Option {option} in group [{GROUP}]: {reason}')
