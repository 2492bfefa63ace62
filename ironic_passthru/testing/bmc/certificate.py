# SPDX-License-Identifier: Apache-2.0
"""TLS certificates of the simulated BMC."""

import datetime
import ipaddress
import pathlib
import ssl
import typing

if typing.TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

_LIFETIME = datetime.timedelta(days=1)


def make(address: str, directory: pathlib.Path) -> ssl.SSLContext:
    """Return a context with a new certificate for an IP address.

    The certificate of the CA that signed it is written to ``ca.pem`` in
    ``directory``, and nothing else remains there.

    :raises: RuntimeError if the package cryptography is not installed.
    """
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError:
        raise RuntimeError(
            "TLS of a simulated BMC requires the extra 'testing': "
            "pip install 'ironic-passthru[testing]'"
        ) from None
    ca_key = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    ca = _certificate('CA of simulated BMCs', ca_key, ca_key)
    issued = _certificate(address, key, ca_key)
    pem = serialization.Encoding.PEM
    (directory / 'ca.pem').write_bytes(ca.public_bytes(pem))
    chain = directory / 'server.pem'
    chain.touch(0o600)
    chain.write_bytes(
        key.private_bytes(
            pem,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + issued.public_bytes(pem)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    chain.unlink()
    return context


def limit(context: ssl.SSLContext, maximum: str) -> None:
    """Make a context accept only TLS up to a version, such as ``1.0``."""
    name = f'TLSv{maximum.replace(".", "_")}'.removesuffix('_0')
    version = ssl.TLSVersion[name]
    context.minimum_version = min(context.minimum_version, version)
    context.maximum_version = version
    if maximum in ('1.0', '1.1'):
        # Level 0 of OpenSSL 3 allows their signatures.
        context.set_ciphers('DEFAULT:@SECLEVEL=0')


def _certificate(
    name: str,
    key: 'ec.EllipticCurvePrivateKey',
    ca_key: 'ec.EllipticCurvePrivateKey',
) -> 'x509.Certificate':
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509 import oid

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(oid.NameOID.COMMON_NAME, text)])

    is_ca = key is ca_key
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named('CA of simulated BMCs'))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LIFETIME)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
            critical=False,
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(
                ca_key.public_key()
            ),
            critical=False,
        )
    )
    usage: x509.ExtensionType = _ca_usage()
    if not is_ca:
        host = x509.IPAddress(ipaddress.ip_address(name))
        usage = x509.SubjectAlternativeName([host])
    builder = builder.add_extension(usage, critical=is_ca)
    return builder.sign(ca_key, hashes.SHA256())


def _ca_usage() -> 'x509.KeyUsage':
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
