# SPDX-License-Identifier: Apache-2.0
"""Invalid options for TLS to RabbitMQ are rejected."""

import pathlib

import fixtures
import trustme

from ironic_passthru import errors
from ironic_passthru.rpc import notifications
from ironic_passthru.rpc import tls
from ironic_passthru.rpc import transport
from ironic_passthru.tests import base

URL = 'rabbit://user:secret@127.0.0.1:1/'


class CheckTest(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        authority = trustme.CA()
        mine, other = (authority.issue_cert(name) for name in ('a', 'b'))
        self.ca = self.write('ca.pem', authority.cert_pem)
        self.cert = self.write('cert.pem', mine.cert_chain_pems[0])
        self.key = self.write('key.pem', mine.private_key_pem)
        self.other_key = self.write('other.pem', other.private_key_pem)
        self.both = self.write(
            'both.pem', mine.private_key_pem, mine.cert_chain_pems[0]
        )
        self.junk = self.write('junk.pem')

    def write(self, name: str, *blobs: trustme.Blob) -> str:
        path = self.directory / name
        path.write_bytes(b''.join(blob.bytes() for blob in blobs) or b'junk')
        return str(path)

    def make(self, url: str = URL, **options: object) -> None:
        conf = self.make_conf(
            **{f'{tls.GROUP}__{name}': v for name, v in options.items()}
        )
        self.addCleanup(transport.make(conf, url).cleanup)

    def test_good(self) -> None:
        self.make()
        self.make(ssl_ca_file='nothing', ssl_cert_file='that counts')
        self.make(ssl=True, ssl_ca_file=self.ca)
        pair = {'ssl_cert_file': self.cert, 'ssl_key_file': self.key}
        self.make(ssl=True, ssl_ca_file=self.ca, **pair)
        self.make(ssl=True, ssl_ca_file=self.ca, ssl_cert_file=self.both)

    def test_versions(self) -> None:
        for version in ('TLSv1_2', 'SSLv23'):
            self.make(ssl=True, ssl_ca_file=self.ca, ssl_version=version)
        for version in ('TLSv1', 'SSLv3', 'TLSv9'):
            error = self.assertRaises(
                errors.ConfigError,
                self.make,
                ssl=True,
                ssl_ca_file=self.ca,
                ssl_version=version,
            )
            self.assertEqual(
                f'Option ssl_version in group [{tls.GROUP}]: {version!r} is '
                'not TLSv1_2; unset it to use the newest version that the '
                'broker supports',
                error.message,
            )

    def test_options_in_the_url(self) -> None:
        self.make(f'{URL}?ssl=true&ssl_ca_file={self.ca}')
        self.make(f'{URL}?ssl_ca_file={self.ca}', ssl=True)
        for query, option in (
            ('ssl=true', 'ssl_ca_file'),
            ('ssl=true&ssl_version=TLSv1_2', 'ssl_ca_file'),
            (f'ssl=true&ssl_ca_file={self.junk}', 'ssl_ca_file'),
            (f'ssl=1&ssl_ca_file={self.ca}&ssl_version=TLSv1', 'ssl_version'),
        ):
            error = self.assertRaises(
                errors.ConfigError, self.make, f'{URL}?{query}'
            )
            self.assertIn(f'Option {option} in group', error.message)
            self.assertNotIn('secret', error.message)
        # The URL overrides the configuration.
        self.assertRaises(
            errors.ConfigError,
            self.make,
            f'{URL}?ssl_ca_file={self.junk}',
            ssl=True,
            ssl_ca_file=self.ca,
        )

    def test_without_rabbitmq(self) -> None:
        self.make('local://', ssl=True)

    def test_notifications(self) -> None:
        """The transport of notifications is validated as well."""
        group = 'oslo_messaging_notifications'
        for query, drivers, ca, fails in (
            ('', 'messagingv2', '', True),
            ('', 'messagingv2', self.ca, False),
            (f'?ssl_ca_file={self.junk}', 'messagingv2', self.ca, True),
            # This driver sends nothing to the bus.
            ('', 'log', '', False),
        ):
            conf = self.make_conf(
                transport_url='local://',
                oslo_messaging_rabbit__ssl=True,
                oslo_messaging_rabbit__ssl_ca_file=ca,
                **{
                    f'{group}__driver': [drivers],
                    f'{group}__transport_url': f'{URL}{query}',
                },
            )
            if not fails:
                self.addCleanup(notifications.Notifier(conf, 'me').close)
                continue
            error = self.assertRaises(
                errors.ConfigError, notifications.Notifier, conf, 'me'
            )
            self.assertIn('Option ssl_ca_file in group', error.message)

    def test_bad(self) -> None:
        not_set = (
            'is not set, so brokers would not be verified; set it to the file '
            'with the certificates of the trusted authorities'
        )
        no_pair = 'not a certificate, or ssl_key_file is not its key'
        for ca, cert, key, option, fault in (
            ('', '', '', 'ssl_ca_file', not_set),
            ('', self.cert, self.key, 'ssl_ca_file', not_set),
            (
                '/none',
                '',
                '',
                'ssl_ca_file',
                '/none cannot be used: No such file or directory',
            ),
            (
                self.junk,
                '',
                '',
                'ssl_ca_file',
                f'{self.junk} cannot be used: it contains no certificates',
            ),
            (
                self.ca,
                '/none',
                self.key,
                'ssl_cert_file',
                '/none cannot be used: No such file or directory',
            ),
            *(
                (
                    self.ca,
                    cert,
                    key,
                    'ssl_cert_file',
                    f'{cert} cannot be used: {no_pair}',
                )
                for cert, key in (
                    (self.junk, self.key),
                    (self.cert, self.other_key),
                    (self.cert, ''),
                )
            ),
        ):
            error = self.assertRaises(
                errors.ConfigError,
                self.make,
                ssl=True,
                ssl_ca_file=ca,
                ssl_cert_file=cert,
                ssl_key_file=key,
            )
            self.assertEqual(
                f'Option {option} in group [{tls.GROUP}]: {fault}',
                error.message,
            )
