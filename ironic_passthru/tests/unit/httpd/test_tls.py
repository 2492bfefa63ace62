# SPDX-License-Identifier: Apache-2.0
"""Tests of the files that TLS needs."""

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
    """What is wrong with the files is told in one line."""

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

    def test_without_files_there_is_none(self) -> None:
        self.assertIsNone(self.context(None, None))
        self.assertIsNone(self.context('', ''))

    def test_with_files_there_is_one(self) -> None:
        for version, expected in (
            ('1.2', ssl.TLSVersion.TLSv1_2),
            ('1.3', ssl.TLSVersion.TLSv1_3),
        ):
            made = self.context(self.cert, self.key, version)
            assert made is not None
            self.assertEqual(expected, made.minimum_version)
            self.assertTrue(made.options & ssl.OP_NO_RENEGOTIATION)

    def test_one_alone(self) -> None:
        self.assertEqual(
            'Option tls_cert_file in group [api] is set, but option '
            'tls_key_file in group [api] is not',
            self.refused(self.cert, None),
        )
        self.assertIn('tls_cert_file', self.refused(None, self.key))

    def test_files_that_are_not_there(self) -> None:
        nothing = str(self.directory / 'nothing')
        for cert, key, option in (
            (nothing, self.key, 'tls_cert_file'),
            (self.cert, nothing, 'tls_key_file'),
            (str(self.directory), self.key, 'tls_cert_file'),
        ):
            message = self.refused(cert, key)
            self.assertIn(option, message)
            self.assertIn(key if cert == self.cert else cert, message)

    def test_files_of_something_else(self) -> None:
        message = self.refused(self.key, self.key)
        self.assertIn(f'tls_cert_file in group [api]: {self.key}', message)
        message = self.refused(self.cert, self.cert)
        self.assertIn(f'tls_key_file in group [api]: {self.cert}', message)

    def test_a_key_that_others_can_read(self) -> None:
        os.chmod(self.key, 0o644)
        message = self.refused(self.cert, self.key)
        self.assertIn('tls_key_file', message)
        self.assertIn(self.key, message)

    def test_a_key_of_another_certificate(self) -> None:
        _, key = self.issue('other')
        message = self.refused(self.cert, key)
        self.assertIn(f'tls_key_file in group [api]: {key} is not', message)
        self.assertIn(self.cert, message)

    def test_a_key_with_a_passphrase(self) -> None:
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

    def test_files_that_are_broken_inside(self) -> None:
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
