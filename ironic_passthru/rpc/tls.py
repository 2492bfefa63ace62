# SPDX-License-Identifier: Apache-2.0
"""Whether the options for TLS to RabbitMQ do what they seem to do."""

import ssl

import oslo_messaging

from ironic_passthru import errors
from ironic_passthru.rpc import rabbit

# Options of oslo.messaging's driver.
GROUP = 'oslo_messaging_rabbit'

# Names of oslo.messaging; SSLv23 is any version that OpenSSL allows.
_VERSIONS = ('', 'sslv23', 'tlsv1_2')


def check(transport: oslo_messaging.Transport) -> None:
    """Make sure that a broker which is asked for TLS is verified.

    Without ``ssl_ca_file`` oslo.messaging verifies no host name, and with
    ``ssl_version`` besides not even the certificate. Files that cannot be
    used would show up as a broker that is never reached. What the URL of
    the transport says takes the place of what is configured.

    :raises: ConfigError with one line that names the option.
    """
    section = rabbit.options(transport)
    if section is None or not section.ssl:
        return
    if not section.ssl_ca_file:
        raise _fault(
            'ssl_ca_file',
            'is not set, without which brokers are not verified; it is the '
            'file of the certificate authorities to trust',
        )
    if section.ssl_version.lower() not in _VERSIONS:
        raise _fault(
            'ssl_version',
            f'{section.ssl_version!r} is not TLSv1_2; unset, the newest '
            'version that the broker knows is used',
        )
    # Only to try the files: oslo.messaging makes its own ones.
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
            # An empty one: to ask at the terminal would stop a start.
            password='',  # nosec B106
        )
    except OSError as error:
        raise _unusable(
            'ssl_cert_file', section.ssl_cert_file, error
        ) from None


def _unusable(option: str, path: str, error: OSError) -> errors.ConfigError:
    if not isinstance(error, ssl.SSLError):
        reason = error.strerror or 'it cannot be read'
    elif option == 'ssl_ca_file':
        reason = 'it holds no certificates'
    else:
        reason = 'it is no certificate, or ssl_key_file is not its key'
    return _fault(option, f'{path} cannot be used: {reason}')


def _fault(option: str, what: str) -> errors.ConfigError:
    return errors.ConfigError(f'Option {option} in group [{GROUP}]: {what}')
