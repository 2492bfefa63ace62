# SPDX-License-Identifier: Apache-2.0
"""Tests of the certificate and key files."""

import os
import pathlib
import ssl
import subprocess

import fixtures
import trustme

from ironic_passthru import errors
from ironic_passthru.httpd import tls
from ironic_passthru.tests import base


class TestContext(base.TestCase):
    """Each invalid file is reported in one line."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.cert, self.key = self.issue('api')

    def issue(self, name: str) -> tuple[str, str]:
        issued = trustme.CA().issue_cert('localhost')
        cert, key = (
            self.directory / f'{name}.{end}' for end in ('crt', 'key')
        )
        issued.cert_chain_pems[0].write_to_path(cert)
        issued.private_key_pem.write_to_path(key)
        os.chmod(key, 0o600)
        return str(cert), str(key)

    def context(
        self, cert: str | None, key: str | None, version: str = '1.2'
    ) -> ssl.SSLContext | None:
        conf = self.make_conf(
            api__tls_cert_file=cert,
            api__tls_key_file=key,
            api__tls_minimum_version=version,
        )
        return tls.context(conf.api)

    def refused(self, cert: str | None, key: str | None) -> str:
        error = self.assertRaises(errors.ConfigError, self.context, cert, key)
        self.assertNotIn('\n', error.message)
        return error.message

    def test_no_files(self) -> None:
        self.assertIsNone(self.context(None, None))
        self.assertIsNone(self.context('', ''))

    def test_minimum_version(self) -> None:
        for version, expected in (
            ('1.2', ssl.TLSVersion.TLSv1_2),
            ('1.3', ssl.TLSVersion.TLSv1_3),
        ):
            context = self.context(self.cert, self.key, version)
            assert context is not None
            self.assertEqual(expected, context.minimum_version)
            self.assertTrue(context.options & ssl.OP_NO_RENEGOTIATION)

    def test_one_file(self) -> None:
        self.assertEqual(
            'Option tls_cert_file in group [api] is set, but option '
            'tls_key_file in group [api] is not',
            self.refused(self.cert, None),
        )
        self.assertIn('tls_cert_file', self.refused(None, self.key))

    def test_missing_files(self) -> None:
        nothing = str(self.directory / 'nothing')
        for cert, key, option in (
            (nothing, self.key, 'tls_cert_file'),
            (self.cert, nothing, 'tls_key_file'),
            (str(self.directory), self.key, 'tls_cert_file'),
        ):
            message = self.refused(cert, key)
            self.assertIn(option, message)
            self.assertIn(key if cert == self.cert else cert, message)

    def test_files_without_certificate_or_key(self) -> None:
        message = self.refused(self.key, self.key)
        self.assertIn(f'tls_cert_file in group [api]: {self.key}', message)
        message = self.refused(self.cert, self.cert)
        self.assertIn(f'tls_key_file in group [api]: {self.cert}', message)

    def test_readable_key(self) -> None:
        os.chmod(self.key, 0o644)
        message = self.refused(self.cert, self.key)
        self.assertIn('tls_key_file', message)
        self.assertIn(self.key, message)

    def test_a_key_of_another_certificate(self) -> None:
        _, key = self.issue('other')
        message = self.refused(self.cert, key)
        self.assertIn(f'tls_key_file in group [api]: {key} is not', message)
        self.assertIn(self.cert, message)

    def test_encrypted_key(self) -> None:
        key = str(self.directory / 'locked.key')
        subprocess.run(
            [
                *('openssl', 'pkey', '-in', self.key, '-out', key),
                *('-aes256', '-passout', 'pass:hunter2'),
            ],
            check=True,
            capture_output=True,
        )
        os.chmod(key, 0o600)
        message = self.refused(self.cert, key)
        self.assertIn('passphrase', message)
        self.assertIn(key, message)

    def test_invalid_content(self) -> None:
        for path in (self.cert, self.key):
            whole = pathlib.Path(path).read_text()
            lines = whole.splitlines()
            pathlib.Path(path).write_text(
                '\n'.join([lines[0], 'AAAA', lines[-1], ''])
            )
            message = self.refused(self.cert, self.key)
            self.assertIn(self.cert, message)
            self.assertIn(self.key, message)
            pathlib.Path(path).write_text(whole)
